package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	badger "github.com/dgraph-io/badger/v4"
)

// What is read is verified, and a compaction verifies the tables that it merges.
// All tables are verified after the start and then once a day, at a rate that
// leaves the disk to the deliveries.
const (
	scrubInterval = 24 * time.Hour
	scrubRate     = 64 << 20 // bytes a second
)

// startScrub verifies the tables from time to time until ctx ends. A program that
// was built without the patch verifies them in Open instead.
func (s *Store) startScrub(ctx context.Context) {
	if !patched {
		return
	}
	_ = s.enter() // Close waits for it; the store is open
	go func() {
		defer s.leave()
		for more := true; more; more = rest(ctx, scrubInterval) {
			if err := scrub(ctx, s.db, scrubRate); err != nil {
				_ = s.committer.Break(err) // Broken tells
				return
			}
		}
	}()
}

// scrub verifies every table once, at so many bytes a second, until ctx ends.
// Damage is an error that names the file.
func scrub(ctx context.Context, db *badger.DB, rate int64) error {
	err := verifyTables(db, func(size int64) bool {
		return rest(ctx, time.Duration(size)*time.Second/time.Duration(rate))
	})
	if err != nil {
		return fmt.Errorf("%w: %w", errDamagedFiles, err)
	}
	return nil
}

// verifyNow verifies every table at once, as far as the program can.
func (s *Store) verifyNow(ctx context.Context) error {
	err := scrub(ctx, s.db, math.MaxInt64)
	if err != nil {
		_ = s.committer.Break(err) // Broken tells
	}
	return errors.Join(err, ctx.Err())
}

// rest waits, and tells whether ctx lets it go on.
func rest(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
