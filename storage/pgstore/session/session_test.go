package session

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/pgstore/pgtest"
)

// open opens a session with the usual settings.
func open(t *testing.T, parameters string) *pgx.Conn {
	t.Helper()
	config, err := Parse(serverURL(t, parameters), 42)
	must(t, err)
	conn, err := Connect(t.Context(), config, Settings(false))
	must(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) }) // nothing is lost with it
	return conn
}

// setting returns the value that a setting has in a session.
func setting(t *testing.T, conn *pgx.Conn, name string) (value string) {
	t.Helper()
	must(t, conn.QueryRow(t.Context(), "SELECT current_setting($1)", name).Scan(&value))
	return value
}

// TestApplication: incarnations have different names, so that one can be ended by its own.
func TestApplication(t *testing.T) {
	for i, want := range map[storage.Incarnation]string{0: "astrohook/0", 42: "astrohook/2a", 1<<64 - 1: "astrohook/ffffffffffffffff"} {
		if got := Application(i); got != want {
			t.Errorf("%d: %q, want %q", i, got, want)
		}
	}
}

// TestParse: the application's name is that of the incarnation, whatever the URL says; and
// a URL that is none is not repeated in the error.
func TestParse(t *testing.T) {
	config, err := Parse("postgres://me:hunter2@db:5433/hooks?application_name=other", 42)
	must(t, err)
	c := config.ConnConfig
	if c.RuntimeParams["application_name"] != "astrohook/2a" || c.ConnectTimeout != dialTimeout || c.Host != "db" || c.Port != 5433 {
		t.Errorf("%+v", c)
	}
	for _, bad := range []string{
		"postgres://me:hunter2@db:port/x", "postgres://me:hunter2@db/x?sslmode=maybe", "me:hunter2@db", "postgres://me:hunter2@db/%zz",
	} {
		if _, err := Parse(bad, 1); !errors.Is(err, errBadURL) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestSettings: a session has what the store needs, whatever was set for it before. Plans
// are generic and use indexes, unless they have to be made for each statement.
func TestSettings(t *testing.T) {
	conn := open(t, "&jit=on&timezone=Asia%2FTokyo&enable_seqscan=on&lock_timeout=0")
	for name, want := range map[string]string{
		"application_name": "astrohook/2a", "jit": "off", "TimeZone": "UTC", "standard_conforming_strings": "on", "lock_timeout": "2s",
		"idle_in_transaction_session_timeout": "5s", "plan_cache_mode": "force_generic_plan",
		"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off", "enable_nestloop": "on",
	} {
		if got := setting(t, conn, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	must(t, Configure(t.Context(), conn, map[string]string{"enable_seqscan": "on"}))
	must(t, Configure(t.Context(), conn, Settings(true)))
	if plans, scans := setting(t, conn, "plan_cache_mode"), setting(t, conn, "enable_seqscan"); plans != "force_custom_plan" || scans != "on" {
		t.Errorf("plans %q, scans %q", plans, scans)
	}
	err := Configure(t.Context(), conn, map[string]string{"no_such_setting": "1"})
	if err == nil || !strings.HasPrefix(err.Error(), "set up a session: ") {
		t.Error(err)
	}
}

// TestConnectFails with settings that the server refuses, and with no server.
func TestConnectFails(t *testing.T) {
	config, err := Parse(serverURL(t, ""), 1)
	must(t, err)
	if _, err := Connect(t.Context(), config, map[string]string{"work_mem": "much"}); err == nil || KindOf(err) != fatal || IsPassing(err) {
		t.Error(err)
	}
	config, err = Parse(postgres.URL("no_such_database"), 1)
	must(t, err)
	if _, err := Connect(t.Context(), config, nil); err == nil || strings.Contains(err.Error(), pgtest.Password) {
		t.Error(err)
	}
}

// TestCommitsAreOnDisk: no session acknowledges what is not on disk, though its database
// is set to; one that waits for more does so.
func TestCommitsAreOnDisk(t *testing.T) {
	for was, want := range map[string]string{
		"off": "on", "local": "on", "remote_write": "on", "on": "on", "remote_apply": "remote_apply",
	} {
		if got := setting(t, open(t, "&synchronous_commit="+was), "synchronous_commit"); got != want {
			t.Errorf("%s becomes %q, want %q", was, got, want)
		}
	}
}

// TestWarnings: a session counts the warnings of its server, and no other notices.
func TestWarnings(t *testing.T) {
	conn, other := open(t, ""), open(t, "")
	for want, level := range []string{"NOTICE", "INFO", "WARNING", "WARNING"} {
		_, err := conn.Exec(t.Context(), "DO $$ BEGIN RAISE "+level+" 'look'; END $$")
		must(t, err)
		if got := Warnings(conn); got != max(want-1, 0) {
			t.Errorf("%d warnings after a %s, want %d", got, level, max(want-1, 0))
		}
	}
	if got := Warnings(other); got != 0 {
		t.Errorf("another session has %d", got)
	}
}

// TestWritersAreNeverCancelled: a session that writes has no way to cancel what it does,
// and the sessions of a pool have that each for itself.
func TestWritersAreNeverCancelled(t *testing.T) {
	if err := open(t, "").PgConn().CancelRequest(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a session of its own: %v", err)
	}
	config, err := Parse(serverURL(t, ""), 7)
	must(t, err)
	for _, writes := range []bool{false, true} {
		pool, err := NewPool(t.Context(), config, Settings(false), 2, writes)
		must(t, err)
		var both [2]*pgxpool.Conn
		for i := range both {
			both[i], err = pool.Acquire(t.Context())
			must(t, err)
			if got := setting(t, both[i].Conn(), "lock_timeout"); got != "2s" {
				t.Errorf("lock_timeout %q", got)
			}
		}
		for _, conn := range both {
			if err := conn.Conn().PgConn().CancelRequest(t.Context()); errors.Is(err, net.ErrClosed) != writes || !writes && err != nil {
				t.Errorf("writes %t: %v", writes, err)
			}
			conn.Release()
		}
		if pool.Stat().MaxConns() != 2 {
			t.Errorf("%d sessions", pool.Stat().MaxConns())
		}
		pool.Close()
	}
}
