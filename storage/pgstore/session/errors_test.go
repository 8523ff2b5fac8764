package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/corpastro/astrohook/webhook"
)

// serverError is what the server reports with a code.
func serverError(code string) error {
	return fmt.Errorf("exec: %w", &pgconn.PgError{Severity: "ERROR", Code: code, Message: "no luck", Detail: "Key (a)=(secret)"})
}

// TestServerErrors: what follows from a code of the server, and what callers see of it.
func TestServerErrors(t *testing.T) {
	for _, c := range []struct {
		code    string
		kind    Kind
		passing bool
		is      error         // of what it is translated to
		after   time.Duration // when to come again; 0 if that is not said
	}{
		{"08006", Temporary, true, webhook.ErrUnavailable, retryAfter},
		{"22012", FailedCheck, false, nil, 0},
		{"22003", fatal, false, nil, 0}, // the class of a division by zero has no kind of its own
		{"23505", Exists, false, webhook.ErrExists, 0},
		{"23502", fatal, false, nil, 0},
		{"25006", Temporary, true, webhook.ErrUnavailable, retryAfter},
		{"25P03", Temporary, true, webhook.ErrUnavailable, retryAfter},
		{"25P02", fatal, false, nil, 0},
		{"40001", repeatable, true, webhook.ErrUnavailable, retryAfter},
		{"40P01", repeatable, true, webhook.ErrUnavailable, retryAfter},
		{"42P01", fatal, false, nil, 0},
		{"53100", Full, false, webhook.ErrDiskReserve, time.Minute},
		{"53200", Full, false, webhook.ErrDiskReserve, time.Minute},
		{"53300", Temporary, true, webhook.ErrUnavailable, retryAfter},
		{"55P03", repeatable, true, webhook.ErrUnavailable, retryAfter},
		{"55000", fatal, false, nil, 0},
		{"57014", Temporary, true, webhook.ErrUnavailable, retryAfter},
		{"57P01", Temporary, true, webhook.ErrUnavailable, retryAfter},
		{"58030", Temporary, true, webhook.ErrUnavailable, retryAfter},
		{"XX000", fatal, false, nil, 0},
		{"08", fatal, false, nil, 0}, // no code at all
		{"", fatal, false, nil, 0},
	} {
		err := serverError(c.code)
		if kind := KindOf(err); kind != c.kind || IsPassing(err) != c.passing {
			t.Errorf("%q: kind %d, passing %t; want %d and %t", c.code, kind, !c.passing, c.kind, c.passing)
		}
		got := Translate(t.Context(), err)
		if c.is != nil && !errors.Is(got, c.is) || IsPassingAfter(got) != (c.after > 0) {
			t.Errorf("%q becomes %v", c.code, got)
		}
		var again *webhook.RetryAfterError
		if errors.As(got, &again) != (c.after > 0) || again != nil && again.After != c.after {
			t.Errorf("%q: come again: %+v, want after %v", c.code, again, c.after)
		}
		// The detail has values of rows.
		text := "the database says: no luck (SQLSTATE " + c.code + ")"
		if !strings.HasSuffix(got.Error(), text) || strings.Contains(got.Error(), "secret") {
			t.Errorf("%q says %q", c.code, got)
		}
	}
}

// TestErrorsOfConnections: all of them can be gone with the next attempt, and are reported so.
func TestErrorsOfConnections(t *testing.T) {
	for _, err := range []error{
		io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNRESET, ErrUnknown, ErrAlone,
		&net.OpError{Op: "read", Net: "tcp", Err: errors.New("gone")}, &net.DNSError{Err: "no such host", Name: "db"},
	} {
		wrapped := fmt.Errorf("commit: %w", err)
		got := Translate(t.Context(), wrapped)
		if !IsPassing(wrapped) || !IsPassingAfter(got) || KindOf(wrapped) != Temporary {
			t.Errorf("%v: passing %t, becomes %v", err, IsPassing(wrapped), got)
		}
		if want := webhook.ErrUnavailable.Error() + ": commit: " + err.Error(); got.Error() != want {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
}

// TestOtherErrors are not those of the database, or say something else to the caller.
func TestOtherErrors(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	own := errors.New("a defect of ours")
	for _, c := range []struct {
		why  string
		ctx  context.Context
		err  error
		want error
	}{
		{"no error", t.Context(), nil, nil},
		{"no error, too late", cancelled, nil, nil},
		{"no row", t.Context(), fmt.Errorf("scan: %w", pgx.ErrNoRows), webhook.ErrNotFound},
		{"no row, too late", cancelled, pgx.ErrNoRows, webhook.ErrNotFound},
		{"the server's, too late", cancelled, serverError("57014"), context.Canceled},
		{"the connection's, too late", cancelled, io.EOF, context.Canceled},
		{"of another package", t.Context(), own, own},
		{"translated before", t.Context(), webhook.ErrConflict, webhook.ErrConflict},
	} {
		if got := Translate(c.ctx, c.err); got != c.want { //nolint:errorlint // the very same
			t.Errorf("%s: %v, want %v", c.why, got, c.want)
		}
	}
	if IsPassing(own) || IsPassingAfter(own) || IsPassingAfter(nil) {
		t.Error("an error that stays is passing")
	}
}

// TestNoCredentialsInErrors: what a connection failed with is said in one line, once, and
// nothing that may have a password in it.
func TestNoCredentialsInErrors(t *testing.T) {
	const password = "hunter2"
	for _, c := range []struct{ failure, want string }{
		{"refused", "refused"},
		{"refused\n\n\trefused\n  by all\n", "by all"},
		{"proxy postgres://me:" + password + "@db/x is down", "the connection failed"},
	} {
		config, err := Parse("postgres://me:"+password+"@127.0.0.1:9/x?sslmode=prefer", 1)
		must(t, err)
		one := config.ConnConfig
		one.DialFunc = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New(c.failure) }
		_, err = pgx.ConnectConfig(t.Context(), one)
		if !IsPassing(err) {
			t.Errorf("%v is not passing", err)
		}
		got := Translate(t.Context(), err)
		text := got.Error()
		if !errors.Is(got, webhook.ErrUnavailable) || strings.Contains(text, password) || strings.ContainsAny(text, "\n\t") {
			t.Errorf("%q", text)
		}
		if !strings.Contains(text, c.want) || strings.Count(text, "dial error") > 1 {
			t.Errorf("%q, want %q in it once", text, c.want)
		}
	}
	for in, want := range map[string]string{
		"one": "one", " one \n one\ntwo\n": "one two", "": "", "see http://x": "the connection failed",
	} {
		if got := withoutCredentials(errors.New(in)).Error(); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}
