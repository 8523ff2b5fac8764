package schema

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// Distribution names the data tables, which grow with what is published, and the column
// by which a distributed PostgreSQL spreads the rows of each. It is in the table's primary
// key, every statement on the table names it, and no statement joins two of these tables:
// so each statement goes to one server for each of its rows. Tests of this package and of
// pgstore check that. All other tables are small, and stay on one server.
var Distribution = map[string]string{
	"queued": "part", "retrying": "part", "done": "part", "attempt": "part", "gate": "part",
	"event": "seq", "event_kept": "seq", "unfinished": "seq", "audit": "seq",
	"idem": "key",
}

// Distribute spreads the data tables over the workers of Citus, unless they are spread
// already, and returns how many it spread. Their rows move along, and tables of days that
// are made later are spread by Citus itself. Without the extension it does nothing.
func Distribute(ctx context.Context, db DB) (spread int, err error) {
	var citus bool
	if err := db.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'citus')`).Scan(&citus); err != nil || !citus {
		return 0, err
	}
	tx, err := db.Begin(ctx)
	if err != nil {
		return 0, fmt.Errorf("distribute: %w", err)
	}
	defer func() { _ = tx.Rollback(ctx) }() // does nothing after the commit
	// As for a migration: whoever has the row does it.
	if _, err := tx.Exec(ctx, `SELECT value FROM meta WHERE name = 'version' FOR UPDATE`); err != nil {
		return 0, fmt.Errorf("lock the version of the schema: %w", err)
	}
	for _, table := range slices.Sorted(maps.Keys(Distribution)) {
		var done bool
		err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pg_dist_partition WHERE logicalrelid = to_regclass($1))`, table).Scan(&done)
		if err == nil && !done {
			_, err = tx.Exec(ctx, `SELECT create_distributed_table($1::text::regclass, $2::text)`, table, Distribution[table])
			spread++
		}
		if err != nil {
			return 0, fmt.Errorf("distribute the table %s: %w", table, err)
		}
	}
	if err := tx.Commit(ctx); err != nil {
		return 0, fmt.Errorf("distribute the tables: %w", err)
	}
	return spread, nil
}
