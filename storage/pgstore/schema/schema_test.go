package schema

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage/pgstore/pgtest"
	"github.com/corpastro/astrohook/webhook"
)

var postgres *pgtest.Server

func TestMain(m *testing.M) {
	os.Exit(pgtest.Run(func(s *pgtest.Server) int {
		if postgres = s; s == nil {
			return 0
		}
		return m.Run()
	}))
}

func connect(t *testing.T) *pgx.Conn {
	t.Helper()
	url, err := postgres.Database(t.Context())
	must(t, err)
	conn, err := pgx.Connect(t.Context(), url)
	must(t, err)
	t.Cleanup(func() { must(t, conn.Close(context.Background())) })
	return conn
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// TestMigrate: an empty database gets the present schema, once.
func TestMigrate(t *testing.T) {
	conn := connect(t)
	if s, err := Read(t.Context(), conn); err != nil || s != (State{}) || !errors.Is(s.Err(), ErrOlder) {
		t.Errorf("an empty database: %+v, %v", s, err)
	}
	for _, want := range []State{{}, {Version, least}} {
		was, err := Migrate(t.Context(), conn, noon)
		if err != nil || was != want {
			t.Errorf("%+v, %v; want %+v", was, err, want)
		}
	}
	s, err := Read(t.Context(), conn)
	if err != nil || s.Err() != nil || s.Version != Version {
		t.Errorf("after it: %+v, %v", s, err)
	}
}

// TestNewerSchemas: one that was only widened can be used, another cannot; neither is changed.
func TestNewerSchemas(t *testing.T) {
	for _, c := range []struct {
		why   string
		least int
		want  error
	}{
		{"widened", Version, nil},
		{"narrowed", Version + 1, ErrNewer},
	} {
		conn := connect(t)
		_, err := Migrate(t.Context(), conn, noon)
		must(t, err)
		_, err = conn.Exec(t.Context(), fmt.Sprintf("UPDATE meta SET value = CASE name WHEN 'version' THEN '%d' ELSE '%d' END", Version+1, c.least))
		must(t, err)
		if _, err := Migrate(t.Context(), conn, noon); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.why, err, c.want)
		}
		if s, err := Read(t.Context(), conn); err != nil || s.Version != Version+1 {
			t.Errorf("%s: %+v, %v", c.why, s, err)
		}
	}
}

// TestAFailedMigrationLeavesNothing: another program's table in the way.
func TestAFailedMigrationLeavesNothing(t *testing.T) {
	conn := connect(t)
	_, err := conn.Exec(t.Context(), "CREATE TABLE done (a int)")
	must(t, err)
	if _, err := Migrate(t.Context(), conn, noon); !errors.Is(err, ErrForeign) {
		t.Errorf("%v, want ErrForeign", err)
	}
	var tables int
	must(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").Scan(&tables))
	if tables != 2 { // done and meta
		t.Errorf("%d tables are there", tables)
	}
}

// TestDays: rows go to the table of their day, and leave with it.
func TestDays(t *testing.T) {
	conn := connect(t)
	_, err := Migrate(t.Context(), conn, noon)
	must(t, err)
	days, err := Days(t.Context(), conn)
	must(t, err)
	if len(days) != DaysAhead+2 || !days[0].Equal(noon.Add(-36*time.Hour)) {
		t.Errorf("days %v", days)
	}
	long := noon.AddDate(-1, 0, 0)
	for _, at := range []time.Time{noon, noon.Add(12*time.Hour - time.Millisecond), noon.Add(12 * time.Hour), long} {
		_, err := conn.Exec(t.Context(), "INSERT INTO event VALUES ($1, 0, '', '')", int64(webhook.SeqAt(at)))
		must(t, err)
	}
	want := []string{"event_20261127 2", "event_20261128 1", "event_other 1"}
	if got := where(t, conn); !slices.Equal(got, want) {
		t.Errorf("rows are in %v, want %v", got, want)
	}
	must(t, DropDay(t.Context(), conn, noon), DropDay(t.Context(), conn, noon))
	if got := where(t, conn); !slices.Equal(got, want[1:]) {
		t.Errorf("after a day was dropped: %v", got)
	}
	must(t, MakeDays(t.Context(), conn, noon, noon))
	must(t, MakeDays(t.Context(), conn, long, long)) // stays where it is
	if got := where(t, conn); !slices.Equal(got, want[1:]) {
		t.Errorf("after days were made: %v", got)
	}
}

// where returns the tables that events are in, with their numbers.
func where(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), "SELECT tableoid::regclass || ' ' || count(*) FROM event GROUP BY tableoid::regclass")
	must(t, err)
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	slices.Sort(got)
	return got
}

// small are the tables that do not grow with what is published.
var small = []string{"access_grant", "api_key", "endpoint", "event_type", "fence", "job", "meta", "node", "partition", "registry", "secret_key", "figures"}

// TestKeysCanBeDistributed: every data table has its distribution column in its primary
// key and in each of its unique indexes, and every table is known to be large or small.
func TestKeysCanBeDistributed(t *testing.T) {
	conn := connect(t)
	_, err := Migrate(t.Context(), conn, noon)
	must(t, err)
	for table, column := range Distribution {
		rows, err := conn.Query(t.Context(), `SELECT bool_or(a.attname = $2) FROM pg_index i
			JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
			WHERE i.indrelid = $1::regclass AND i.indisunique GROUP BY i.indexrelid`, table, column)
		must(t, err)
		unique, err := pgx.CollectRows(rows, pgx.RowTo[bool])
		must(t, err)
		if len(unique) == 0 || slices.Contains(unique, false) {
			t.Errorf("%s: %s is in its unique indexes: %v", table, column, unique)
		}
	}
	rows, err := conn.Query(t.Context(), `SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace`)
	must(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	for _, table := range tables {
		if _, large := Distribution[table]; large == slices.Contains(small, table) {
			t.Errorf("%s must be either in Distribution or in the list of small tables", table)
		}
	}
	if want := len(Distribution) + len(small); len(tables) != want {
		t.Errorf("there are %d tables, and %d are listed", len(tables), want)
	}
}
