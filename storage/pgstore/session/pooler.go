package session

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ErrPooler reports that sessions are not sessions of the database.
var ErrPooler = errors.New("database-url leads to a connection pooler in transaction mode, which gives each transaction another session: it must name the database itself, or a pooler in session mode")

// poolerLooks is how often RefusePooler looks. Other clients of a pooler can hide it once.
const poolerLooks = 3

// RefusePooler returns ErrPooler if a pooler stands in between that does not keep a
// session of the database for each of its clients. Then prepared statements and settings
// of a session come and go, a fenced node cannot be ended by its name, and the outcome of
// a commit cannot be asked for.
//
// The proof is the process of the database that serves a session: it never changes, and no
// two sessions have the same one at a time. A pooler in transaction mode breaks one or the
// other as soon as a second session keeps a transaction open.
func RefusePooler(ctx context.Context, config *pgx.ConnConfig) error {
	var pair [2]*pgconn.PgConn
	for i := range pair {
		conn, err := pgconn.ConnectConfig(ctx, &config.Copy().Config)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close(ctx) }() // it holds nothing
		pair[i] = conn
	}
	for range poolerLooks {
		if err := lookForPooler(ctx, pair[0], pair[1]); err != nil {
			return err
		}
	}
	return nil
}

// lookForPooler returns ErrPooler if one of two sessions has shown that it is none.
func lookForPooler(ctx context.Context, one, other *pgconn.PgConn) error {
	first, err := process(ctx, one, "")
	if err != nil {
		return err
	}
	again, err := process(ctx, one, "") // a pooler that takes its sessions in turn
	if err == nil && again != first {
		return ErrPooler
	}
	if err != nil {
		return err
	}
	held, err := process(ctx, other, "BEGIN; ")
	if err != nil {
		return err
	}
	defer func() { _, _ = other.Exec(ctx, "ROLLBACK").ReadAll() }() // nothing was written
	// If they share one, another look would wait for the end of this transaction.
	if held == first {
		return ErrPooler
	}
	last, err := process(ctx, one, "")
	if err == nil && last != first {
		return ErrPooler
	}
	return err
}

// process returns the number of the database's process that serves a session, after some
// other statements. It prepares nothing, which such a pooler may not be able to do.
func process(ctx context.Context, conn *pgconn.PgConn, before string) (string, error) {
	results, err := conn.Exec(ctx, before+"SELECT pg_backend_pid()").ReadAll()
	if err != nil {
		if strings.Contains(err.Error(), "statement pooling") { // it has no transactions at all
			return "", ErrPooler
		}
		return "", err
	}
	last := results[len(results)-1]
	if len(last.Rows) != 1 || len(last.Rows[0]) != 1 {
		return "", fmt.Errorf("the database answers %d rows for the number of a process", len(last.Rows))
	}
	return string(last.Rows[0][0]), nil
}
