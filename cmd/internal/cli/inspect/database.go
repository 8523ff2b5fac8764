package inspect

import (
	"context"
	"fmt"
	"time"

	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/storage/pgstore"
)

// databaseTimeout bounds the examination of a database.
const databaseTimeout = 15 * time.Second

// slowDatabase is from when on the way to a database is noticed: each group of events waits
// for it.
const slowDatabase = 20 * time.Millisecond

// database examines the database of the settings, as the start of a server would.
func (d *Doctor) database(ctx context.Context, add report) {
	ctx, cancel := context.WithTimeout(ctx, databaseTimeout)
	defer cancel()
	at := pgstore.Describe(d.Config.DatabaseURL)
	r, err := d.Config.ExamineDatabase(ctx)
	switch {
	case err != nil:
		add("database", fault, fmt.Sprintf("%s: %v", at, err))
		return
	case r.Refused != nil:
		add("database", fault, fmt.Sprintf("%s: %v", at, r.Refused))
	default:
		add("database", ok, fmt.Sprintf("%s is PostgreSQL %s", at, r.Server))
	}
	if r.Server == "" { // a pooler, behind which nothing else can be asked for
		return
	}
	d.tables(r, add)
	switch {
	case r.Standby:
		add("standby", ok, "commits wait for a synchronous standby")
	case d.Config.Durability == "storage":
		add("standby", ok, "durability=storage says that the storage below the database replicates")
	default:
		add("standby", warning, "there is none (synchronous_standby_names is empty): the failure of one machine can lose accepted events")
	}
	if r.Latency > slowDatabase {
		add("database's answer", warning, fmt.Sprintf("after %s: each group of events waits for that", briefly(r.Latency)))
	} else {
		add("database's answer", ok, fmt.Sprintf("after %s", briefly(r.Latency)))
	}
	if r.Ahead == 0 {
		add("database's clock", ok, "agrees with this machine's")
	} else {
		add("database's clock", clockStatus(r.Ahead), fmt.Sprintf("differs from this machine's by %s; five seconds are refused", briefly(r.Ahead.Abs())))
	}
}

// tables says whether a start would have to make or change the tables.
func (d *Doctor) tables(r pgstore.Report, add report) {
	switch {
	case r.Schema == 0:
		add("tables", ok, "there are none yet; the first start, or astrohook migrate, makes them")
	case r.Schema < r.Needed:
		add("tables", ok, fmt.Sprintf("have version %d; the next start, or astrohook migrate, makes it %d", r.Schema, r.Needed))
	default:
		add("tables", ok, fmt.Sprintf("have version %d", r.Schema))
	}
}

// briefly returns a duration as the other findings have it.
func briefly(d time.Duration) string { return output.Milliseconds(float64(d.Microseconds()) / 1000) }

// clockStatus returns how bad a difference of clocks is.
func clockStatus(by time.Duration) string {
	if by.Abs() > time.Second {
		return warning
	}
	return ok
}
