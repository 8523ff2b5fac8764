package pgstore

import (
	"context"
	"errors"
	"testing"

	"github.com/corpastro/astrohook/webhook"
)

// note is a change that writes one row of meta.
func note(name string) func(ctx context.Context, tx *transaction) error {
	return func(ctx context.Context, tx *transaction) error {
		_, err := tx.Exec(ctx, "INSERT INTO meta (name, value) VALUES ($1, '')", name)
		return err
	}
}

func noted(t *testing.T, url, name string) bool {
	t.Helper()
	return valueOf[bool](t, url, "SELECT EXISTS (SELECT 1 FROM meta WHERE name = $1)", name)
}

// TestChange: one is stored, and one that returns an error is not.
func TestChange(t *testing.T) {
	url := database(t)
	s := openTest(t, url)
	if err := s.change(t.Context(), "note", note("kept")); err != nil {
		t.Fatal(err)
	}
	err := s.change(t.Context(), "note", func(ctx context.Context, tx *transaction) error {
		return errors.Join(note("refused")(ctx, tx), webhook.ErrConflict)
	})
	if !errors.Is(err, webhook.ErrConflict) {
		t.Errorf("%v", err)
	}
	if err := s.change(t.Context(), "note", note("after")); err != nil {
		t.Fatal(err)
	}
	if !noted(t, url, "kept") || noted(t, url, "refused") || !noted(t, url, "after") {
		t.Error("other changes are stored than those that returned no error")
	}
}

// TestAFencedNodeChangesNothing, and says so from then on.
func TestAFencedNodeChangesNothing(t *testing.T) {
	url := database(t)
	s := openTest(t, url)
	exec(t, url, "UPDATE fence SET fenced = true")
	for range 2 {
		if err := s.change(t.Context(), "note", note("x")); !errors.Is(err, webhook.ErrFenced) {
			t.Errorf("%v", err)
		}
	}
	select {
	case <-s.Fenced():
	default:
		t.Error("Fenced is not closed")
	}
	if noted(t, url, "x") || !errors.Is(s.Err(), webhook.ErrFenced) {
		t.Errorf("it is stored, or Err says %v", s.Err())
	}
}

// TestADatabaseThatLacksCommits is refused, with the numbers of the gap.
func TestADatabaseThatLacksCommits(t *testing.T) {
	url := database(t)
	s := openTest(t, url)
	for _, name := range []string{"1", "2", "3"} {
		if err := s.change(t.Context(), "note", note(name)); err != nil {
			t.Fatal(err)
		}
	}
	exec(t, url, "UPDATE fence SET commits = 1") // as a copy has it that lags by two
	err := s.change(t.Context(), "note", note("x"))
	var lost *errLost
	if !errors.Is(err, webhook.ErrBroken) || !errors.As(err, &lost) || *lost != (errLost{3, 1}) {
		t.Errorf("%v", err)
	}
	select {
	case <-s.Broken():
	default:
		t.Error("Broken is not closed")
	}
}
