package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// fakeBrowser is a program that notes how it is called, and ends with a code. It returns where
// it does.
func fakeBrowser(t *testing.T, code string) string {
	t.Helper()
	dir := t.TempDir()
	noted := filepath.Join(dir, "called")
	script := filepath.Join(dir, "browser")
	text := "#!/bin/sh\n{ printf '%s\\n' \"$@\"; env; } > " + noted + ".new\nmv " + noted + ".new " + noted + "\nexit " + code + "\n"
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	t.Setenv("BROWSER", script+" --new-window")
	before := browserGrace
	browserGrace = time.Minute
	t.Cleanup(func() { browserGrace = before })
	return noted
}

// TestOpen: the console of a real server opens by a link without the token, which signs in
// once, as a session that may do what the token may; or with --read-only, only read.
func TestOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	server := startCommand(t, "serve", "--dev", "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--data-dir", dir, "--log-format=text")
	url := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(server.out.await(t, "3. Publish an event\n"))
	token, err := os.ReadFile(filepath.Join(dir, devTokenFile))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	if got := runCommand(t, string(token), "login", "--server", url, "dev"); got.code != 0 {
		t.Fatalf("%+v", got)
	}
	t.Setenv("ASTROHOOK_OUTPUT", "table") // what a browser must not inherit
	for flag, readOnly := range map[string]bool{"--profile=dev": false, "--read-only": true} {
		called := fakeBrowser(t, "0")
		got := runCommand(t, "", "open", flag)
		text, err := os.ReadFile(called)
		if err != nil || got.code != 0 || got.out != "" || !strings.Contains(got.err, "Opened the console in a browser.") {
			t.Fatalf("%+v, %v", got, err)
		}
		lines := strings.Split(string(text), "\n")
		secret, ours := strings.CutPrefix(lines[1], url+"/ui/#link=")
		if lines[0] != "--new-window" || !ours || strings.Contains(string(text), strings.TrimSpace(string(token))) ||
			slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, "ASTROHOOK_") }) {
			t.Errorf("the browser was called with\n%s", text)
		}
		for i, want := range []int{http.StatusCreated, http.StatusUnauthorized} {
			answer, err := http.Post(url+"/api/session", "application/json", strings.NewReader(`{"link":"`+secret+`"}`))
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(answer.Body)
			_ = answer.Body.Close()
			if err != nil || answer.StatusCode != want {
				t.Errorf("use %d of the link: %d %s, %v", i+1, answer.StatusCode, body, err)
			}
			var session struct {
				Kind     string
				ReadOnly bool `json:"read_only"`
			}
			if err := json.Unmarshal(body, &session); i == 0 && (err != nil || session.Kind != "operator" || session.ReadOnly != readOnly) {
				t.Errorf("%s: signed in as %s, %v", flag, body, err)
			}
		}
	}
	if out := (journey{t}).does("audit", "--action", "sign_in_link.create", "-o", "ndjson"); strings.Count(out, "\n") != 2 {
		t.Errorf("the audit has\n%s", out)
	}
}

// TestOpenPrints: where no browser starts, the address is the result, so that it can be opened
// by hand; and --print starts none.
func TestOpenPrints(t *testing.T) {
	server := startFixture(t)
	t.Setenv("ASTROHOOK_SERVER", server.URL)
	t.Setenv("ASTROHOOK_TOKEN", "tok")
	const link = "https://hooks.example.com/ui/#link=ahi_x\n"
	for _, c := range []struct {
		reason, browser, flag, says string
	}{
		{"a browser that fails", "3", "--read-only=false", "exit status 3. Open this address in one:"},
		{"no browser wanted", "0", "--print", "The link works once, until "},
	} {
		called := fakeBrowser(t, c.browser)
		got := runCommand(t, "", "open", c.flag)
		if got.code != 0 || got.out != link || !strings.Contains(got.err, c.says) {
			t.Errorf("%s: %+v", c.reason, got)
		}
		if _, err := os.Stat(called); os.IsNotExist(err) != (c.flag == "--print") {
			t.Errorf("%s: %v", c.reason, err)
		}
	}
	t.Setenv("BROWSER", "/no/such/browser")
	if got := runCommand(t, "", "open"); got.code != 0 || got.out != link || !strings.Contains(got.err, "No browser could be started: ") {
		t.Errorf("a browser that does not exist: %+v", got)
	}
	if got := runCommand(t, "", "open", "-o", "ndjson"); got.code != 0 || !strings.HasPrefix(got.out, `{"id":"qk`) {
		t.Errorf("for programs: %+v", got)
	}
	server.answers["POST /api/sign-in-links"] = json.RawMessage(`{"url":"file:///etc/passwd","expires_at":"2026-01-02T03:04:05Z"}`)
	if got := runCommand(t, "", "open"); got.code != exitFailed || got.out != "" {
		t.Errorf("a server that answers with a file: %+v", got)
	}
}

// TestBrowserOf: each system's way to open an address, and none without a display.
func TestBrowserOf(t *testing.T) {
	for _, c := range []struct {
		system string
		env    map[string]string
		want   string
	}{
		{"darwin", nil, "open"},
		{"windows", nil, "rundll32 url.dll,FileProtocolHandler"},
		{"linux", map[string]string{"DISPLAY": ":0"}, "xdg-open"},
		{"freebsd", map[string]string{"WAYLAND_DISPLAY": "wayland-0"}, "xdg-open"},
		{"linux", nil, ""},
		{"linux", map[string]string{"BROWSER": "firefox -P work"}, "firefox -P work"},
	} {
		name, args, err := browser(c.system, func(name string) string { return c.env[name] })
		if got := strings.Join(append([]string{name}, args...), " "); got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s %v: %q, %v, want %q", c.system, c.env, got, err, c.want)
		}
	}
}
