package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/corpastro/astrohook/cmd/internal/app"
)

// adminServer runs a server; it, and an administrator's token, are in the environment.
func adminServer(t *testing.T) {
	t.Helper()
	config := app.Defaults()
	config.DataDir, config.JWTSecret, config.Log = t.TempDir(), testSecret, slog.New(slog.DiscardHandler)
	config.SecretKeys = []string{testSecretKey}
	config.Listen, config.AdminListen = "127.0.0.1:0", "127.0.0.1:0"
	server, err := app.New(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stopWithin(server, config.ShutdownTimeout); err != nil {
			t.Error(err)
		}
	})
	t.Setenv("ASTROHOOK_JWT_SECRET", testSecret)
	token := runCommand(t, "", "token", "--scope=admin")
	t.Setenv("ASTROHOOK_TOKEN", strings.TrimSpace(token.out))
	t.Setenv("ASTROHOOK_SERVER", "http://"+server.PublicAddr().String())
}

// TestKeys makes, lists, uses and revokes API keys of a running server.
func TestKeys(t *testing.T) {
	adminServer(t)
	if got := runCommand(t, "", "key", "list"); got.code != 0 || got.out != "" || got.err != "No API keys; `astrohook key create` makes one.\n" {
		t.Errorf("%+v", got)
	}
	publisher := runCommand(t, "", "key", "create", "--scope=events:write:all", "--lifetime=1h", "billing")
	key := strings.TrimSpace(publisher.out)
	if publisher.code != 0 || !strings.HasPrefix(key, "ahk_") {
		t.Fatalf("%+v", publisher)
	}
	if got := runCommand(t, "", "key", "create", "--client=acme", "crm"); got.code != 0 {
		t.Fatalf("%+v", got)
	}
	if got := runCommand(t, "", "publish", "--token="+key, "user.created", "{}"); got.code != 0 {
		t.Errorf("publish with the key: %+v", got)
	}
	list := runCommand(t, "", "key", "list")
	lines := strings.Split(strings.TrimSpace(list.out), "\n")
	if len(lines) != 3 || strings.Join(strings.Fields(lines[0]), " ") != "ID NAME CLIENT SCOPE MADE EXPIRES" || list.err != "2 API keys\n" {
		t.Errorf("%q", lines)
	}
	if strings.Contains(list.out, key) || strings.Count(list.out, "  never") != 1 ||
		!regexp.MustCompile(`(?m)  billing +- +events:write:all +20\S+ +20`).MatchString(list.out) ||
		!regexp.MustCompile(`(?m)  crm +acme +- +20\S+ +never`).MatchString(list.out) {
		t.Errorf("%+v", list)
	}
	if got := runCommand(t, "", "key", "list", "--client=acme"); got.code != 0 || strings.Contains(got.out, "billing") || got.err != "1 API key of client acme\n" {
		t.Errorf("%+v", got)
	}
	if got := runCommand(t, "", "key", "list", "--client=other"); got.code != 0 || !strings.HasPrefix(got.err, "No API keys of client other; ") {
		t.Errorf("%+v", got)
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(key, "ahk_"), "_")
	if got := runCommand(t, "", "key", "revoke", id); got.code != 0 || got.out != "Revoked "+id+"\n" {
		t.Errorf("%+v", got)
	}
	if got := runCommand(t, "", "publish", "--token="+key, "user.created", "{}"); got.code != 1 || !strings.Contains(got.err, "401") {
		t.Errorf("publish with a revoked key: %+v", got)
	}
	if got := runCommand(t, "", "key", "revoke", id); got.code != 1 || !strings.Contains(got.err, "404") {
		t.Errorf("%+v", got)
	}
}

// TestKeyUsage has command lines that the command or the server refuses.
func TestKeyUsage(t *testing.T) {
	adminServer(t)
	for _, c := range []struct {
		args []string
		code int
		err  string
	}{
		{[]string{"create"}, exitUsage, "<name>"},
		{[]string{"create", "x", "--client=a", "--lifetime=-1s"}, exitUsage, "--lifetime"},
		{[]string{"create", "x"}, exitFailed, "scopes"},
		{[]string{"create", "x", "--scope=everything"}, exitFailed, "scopes[0]"},
		{[]string{"revoke"}, exitUsage, "<id>"},
		{[]string{"list", "--token="}, exitUsage, "--token"},
		{[]string{"list", "--token=x"}, exitFailed, "401"},
	} {
		got := runCommand(t, "", append([]string{"key"}, c.args...)...)
		if got.code != c.code || !strings.Contains(got.err, c.err) {
			t.Errorf("%q: %+v", c.args, got)
		}
	}
}

// TestKeyListPages follows the server's cursors.
func TestKeyListPages(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query().Get("cursor"))
		if len(asked) == 1 {
			_, _ = w.Write([]byte(`{"data":[{"id":"a","name":"x\u001b[2J"}],"next_cursor":"c"}`))
			return
		}
		_, _ = w.Write([]byte(`{"data":[{"id":"b","name":"y"}]}`))
	}))
	defer server.Close()
	got := runCommand(t, "", "key", "list", "--token=t", "--server="+server.URL)
	if strings.Join(asked, ",") != ",c" || strings.Count(got.out, "\n") != 3 || strings.Contains(got.out, "\x1b") {
		t.Errorf("asked %q: %+v", asked, got)
	}
}
