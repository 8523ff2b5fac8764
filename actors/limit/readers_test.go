package limit

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func (r *Readers) busy() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.running
}

// TestReadersTakeTurns: each client gets its turn, whoever else wants how much; and
// none keeps all readers busy.
func TestReadersTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const by = 10 * time.Millisecond
		r, start := NewReaders(), time.Now()
		hog, other := new(Client), new(Client)
		var mu sync.Mutex
		var begun []string
		run := func(of *Client, soon bool, name string) {
			r.Run(of, soon, func() {
				mu.Lock()
				begun = append(begun, name)
				mu.Unlock()
				time.Sleep(by)
			})
		}
		for range 1000 {
			run(hog, false, "hog")
		}
		time.Sleep(by / 2)
		if n := r.busy(); n != maxClientReads {
			t.Error(n, "readers are busy with one client")
		}
		for range 5 {
			run(other, false, "other")
		}
		run(other, true, "other, soon")
		time.Sleep(by)
		so := func() []string {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(begun)
		}
		// Two free readers may have taken two of the other client's reads at once. Its
		// next turn comes when the hog's first reads end, all at the same time.
		if at := slices.Index(so(), "other, soon"); at < 0 || at > 2*maxReads {
			t.Error("another client's read came at place", at)
		}
		time.Sleep(2 * by)
		if n := len(so()); n < 3*maxReads {
			t.Error("only", n, "reads in three times the time of one")
		}
		r.Close()
		if took := time.Since(start); len(begun) != 1006 || took > 1000/maxClientReads*by+5*by || r.busy() != 0 {
			t.Error(len(begun), "reads in", took, "and", r.busy(), "readers are busy")
		}
	})
}
