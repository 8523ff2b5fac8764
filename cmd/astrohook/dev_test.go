package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/cmd/internal/app"
	"github.com/corpastro/astrohook/storage/keyring"
)

func TestPrepareDev(t *testing.T) {
	now := time.Now()
	config := app.Defaults()
	config.DataDir = filepath.Join(t.TempDir(), "data")
	dev, err := prepareDev(&config, now)
	if err != nil {
		t.Fatal(err)
	}
	if config.Listen != "127.0.0.1:8080" || strings.Join(config.AllowAddresses, " ") != "127.0.0.0/8 ::1/128" {
		t.Errorf("listen %q, allow %q", config.Listen, config.AllowAddresses)
	}
	token, err := os.ReadFile(dev.tokenFile)
	if err != nil {
		t.Fatal(err)
	}
	found, err := readToken(t, strings.TrimSpace(string(token)), config.JWTSecret, now)
	if err != nil || found["scope"] != "admin" {
		t.Errorf("token %v, %v", found, err)
	}
	if config.MinWebhookRetry != time.Millisecond {
		t.Errorf("min-webhook-retry %v", config.MinWebhookRetry)
	}
	if _, err := keyring.Parse(config.SecretKeys); err != nil {
		t.Errorf("the key cannot be used: %v", err)
	}
	for _, name := range []string{devSecretFile, devKeyFile, devTokenFile} {
		info, err := os.Stat(filepath.Join(config.DataDir, name))
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v; want mode 0600", name, info, err)
		}
	}
	if info, err := os.Stat(config.DataDir); err != nil || info.Mode() != fs.ModeDir|0o700 {
		t.Errorf("data directory: %v, %v; want mode 0700", info, err)
	}

	again := app.Defaults()
	again.DataDir, again.Listen = config.DataDir, "127.0.0.1:1234"
	if _, err := prepareDev(&again, now); err != nil {
		t.Fatal(err)
	}
	if again.JWTSecret != config.JWTSecret || len(again.JWTSecret) < 32 {
		t.Error("the secret was not kept")
	}
	if !slices.Equal(again.SecretKeys, config.SecretKeys) {
		t.Error("the key was not kept")
	}
	if again.Listen != "127.0.0.1:1234" {
		t.Errorf("listen %q: the operator's own choice was changed", again.Listen)
	}
	given := app.Defaults()
	given.DataDir, given.JWTSecret, given.SecretKeys = config.DataDir, testSecret, []string{testSecretKey}
	if _, err := prepareDev(&given, now); err != nil || given.JWTSecret != testSecret || given.SecretKeys[0] != testSecretKey {
		t.Errorf("a given secret or key was not used: %v", err)
	}
}

