package schema

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/webhook"
)

// DaysAhead is for how many days after today there are tables. Whoever keeps the days
// runs MakeDays more often than that.
const DaysAhead = 3

// Split are the tables that are split into days. The table of a day is named like
// event_20261127. Rows of no day are in the table _other of each.
var Split = []string{"event", "done", "attempt"}

const (
	day       = 24 * time.Hour
	dayLayout = "20060102"
)

// Day returns the first Seq of the day in UTC that t is in, and that of the next day.
func Day(t time.Time) (from, to uint64) {
	first := t.UTC().Truncate(day)
	return webhook.SeqAt(first), webhook.SeqAt(first.Add(day))
}

// DayTable returns the name of the part of a table that holds a day.
func DayTable(table string, at time.Time) string { return table + "_" + at.UTC().Format(dayLayout) }

// MakeDays makes the tables of all days from one time to another, both included. A day
// that has rows in _other already stays there.
func MakeDays(ctx context.Context, db DB, from, to time.Time) error {
	for at := from.UTC().Truncate(day); !at.After(to); at = at.Add(day) {
		for _, table := range Split {
			err := makeDay(ctx, db, table, at)
			if err != nil && code(err) != checkViolation {
				return fmt.Errorf("make the table of a day: %w", err)
			}
		}
	}
	return nil
}

// makeDay makes one table, unless it is there.
func makeDay(ctx context.Context, db DB, table string, at time.Time) error {
	from, to := Day(at)
	name := DayTable(table, at)
	// Asked first, because making a table takes a lock that writers wait for.
	var exists bool
	if err := db.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL`, name).Scan(&exists); err != nil || exists {
		return err
	}
	_, err := db.Exec(ctx, fmt.Sprintf("CREATE TABLE %s PARTITION OF %s FOR VALUES FROM (%d) TO (%d)", name, table, from, to))
	if code(err) == duplicateTable { // another node was faster
		return nil
	}
	return err
}

// Days returns the days that there are tables of, ascending.
func Days(ctx context.Context, db interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
},
) ([]time.Time, error) {
	rows, err := db.Query(ctx, `SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass('event')`)
	if err != nil {
		return nil, fmt.Errorf("read the days: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read the days: %w", err)
	}
	var days []time.Time
	for _, name := range names {
		if at, err := time.Parse(dayLayout, strings.TrimPrefix(name, "event_")); err == nil {
			days = append(days, at)
		}
	}
	slices.SortFunc(days, time.Time.Compare)
	return days, nil
}

// DropDay removes everything of a day from all tables that are split.
func DropDay(ctx context.Context, db DB, at time.Time) error {
	var err error
	for _, table := range slices.Backward(Split) { // events last: the others need theirs
		_, dropped := db.Exec(ctx, "DROP TABLE IF EXISTS "+DayTable(table, at))
		err = errors.Join(err, dropped)
	}
	if err != nil {
		return fmt.Errorf("drop a day: %w", err)
	}
	return nil
}
