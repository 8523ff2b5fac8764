package main

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

var errFull = errors.New("no space left on device")

// fullDisk is a standard output that takes nothing.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

// TestOutputFails: a command whose result cannot be written fails, so that a script that
// redirects it into a file does not continue with an empty one.
func TestOutputFails(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"id":"evt_1","key":"ahk_1_2","data":[{"id":"a"}],"results":[{"id":"evt_1"}],"remaining":0}`))
	}))
	defer server.Close()
	at := []string{"--token=tok", "--server", server.URL}
	for _, args := range [][]string{
		{"version"},
		{"secret-key"},
		{"token", "--client=acme", "--jwt-secret", testSecret},
		append([]string{"publish", "user.created", "{}"}, at...),
		append([]string{"publish", "--batch=-"}, at...),
		append([]string{"key", "create", "x"}, at...),
		append([]string{"key", "list"}, at...),
		append([]string{"key", "revoke", "x"}, at...),
		append([]string{"reencrypt"}, at...),
		append([]string{"verify", "--secret", vectorSecret, "--any-age"}, vectorHeaders...),
		append([]string{"verify", "--secret", vectorSecret, "--any-age", "-H", "X-Corp-Astro-Event-ID: e"}, vectorHeaders...),
	} {
		var errOut strings.Builder
		code := run(t.Context(), append([]string{"astrohook"}, args...), streams{In: strings.NewReader(vectorBody), Out: fullDisk{}, Err: &errOut})
		if code != exitFailed || !strings.Contains(errOut.String(), errFull.Error()) {
			t.Errorf("%q: exit code %d, error %q", args, code, errOut.String())
		}
	}
}

// TestReadInput: a file, or the standard input, up to a limit.
func TestReadInput(t *testing.T) {
	file := writeFile(t, "body", "0123456789")
	for _, c := range []struct {
		reason, path, stdin string
		limit               int64
		want, err           string
	}{
		{"a file", file, "", 100, "0123456789", ""},
		{"a file at the limit", file, "", 10, "0123456789", ""},
		{"a file over the limit", file, "", 9, "", "longer than 9 bytes"},
		{"the standard input", "-", "abc", 3, "abc", ""},
		{"a standard input that is too long", "-", "abcd", 3, "", "longer than 3 bytes"},
		{"nothing", "-", "", 3, "", ""},
		{"a missing file", file + ".none", "", 3, "", "no such file"},
		{"a directory", filepath.Dir(file), "", 3, "", "is a directory"},
	} {
		got, err := readInput(c.path, strings.NewReader(c.stdin), c.limit)
		if string(got) != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %q, %v; want %q, %q", c.reason, got, err, c.want, c.err)
		}
	}
	if _, err := readInput("-", iotest.ErrReader(errFull), 3); !errors.Is(err, errFull) {
		t.Errorf("an input that fails: %v", err)
	}
}

// TestParseHeaders: what curl takes with -H.
func TestParseHeaders(t *testing.T) {
	got, err := parseHeaders([]string{"A: 1", "a:2", " B :  with: colon ", "C:"})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(got.Values("A"), ",") != "1,2" || got.Get("B") != "with: colon" || got.Get("C") != "" || len(got) != 3 {
		t.Errorf("%v", got)
	}
	for _, wrong := range []string{"", "A", ": 1", " : 1"} {
		if _, err := parseHeaders([]string{wrong}); err == nil || !strings.Contains(err.Error(), "'NAME: VALUE'") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

// TestSignedTime: the time in the headers, or the present if they have none to use.
func TestSignedTime(t *testing.T) {
	now := time.Now()
	for text, want := range map[string]time.Time{"1614265330": time.Unix(1614265330, 0), "": now, "yesterday": now, "1.5": now} {
		headers := http.Header{}
		headers.Set("webhook-timestamp", text)
		if got := signedTime(headers, now); !got.Equal(want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// TestLogger: the format and the level that the flags choose, also after the level has
// changed, as by a reload.
func TestLogger(t *testing.T) {
	for _, c := range []struct {
		format, level string
		text          bool
		lines         string // the levels that are logged
	}{
		{"text", "debug", true, "DEBUG INFO WARN ERROR"},
		{"json", "info", false, "INFO WARN ERROR"},
		{"auto", "warn", false, "WARN ERROR"}, // a buffer is no terminal
		{"text", "error", true, "ERROR"},
		{"text", "not reached", true, "INFO WARN ERROR"},
	} {
		var out strings.Builder
		level := new(slog.LevelVar)
		log := logFlags{LogLevel: c.level, LogFormat: c.format}.logger(&out, level)
		for _, at := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
			log.Log(t.Context(), at, "said")
		}
		found := strings.Join(regexp.MustCompile(`DEBUG|INFO|WARN|ERROR`).FindAllString(out.String(), -1), " ")
		if found != c.lines || strings.HasPrefix(out.String(), "{") == c.text {
			t.Errorf("%s, %s: logged %q:\n%s", c.format, c.level, found, out.String())
		}
		level.Set(slog.LevelError + 1)
		before := out.Len()
		log.Error("said")
		if out.Len() > before {
			t.Errorf("%s: the level cannot be changed later", c.format)
		}
	}
}

// TestVersion: a line for reports about faults, and a name for the User-Agent.
func TestVersion(t *testing.T) {
	before := version
	defer func() { version = before }()
	version = "v1.2.3-4-gabcdef"
	if got := currentVersion(); got != version {
		t.Errorf("%q: the Makefile's version is not used", got)
	}
	got := runCommand(t, "", "version")
	want := regexp.MustCompile(`^astrohook v1\.2\.3-4-gabcdef \(go1\.[0-9.]+\S*, [a-z]+/[a-z0-9]+, database (patched|not patched: build with make)\)\n$`)
	if got.code != exitDone || !want.MatchString(got.out) {
		t.Errorf("%+v", got)
	}
	version = ""
	if got := currentVersion(); got == "" || strings.ContainsAny(got, " \n()") {
		t.Errorf("without the Makefile: %q", got)
	}
}

// TestSizeOf: for people, and never a reason to fail.
func TestSizeOf(t *testing.T) {
	dir := t.TempDir()
	for name, size := range map[string]int{"a": 1000, "b/c": 24, "b/d/e": 1024} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/dev/zero", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{dir: "2.0 KiB", filepath.Join(dir, "a"): "1000 B", filepath.Join(dir, "none"): "size unknown"} {
		if got := sizeOf(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	if err := isDir(filepath.Join(dir, "a")); err == nil || !strings.HasSuffix(err.Error(), "a is not a directory") {
		t.Errorf("a file for a directory: %v", err)
	}
}
