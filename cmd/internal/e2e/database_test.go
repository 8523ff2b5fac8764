package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/storage/pgstore/pgtest"
	"github.com/corpastro/astrohook/storage/pgstore/schema"
)

// postgres is the PostgreSQL server of the tests that share one, started when the first of
// them asks. Each has a database of its own.
var postgres = sync.OnceValues(func() (*pgtest.Server, error) {
	return pgtest.Start(context.Background(), pgtest.Options{})
})

// closePostgres ends that server, if it was started.
func closePostgres() error {
	s, err := postgres()
	if err != nil || s == nil {
		return nil
	}
	return s.Close()
}

// database makes an empty database and returns its URL.
func database(t *testing.T) string {
	t.Helper()
	s, err := postgres()
	if err != nil {
		t.Fatal(err)
	}
	url, err := s.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// onDatabase returns the settings of a server that keeps everything in a database.
func onDatabase(url string) []string {
	return []string{"ASTROHOOK_DATABASE_URL=" + url, "ASTROHOOK_REQUIRE_STANDBY=false"}
}

// command runs a command of the program, and returns its exit code and what it said. The
// environment has what the test needs kept off the command line.
func (s *server) command(t *testing.T, env []string, args ...string) (int, string) {
	t.Helper()
	cmd := exec.Command(s.binary, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return exitCode(t, err), string(out)
}

// TestDatabaseInPlaceOfADirectory: everything survives a kill, and nothing is on disk.
func TestDatabaseInPlaceOfADirectory(t *testing.T) {
	s := startServer(t, onDatabase(database(t))...)
	receiver := startSubscriber(t, func(*fasthttp.RequestCtx) {})
	endpoint := s.register(t, "client", fields{"event_type": "*", "target_url": receiver.url("/"), "secret": plainSecret})
	receiver.stop(t)
	const events = 50
	published := map[string]bool{}
	for range events {
		got, err := s.publish("user.created", []byte(`{"a":1}`))
		if err != nil {
			t.Fatal(err)
		}
		published[got.ID] = true
	}
	s.restart(t)
	receiver.start(t)
	s.call(t, http.MethodPost, "/api/webhooks/"+endpoint+"/resume", nil, nil) // its breaker is open
	s.awaitDrained(t, patience, endpoint)
	all := s.deliveries(t, endpoint)
	for _, d := range all {
		if d.Status != "delivered" || !published[d.EventID] {
			t.Errorf("%+v", d)
		}
		delete(published, d.EventID)
	}
	if len(all) != events || len(published) != 0 {
		t.Errorf("%d deliveries of %d events, %d are missing", len(all), events, len(published))
	}
	if _, err := os.Stat(s.dataDir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a data directory: %v", err)
	}
}

// TestMetricsOnADatabase: commits are timed, and there are no figures of a disk, which zeros
// would call full.
func TestMetricsOnADatabase(t *testing.T) {
	s := startServer(t, onDatabase(database(t))...)
	s.mustPublish(t)
	admin := &api{base: "http://" + s.admin}
	text, err := admin.send(http.MethodGet, "/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "astrohook_disk_") || strings.Contains(string(text), "astrohook_storage_commit_seconds_count 0") ||
		!strings.Contains(string(text), "astrohook_storage_commit_seconds_count ") {
		t.Errorf("metrics:\n%s", text)
	}
	operator := s.api
	operator.token = mint(t, "", "admin")
	overview, err := operator.send(http.MethodGet, "/api/overview", nil)
	if err != nil || strings.Contains(string(overview), "disk") {
		t.Errorf("overview: %s %v", overview, err)
	}
}

// TestStartNamesWhatIsWrong starts servers on databases that they cannot use.
func TestStartNamesWhatIsWrong(t *testing.T) {
	shared, err := postgres()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		// prepare returns the settings of a server that cannot start.
		prepare func(t *testing.T) []string
		want    []string // of the line that it ends with
	}{
		{"an address that nobody listens on", func(t *testing.T) []string {
			return onDatabase("postgres://u:" + pgtest.Password + "@" + reserveAddress(t) + "/d")
		}, []string{"database-url", "connection refused"}},
		{"a wrong password", func(t *testing.T) []string {
			return onDatabase(strings.Replace(database(t), pgtest.Password, "another-secret", 1))
		}, []string{"database-url", "password authentication failed"}},
		{"a database that is not there", func(*testing.T) []string { return onDatabase(shared.URL("missing")) }, []string{"database-url", "does not exist"}},
		{"another kind of URL", func(*testing.T) []string {
			return onDatabase("mysql://u:" + pgtest.Password + "@127.0.0.1/d")
		}, []string{"--database-url (ASTROHOOK_DATABASE_URL)", "postgres://user:password@host:port/database"}},
		{
			"no standby", func(t *testing.T) []string { return []string{"ASTROHOOK_DATABASE_URL=" + database(t)} },
			[]string{"synchronous standby", "require-standby", "durability"},
		},
		{"tables of another program", func(t *testing.T) []string {
			url := database(t)
			execute(t, url, "CREATE TABLE event (a int)")
			return onDatabase(url)
		}, []string{"database-url", "tables of another program"}},
		{"tables of a newer version", func(t *testing.T) []string {
			url := database(t)
			migrated(t, url)
			execute(t, url, "UPDATE meta SET value = '99' WHERE name IN ('version', 'least')")
			return onDatabase(url)
		}, []string{"database-url", "newer version", "99"}},
		{"a restore that has not finished", func(t *testing.T) []string {
			url := database(t)
			migrated(t, url)
			execute(t, url, "INSERT INTO meta (name, value) VALUES ('restoring', 'true')")
			return onDatabase(url)
		}, []string{"database-url", "restore into this database has not finished"}},
		{"another cluster on it", func(t *testing.T) []string {
			url := database(t)
			node := func(secret string) []string {
				return append(onDatabase(url), "ASTROHOOK_CLUSTER_LISTEN="+reserveAddress(t), "ASTROHOOK_CLUSTER_SECRET="+secret)
			}
			startServer(t, node(strings.Repeat("a", 32))...)
			return node(strings.Repeat("b", 32))
		}, []string{"database-url", "another cluster", "cluster-secret"}},
		{"a missing key", func(t *testing.T) []string {
			url := database(t)
			first := startServer(t, onDatabase(url)...)
			first.register(t, "client", fields{"event_type": "*", "target_url": "http://127.0.0.1:1/", "secret": plainSecret})
			first.kill()
			return append(onDatabase(url), "ASTROHOOK_SECRET_KEYS=other:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
		}, []string{"secret-keys", `lacks the key "e2e"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t, c.prepare(t)...)
			s.start(t)
			if code := s.awaitExit(t); code == 0 {
				t.Error("exit code 0")
			}
			said := s.log.String()
			lines := strings.Split(strings.TrimSpace(said), "\n")
			last := lines[len(lines)-1]
			for _, want := range c.want {
				if !strings.Contains(last, want) {
					t.Errorf("the last line lacks %q:\n%s", want, said)
				}
			}
			if strings.Contains(said, pgtest.Password) || strings.Contains(said, "another-secret") {
				t.Errorf("it shows a password:\n%s", said)
			}
		})
	}
}

// migrated makes the tables of a database.
func migrated(t *testing.T, url string) {
	t.Helper()
	s := &server{binary: astrohook(t)}
	if code, said := s.command(t, []string{"ASTROHOOK_DATABASE_URL=" + url}, "migrate"); code != 0 {
		t.Fatalf("migrate: exit code %d: %s", code, said)
	}
}

// execute runs a statement on a database.
func execute(t *testing.T, url, sql string) {
	t.Helper()
	if err := pgtest.Exec(t.Context(), url, sql); err != nil {
		t.Fatal(err)
	}
}

// TestCommandsAndDatabases: each command works on a database, or says what to use instead.
func TestCommandsAndDatabases(t *testing.T) {
	url := database(t)
	s := newServer(t, onDatabase(url)...)
	file := filepath.Join(t.TempDir(), "backup")
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"migrate"}, 0, fmt.Sprintf("Made the tables of version %d in 127.0.0.1:", schema.Version)},
		{[]string{"migrate"}, 0, "nothing to do"},
		{[]string{"migrate", "--database-url", "localhost"}, 2, "--database-url (ASTROHOOK_DATABASE_URL) is not of the form"},
		{[]string{"check", "postgres://h/d"}, 2, "pg_amcheck"},
		{[]string{"backup", "postgres://h/d", file}, 2, "pg_dump or pgBackRest"},
		{[]string{"restore", filepath.Join(t.TempDir(), "missing")}, 1, "no such file"},
	} {
		code, said := s.command(t, []string{"ASTROHOOK_DATABASE_URL=" + url}, c.args...)
		if code != c.code || !strings.Contains(said, c.want) || strings.Contains(said, pgtest.Password) {
			t.Errorf("%v: exit code %d, want %d: %s", c.args, code, c.code, said)
		}
	}
	s.start(t)
	s.awaitReady(t)
	caller := []string{"ASTROHOOK_SERVER=" + s.base, "ASTROHOOK_TOKEN=" + mint(t, "operator", "admin")}
	if code, said := s.command(t, caller, "backup", file); code != 1 || !strings.Contains(said, "pg_dump") {
		t.Errorf("backup of the running server: exit code %d: %s", code, said)
	}
	s.register(t, "client", fields{"event_type": "*", "target_url": "http://127.0.0.1:1/", "secret": plainSecret})
	s.kill()
	const newer = "newer:HR4fAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxw="
	s.env = append(s.env, "ASTROHOOK_SECRET_KEYS="+newer+","+secretKey)
	s.start(t)
	s.awaitReady(t)
	if code, said := s.command(t, caller, "reencrypt"); code != 0 || !strings.Contains(said, "1 webhooks reencrypted, 0 remain") {
		t.Errorf("reencrypt: exit code %d: %s", code, said)
	}
}

// TestSettingsWithoutEffect: whoever sets them must learn that they do nothing.
func TestSettingsWithoutEffect(t *testing.T) {
	s := startServer(t, append(onDatabase(database(t)), "ASTROHOOK_DISK_RESERVE=1GiB", "ASTROHOOK_SYNC=false")...)
	said := s.log.String()
	for _, want := range []string{"no effect with database-url", "data-dir", "sync", "disk-reserve", "require-standby is off"} {
		if !strings.Contains(said, want) {
			t.Errorf("the log lacks %q:\n%s", want, said)
		}
	}
}

// TestNoPasswordAppears looks for the password of the database in everything that others
// can read: logs, errors, metrics, and the command lines of all processes.
func TestNoPasswordAppears(t *testing.T) {
	server, err := pgtest.Start(t.Context(), pgtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	address, err := server.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t, append(onDatabase(address), "ASTROHOOK_LOG_LEVEL=debug")...)
	var log strings.Builder
	lines := &keptLog{to: &log}
	s.startWith(t, lines)
	s.awaitReady(t)
	s.register(t, "client", fields{"event_type": "*", "target_url": "http://127.0.0.1:1/", "secret": plainSecret})
	answers := []string{}
	for range 2 {
		if _, err := s.publish("user.created", []byte(`{}`)); err != nil {
			answers = append(answers, err.Error())
		}
		for _, path := range []string{"http://" + s.admin + "/metrics", s.base + "/api/webhooks", s.base + "/readyz"} {
			answers = append(answers, fetch(t, path, s.token))
		}
		answers = append(answers, commandLines(t)...)
		if err := server.Stop(); err != nil { // the second time nothing can be reached
			t.Fatal(err)
		}
	}
	s.signal(t, 15)
	<-s.exited
	answers = append(answers, lines.String())
	raw, _ := url.QueryUnescape(pgtest.Password)
	for _, text := range answers {
		if strings.Contains(text, pgtest.Password) || strings.Contains(text, raw) {
			t.Errorf("the password appears in %q", text)
		}
	}
	if !strings.Contains(strings.Join(answers, "\n"), "storage cannot be reached") {
		t.Errorf("no answer says that storage cannot be reached: %q", answers)
	}
}

// keptLog is a writer that two goroutines may use.
type keptLog struct {
	mu sync.Mutex
	to *strings.Builder
}

// Write appends what a process said.
func (w *keptLog) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}

// String returns everything so far.
func (w *keptLog) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.String()
}

// fetch returns the body of an answer, whatever its status.
func fetch(t *testing.T, url, token string) string {
	t.Helper()
	a := &api{base: url, token: token}
	body, err := a.send(http.MethodGet, "", nil)
	if err != nil {
		return err.Error()
	}
	return string(body)
}

// commandLines returns those of all processes of this machine: PostgreSQL shows names of
// users and applications there.
func commandLines(t *testing.T) (lines []string) {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		line, err := os.ReadFile(path)
		if err == nil { // else the process has ended
			lines = append(lines, fmt.Sprintf("%s: %q", path, line))
		}
	}
	return lines
}
