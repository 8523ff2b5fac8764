// Package pgtest runs throwaway PostgreSQL servers for tests and benchmarks: a primary,
// a synchronous standby of it, and what fault tests do to them. A server listens on a
// loopback port of its own, asks for a password, and leaves nothing behind.
//
// The package knows nothing of what is stored, and needs no package testing, so that
// programs can use it too. A test binary starts one server in its TestMain, and each test
// takes a Database of it.
package pgtest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// The superuser of every server. The password stands in each URL, so that a test can look
// for it where no credential may appear.
const (
	User     = "astrohook_test"
	Password = "only-for-tests-7f3a"
)

// ErrMissing reports that this machine has no PostgreSQL.
var ErrMissing = errors.New("PostgreSQL is not installed: there is no initdb in PATH, in $ASTROHOOK_TEST_POSTGRES or under /usr/lib/postgresql")

// Leaves reports whether the tests of a package are left out because this machine has no
// PostgreSQL, after it has said so. Where CI=true nothing is left out: then a missing
// server is an error like any other.
func Leaves(err error) bool {
	if !errors.Is(err, ErrMissing) || os.Getenv("CI") == "true" {
		return false
	}
	fmt.Fprintln(os.Stderr, "left out:", err)
	return true
}

// Run starts a server for the tests of a package, runs them with it, and ends it. It
// returns the exit code: that of the tests, or 1 if the server failed. On a machine without
// PostgreSQL the tests are run with nil, and leave out what needs a server; see Leaves.
func Run(tests func(*Server) int) int {
	s, err := Start(context.Background(), Options{})
	if Leaves(err) {
		return tests(nil)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := tests(s)
	if err := s.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(code, 1)
	}
	return code
}

// Options are how a server runs.
type Options struct {
	// Sync makes commits wait for the disk, as in production. Without it a server that is
	// killed keeps its data, and a machine that stops does not: enough for most tests.
	Sync bool
	// Settings are lines for postgresql.conf, which win over those of this package.
	Settings map[string]string
	// Env is added to the server's environment, as NAME=value.
	Env []string
	// Dir is where its folder is made; "" is the usual place for temporary files.
	Dir string
	Place
}

// Place is where on the network a server runs. The zero value is the loopback of this
// process.
type Place struct {
	// Host is the IPv4 address that the server listens on.
	Host string
	// Namespace is the path of a network namespace, which has the address. Whoever starts
	// the server is root, and reaches the address from its own namespace.
	Namespace string
}

// loopback is where a server without a place listens.
const loopback = "127.0.0.1"

// Server is a running PostgreSQL server.
type Server struct {
	options   Options
	root      string // removed by Close; it holds the data directory
	bin       string
	port      int
	process   *process
	databases atomic.Int64
}

// Start makes a database cluster and starts a server on it. It takes two seconds, most of
// them for initdb. ErrMissing if PostgreSQL is not installed.
func Start(ctx context.Context, o Options) (*Server, error) {
	s, err := newServer(o)
	if err != nil {
		return nil, err
	}
	if err := s.initialize(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.Restart(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// newServer returns a server with a directory and a port, without data.
func newServer(o Options) (*Server, error) {
	bin, err := Programs()
	if err != nil {
		return nil, err
	}
	root, err := os.MkdirTemp(o.Dir, "astrohook-postgres-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for PostgreSQL: %w", err)
	}
	s := &Server{options: o, root: root, bin: bin}
	if err := handOver(root); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if s.port, err = freePort(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Programs returns the folder of the newest PostgreSQL programs. ErrMissing if there is none.
func Programs() (string, error) {
	if chosen := os.Getenv("ASTROHOOK_TEST_POSTGRES"); chosen != "" {
		return chosen, nil
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		first, err := exec.LookPath("initdb")
		if err != nil {
			return "", ErrMissing
		}
		// A link to it alone would not lead to the other programs.
		if first, err = filepath.EvalSymlinks(first); err != nil {
			return "", fmt.Errorf("find PostgreSQL: %w", err)
		}
		return filepath.Dir(first), nil
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })), nil
}

// version returns the number in /usr/lib/postgresql/15/bin/initdb.
func version(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	return n
}

// freePort returns a loopback port that nothing listens on.
func freePort() (int, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a port for PostgreSQL: %w", err)
	}
	defer func() { _ = l.Close() }() // nothing was written
	return l.Addr().(*net.TCPAddr).Port, nil
}

// data is the data directory.
func (s *Server) data() string { return filepath.Join(s.root, "data") }

// initialize runs initdb and writes the settings.
func (s *Server) initialize(ctx context.Context) error {
	secret := filepath.Join(s.root, "password")
	if err := os.WriteFile(secret, []byte(Password), 0o644); err != nil {
		return fmt.Errorf("write the password: %w", err)
	}
	err := s.run(ctx, "initdb", "--pgdata="+s.data(), "--username="+User, "--pwfile="+secret,
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	if err != nil {
		return err
	}
	return errors.Join(s.admitOthers(), s.configure(s.options.Settings))
}

// admitOthers lets in, with the password, whoever does not come from this machine.
func (s *Server) admitOthers() error {
	if s.options.Host == "" {
		return nil
	}
	return s.appendTo("pg_hba.conf", "host all all 0.0.0.0/0 scram-sha-256\nhost replication all 0.0.0.0/0 scram-sha-256\n")
}

// configure appends settings to postgresql.conf. The last line of a name wins there.
func (s *Server) configure(extra map[string]string) error {
	lines := map[string]string{
		"listen_addresses": s.host(), "port": strconv.Itoa(s.port), "unix_socket_directories": s.root,
		"max_connections": "300", "shared_buffers": "128MB", "max_wal_size": "2GB", "wal_level": "replica",
		"max_wal_senders": "10", "hot_standby": "on", "log_checkpoints": "off", "timezone": "UTC", "jit": "off",
	}
	if !s.options.Sync {
		maps.Copy(lines, map[string]string{"fsync": "off", "full_page_writes": "off"})
	}
	maps.Copy(lines, extra)
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(lines)) {
		fmt.Fprintf(&text, "%s = '%s'\n", name, strings.ReplaceAll(lines[name], "'", "''"))
	}
	return s.appendTo("postgresql.conf", text.String())
}

// appendTo appends lines to a file of the data directory.
func (s *Server) appendTo(name, text string) error {
	f, err := os.OpenFile(filepath.Join(s.data(), name), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("configure PostgreSQL: %w", err)
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// run runs a program of PostgreSQL to its end, as the user of the server.
func (s *Server) run(ctx context.Context, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, program), args...)
	cmd.Dir = s.root
	cmd.Env = append(os.Environ(), "PGPASSWORD="+Password, "LC_ALL=C")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := asUser(cmd); err != nil {
		return err
	}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, bytes.TrimSpace(out.Bytes()))
	}
	return nil
}

