package session

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/corpastro/astrohook/storage/pgstore/pgtest"
)

// postgres is the server of the tests that need one; nil if this machine has no PostgreSQL.
var postgres *pgtest.Server

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	started, err := pgtest.Start(context.Background(), pgtest.Options{})
	if pgtest.Leaves(err) {
		return m.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	postgres = started
	code := m.Run()
	if err := postgres.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(code, 1)
	}
	return code
}

// serverURL returns the URL of a database that nothing is stored in, with more parameters.
func serverURL(t *testing.T, more string) string {
	t.Helper()
	if postgres == nil {
		t.Skip("left out: PostgreSQL is not installed")
	}
	return postgres.URL("postgres") + more
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}
