package socket

// Question is what Ask writes. It is a pointer, so that Ask does not allocate.
type Question interface {
	// Bytes returns what is to be written.
	Bytes() []byte
	// Written is called once with how many bytes were written, before Ask waits: from
	// then on the memory of Bytes is free.
	Written(n int, err error)
}

// Ask writes q and waits until something can be read: a byte, the end or an error. It
// returns early, for the caller to write the rest, if the socket took only a part.
// The next read finds out what came, also that the connection's deadline has passed.
//
// It saves the read that every request would begin with and that finds nothing. The
// order makes that safe: Go's poller forgets earlier events when Ask begins, then Ask
// looks whether anything arrived, then it writes, and only then it waits.
//
// If something is to be read already, Ask waits for nothing. It does not write either
// then, and reports false, if kept says that nothing may have arrived.
//
// Ask does not allocate. It reports false for a socket that was closed, with nothing
// written. Call it only if CanAsk.
func (s *Socket) Ask(q Question, kept bool) (asked bool) { return s.probe.ask(s.raw, q, kept) }
