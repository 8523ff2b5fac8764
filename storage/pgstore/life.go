package pgstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/corpastro/astrohook/storage/pgstore/session"
	"github.com/corpastro/astrohook/webhook"
)

// errClosed is the answer to calls after Close.
var errClosed = fmt.Errorf("storage is closed: %w", webhook.ErrShuttingDown)

// errOverdue is why a caller is not kept waiting any longer.
var errOverdue = errors.New("a commit takes too long")

// life is how far a store has come: open, fenced off, broken or closed.
type life struct {
	mu     sync.Mutex
	err    error // why nothing is committed any more
	broken chan struct{}
	fenced chan struct{}
	closed chan struct{}
}

func newLife() *life {
	return &life{broken: make(chan struct{}), fenced: make(chan struct{}), closed: make(chan struct{})}
}

// breakOff notes that the store is broken, and returns the error that later writes fail
// with: ErrBroken and the first cause.
func (l *life) breakOff(cause error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = fmt.Errorf("%w: %w", webhook.ErrBroken, cause)
		close(l.broken)
	}
	return l.err
}

// fence notes that the node was fenced off, and returns the error of later writes.
func (l *life) fence() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = webhook.ErrFenced
		close(l.fenced)
	}
	return l.err
}

// close notes the end, and reports whether it is the first.
func (l *life) close() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.closed:
		return false
	default:
		close(l.closed)
		return true
	}
}

// failed returns why nothing is committed any more; nil while it is.
func (l *life) failed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// isClosed reports whether close was called.
func (l *life) isClosed() bool {
	select {
	case <-l.closed:
		return true
	default:
		return false
	}
}

// Broken returns a channel that is closed when the store cannot commit any more.
func (s *Store) Broken() <-chan struct{} { return s.life.broken }

// Fenced returns a channel that is closed when the cluster has taken this node for dead.
func (s *Store) Fenced() <-chan struct{} { return s.life.fenced }

// Err returns why nothing is committed any more, whether broken or fenced; nil while it is.
func (s *Store) Err() error { return s.life.failed() }

// fencedOff notes that the cluster has fenced this node off, and returns ErrFenced.
func (s *Store) fencedOff() error { return s.life.fence() }

// breaks notes a failure after which nothing may be written, and returns ErrBroken with it.
func (s *Store) breaks(cause error) error { return s.life.breakOff(cause) }

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
	if err != nil && !session.IsPassing(err) {
		return fmt.Errorf("close storage: %w", session.Translate(ctx, err))
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
