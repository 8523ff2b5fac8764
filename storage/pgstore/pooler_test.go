package pgstore

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	program "os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/storage/pgstore/pgtest"
	"github.com/corpastro/astrohook/storage/pgstore/session"
)

// pooled returns the URL of a database by way of a pooler that ends with the test.
func pooled(t *testing.T, keep bool) string {
	t.Helper()
	p, err := pgtest.NewPooler(database(t), keep)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() }) // its clients have ended
	return p.URL()
}

// TestAPoolerInTransactionMode is refused with a line that names the setting, before
// anything is prepared or written.
func TestAPoolerInTransactionMode(t *testing.T) {
	s, err := Open(t.Context(), Options{URL: pooled(t, false), LonePrimary: true})
	if err == nil {
		t.Fatal(errors.Join(errors.New("it is opened"), s.Close()))
	}
	if !errors.Is(err, session.ErrPooler) || !strings.Contains(err.Error(), "database-url") {
		t.Error(err)
	}
}

// TestAPoolerInSessionMode keeps a session for each client, so it does no harm.
func TestAPoolerInSessionMode(t *testing.T) {
	config, err := session.Parse(pooled(t, true), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := session.RefusePooler(t.Context(), config.ConnConfig); err != nil {
		t.Error(err)
	}
}

// TestPgBouncer is the same with a real one, in each of its modes, with several sessions of
// the database or one, which it takes in turn or the last one first.
func TestPgBouncer(t *testing.T) {
	bin, err := program.LookPath("pgbouncer")
	if err != nil {
		t.Skip("left out: pgbouncer is not installed")
	}
	for _, c := range []struct {
		mode    string
		size    int
		inTurn  int
		refused bool
	}{
		{"transaction", 20, 0, true},
		{"transaction", 20, 1, true},
		{"transaction", 1, 0, true},
		{"statement", 20, 0, true},
		{"session", 20, 0, false},
	} {
		t.Run(fmt.Sprintf("%s %d %d", c.mode, c.size, c.inTurn), func(t *testing.T) {
			at := bouncer(t, bin, fmt.Sprintf("pool_mode = %s\ndefault_pool_size = %d\nserver_round_robin = %d\n", c.mode, c.size, c.inTurn))
			s, err := Open(t.Context(), Options{URL: at, LonePrimary: true})
			if err == nil {
				err = s.Close()
			}
			if errors.Is(err, session.ErrPooler) != c.refused || !c.refused && err != nil {
				t.Error(err)
			}
		})
	}
}

// bouncer starts pgbouncer in front of a database, and returns the URL by way of it.
func bouncer(t *testing.T, bin, settings string) string {
	t.Helper()
	target, err := url.Parse(database(t))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().(*net.TCPAddr)
	_ = listener.Close() // the port is pgbouncer's now
	file := filepath.Join(t.TempDir(), "pgbouncer.ini")
	text := fmt.Sprintf("[databases]\n* = host=%s port=%s user=%s password=%s\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\nauth_type = any\nunix_socket_dir =\n%s",
		target.Hostname(), target.Port(), pgtest.User, pgtest.Password, address.Port, settings)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-q", file}
	if os.Geteuid() == 0 { // it refuses root
		args = append([]string{"-u", "nobody"}, args...)
	}
	cmd := program.Command(bin, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() }) // it was killed
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial("tcp4", address.String()); err == nil {
			_ = conn.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("pgbouncer does not listen")
		}
	}
	target.Host = address.String()
	return target.String()
}
