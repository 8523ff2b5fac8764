package disk

// Progress is told how far work that takes long has come: done of about total bytes. Both
// may exceed what files have, because some are read more than once. One call runs at a
// time. It must not block.
type Progress func(done, total int64)

// meterStep is the number of bytes between two calls of a Progress.
const meterStep = 256 << 10

// Meter counts the bytes of such work. It is for one goroutine at a time; nil counts
// nothing.
type Meter struct {
	report            Progress
	done, told, total int64
}

// NewMeter returns a meter that reports to p, or nil if p is.
func NewMeter(p Progress) *Meter {
	if p == nil {
		return nil
	}
	return &Meter{report: p}
}

// Expect sets the total, unless it is set: a part of the work does not know of the rest.
func (m *Meter) Expect(bytes int64) {
	if m != nil && m.total == 0 {
		m.total = bytes
		m.report(m.done, max(m.total, m.done))
	}
}

// Add counts bytes that are done.
func (m *Meter) Add(bytes int64) {
	if m == nil {
		return
	}
	if m.done += bytes; m.done-m.told >= meterStep {
		m.told = m.done
		m.report(m.done, max(m.total, m.done))
	}
}

// Write counts the bytes that pass, so that a Meter can stand behind an io.TeeReader or in
// an io.MultiWriter.
func (m *Meter) Write(p []byte) (int, error) {
	m.Add(int64(len(p)))
	return len(p), nil
}
