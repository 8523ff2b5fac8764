package pgstore

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage/pgstore/session"
)

// TestResolve: after a transaction of unknown outcome the number says what became of it,
// and one that did not happen can not happen later.
func TestResolve(t *testing.T) {
	s := openTest(t, "")
	ctx := t.Context()
	l := &s.slots[slotGroups]
	send := func(commit bool) func() error { // returns what the late end of it is
		l.sent = l.next()
		number, last := l.sent, l.last
		late := func() error {
			return pgx.BeginFunc(context.Background(), s.writes, func(tx pgx.Tx) error {
				return s.number(ctx, tx, &slot{number: l.number, last: last}, number, 0)
			})
		}
		if commit {
			if err := late(); err != nil {
				t.Fatal(err)
			}
		}
		return late
	}
	conn := sessionOf(t, s)
	for _, commits := range []bool{true, false, false, true} {
		late := send(commits)
		committed, err := s.resolve(ctx, conn, l)
		if err != nil || committed != commits {
			t.Errorf("committed %t, %v; want %t", committed, err, commits)
		}
		if err := late(); err == nil || session.KindOf(err) != session.FailedCheck {
			t.Errorf("a transaction that was resolved happens: %v", err)
		}
	}
	// An answer of resolve itself may be lost: it asks again.
	send(false)
	if err := s.number(ctx, s.writes, l, l.next(), 0); err != nil {
		t.Fatal(err)
	}
	if committed, err := s.resolve(ctx, conn, l); err != nil || committed {
		t.Errorf("committed %t, %v", committed, err)
	}
}

// TestResolveWaits for a transaction that is still under way.
func TestResolveWaits(t *testing.T) {
	s := openTest(t, "")
	ctx := t.Context()
	l := &s.slots[slotGroups]
	tx, err := s.writes.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	l.sent = l.next()
	if err := s.number(ctx, tx, l, l.sent, 0); err != nil {
		t.Fatal(err)
	}
	type answer struct {
		committed bool
		err       error
	}
	answers, conn := make(chan answer), sessionOf(t, s)
	go func() {
		committed, err := s.resolve(ctx, conn, l)
		answers <- answer{committed, err}
	}()
	select {
	case a := <-answers:
		t.Errorf("resolved while it was under way: %+v", a)
	case <-t.Context().Done():
	default:
	}
	if err := errors.Join(tx.Commit(ctx)); err != nil {
		t.Fatal(err)
	}
	if a := <-answers; a.err != nil || !a.committed {
		t.Errorf("%+v", a)
	}
}
