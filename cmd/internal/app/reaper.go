package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/corpastro/astrohook/storage"
)

// The reaper removes reapStep keys at a time and waits in between, so that it leaves
// the disk to the deliveries: at most 20,000 keys a second.
const (
	reapStep     = 1000
	reapPause    = 50 * time.Millisecond
	reapInterval = time.Minute
)

// reaper removes what has expired: events whose deliveries have all expired, and webhooks
// that were deleted before the retention. Storage decides which they are. When nothing
// is left to remove it looks once a minute.
type reaper struct {
	store storage.Retention
	log   *slog.Logger
}

// Run works in steps until ctx ends.
func (r *reaper) Run(ctx context.Context) {
	timer := time.NewTimer(reapInterval)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			timer.Reset(r.step(ctx))
		}
	}
}

// step removes some, and returns the wait until the next step. After a failure that is
// the long one, as if nothing were left: what has expired can wait, and a store that has
// failed ends the server by another way.
func (r *reaper) step(ctx context.Context) time.Duration {
	more, err := r.store.Reap(ctx, time.Now(), reapStep)
	switch {
	case err != nil && ctx.Err() == nil:
		r.log.Error("expired deliveries were not removed", "error", err)
	case err == nil && more:
		return reapPause
	}
	return reapInterval
}
