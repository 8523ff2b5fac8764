package main

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/cmd/internal/app"
)

// parse reads a command line as main does, without running anything.
func parse(t *testing.T, args ...string) (*commandLine, error) {
	t.Helper()
	parser, err := newParser(context.Background(), "astrohook", streams{strings.NewReader(""), &strings.Builder{}, &strings.Builder{}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(args)
	line, ok := parser.Model.Target.Addr().Interface().(*commandLine)
	if !ok {
		t.Fatalf("the command line is a %s", parser.Model.Target.Type())
	}
	return line, err
}

func writeFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSettingsPrecedence(t *testing.T) {
	file := writeFile(t, "settings.yaml", `
listen: 127.0.0.1:1001
data-dir: /from/file
sync: false
allow-addresses: [10.0.0.0/8, 192.168.0.0/16]
retention: 48h
disk-reserve: 1GiB
log-level: warn
endpoint:
  timeout: 3s
  retry: {initial: 5s}
  max-attempts: 7
`)
	t.Setenv("ASTROHOOK_CONFIG", file)
	t.Setenv("ASTROHOOK_LISTEN", "127.0.0.1:1002")
	t.Setenv("ASTROHOOK_DATA_DIR", "/from/env")
	t.Setenv("ASTROHOOK_ENDPOINT_MAX_ATTEMPTS", "8")
	line, err := parse(t, "serve", "--listen=127.0.0.1:1003", "--endpoint-concurrency=9")
	if err != nil {
		t.Fatal(err)
	}
	got := line.Serve
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"a flag wins over environment and file", got.Listen, "127.0.0.1:1003"},
		{"the environment wins over the file", got.DataDir, "/from/env"},
		{"also in a group", got.EndpointMaxAttempts, 8},
		{"the file wins over the default", got.Retention, 48 * time.Hour},
		{"a flag alone", got.EndpointConcurrency, 9},
		{"a switch", got.Sync, false},
		{"a list", got.AllowAddresses, []string{"10.0.0.0/8", "192.168.0.0/16"}},
		{"a size", got.DiskReserve, app.Size(1 << 30)},
		{"a group", got.EndpointTimeout, 3 * time.Second},
		{"a group in a group", got.EndpointRetryInitial, 5 * time.Second},
		{"a setting of the command itself", got.LogLevel, "warn"},
		{"the default where nothing is said", got.EndpointRetryMax, 24 * time.Hour},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%s: got %v, want %v", c.what, c.got, c.want)
		}
	}
}

// TestFixedNames checks the names in the environment that others rely on.
func TestFixedNames(t *testing.T) {
	for name, value := range map[string]string{
		"ASTROHOOK_LISTEN": ":1", "ASTROHOOK_ADMIN_LISTEN": ":2", "ASTROHOOK_DATA_DIR": "/d", "ASTROHOOK_JWT_SECRET": "s",
		"ASTROHOOK_ALLOW_ADDRESSES": "10.0.0.0/8,::1", "ASTROHOOK_LOG_LEVEL": "debug", "ASTROHOOK_SYNC": "false",
	} {
		t.Setenv(name, value)
	}
	line, err := parse(t, "serve")
	if err != nil {
		t.Fatal(err)
	}
	c := line.Serve
	got := []any{c.Listen, c.AdminListen, c.DataDir, c.JWTSecret, c.AllowAddresses, c.LogLevel, c.Sync}
	want := []any{":1", ":2", "/d", "s", []string{"10.0.0.0/8", "::1"}, "debug", false}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSettingsDefaults(t *testing.T) {
	line, err := parse(t, "serve")
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(line.Serve.Config, app.Defaults()) {
		t.Errorf("the command's defaults %+v are not the server's %+v", line.Serve.Config, app.Defaults())
	}
	if !line.Serve.Sync {
		t.Error("sync is off by default")
	}
}

func TestSettingsFileRefused(t *testing.T) {
	for _, c := range []struct{ reason, content, want string }{
		{"an unknown key", "lisen: :8080", "lisen is not a setting"},
		{"an unknown key in a group", "endpoint: {timeot: 3s}", "endpoint-timeot is not a setting"},
		{"no YAML", "listen: [", "settings file"},
		{"a list on top", "- listen", "settings file"},
		{"a wrong type", "endpoint-concurrency: many", "endpoint-concurrency"},
		{"a mapping for a value", "listen: {}", "listen"},
		{"the file names itself", "config: other.yaml", "config is not a setting"},
		{"a key given twice", "listen: :1\nlisten: :2", "already defined"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			_, err := parse(t, "serve", "--config", writeFile(t, "settings.yaml", c.content))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
	if _, err := parse(t, "serve", "--config", "/does/not/exist.yaml"); err == nil || !strings.Contains(err.Error(), "/does/not/exist.yaml") {
		t.Errorf("a missing file: %v", err)
	}
}

// TestFileServesEveryCommand: a file made for serve also feeds token, and does not disturb the rest.
func TestFileServesEveryCommand(t *testing.T) {
	file := writeFile(t, "settings.yaml", "jwt-secret: 0123456789abcdef0123456789abcdef\nlisten: :8080\nserver: http://127.0.0.1:1\n")
	line, err := parse(t, "token", "--config", file, "--client=acme")
	if err != nil || line.Token.JWTSecret != "0123456789abcdef0123456789abcdef" {
		t.Errorf("token: %q, %v", line.Token.JWTSecret, err)
	}
	line, err = parse(t, "publish", "--config", file, "user.created", "{}")
	if err != nil || line.Publish.Server != "http://127.0.0.1:1" {
		t.Errorf("publish: %q, %v", line.Publish.Server, err)
	}
}
