package pgstore

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// closeTimeout bounds each step of Close that waits for the database.
const closeTimeout = 5 * time.Second

// Close commits what was handed over, and ends all sessions. Later calls fail. It is safe
// to call twice. If the database cannot be reached, Close gives up after some seconds, and
// what was not stored fails; everything that was acknowledged is stored.
func (s *Store) Close() error {
	if !s.life.close() {
		return nil
	}
	s.committer.Close()
	s.stop()
	s.background.Wait()
	err := s.retire()
	s.writer.disconnect()
	for _, pool := range []*pgxpool.Pool{s.reads, s.writes} {
		if pool != nil {
			closePool(pool)
		}
	}
	return err
}

// retire removes the writers of this incarnation. What they have counted stays counted.
func (s *Store) retire() error {
	if s.writes == nil || s.Err() != nil || s.slots[slotGroups].sent != 0 || s.slots[slotChanges].sent != 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	err := pgx.BeginFunc(ctx, s.writes, func(tx pgx.Tx) error { return removeSlots(ctx, tx, int64(s.incarnation)) })
	if err != nil && !isPassing(err) {
		return fmt.Errorf("close storage: %w", translate(ctx, err))
	}
	return nil // whoever fences this incarnation removes them
}

// closePool ends the sessions of a pool. It waits a moment for those that are in use.
func closePool(pool *pgxpool.Pool) {
	closed := make(chan struct{})
	go func() {
		pool.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(closeTimeout):
	}
}
