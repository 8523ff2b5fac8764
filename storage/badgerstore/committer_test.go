package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/badgerstore/engine"
	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// submitAll hands jobs over together, so that they share transactions, and returns their errors.
func submitAll(s *Store, jobs ...*job) []error {
	done := make(chan error, len(jobs))
	for _, j := range jobs {
		j.Done = func(err error) { done <- err }
	}
	s.submit(jobs...)
	var out []error
	for range jobs {
		out = append(out, <-done)
	}
	return out
}

// TestFailingJobFailsAlone: what it would have written is not written, and the
// others of its transaction are.
func TestFailingJobFailsAlone(t *testing.T) {
	s := openTest(t, t.TempDir())
	refused := errors.New("refused")
	write := func(name string) *job {
		c := &change{}
		c.put(layout.EventTypeKey(name), record.EncodeEventType(webhook.EventType{}))
		return &job{change: c}
	}
	sees := func(want bool) *job {
		return &job{plan: func(tx *badger.Txn) (*change, error) {
			if got, err := has(tx, layout.EventTypeKey("first")); err != nil || got != want {
				return nil, fmt.Errorf("sees the first: %v, %w", got, err)
			}
			c := &change{}
			c.put(layout.EventTypeKey("wrong"), nil)
			return c, refused
		}}
	}
	errs := submitAll(s, sees(false), write("first"), sees(true), write("second"))
	for i, want := range []error{refused, nil, refused, nil} {
		if !errors.Is(errs[i], want) {
			t.Errorf("job %d: %v, want %v", i, errs[i], want)
		}
	}
	types, err := s.EventTypes(t.Context())
	if err != nil || len(types) != 2 {
		t.Fatal(types, err)
	}
}

// TestGroupIsBounded hands over more than one transaction holds.
func TestGroupIsBounded(t *testing.T) {
	s := openTest(t, t.TempDir())
	var jobs []*job
	const size = 100 << 10
	for i := range 3 * engine.MaxTxnBytes / size {
		c := &change{}
		c.put(fmt.Appendf(nil, "z%d", i), make([]byte, size))
		jobs = append(jobs, &job{change: c})
	}
	for i := range 3 {
		c := &change{}
		for k := range engine.MaxTxnKeys - 10 {
			c.put(fmt.Appendf(nil, "y%d-%d", i, k), nil)
		}
		jobs = append(jobs, &job{change: c})
	}
	for i, err := range submitAll(s, jobs...) {
		if err != nil {
			t.Fatalf("job %d: %v", i, err)
		}
	}
}

// TestAllocations bounds what one event costs, from Accept to its settlement. Most
// allocations are Badger's.
func TestAllocations(t *testing.T) {
	s := openTest(t, t.TempDir())
	const batch = 200
	seq, done := uint64(1<<40), make(chan struct{}, batch)
	perBatch := testing.AllocsPerRun(10, func() {
		for range batch {
			seq++
			id := webhook.ID{Seq: seq, Nonce: 1}
			e := webhook.Event{ID: id, Type: "user.created", Data: []byte("{}"), Endpoints: []webhook.EndpointNumber{1}}
			s.Accept([]webhook.Event{e}, 0, func([]webhook.Receipt, error) {})
			s.Settle(delivered(id.For(1)), func(error) { done <- struct{}{} })
		}
		for range batch {
			<-done
		}
	})
	perEvent := perBatch / batch
	t.Logf("%.0f allocations per event", perEvent)
	most := 35.0
	if !engine.Patched() {
		most = 90
	}
	if perEvent > most {
		t.Error("more than", most)
	}
}

// TestCommitted: each commit is reported once, before its jobs are done, and a job that
// writes nothing makes no commit.
func TestCommitted(t *testing.T) {
	var commits atomic.Int32
	s, err := Open(Options{Dir: t.TempDir(), Committed: func(took time.Duration) {
		if took <= 0 {
			t.Error("a commit took", took)
		}
		commits.Add(1)
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, step := range []struct {
		reason string
		write  func(ctx context.Context, t webhook.EventType) error
		err    error
		want   int32
	}{
		{"a write", s.CreateEventType, nil, 1},
		{"one that is refused", s.CreateEventType, webhook.ErrExists, 0},
		{"another write", s.UpdateEventType, nil, 1},
	} {
		before := commits.Load()
		if err := step.write(t.Context(), webhook.EventType{Name: "user.created"}); !errors.Is(err, step.err) {
			t.Errorf("%s: %v, want %v", step.reason, err, step.err)
		}
		if got := commits.Load() - before; got != step.want {
			t.Errorf("%s: %d commits, want %d", step.reason, got, step.want)
		}
	}
}