// TestHints: the commands are right for the address, the program and the folder in
// use, and a shell takes them as they are meant.
func TestHints(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "it's my data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	dev := devMode{tokenFile: filepath.Join(dir, devTokenFile)}
	if err := os.WriteFile(dev.tokenFile, []byte("tok\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	dev.printHints(&out, "./bin/astro hook", &net.TCPAddr{IP: net.IPv6zero, Port: 4711})
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 10 || !strings.HasSuffix(lines[0], " http://127.0.0.1:4711/") {
		t.Fatalf("%d lines:\n%s", len(lines), out.String())
	}
	var words [][]string
	for _, i := range []int{5, 7, 9} {
		// A shell function in place of each program shows the words that it gets.
		script := `show() { printf '%s\n' "$@"; }; ` + strings.NewReplacer("  './bin/astro hook' ", "show ", "  curl ", "show ").Replace(lines[i])
		text, err := exec.CommandContext(t.Context(), "sh", "-c", script).Output()
		if err != nil {
			t.Fatalf("%s: %v", script, err)
		}
		words = append(words, strings.Split(strings.TrimSpace(string(text)), "\n"))
	}
	listen, register, publish := words[0], words[1], words[2]
	if !slices.Equal(listen[:4], []string{"listen", "--address", devReceiver, "--secret"}) || len(listen) != 5 {
		t.Errorf("listen: %q", listen)
	}
	var webhook struct {
		ClientID  string `json:"client_id"`
		TargetURL string `json:"target_url"`
		Secret    string `json:"secret"`
	}
	if err := json.Unmarshal([]byte(register[len(register)-1]), &webhook); err != nil {
		t.Fatal(err)
	}
	if webhook.TargetURL != "http://"+devReceiver+"/" || webhook.Secret != listen[4] || webhook.ClientID != devClient {
		t.Errorf("register: %+v", webhook)
	}
	for path, got := range map[string][]string{"/api/webhooks": register, "/api/events": publish} {
		if want := []string{"-sS", "-H", "Authorization: Bearer tok", "http://127.0.0.1:4711" + path, "-d"}; !slices.Equal(got[:5], want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestQuote passes quoted words through a real shell.
func TestQuote(t *testing.T) {
	for _, word := range []string{"", "a", "./bin/astrohook", "a b", "it's", "$HOME", "a;b", `\`, "*", "~", "\n", "é", "-n=1"} {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+quote(word)).Output()
		if err != nil || string(out) != word {
			t.Errorf("%q became %q: %v", word, out, err)
		}
	}
}

// TestEmptySecret: a file that a crash of the machine left empty is no secret, and is not
// replaced by a new one silently.
func TestEmptySecret(t *testing.T) {
	for _, name := range []string{devSecretFile, devKeyFile} {
		config := app.Defaults()
		config.DataDir = t.TempDir()
		path := filepath.Join(config.DataDir, name)
		if err := os.WriteFile(path, []byte("\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := prepareDev(&config, time.Now()); err == nil || !strings.Contains(err.Error(), path+" is empty") {
			t.Errorf("%s: %v", name, err)
		}
		if text, err := os.ReadFile(path); err != nil || string(text) != "\n" {
			t.Errorf("%s was changed: %q, %v", name, text, err)
		}
	}
}

// TestDevFails: what --dev cannot read or write ends the start, and names the file.
func TestDevFails(t *testing.T) {
	for _, c := range []struct {
		reason string
		spoil  func(dir string) error
		want   string
	}{
		{"the data directory is a file", func(dir string) error { return os.WriteFile(dir, nil, 0o600) }, "make the data directory: "},
		{"the secret is a directory", func(dir string) error { return os.MkdirAll(filepath.Join(dir, devSecretFile), 0o700) }, "read the secret: "},
		{"the key is a directory", func(dir string) error { return os.MkdirAll(filepath.Join(dir, devKeyFile), 0o700) }, "read the secret: "},
		{"the token is a directory", func(dir string) error { return os.MkdirAll(filepath.Join(dir, devTokenFile, "x"), 0o700) }, "keep the token: "},
		{"the key of before is none", func(dir string) error {
			return errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, devKeyFile), []byte("k:x\n"), 0o600))
		}, ""},
	} {
		config := app.Defaults()
		config.DataDir = filepath.Join(t.TempDir(), "data")
		if err := c.spoil(config.DataDir); err != nil {
			t.Fatal(err)
		}
		_, err := prepareDev(&config, time.Now())
		if c.want == "" && err == nil { // the server refuses it, as it does any other wrong key
			config.Log = slog.New(slog.DiscardHandler)
			if _, err := app.New(config); err == nil || !strings.Contains(err.Error(), "secret-keys") {
				t.Errorf("%s: %v", c.reason, err)
			}
			continue
		}
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || !strings.Contains(err.Error(), config.DataDir) {
			t.Errorf("%s: error %v, want %q", c.reason, err, c.want)
		}
	}
}

// TestReachable: the address to paste, for each kind of listener.
func TestReachable(t *testing.T) {
	for _, c := range []struct {
		addr net.Addr
		want string
	}{
		{&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080}, "127.0.0.1:8080"},
		{&net.TCPAddr{IP: net.IPv4zero, Port: 8080}, "127.0.0.1:8080"},
		{&net.TCPAddr{IP: net.IPv6zero, Port: 8080}, "127.0.0.1:8080"},
		{&net.TCPAddr{IP: net.IPv6loopback, Port: 1}, "[::1]:1"},
		{&net.TCPAddr{IP: net.IPv4(10, 0, 0, 7), Port: 1}, "10.0.0.7:1"},
		{&net.UnixAddr{Name: "/run/hook"}, "/run/hook"}, // not made by the server, but no reason to panic
	} {
		if got := reachable(c.addr); got != c.want {
			t.Errorf("%v: %s, want %s", c.addr, got, c.want)
		}
	}
}
