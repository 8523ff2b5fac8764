package webhook

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestFieldError(t *testing.T) {
	for _, c := range []struct{ why, field, parent, want string }{
		{"the document itself", "", "", ""},
		{"the document as a field", "", "data", "data"},
		{"a key inside", "a.b", "data", "data.a.b"},
		{"an item inside", "[3].a", "data", "data[3].a"},
		{"a quoted key inside", `["a b"]`, "data", `data["a b"]`},
		{"no parent", "a", "", "a"},
		{"inside of an item", "data.a", "events[3]", "events[3].data.a"},
	} {
		in := &FieldError{Field: c.field, Reason: "is wrong", Cause: ErrConflict}
		got := in.In(c.parent)
		if got.Field != c.want || got.Reason != in.Reason || !errors.Is(got, ErrConflict) || in.Field != c.field {
			t.Errorf("%s: got %+v, want %s", c.why, got, c.want)
		}
	}
	for field, want := range map[string]string{"": "the value is wrong", "a.b": "a.b is wrong"} {
		if got := (&FieldError{Field: field, Reason: "is wrong"}).Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestRetryAfterError(t *testing.T) {
	err := fmt.Errorf("publish: %w", &RetryAfterError{Err: ErrTooManyPending, After: time.Second})
	var retry *RetryAfterError
	if !errors.Is(err, ErrTooManyPending) || !errors.As(err, &retry) || retry.After != time.Second {
		t.Errorf("got %v", err)
	}
	if want := "publish: " + ErrTooManyPending.Error(); err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

// TestErrorsAreDistinct: a table that maps errors to answers finds one row for each.
func TestErrorsAreDistinct(t *testing.T) {
	all := []error{
		ErrNotFound, ErrExists, ErrConflict, ErrKeyReused, ErrTooManyPending, ErrClientLimit, ErrShareUsed, ErrAllUsed,
		ErrDiskReserve, ErrShuttingDown, ErrFanOut, ErrBroken, ErrBlockedAddress,
	}
	texts := map[string]bool{}
	for i, a := range all {
		for j, b := range all {
			if errors.Is(fmt.Errorf("publish: %w", a), b) != (i == j) {
				t.Errorf("%v is %v: %v", a, b, i != j)
			}
		}
		if texts[a.Error()] {
			t.Errorf("two errors say %q", a)
		}
		texts[a.Error()] = true
	}
}
