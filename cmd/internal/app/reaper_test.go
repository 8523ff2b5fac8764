package app

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/storage"
)

// reaped is a store that notes each call of Reap.
type reaped struct {
	storage.Retention
	calls []time.Time
	reap  func(call int) (more bool, err error)
}

// Reap notes the call.
func (r *reaped) Reap(_ context.Context, now time.Time, limit int) (bool, error) {
	if limit != reapStep {
		return false, errors.New("unbounded")
	}
	r.calls = append(r.calls, now)
	return r.reap(len(r.calls))
}

// TestReaper: the reaper waits a minute, continues in short steps while there is more to
// remove, and waits a minute again after an error.
func TestReaper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		store := &reaped{reap: func(call int) (bool, error) {
			if call == 4 {
				return true, errors.New("no such device")
			}
			return call != 3, nil
		}}
		stop := role((&reaper{store: store, log: slog.New(slog.DiscardHandler)}).Run)
		time.Sleep(3*reapInterval + time.Second)
		if err := stop(context.Background()); err != nil {
			t.Error(err)
		}
		want := []time.Duration{
			reapInterval, reapInterval + reapPause, reapInterval + 2*reapPause, // more, more, done
			2*reapInterval + 2*reapPause, // fails
			3*reapInterval + 2*reapPause,
		}
		if len(store.calls) < len(want) {
			t.Fatalf("%d calls, want %d at least", len(store.calls), len(want))
		}
		for i, after := range want {
			if got := store.calls[i].Sub(begin); got != after {
				t.Errorf("call %d after %v, want %v", i+1, got, after)
			}
		}
	})
}
