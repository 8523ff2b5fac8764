package peer

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// far is the other end of an outbox: it takes a time for each request, or fails.
type far struct {
	takes time.Duration

	mu      sync.Mutex
	away    bool
	batches [][]byte
	calls   int
}

func (f *far) Call(ctx context.Context, _ storage.Node, _ string, body []byte) ([]byte, error) {
	select {
	case <-time.After(f.takes):
	case <-ctx.Done():
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if f.away {
		return nil, ErrAway
	}
	f.batches = append(f.batches, body)
	return nil, nil
}

func (f *far) set(away bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.away = away
}

func (f *far) called() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

// receiver counts what an inbox passes on.
type receiver struct {
	mu    sync.Mutex
	hints []Hint
	lost  int
}

func (r *receiver) Hinted(hints []Hint) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hints = append(r.hints, hints...)
}

func (r *receiver) Lost() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost++
}

// receive passes the batches of a far end through an inbox.
func (f *far) receive(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	in := NewInbox(r, func(storage.Incarnation) bool { return true })
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, b := range f.batches {
		if _, err := in.Take(t.Context(), 1, b); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func outboxTest(t *testing.T, f *far, run func(o *Outbox)) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		o := newOutbox(f, slog.New(slog.DiscardHandler))
		defer o.Close()
		run(o)
	})
}

func hint(seq uint64, data int) Hint {
	return Hint{ID: webhook.ID{Seq: seq, Nonce: 1}, Type: "a", Data: make([]byte, data), Endpoints: []webhook.EndpointNumber{1}}
}

var node = storage.Node{Incarnation: 5}

