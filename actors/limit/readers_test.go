package limit

import (
	"fmt"
	"slices"
	"strings"
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

// readsOf runs jobs of clients on readers, and notes the order in which they begin.
type readsOf struct {
	r     *Readers
	mu    sync.Mutex
	begun []string
}

// order returns the jobs that have begun, in their order.
func (o *readsOf) order() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.begun)
}

// run hands a job over that takes a second.
func (o *readsOf) run(of *Client, soon bool, name string) {
	o.r.Run(of, soon, func() {
		o.mu.Lock()
		o.begun = append(o.begun, name)
		o.mu.Unlock()
		time.Sleep(time.Second)
	})
}

// TestReadsToRunSoonComeFirst: of one client's jobs those to be run soon come before all
// that wait; among equals the order is kept.
func TestReadsToRunSoonComeFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, client := &readsOf{r: NewReaders()}, new(Client)
		for range maxClientReads { // all that the client may have under way
			o.run(client, false, "first")
		}
		synctest.Wait()
		for i := range 3 {
			o.run(client, false, fmt.Sprint("later ", i))
		}
		for i := range 3 {
			o.run(client, true, fmt.Sprint("soon ", i))
		}
		o.r.Close()
		rest := o.order()[maxClientReads:]
		for i, name := range rest {
			// Six jobs end in one instant: which of three begins first among them is open.
			if soon := strings.HasPrefix(name, "soon"); soon != (i < 3) {
				t.Fatal("the order is", rest)
			}
		}
	})
}

// TestReadersLeaveRoom: one client uses as many readers as it may, and two use all.
func TestReadersLeaveRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &readsOf{r: NewReaders()}
		a, b := new(Client), new(Client)
		for range 100 {
			o.run(a, false, "a")
		}
		synctest.Wait()
		if n := len(o.order()); n != maxClientReads {
			t.Errorf("one client has %d reads under way, want %d", n, maxClientReads)
		}
		for range 100 {
			o.run(b, false, "b")
		}
		synctest.Wait()
		if n := len(o.order()); n != maxReads {
			t.Errorf("two clients have %d reads under way, want %d", n, maxReads)
		}
		time.Sleep(10*time.Second + time.Millisecond)
		synctest.Wait()
		counts := map[string]int{}
		for _, name := range o.order() {
			counts[name]++
		}
		if few := min(counts["a"], counts["b"]); few < 30 {
			t.Errorf("turns are not shared: %v", counts)
		}
		o.r.Close()
	})
}

// TestClientKeepsNoMemoryOfItsReads: a client that had much to read, and has no more, keeps
// no list of it.
func TestClientKeepsNoMemoryOfItsReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, client := &readsOf{r: NewReaders()}, new(Client)
		for i := range 200 {
			o.run(client, i%2 == 0, "read")
		}
		o.r.Close()
		if q := &client.reads; q.soon != nil || q.later != nil || q.running != 0 || q.inTurn {
			t.Errorf("after all is done: %+v", q)
		}
	})
}
