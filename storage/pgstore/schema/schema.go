// Package schema holds the tables of pgstore: numbered migrations, and the days that
// tables are split into. Each migration is one transaction, under a lock on a row of the
// table meta, so that nodes which start together migrate once.
//
// A version widens the schema so that programs of the version before it still run on it;
// the next one may take away what these needed. What the tables are used for belongs to
// package pgstore.
package schema

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Version is the version of the schema that this program makes.
const Version = 2

// least is the version that a program must know to run on the present schema: Version, or
// the one before it while the schema has been widened only.
const least = 1

// Errors of a schema that this program cannot use.
var (
	ErrNewer   = errors.New("a newer version of the program has migrated the database, and this one cannot use it")
	ErrOlder   = errors.New("the database has not been migrated: run astrohook migrate")
	ErrForeign = errors.New("the database holds tables of another program")
)

//go:embed migrations/*.sql
var migrations embed.FS

// DB is a connection or a pool.
type DB interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Begin(ctx context.Context) (pgx.Tx, error)
}

// State is what the table meta says about the schema.
type State struct {
	Version int // 0 for an empty database
	Least   int // version that a program must know to use it
}

// Err returns why this program cannot use the schema; nil if it can.
func (s State) Err() error {
	switch {
	case s.Least > Version:
		return fmt.Errorf("%w: the schema is version %d and needs a program of version %d, this one is of %d", ErrNewer, s.Version, s.Least, Version)
	case s.Version < Version:
		return fmt.Errorf("%w: the schema is version %d, this program needs %d", ErrOlder, s.Version, Version)
	}
	return nil
}

// Read returns the state of the schema; version 0 if there are no tables.
func Read(ctx context.Context, db DB) (State, error) {
	var s State
	err := db.QueryRow(ctx, `SELECT max(value) FILTER (WHERE name = 'version')::int, max(value) FILTER (WHERE name = 'least')::int FROM meta`).
		Scan(&s.Version, &s.Least)
	if code(err) == undefinedTable {
		return State{}, nil
	}
	if err != nil {
		return State{}, fmt.Errorf("read the version of the schema: %w", err)
	}
	return s, nil
}

// Migrate brings the schema to Version, makes the days around now, and spreads the data
// tables where the database has Citus. It returns the state before it. On a schema that is up to date it changes nothing, and a newer one it
// leaves alone: ErrNewer if this program cannot use it.
func Migrate(ctx context.Context, db DB, now time.Time) (State, error) {
	if err := makeMeta(ctx, db); err != nil {
		return State{}, err
	}
	was, err := migrate(ctx, db)
	if err != nil {
		return was, err
	}
	if was.Version > Version {
		return was, was.Err()
	}
	if err := MakeDays(ctx, db, now.AddDate(0, 0, -1), now.AddDate(0, 0, DaysAhead)); err != nil {
		return was, err
	}
	_, err = Distribute(ctx, db)
	return was, err
}

// migrate runs the missing migrations in one transaction.
func migrate(ctx context.Context, db DB) (was State, err error) {
	tx, err := db.Begin(ctx)
	if err != nil {
		return was, fmt.Errorf("migrate: %w", err)
	}
	defer func() { _ = tx.Rollback(ctx) }() // does nothing after the commit
	// Whoever has the row migrates; the others wait here, and find it done.
	if _, err := tx.Exec(ctx, `SELECT value FROM meta WHERE name = 'version' FOR UPDATE`); err != nil {
		return was, fmt.Errorf("lock the version of the schema: %w", err)
	}
	if was, err = Read(ctx, tx); err != nil || was.Version >= Version {
		return was, err
	}
	for version := was.Version + 1; version <= Version; version++ {
		if err := run(ctx, tx, version); err != nil {
			return was, err
		}
	}
	_, err = tx.Exec(ctx, `UPDATE meta SET value = CASE name WHEN 'version' THEN $1::text ELSE $2::text END WHERE name IN ('version', 'least')`,
		strconv.Itoa(Version), strconv.Itoa(least))
	if err != nil {
		return was, fmt.Errorf("write the version of the schema: %w", err)
	}
	if err := tx.Commit(ctx); err != nil {
		return was, fmt.Errorf("migrate to version %d: %w", Version, err)
	}
	return was, nil
}

// run runs the files of one version, in order of their names.
func run(ctx context.Context, tx pgx.Tx, version int) error {
	files, err := fs.Glob(migrations, fmt.Sprintf("migrations/%04d_*.sql", version))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("there is no migration to version %d", version)
	}
	slices.Sort(files)
	for _, name := range files {
		text, err := migrations.ReadFile(name)
		if err != nil {
			return fmt.Errorf("migrate to version %d: %w", version, err)
		}
		if _, err := tx.Exec(ctx, string(text)); err != nil {
			if code(err) == duplicateTable {
				err = fmt.Errorf("%w: %s", ErrForeign, err.Error())
			}
			return fmt.Errorf("migrate to version %d, %s: %w", version, name, err)
		}
	}
	return nil
}

// makeMeta makes the table that versions stand in, with version 0, unless it is there.
func makeMeta(ctx context.Context, db DB) error {
	for attempt := 0; ; attempt++ {
		_, err := db.Exec(ctx, `CREATE TABLE IF NOT EXISTS meta (name text COLLATE "C" PRIMARY KEY, value text NOT NULL)`)
		if err == nil {
			_, err = db.Exec(ctx, `INSERT INTO meta (name, value) VALUES ('version', '0'), ('least', '0') ON CONFLICT DO NOTHING`)
		}
		if err == nil {
			return nil
		}
		// Two at once: IF NOT EXISTS looks before the other one has committed.
		if c := code(err); attempt < 3 && (c == uniqueViolation || c == duplicateTable || c == duplicateObject) {
			continue
		}
		if code(err) == undefinedColumn {
			err = fmt.Errorf("%w: %s", ErrForeign, err.Error())
		}
		return fmt.Errorf("make the table meta: %w", err)
	}
}

// SQLSTATE codes of the errors that are told apart here.
const (
	uniqueViolation = "23505"
	checkViolation  = "23514"
	undefinedColumn = "42703"
	undefinedTable  = "42P01"
	duplicateTable  = "42P07"
	duplicateObject = "42710"
)

// code returns the SQLSTATE of an error, "" if the database did not send it.
func code(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
