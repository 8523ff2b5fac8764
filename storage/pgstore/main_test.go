package pgstore

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/corpastro/astrohook/storage/pgstore/pgtest"
)

// postgres is the server of all tests of this package. Each test has a database of it.
var postgres *pgtest.Server

func TestMain(m *testing.M) {
	code := pgtest.Run(func(s *pgtest.Server) int {
		if postgres = s; s == nil {
			return 0
		}
		return m.Run()
	})
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// database makes an empty database and returns its URL.
func database(t testing.TB) string {
	t.Helper()
	url, err := postgres.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// openTest opens a store in a database of its own, or that of url.
func openTest(t testing.TB, url string) *Store {
	t.Helper()
	if url == "" {
		url = database(t)
	}
	s, err := Open(t.Context(), Options{URL: url, LonePrimary: true, Retention: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