// TestOutboxGathers sends hints while a request is under way: they arrive with the next
// one, in order, and none is missing.
func TestOutboxGathers(t *testing.T) {
	f := &far{takes: time.Second}
	outboxTest(t, f, func(o *Outbox) {
		for i := range 100 {
			o.Send(node, hint(uint64(i), 10))
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(3 * time.Second)
		r := f.receive(t)
		if r.lost > 0 || len(r.hints) != 100 || f.called() > 12 {
			t.Errorf("%d hints in %d batches, %d times lost", len(r.hints), f.called(), r.lost)
		}
		for i, h := range r.hints {
			if h.ID.Seq != uint64(i) {
				t.Fatalf("hint %d is %d", i, h.ID.Seq)
			}
		}
	})
}

// TestOutboxIsBounded sends more than there is room for to a node that is away: data is
// left out first, then hints are, and the node learns of it by itself when it is back.
func TestOutboxIsBounded(t *testing.T) {
	f := &far{takes: time.Hour}
	outboxTest(t, f, func(o *Outbox) {
		o.Send(node, hint(0, 1))
		synctest.Wait() // under way for an hour
		for i := range 100 {
			o.Send(node, hint(uint64(i), webhook.MaxPayload))
		}
		if n := o.Waiting(); n > maxWaiting+100*64 {
			t.Errorf("%d bytes wait", n)
		}
		for i := range 50_000 {
			o.Send(node, hint(uint64(i), 1000))
		}
		if n := o.Waiting(); n > maxMissed {
			t.Errorf("%d bytes wait, more than the bound", n)
		}
		if o.Dropped() == 0 {
			t.Error("nothing was dropped")
		}
		time.Sleep(3 * time.Hour)
		if r := f.receive(t); r.lost != 1 || r.hints[99].Data != nil || r.hints[1].Data == nil {
			t.Errorf("%d times lost, %d hints", r.lost, len(r.hints))
		}
	})
}

// TestOutboxShowsLoss loses a batch: another one follows, though there are no more hints,
// and shows the gap.
func TestOutboxShowsLoss(t *testing.T) {
	f := &far{away: true}
	outboxTest(t, f, func(o *Outbox) {
		o.Send(node, hint(1, 10))
		time.Sleep(10 * time.Second)
		f.set(false)
		time.Sleep(retryHints + time.Millisecond)
		if r := f.receive(t); r.lost != 1 || len(r.hints) != 0 {
			t.Errorf("%d times lost, %d hints", r.lost, len(r.hints))
		}
		if f.called() > 45 {
			t.Errorf("%d requests in 10 s to a node that is away", f.calls)
		}
		f.mu.Lock()
		f.batches = nil
		f.mu.Unlock()
		o.Send(node, hint(2, 10))
		time.Sleep(time.Second)
		if r := f.receive(t); len(r.hints) != 1 {
			t.Errorf("after the loss %d hints arrived", len(r.hints))
		}
	})
}

// TestOutboxSendsAgain: a batch that gets no answer comes once more with the next one; one
// that failed after another is lost. The receiver hears of both.
func TestOutboxSendsAgain(t *testing.T) {
	f := &far{takes: time.Millisecond}
	outboxTest(t, f, func(o *Outbox) {
		to := storage.Node{Incarnation: 1}
		f.set(true)
		o.Send(to, hint(1, 10))
		time.Sleep(2 * time.Millisecond) // it has failed, and is put back
		o.Send(to, hint(2, 10))
		f.set(false)
		time.Sleep(2 * retryHints)
		r := f.receive(t)
		if len(r.hints) != 2 || r.hints[0].ID.Seq != 1 || r.hints[1].ID.Seq != 2 || r.lost != 1 {
			t.Errorf("after one failure: %v, lost %d times", r.hints, r.lost)
		}
		f.set(true)
		o.Send(to, hint(3, 10))
		time.Sleep(retryHints + retryHints/2) // it has failed twice
		f.set(false)
		o.Send(to, hint(4, 10))
		time.Sleep(2 * retryHints)
		r = f.receive(t)
		if last := r.hints[len(r.hints)-1]; len(r.hints) != 3 || last.ID.Seq != 4 || r.lost != 2 {
			t.Errorf("after two failures: %v, lost %d times", r.hints, r.lost)
		}
	})
}

// TestOutboxForgets ends what waits for a node that is gone, and everything at the end.
func TestOutboxForgets(t *testing.T) {
	f := &far{away: true}
	outboxTest(t, f, func(o *Outbox) {
		o.Send(node, hint(1, 10))
		o.Send(storage.Node{Incarnation: 6}, hint(1, 10))
		synctest.Wait()
		o.Forget(func(n storage.Incarnation) bool { return n == 5 })
		time.Sleep(time.Second)
		calls := f.called()
		time.Sleep(10 * time.Second)
		if more := f.called() - calls; more < 30 || more > 45 {
			t.Errorf("%d requests in 10 s, for one node that is left", more)
		}
		o.Close()
		o.Send(node, hint(1, 10))
		if n := o.Waiting(); n > 100 {
			t.Errorf("%d bytes wait after the end", n)
		}
	})
}

// TestInbox delivers batches out of order: what is lost is noticed once, what comes twice or
// late is taken as it is.
func TestInbox(t *testing.T) {
	r := &receiver{}
	known := map[storage.Incarnation]bool{1: true, 2: true}
	in := NewInbox(r, func(n storage.Incarnation) bool { return known[n] })
	for _, step := range []struct {
		reason string
		from   storage.Incarnation
		number byte
		lost   int
	}{
		{"the first", 1, 1, 0},
		{"the next", 1, 2, 0},
		{"twice", 1, 2, 0},
		{"one is missing", 1, 4, 1},
		{"it comes late", 1, 3, 1},
		{"the next", 1, 5, 1},
		{"another pair", 2, 1, 1},
		{"a pair that was heard of late", 3, 2, 2},
	} {
		if _, err := in.Take(t.Context(), step.from, batchOf(step.number, someHints[0])); err != nil {
			t.Fatal(err)
		}
		if r.lost != step.lost {
			t.Errorf("%s: lost %d times, want %d", step.reason, r.lost, step.lost)
		}
	}
	if len(r.hints) != 8 {
		t.Errorf("%d hints", len(r.hints))
	}
	if _, err := in.Take(t.Context(), 1, []byte{1}); !errors.Is(err, errHint) {
		t.Errorf("a body that is no batch: %v", err)
	}
	if n := binary.Size(in.last[1]); n != 8 || len(in.last) > 3 {
		t.Errorf("%d nodes are remembered", len(in.last))
	}
}
