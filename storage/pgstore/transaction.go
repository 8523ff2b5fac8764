package pgstore

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/corpastro/astrohook/storage/pgstore/session"
	"github.com/corpastro/astrohook/storage/pgstore/tables"
)

// patience is for how long a write that somebody waits for is repeated while the database
// cannot be reached.
const patience = 5 * time.Second

// Pauses between attempts, each twice the one before.
const (
	firstPause = 20 * time.Millisecond
	maxPause   = 500 * time.Millisecond
)

// backoff waits before the next attempt.
type backoff struct{ pause time.Duration }

// wait waits, longer each time, and reports whether it was not interrupted.
func (b *backoff) wait(ctx context.Context, interrupt <-chan struct{}) bool {
	b.pause = min(max(2*b.pause, firstPause), maxPause)
	timer := time.NewTimer(b.pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-interrupt:
	}
	return false
}

// querier is a session, a transaction or a pool.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// view runs a read; action says what for, in the error. Each statement of the read has a
// snapshot of its own. read may run twice, so it must begin with an empty result.
func (s *Store) view(ctx context.Context, action string, read func(ctx context.Context, q querier) error) error {
	err := s.tryView(ctx, read)
	// Sessions of a pool end with the primary that they were opened to. Nothing was
	// written, so another attempt does no harm.
	for b := (backoff{}); err != nil && session.IsPassing(err) && b.pause < 4*firstPause && b.wait(ctx, s.life.closed); {
		err = s.tryView(ctx, read)
	}
	if err = session.Translate(ctx, err); err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	return nil
}

func (s *Store) tryView(ctx context.Context, read func(ctx context.Context, q querier) error) error {
	if s.life.isClosed() {
		return errClosed
	}
	return read(ctx, s.reads)
}

// transaction is a change on its way. Its methods are those of pgx.
type transaction struct {
	pgx.Tx
	moves []tables.Move
}

// moved notes a move. The change must note each delivery that it moves.
func (t *transaction) moved(m tables.Move) { t.moves = append(t.moves, m) }

// relocate makes moves, and notes them.
func (t *transaction) relocate(ctx context.Context, m *tables.Relocation) error {
	for _, one := range m.Moved {
		t.moved(one)
	}
	return m.Write(ctx, t.Tx)
}

// change runs a write in a transaction of its own, and waits until it is committed; action
// says what for, in the error. write may run several times, of which only the last one
// counts. One change runs at a time. ErrUnavailable if the database cannot be reached for
// five seconds: nobody knows then whether the change was made.
func (s *Store) change(ctx context.Context, action string, write func(ctx context.Context, tx *transaction) error) error {
	err := s.repeatChange(ctx, write)
	if err = session.Translate(ctx, err); err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	return nil
}

func (s *Store) repeatChange(ctx context.Context, write func(ctx context.Context, tx *transaction) error) error {
	select {
	case s.changing <- struct{}{}:
		defer func() { <-s.changing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c := &changer{store: s, slot: &s.slots[slotChanges], write: write}
	for b := (backoff{}); ; {
		err := c.try(ctx)
		if err == nil || !session.IsPassing(err) || !b.wait(ctx, s.life.closed) {
			return err
		}
	}
}

// changer makes the attempts at one change.
type changer struct {
	store *Store
	slot  *slot
	write func(ctx context.Context, tx *transaction) error
	sent  int64 // number of the last attempt that may have been committed
}

// try makes one attempt, unless the one before it was committed after all.
func (c *changer) try(ctx context.Context) error {
	s, l := c.store, c.slot
	if err := s.writable(); err != nil {
		return err
	}
	conn, err := s.writes.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if l.sent != 0 {
		sent := l.sent
		committed, err := s.resolve(ctx, conn.Conn(), l)
		if err != nil {
			return err
		}
		if committed {
			s.applied(s.unsure)
		}
		if s.unsure = nil; committed && sent == c.sent {
			return nil
		}
	}
	return c.run(ctx, conn)
}

// run runs the change in a transaction, with its number first and its counts last.
func (c *changer) run(ctx context.Context, conn *pgxpool.Conn) error {
	s, l := c.store, c.slot
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }() // does nothing after the commit
	number := l.next()
	if err := s.number(ctx, tx, l, number, 0); err != nil {
		if session.KindOf(err) == session.FailedCheck {
			l.sent = number // the next attempt looks why
			return session.ErrUnknown
		}
		return err
	}
	t := &transaction{Tx: tx}
	if err := c.write(ctx, t); err != nil {
		return err
	}
	if n := tables.PendingOf(t.moves); n != 0 {
		if _, err := tx.Exec(ctx, sqlAddPending, int64(s.incarnation), l.number, n); err != nil {
			return err
		}
	}
	l.sent, c.sent, s.unsure = number, number, t.moves
	warned := session.Warnings(conn.Conn())
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	if session.Warnings(conn.Conn()) > warned {
		return session.ErrUnknown
	}
	if err := s.copied(ctx, conn.Conn()); err != nil {
		return err
	}
	l.last, l.sent, s.unsure = number, 0, nil
	s.applied(t.moves)
	return nil
}

// writable returns why the store takes no writes; nil if it does.
func (s *Store) writable() error {
	if s.life.isClosed() {
		return errClosed
	}
	return s.Err()
}

// fetch returns what read returns; action says what for, in the error. It is for reads of
// one statement. read may run twice.
func fetch[T any](ctx context.Context, s *Store, action string, read func(ctx context.Context, q querier) (T, error)) (out T, err error) {
	err = s.view(ctx, action, func(ctx context.Context, q querier) error {
		out, err = read(ctx, q)
		return err
	})
	if err != nil {
		var none T
		return none, err
	}
	return out, nil
}

// snapshot is fetch for reads of several statements, which all see the same moment: a
// delivery that moves from one table to another meanwhile is in one of them.
func snapshot[T any](ctx context.Context, s *Store, action string, read func(ctx context.Context, tx pgx.Tx) (T, error)) (T, error) {
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return fetch(ctx, s, action, func(ctx context.Context, _ querier) (out T, err error) {
		err = pgx.BeginTxFunc(ctx, s.reads, options, func(tx pgx.Tx) error {
			out, err = read(ctx, tx)
			return err
		})
		return out, err
	})
}
