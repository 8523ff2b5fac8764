package tables

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage/pgstore/pgtest"
	"github.com/corpastro/astrohook/storage/pgstore/schema"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// postgres is the server of the tests that need one; nil if this machine has no PostgreSQL.
var postgres *pgtest.Server

func TestMain(m *testing.M) {
	os.Exit(pgtest.Run(func(s *pgtest.Server) int {
		if postgres = s; s != nil {
			if err := migrate(context.Background()); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
		}
		return m.Run()
	}))
}

// noon is the present in all tests, retention how long they keep what has finished.
var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

const retention = 24 * time.Hour

// finder is one at noon.
func finder() Finder { return NewFinder(func() time.Time { return noon }, retention) }

// migrate makes the tables, once for all tests.
func migrate(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, postgres.URL("postgres"))
	if err != nil {
		return err
	}
	_, err = schema.Migrate(ctx, conn, noon)
	return errors.Join(err, conn.Close(ctx))
}

// begin begins a transaction on empty tables, and undoes it in the end.
func begin(t *testing.T) pgx.Tx {
	t.Helper()
	if postgres == nil {
		t.Skip("left out: PostgreSQL is not installed")
	}
	conn, err := pgx.Connect(t.Context(), postgres.URL("postgres"))
	must(t, err)
	t.Cleanup(func() { must(t, conn.Close(context.Background())) }) // with it the transaction
	tx, err := conn.Begin(t.Context())
	must(t, err)
	return tx
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func exec(t *testing.T, tx pgx.Tx, sql string, args ...any) {
	t.Helper()
	_, err := tx.Exec(t.Context(), sql, args...)
	must(t, err)
}

// count returns how many rows a query counts.
func count(t *testing.T, tx pgx.Tx, sql string, args ...any) (n int) {
	t.Helper()
	must(t, tx.QueryRow(t.Context(), "SELECT count(*) FROM "+sql, args...).Scan(&n))
	return n
}

// idAt returns the ID of an event that was accepted so long before noon.
func idAt(ago time.Duration, nonce uint32) webhook.ID {
	return webhook.ID{Seq: webhook.SeqAt(noon.Add(-ago)), Nonce: nonce}
}

// put stores deliveries in their tables. One that was never attempted has no record.
func put(t *testing.T, tx pgx.Tx, list ...webhook.Delivery) {
	t.Helper()
	for i := range list {
		d := &list[i]
		k, raw := KeyOf(d.ID), record.EncodeDelivery(d)
		switch table := TableOf(d.Status); {
		case table == DoneTable:
			exec(t, tx, `INSERT INTO done VALUES ($1, $2, $3, $4, $5, $6, $7)`,
				k.Part, k.Endpoint, k.Seq, k.Nonce, StatusCode(d.Status), d.FinishedAt.UnixMilli(), raw)
		case table == RetryingTable:
			exec(t, tx, `INSERT INTO retrying VALUES ($1, $2, $3, $4, $5, $6)`, k.Part, k.Endpoint, k.Seq, k.Nonce, int64(d.NextAttemptAt), raw)
		case d.Attempts == 0:
			exec(t, tx, `INSERT INTO queued VALUES ($1, $2, $3, $4, NULL)`, k.Part, k.Endpoint, k.Seq, k.Nonce)
		default:
			exec(t, tx, `INSERT INTO queued VALUES ($1, $2, $3, $4, $5)`, k.Part, k.Endpoint, k.Seq, k.Nonce, raw)
		}
	}
}

// putEvents stores events in one of their tables.
func putEvents(t *testing.T, tx pgx.Tx, table string, list ...webhook.Event) {
	t.Helper()
	for i := range list {
		e, k := list[i], KeyOf(list[i].ID)
		data := append([]byte{}, e.Data...)
		e.Data = nil
		exec(t, tx, "INSERT INTO "+table+" VALUES ($1, $2, $3, $4)", k.Seq, k.Nonce, record.EncodeEvent(&e, e.Endpoints), data)
	}
}

// putAttempt stores an attempt in its slot.
func putAttempt(t *testing.T, tx pgx.Tx, id webhook.ID, a webhook.Attempt) {
	t.Helper()
	k := KeyOf(id)
	exec(t, tx, `INSERT INTO attempt VALUES ($1, $2, $3, $4, $5, $6)`, k.Part, k.Endpoint, k.Seq, k.Nonce, SlotOf(a.Number), record.EncodeAttempt(&a))
}
