package pgstore

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage/pgstore/session"
)

// exec runs statements on a database, for what the store itself would not do.
func exec(t testing.TB, url, sql string) {
	t.Helper()
	conn := connectTest(t, url)
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

// connectTest opens a session that ends with the test.
func connectTest(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) }) // nothing is lost with it
	return conn
}

// valueOf returns the only value that a query returns.
func valueOf[T any](t testing.TB, url, sql string, args ...any) (out T) {
	t.Helper()
	if err := connectTest(t, url).QueryRow(t.Context(), sql, args...).Scan(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// sessionOf opens a session like that of a store's writer.
func sessionOf(t testing.TB, s *Store) *pgx.Conn {
	t.Helper()
	conn, err := session.Connect(t.Context(), s.config, s.settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) }) // nothing is lost with it
	return conn
}
