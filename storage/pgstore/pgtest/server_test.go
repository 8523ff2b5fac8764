package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func start(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := Start(t.Context(), o)
	if Leaves(err) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// count returns how many rows the table t of a database has, or the error.
func count(ctx context.Context, url string) (n int, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close(ctx) }()
	err = conn.QueryRow(ctx, "SELECT count(*) FROM t").Scan(&n)
	return n, err
}

// TestServer: what was committed survives a kill, a stop and a pause, and Close leaves
// neither files nor processes.
func TestServer(t *testing.T) {
	s := start(t, Options{Settings: map[string]string{"work_mem": "5MB"}})
	ctx := t.Context()
	first, err := s.Database(ctx)
	must(t, err)
	second, err := s.Database(ctx)
	must(t, err)
	if first == second || !strings.Contains(first, Password) {
		t.Errorf("%s, %s", first, second)
	}
	must(t, s.Exec(ctx, "CREATE TABLE t (a int); INSERT INTO t VALUES (1)"))
	must(t, s.Exec(ctx, "SELECT 1 / (current_setting('work_mem') = '5MB')::int"))
	if _, err := count(ctx, first); err == nil {
		t.Error("a new database has the table of another one")
	}
	must(t, s.Kill(), s.Kill()) // the second one finds nothing
	if _, err := count(ctx, s.URL("postgres")); err == nil {
		t.Error("a killed server answers")
	}
	must(t, s.Restart(ctx))
	must(t, s.Exec(ctx, "INSERT INTO t VALUES (2)"))
	must(t, s.Stop(), s.Restart(ctx))
	must(t, s.Suspend())
	short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	if _, err := count(short, s.URL("postgres")); err == nil {
		t.Error("a suspended server answers")
	}
	must(t, s.Resume())
	if n, err := count(ctx, s.URL("postgres")); n != 2 || err != nil {
		t.Errorf("%d rows, %v", n, err)
	}
	must(t, s.Close())
	if _, err := os.Stat(s.root); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory is left: %v", err)
	}
}

// TestStandby: it has what the primary acknowledged, and takes writes once it is promoted.
func TestStandby(t *testing.T) {
	s := start(t, Options{})
	ctx := t.Context()
	standby, err := s.Standby(ctx)
	must(t, err)
	defer func() { must(t, standby.Close()) }()
	must(t, s.Exec(ctx, "CREATE TABLE t (a int); INSERT INTO t VALUES (1)"))
	if err := standby.Exec(ctx, "INSERT INTO t VALUES (2)"); err == nil {
		t.Error("a standby takes writes")
	}
	must(t, s.Kill())
	must(t, standby.Promote(ctx))
	must(t, standby.Exec(ctx, "INSERT INTO t VALUES (2)"))
	if n, err := count(ctx, standby.URL("postgres")); n != 2 || err != nil {
		t.Errorf("%d rows, %v", n, err)
	}

	must(t, s.Follow(ctx, standby)) // under its former address, and what it had is gone
	must(t, standby.Exec(ctx, "INSERT INTO t VALUES (3)"), standby.Kill(), s.Promote(ctx))
	if n, err := count(ctx, s.URL("postgres")); n != 3 || err != nil {
		t.Errorf("%d rows after the way back, %v", n, err)
	}
}

// TestEnvironment: what the options say reaches the server.
func TestEnvironment(t *testing.T) {
	s := start(t, Options{Env: []string{"FOR_THE_SERVER=1"}})
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", s.process.pid))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("this system shows no process's environment")
	}
	if err != nil || !strings.Contains(string(environ), "\x00FOR_THE_SERVER=1\x00") {
		t.Errorf("the environment is %q, %v", environ, err)
	}
}

// TestNoSuchNamespace: a server that cannot be where it should be does not start elsewhere,
// and what was made for it is removed.
func TestNoSuchNamespace(t *testing.T) {
	dir, err := os.MkdirTemp("", "") // not t.TempDir, which only root can read
	must(t, err)
	defer func() { _ = os.Remove(dir) }()
	must(t, os.Chmod(dir, 0o755))
	s, err := Start(t.Context(), Options{Dir: dir, Place: Place{Namespace: "/run/netns/no-such-one"}})
	if Leaves(err) {
		t.Skip(err)
	}
	if err == nil || !strings.Contains(err.Error(), "namespace") {
		t.Errorf("%v, %v", s, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestCommitsWaitForTheStandby until they do not have to.
func TestCommitsWaitForTheStandby(t *testing.T) {
	s := start(t, Options{})
	ctx := t.Context()
	standby, err := s.Standby(ctx)
	must(t, err)
	must(t, s.Exec(ctx, "CREATE TABLE t (a int)"), standby.Close())
	stored := make(chan error, 1)
	go func() { stored <- s.Exec(ctx, "INSERT INTO t VALUES (1)") }()
	select {
	case err := <-stored:
		t.Errorf("a commit without its standby returned: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	must(t, s.RequireStandby(ctx, false))
	must(t, <-stored)
}

// TestLeaves: tests are left out for want of a server and for nothing else, and nowhere
// that nothing may be left out.
func TestLeaves(t *testing.T) {
	missing := fmt.Errorf("start: %w", ErrMissing)
	for name, c := range map[string]struct {
		ci   string
		err  error
		want bool
	}{
		"a machine without": {"", missing, true},
		"CI without":        {"true", missing, false},
		"another error":     {"", errors.New("no space"), false},
		"a server":          {"", nil, false},
	} {
		t.Setenv("CI", c.ci)
		if got := Leaves(c.err); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
