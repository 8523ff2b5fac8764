package disk

import (
	"io"
	"testing"
)

// TestMeter: a report for each quarter of a MiB, and none of a total that is less than what
// is done.
func TestMeter(t *testing.T) {
	var done, total []int64
	m := NewMeter(func(d, all int64) { done, total = append(done, d), append(total, all) })
	m.Expect(2 * meterStep)
	part := make([]byte, meterStep/4)
	for range 13 {
		if n, err := io.MultiWriter(io.Discard, m).Write(part); n != len(part) || err != nil {
			t.Fatal(n, err)
		}
	}
	m.Expect(9 * meterStep) // a part of it
	last := len(done) - 1
	if len(done) != 4 || done[0] != 0 || total[0] != 2*meterStep || done[last] != 3*meterStep || total[last] != done[last] {
		t.Error(done, total)
	}
	for i := range done {
		if done[i] > total[i] {
			t.Errorf("%d of %d", done[i], total[i])
		}
	}
}

// TestNoMeter: work that nobody watches counts nothing.
func TestNoMeter(t *testing.T) {
	m := NewMeter(nil)
	m.Expect(1)
	m.Add(1)
	if n, err := m.Write(make([]byte, 3)); m != nil || n != 3 || err != nil {
		t.Error(m, n, err)
	}
}
