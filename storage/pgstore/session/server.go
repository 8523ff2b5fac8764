package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// MaxClockDifference is how far a machine's clock may be off the database's.
const MaxClockDifference = 5 * time.Second

// Server is what matters of a database before it is used.
type Server struct {
	Version  int    // 150004 for 15.4
	Recovers bool   // it is a standby: it takes no writes
	Waits    bool   // commits wait for standbys
	Citus    bool   // it has the extension
	Encoding string // of the database
	// Ahead is by how much its clock is certainly ahead of this machine's; negative if it is
	// behind, 0 if the answer took longer than the clocks differ.
	Ahead time.Duration
	// Latency is how long the answer took.
	Latency time.Duration
}

const serverSQL = `SELECT current_setting('server_version_num')::int, pg_is_in_recovery(), clock_timestamp(),
	current_setting('synchronous_standby_names') <> '',
	EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'citus'), current_setting('server_encoding')`

// Examine asks a database what it is, by a clock of this machine.
func Examine(ctx context.Context, q interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}, clock func() time.Time,
) (s Server, err error) {
	var now time.Time
	before := clock()
	if err := q.QueryRow(ctx, serverSQL).Scan(&s.Version, &s.Recovers, &now, &s.Waits, &s.Citus, &s.Encoding); err != nil {
		return s, err
	}
	after := clock()
	s.Latency = after.Sub(before)
	switch {
	case now.Before(before):
		s.Ahead = now.Sub(before)
	case now.After(after):
		s.Ahead = now.Sub(after)
	}
	return s, nil
}

// Refusal returns why the store cannot use a database; nil if it can. lone accepts one
// without synchronous standby.
func (s *Server) Refusal(lone bool) error {
	switch {
	case s.Version < 150000:
		return fmt.Errorf("the database is PostgreSQL %d, and 15 is the oldest that works", s.Version/10000)
	case s.Recovers:
		return errors.New("the database is a standby that takes no writes: database-url must name the primary")
	case s.Encoding != "UTF8":
		return fmt.Errorf("the database has the encoding %s, and must have UTF8", s.Encoding)
	case s.Ahead.Abs() > MaxClockDifference:
		return fmt.Errorf("the clock of this machine is %v off the database's, and may be off by %v", s.Ahead.Abs().Round(time.Millisecond), MaxClockDifference)
	case !lone && !s.Waits:
		return errors.New("the database has no synchronous standby: add one (synchronous_standby_names), or set durability=storage if the storage below it replicates, or require-standby=false")
	}
	return nil
}
