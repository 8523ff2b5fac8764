package pgtest

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// proxied returns a proxy, and the URLs of a database with a table t, through it and around it.
func proxied(t *testing.T, s *Server) (p *Proxy, through, direct string) {
	t.Helper()
	p, err := NewProxy(s)
	must(t, err)
	t.Cleanup(func() { must(t, p.Close()) })
	direct, err = s.Database(t.Context())
	must(t, err)
	through, err = p.URL(direct)
	must(t, err)
	conn := dial(t, direct)
	_, err = conn.Exec(t.Context(), "CREATE TABLE t (a int)")
	must(t, err)
	return p, through, direct
}

func dial(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	must(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// The three ways in which programs commit.
var commits = map[string]func(ctx context.Context, conn *pgx.Conn) error{
	"a statement": func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "INSERT INTO t VALUES ($1)", 1)
		return err
	},
	"a batch": func(ctx context.Context, conn *pgx.Conn) error {
		b := &pgx.Batch{}
		b.Queue("SELECT 1")
		b.Queue("INSERT INTO t VALUES ($1)", 1)
		b.Queue("SELECT 2")
		return conn.SendBatch(ctx, b).Close()
	},
	"a transaction": func(ctx context.Context, conn *pgx.Conn) error {
		tx, err := conn.Begin(ctx)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "INSERT INTO t VALUES ($1)", 1); err != nil {
			return err
		}
		return tx.Commit(ctx)
	},
}

// TestProxy: each way in which the network can fail, on one server.
func TestProxy(t *testing.T) {
	s := start(t, Options{})
	for name, run := range map[string]func(*testing.T, *Server){
		"fates": fates, "reads pass": readsPass, "stall": stall, "cut": cut, "hold": hold,
	} {
		t.Run(name, func(t *testing.T) { run(t, s) })
	}
}

// fates: a commit whose answer is lost has happened, one that is broken off has not,
// and the program sees the same error.
func fates(t *testing.T, s *Server) {
	p, through, direct := proxied(t, s)
	want := 0
	for name, commit := range commits {
		for fate, stored := range map[Fate]int{LoseAnswer: 1, BreakOff: 0} {
			conn := dial(t, through)
			// The first one also prepares the statements.
			must(t, commit(t.Context(), conn))
			p.Next(fate)
			met := p.Met()
			if err := commit(t.Context(), conn); err == nil || p.Met() != met+1 {
				t.Errorf("%s, fate %d: error %v, %d met theirs", name, fate, err, p.Met()-met)
			}
			want += 1 + stored
			if got, err := count(t.Context(), direct); err != nil || got != want {
				t.Fatalf("%s, fate %d: %d rows, want %d, %v", name, fate, got, want, err)
			}
		}
	}
	must(t, commits["a transaction"](t.Context(), dial(t, through))) // nothing is left to happen
}

// readsPass: a fate waits for a commit, however many reads and statements of open
// transactions come before it.
func readsPass(t *testing.T, s *Server) {
	p, through, _ := proxied(t, s)
	p.Next(BreakOff)
	conn := dial(t, through)
	for range 3 {
		if _, err := conn.Exec(t.Context(), "SELECT a FROM t WHERE a = $1", 1); err != nil {
			t.Fatal(err)
		}
	}
	tx, err := conn.Begin(t.Context())
	must(t, err)
	_, err = tx.Exec(t.Context(), "INSERT INTO t VALUES ($1)", 1)
	must(t, err)
	if p.Met() != 0 {
		t.Fatal("something else than a commit met its fate")
	}
	if err := tx.Commit(t.Context()); err == nil || p.Met() != 1 {
		t.Errorf("the commit: %v, %d met their fate", err, p.Met())
	}
}

// stall: half of a transaction holds its locks until the rest arrives.
func stall(t *testing.T, s *Server) {
	p, through, direct := proxied(t, s)
	conn, other := dial(t, through), dial(t, direct)
	_, err := other.Exec(t.Context(), "INSERT INTO t VALUES (1)")
	must(t, err)
	update := func() error {
		b := &pgx.Batch{}
		b.Queue("UPDATE t SET a = a + $1", 1)
		b.Queue("SELECT 1")
		return conn.SendBatch(t.Context(), b).Close()
	}
	must(t, update())
	p.Next(Stall)
	done := make(chan error, 1)
	go func() { done <- update() }()
	_, err = other.Exec(t.Context(), "SET lock_timeout = '50ms'")
	must(t, err)
	deadline := time.Now().Add(10 * time.Second)
	for err == nil && time.Now().Before(deadline) { // until half of it has arrived
		_, err = other.Exec(t.Context(), "UPDATE t SET a = a + 10")
	}
	if err == nil {
		t.Fatal("nobody holds the row")
	}
	select {
	case err := <-done:
		t.Fatalf("the stalled transaction returned: %v", err)
	default:
	}
	p.Mend()
	must(t, <-done)
	must(t, update())
}

// cut: nothing passes until Mend, and connections of before are gone.
func cut(t *testing.T, s *Server) {
	p, through, _ := proxied(t, s)
	conn := dial(t, through)
	p.Cut()
	if _, err := conn.Exec(t.Context(), "SELECT 1"); err == nil {
		t.Error("an open connection passes")
	}
	if _, err := pgx.Connect(t.Context(), through); err == nil {
		t.Error("a new connection passes")
	}
	p.Mend()
	if _, err := dial(t, through).Exec(t.Context(), "SELECT 1"); err != nil {
		t.Error(err)
	}
}

// hold: what is sent meanwhile arrives late.
func hold(t *testing.T, s *Server) {
	p, through, _ := proxied(t, s)
	conn := dial(t, through)
	p.Hold()
	p.Hold() // twice is once
	done := make(chan error, 1)
	go func() { _, err := conn.Exec(t.Context(), "SELECT 1"); done <- err }()
	select {
	case err := <-done:
		t.Errorf("it returned: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	p.Mend()
	must(t, <-done)
}
