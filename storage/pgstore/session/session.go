// Package session opens sessions of PostgreSQL as pgstore needs them, and says what follows
// from their errors, in one place and without credentials.
//
// A session notices within seconds that the other side is gone, plans without regard to
// how much is in the tables, and, if it writes, never cancels what it is doing. What the
// sessions are used for belongs to package pgstore.
package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/corpastro/astrohook/storage"
)

const (
	// dialTimeout bounds how long it takes to open a session.
	dialTimeout = 5 * time.Second
	// silence is how long the other side may leave bytes unacknowledged.
	silence = 5 * time.Second
)

// Application returns the name of all sessions of an incarnation, by which it is fenced.
func Application(i storage.Incarnation) string {
	return "astrohook/" + strconv.FormatUint(uint64(i), 16)
}

// errBadURL hides the text of the URL, which has the password.
var errBadURL = errors.New("database-url is not a URL of PostgreSQL: postgres://user:password@host:port/database")

// Parse returns the settings of connections to a database.
func Parse(url string, i storage.Incarnation) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errBadURL
	}
	c := config.ConnConfig
	c.ConnectTimeout = dialTimeout
	c.DialFunc = dial
	c.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
	c.StatementCacheCapacity = 512
	c.RuntimeParams["application_name"] = Application(i)
	return config, nil
}

// dial opens a connection that notices within seconds that the other side is gone.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: silence, Interval: time.Second, Count: 5},
		Control:         limitSilence,
	}
	return d.DialContext(ctx, network, address)
}

// neverCancelled makes pgx unable to cancel what a session is doing, which it tries in a
// session of its own when a connection breaks. A commit that waits for a standby and is
// cancelled is reported as success, though only the primary has it.
func neverCancelled(c *pgx.ConnConfig) {
	var open atomic.Bool
	c.AfterConnect = func(context.Context, *pgconn.PgConn) error {
		open.Store(true)
		return nil
	}
	c.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if open.Load() {
			return nil, net.ErrClosed
		}
		return dial(ctx, network, address)
	}
}

// warned is where a session counts the warnings of its server. One that comes with a
// commit means that the outcome is not known.
const warned = "warnings"

// countWarning counts a notice of the server, if it is a warning.
func countWarning(c *pgconn.PgConn, n *pgconn.Notice) {
	if n.SeverityUnlocalized == "WARNING" {
		count, _ := c.CustomData()[warned].(int)
		c.CustomData()[warned] = count + 1
	}
}

// Warnings returns how many warnings a session has had.
func Warnings(c *pgx.Conn) int {
	count, _ := c.PgConn().CustomData()[warned].(int)
	return count
}

// Settings are those of every session. Plans are made once, when tables may be empty, so
// they must not depend on how much is in them: no scan of a whole table, no join but by
// index.
func Settings(customPlans bool) map[string]string {
	s := map[string]string{
		"jit": "off", "timezone": "UTC", "standard_conforming_strings": "on",
		"lock_timeout": "2s", "idle_in_transaction_session_timeout": "5s",
		"tcp_user_timeout":    strconv.FormatInt(silence.Milliseconds(), 10),
		"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "1", "tcp_keepalives_count": "5",
	}
	// Citus makes no generic plan of a distributed statement, and needs its own joins.
	if customPlans {
		s["plan_cache_mode"] = "force_custom_plan"
		return s
	}
	s["plan_cache_mode"] = "force_generic_plan"
	for _, plan := range []string{"enable_seqscan", "enable_hashjoin", "enable_mergejoin"} {
		s[plan] = "off"
	}
	return s
}

// Configure sets a session up, in one round trip.
func Configure(ctx context.Context, conn *pgx.Conn, settings map[string]string) error {
	batch := &pgx.Batch{}
	for name, value := range settings {
		batch.Queue("SELECT set_config($1, $2, false)", name, value)
	}
	// A server may be set to acknowledge what is not on disk, now or while the session
	// lasts; this store may not.
	batch.Queue(`SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit')
		WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false)`)
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("set up a session: %w", err)
	}
	return nil
}

// NewPool returns a pool of sessions. It opens none.
func NewPool(ctx context.Context, config *pgxpool.Config, settings map[string]string, size int32, writes bool) (*pgxpool.Pool, error) {
	c := config.Copy()
	c.MaxConns, c.MinConns = size, 0
	c.MaxConnLifetime = time.Hour
	c.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error { return Configure(ctx, conn, settings) }
	if writes {
		c.BeforeConnect = func(_ context.Context, one *pgx.ConnConfig) error {
			one.OnNotice = countWarning
			neverCancelled(one)
			return nil
		}
	}
	return pgxpool.NewWithConfig(ctx, c)
}

// Connect opens a session of its own.
func Connect(ctx context.Context, config *pgxpool.Config, settings map[string]string) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	c := config.ConnConfig.Copy()
	c.OnNotice = countWarning
	neverCancelled(c)
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := Configure(ctx, conn, settings); err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	return conn, nil
}
