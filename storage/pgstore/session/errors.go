package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/corpastro/astrohook/webhook"
)

// ErrUnknown reports a transaction whose outcome is not known.
var ErrUnknown = errors.New("the outcome of a transaction is not known")

// ErrAlone reports a commit that a primary without synchronous standby has acknowledged.
var ErrAlone = errors.New("the database has no synchronous standby any more (synchronous_standby_names is empty): nothing counts as stored until it has one again; durability=storage or require-standby=false would live with one copy")

// retryAfter is how soon a caller should come again while the database cannot be reached.
const retryAfter = 2 * time.Second

// Kind says what follows from an error of the database.
type Kind int

// The kinds. The zero value is for all that is not known.
const (
	fatal       Kind = iota // a defect, or a database that is not as it must be
	Temporary               // the connection, or the server's present state: try again
	repeatable              // this transaction lost against another one: try again at once
	Full                    // the server's disk or memory
	FailedCheck             // a statement that checks something divided by zero
	Exists                  // a key is taken
)

// SQLSTATE codes, https://www.postgresql.org/docs/15/errcodes-appendix.html.
const (
	codeDivisionByZero  = "22012"
	codeUniqueViolation = "23505"
)

// kindsByCode are the kinds of single codes; kindsByClass those of their first two digits.
var (
	kindsByCode = map[string]Kind{
		codeDivisionByZero: FailedCheck, codeUniqueViolation: Exists,
		"25006": Temporary, // read only: a standby, or a primary that was deposed
		"25P03": Temporary, // idle in a transaction for too long: this process was suspended
		"53100": Full, "53200": Full,
		"55P03": repeatable, // lock_timeout
		"57014": Temporary,  // somebody cancelled the statement
	}
	kindsByClass = map[string]Kind{
		"08": Temporary, "40": repeatable, "53": Temporary, "57": Temporary, "58": Temporary,
	}
)

// KindOf returns what follows from an error, for all errors of pgx.
func KindOf(err error) Kind {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return Temporary // of the network, or pgx gave a connection up
	}
	if k, known := kindsByCode[e.Code]; known {
		return k
	}
	if len(e.Code) == 5 {
		return kindsByClass[e.Code[:2]]
	}
	return fatal
}

// Translate turns an error of pgx into one of package webhook, without anything that could
// be a credential. Errors of other packages pass.
func Translate(ctx context.Context, err error) error {
	var ofServer *pgconn.PgError
	var ofConnect *pgconn.ConnectError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pgx.ErrNoRows):
		return webhook.ErrNotFound
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &ofServer):
		return translateServer(ofServer)
	case errors.As(err, &ofConnect), isOfConnection(err):
		return Unavailable(withoutCredentials(err))
	}
	return err
}

// isOfConnection reports whether an error is one of the connection to the database.
func isOfConnection(err error) bool {
	var ofNetwork net.Error
	var ofSystem syscall.Errno
	return errors.As(err, &ofNetwork) || errors.As(err, &ofSystem) || pgconn.SafeToRetry(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, pgconn.ErrConnClosed) ||
		errors.Is(err, ErrUnknown) || errors.Is(err, ErrAlone)
}

// IsPassing reports whether an error may be gone with the next attempt.
func IsPassing(err error) bool {
	var ofServer *pgconn.PgError
	if errors.As(err, &ofServer) {
		k := KindOf(err)
		return k == Temporary || k == repeatable
	}
	var ofConnect *pgconn.ConnectError
	return errors.As(err, &ofConnect) || isOfConnection(err)
}

// IsPassingAfter is isPassing for an error that was translated.
func IsPassingAfter(err error) bool {
	return errors.Is(err, webhook.ErrUnavailable) || errors.Is(err, webhook.ErrDiskReserve)
}

// translateServer is translate for what the server reported.
func translateServer(e *pgconn.PgError) error {
	cause := fmt.Errorf("the database says: %s (SQLSTATE %s)", e.Message, e.Code)
	switch KindOf(e) {
	case Temporary, repeatable:
		return Unavailable(cause)
	case Full:
		return &webhook.RetryAfterError{Err: fmt.Errorf("%w: %w", webhook.ErrDiskReserve, cause), After: time.Minute}
	case Exists:
		return fmt.Errorf("%w: %w", webhook.ErrExists, cause)
	}
	return cause
}

// Unavailable returns ErrUnavailable with a cause, for callers that can come again.
func Unavailable(cause error) error {
	return &webhook.RetryAfterError{Err: fmt.Errorf("%w: %w", webhook.ErrUnavailable, cause), After: retryAfter}
}

// withoutCredentials returns the text of an error of a connection, in one line. pgx writes
// user and database into it, and no password; anything that looks like a URL goes all the
// same. An address that was tried with and without TLS is in it once.
func withoutCredentials(err error) error {
	var lines []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	text := strings.Join(lines, " ")
	if strings.Contains(text, "://") {
		text = "the connection failed"
	}
	return errors.New(text)
}