// Restart starts the server on its data, after Start of course, Stop or Kill, and returns
// once it answers.
func (s *Server) Restart(ctx context.Context) error {
	cmd := exec.Command(filepath.Join(s.bin, "postgres"), "-D", s.data())
	cmd.Dir = s.root
	if len(s.options.Env) > 0 {
		cmd.Env = append(os.Environ(), s.options.Env...)
	}
	log, err := os.OpenFile(s.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the log of PostgreSQL: %w", err)
	}
	defer func() { _ = log.Close() }() // the server has its own descriptor
	cmd.Stdout, cmd.Stderr = log, log
	if err := asUser(cmd); err != nil {
		return err
	}
	if s.process, err = startProcess(cmd, s.options.Namespace); err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	if err := s.awaitAnswer(ctx); err != nil {
		text, _ := os.ReadFile(s.log())
		return fmt.Errorf("%w; its log ends with: %s", err, text[max(len(text)-2000, 0):])
	}
	return nil
}

// log is the file of what the server says.
func (s *Server) log() string { return filepath.Join(s.root, "log") }

// awaitAnswer returns once a session can be opened.
func (s *Server) awaitAnswer(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		err := s.Exec(ctx, "SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-s.process.ended:
			return errors.New("PostgreSQL ended at once")
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL does not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Address returns the host and port that the server listens on.
func (s *Server) Address() string { return net.JoinHostPort(s.host(), strconv.Itoa(s.port)) }

func (s *Server) host() string { return cmp.Or(s.options.Host, loopback) }

// URL returns the address of a database, with user and password.
func (s *Server) URL(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(User, Password), Host: s.Address(), Path: "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Database makes an empty database and returns its URL. Tests that run at the same time
// do not meet in it.
func (s *Server) Database(ctx context.Context) (string, error) {
	name := fmt.Sprintf("test_%d", s.databases.Add(1))
	if err := s.Exec(ctx, "CREATE DATABASE "+name+" STRATEGY file_copy"); err != nil {
		return "", fmt.Errorf("make a database: %w", err)
	}
	return s.URL(name), nil
}

// Exec runs statements on the database postgres, as its superuser.
func (s *Server) Exec(ctx context.Context, sql string) error {
	return Exec(ctx, s.URL("postgres"), sql)
}

// Exec runs statements on a database of any server.
func Exec(ctx context.Context, url, sql string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}

// Kill kills the server with SIGKILL, all its processes, as a power cut would, and
// returns when they have ended. Restart recovers.
func (s *Server) Kill() error { return s.process.end(syscall.SIGKILL) }

// Stop ends the server as its operator would: sessions are ended, everything is written.
func (s *Server) Stop() error { return s.process.end(syscall.SIGINT) }

// Suspend stops all processes of the server with SIGSTOP, as a paused machine: sockets
// stay open and nothing answers. Resume continues them.
func (s *Server) Suspend() error { return s.process.signalAll(syscall.SIGSTOP) }

// Resume ends Suspend.
func (s *Server) Resume() error { return s.process.signalAll(syscall.SIGCONT) }

// Close kills the server if it runs, and removes its data.
func (s *Server) Close() error {
	var err error
	if s.process != nil {
		err = s.Kill()
	}
	return errors.Join(err, os.RemoveAll(s.root))
}
