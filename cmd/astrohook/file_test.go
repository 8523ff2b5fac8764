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
	parser, err := newParser(context.Background(), "astrohook", streams{In: strings.NewReader(""), Out: &strings.Builder{}, Err: &strings.Builder{}})
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
webhook:
  timeout: 3s
  retry: {initial: 5s}
  max-attempts: 7
`)
	t.Setenv("ASTROHOOK_CONFIG", file)
	t.Setenv("ASTROHOOK_LISTEN", "127.0.0.1:1002")
	t.Setenv("ASTROHOOK_DATA_DIR", "/from/env")
	t.Setenv("ASTROHOOK_WEBHOOK_MAX_ATTEMPTS", "8")
	line, err := parse(t, "serve", "--listen=127.0.0.1:1003", "--webhook-concurrency=9")
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
		{"an unknown key", "sync: true\nlisen: :8080", "settings.yaml:2: lisen is not a setting: did you mean listen?"},
		{"an unknown key in a group", "webhook:\n  timeot: 3s", "settings.yaml:2: webhook-timeot is not a setting: did you mean webhook-timeout?"},
		{"a key that was renamed", "endpoint-timeout: 3s", "settings.yaml:1: endpoint-timeout is not a setting: did you mean webhook-timeout?"},
		{"a key that was renamed, in a group", "listen: :1\nendpoint:\n  max-attempts: 3", "settings.yaml:3: endpoint-max-attempts is not a setting: did you mean webhook-max-attempts?"},
		{"a key like no other", "colour: blue", "settings.yaml:1: colour is not a setting"},
		{"no YAML", "sync: true\nlisten: [", "settings.yaml:2: did not find"},
		{"a list on top", "- listen", "settings.yaml:1: the file must hold settings"},
		{"a wrong type", "sync: true\nwebhook-concurrency: many", `settings.yaml:2: webhook-concurrency: expected a valid 64 bit int but got "many"`},
		{"a duration without a unit", "retention: 30", `settings.yaml:1: retention: `},
		{"a size with a wrong unit", "disk-reserve: 5XB", `settings.yaml:1: disk-reserve: "5XB" has the unit "XB"`},
		{"one of several", "log-level: loud", "settings.yaml:1: --log-level must be one of"},
		{"a mapping for a value", "listen: {}", "settings.yaml:1: listen: a mapping stands where one value is expected"},
		{"a list in a list", "allow-ports: [[1]]", "settings.yaml:1: allow-ports: a list holds something other than values"},
		{"the file names itself", "config: other.yaml", "settings.yaml:1: config is not a setting"},
		{"a key given twice", "listen: :1\nlisten: :2", "settings.yaml:2: mapping key \"listen\" already defined at line 1"},
		{"a key given twice, once in a group", "webhook-timeout: 1s\nwebhook:\n  timeout: 2s", "settings.yaml:3: webhook-timeout is set already at line 1"},
		{"a value that only the server can judge", "jwt-secret: " + testSecret + "\nsecret-keys: " + testSecretKey + "\nretention: 1s", "settings.yaml:3: retention is less than 1m"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			got := runCommand(t, "", "serve", "--config", writeFile(t, "settings.yaml", c.content))
			if got.code != exitUsage || !strings.Contains(got.err, c.want) {
				t.Errorf("%+v, want an error with %q", got, c.want)
			}
		})
	}
	if _, err := parse(t, "serve", "--config", "/does/not/exist.yaml"); err == nil || !strings.Contains(err.Error(), "/does/not/exist.yaml") {
		t.Errorf("a missing file: %v", err)
	}
}

// TestFileTexts: text that YAML reads as a number reaches a setting as it is written.
func TestFileTexts(t *testing.T) {
	file := writeFile(t, "settings.yaml", `
jwt-secret: 01234567890123456789012345678901
base: &ports [443, 8443]
allow-ports: *ports
`)
	if _, err := parse(t, "serve", "--config", file); err == nil || !strings.Contains(err.Error(), "base is not a setting") {
		t.Errorf("%v", err)
	}
	file = writeFile(t, "settings.yaml", "jwt-secret: 01234567890123456789012345678901\nallow-ports: [443, 8443]\njwt-issuer:\n")
	line, err := parse(t, "serve", "--config", file)
	if err != nil || line.Serve.JWTSecret != "01234567890123456789012345678901" || strings.Join(line.Serve.AllowPorts, " ") != "443 8443" || line.Serve.JWTIssuer != "" {
		t.Errorf("%+v, %v", line.Serve.Config, err)
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
