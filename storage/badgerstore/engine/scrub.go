package engine

import (
	"context"
	"fmt"
	"math"
	"time"

	badger "github.com/dgraph-io/badger/v4"
)

// Each block is verified when it is read, and a compaction verifies the tables that it
// merges. A scrub finds the damage in what nobody reads. It verifies all tables after
// the start and then once a day, at a rate that leaves the disk to the deliveries.
const (
	scrubInterval = 24 * time.Hour
	scrubRate     = 64 << 20 // bytes a second
	unlimitedRate = math.MaxInt64
)

// startScrub verifies the tables from time to time until ctx ends. Damage is reported
// as a failure. A program without the patch verifies all tables in Open instead.
func (db *DB) startScrub(ctx context.Context) {
	if !patched {
		return
	}
	db.background.Go(func() {
		for more := true; more; more = pause(ctx, scrubInterval) {
			if err := scrub(ctx, db.badger, scrubRate); err != nil {
				db.log.fail(err)
				return
			}
		}
	})
}

// scrub verifies every table once, at so many bytes a second, until ctx ends. Damage
// is ErrDamaged with the table's name.
func scrub(ctx context.Context, db *badger.DB, rate int64) error {
	err := verifyTables(db, func(size int64) bool {
		return pause(ctx, time.Duration(size)*time.Second/time.Duration(rate))
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return nil
}

// pause waits, and reports whether ctx has not ended meanwhile.
func pause(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
