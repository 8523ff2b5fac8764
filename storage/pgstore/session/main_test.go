package session

import (
	"errors"
	"os"
	"testing"

	"github.com/corpastro/astrohook/storage/pgstore/pgtest"
)

// postgres is the server of the tests that need one; nil if this machine has no PostgreSQL.
var postgres *pgtest.Server

func TestMain(m *testing.M) {
	os.Exit(pgtest.Run(func(s *pgtest.Server) int {
		postgres = s
		return m.Run()
	}))
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
