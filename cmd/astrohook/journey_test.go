package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// journey is a user of the commands, with a server and a home directory of their own.
type journey struct {
	t *testing.T
}

// does runs a command that must succeed, and returns what it printed.
func (j journey) does(args ...string) string {
	j.t.Helper()
	got := runCommand(j.t, "", args...)
	if got.code != 0 {
		j.t.Fatalf("%q: %+v", args, got)
	}
	return got.out
}

// id runs a command, and returns the id of the one thing in its JSON.
func (j journey) id(args ...string) string {
	j.t.Helper()
	var thing struct {
		ID string `json:"id"`
	}
	out := j.does(append(args, "-o", "ndjson")...)
	if err := json.Unmarshal([]byte(out), &thing); err != nil || thing.ID == "" {
		j.t.Fatalf("%q: %v in %s", args, err, out)
	}
	return thing.ID
}

// TestJourney goes the way of a user, by commands alone, at a real server: log in, register,
// publish, see the failure, redeliver, see the success, rotate, replay, remove, log out.
func TestJourney(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	dir := filepath.Join(t.TempDir(), "data")
	server := startCommand(t, "serve", "--dev", "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--data-dir", dir, "--log-format=text")
	url := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(server.out.await(t, "3. Publish an event\n"))
	token, err := os.ReadFile(filepath.Join(dir, devTokenFile))
	if err != nil {
		t.Fatal(err)
	}
	if got := runCommand(t, "wrong-token\n", "login", "--server", url); got.code != exitFailed || !strings.Contains(got.err, "401") {
		t.Errorf("a wrong token: %+v", got)
	}
	if got := runCommand(t, string(token), "login", "--server", url, "dev"); got.code != 0 {
		t.Fatalf("%+v", got)
	}
	j := journey{t}
	if out := j.does("status", "--admin", "http://127.0.0.1:1"); !strings.Contains(out, "ready") {
		t.Errorf("status:\n%s", out)
	}

	receiver, target := listening(t, "--fail", "1", "--fail-status", "410")
	webhook := j.id("webhooks", "add", target, "--client", "dev", "-t", "user.*", "--description", "first", "--rate", "100", "--header", "X-Team: crm")
	j.does("publish", "user.created", `{"n":12345678901234567890}`)
	receiver.out.await(t, "answered 410")
	awaitStatus := func(status string) string {
		t.Helper()
		for {
			out := j.does("deliveries", "list", "--webhook", webhook, "--status", status, "-o", "ndjson", "--client", "dev")
			var d struct{ ID string }
			if json.Unmarshal([]byte(out), &d) == nil && d.ID != "" {
				return d.ID
			}
		}
	}
	delivery := awaitStatus("failed")
	if out := j.does("webhooks", "get", webhook); !strings.Contains(out, "disabled") || !strings.Contains(out, "X-Team") {
		t.Errorf("the webhook after a 410:\n%s", out)
	}
	if got := runCommand(t, "", "deliveries", "retry", delivery); got.code != exitFailed || !strings.Contains(got.err, "409") {
		t.Errorf("a retry of a disabled webhook: %+v", got)
	}
	j.does("webhooks", "resume", webhook)
	j.does("deliveries", "retry", delivery)
	if again := awaitStatus("delivered"); again != delivery {
		t.Errorf("%s was delivered, not %s", again, delivery)
	}
	out := j.does("deliveries", "get", delivery)
	if !strings.Contains(out, "12345678901234567890") || !strings.Contains(out, "410") || !strings.Contains(out, "204") {
		t.Errorf("the delivery:\n%s", out)
	}
	event := regexp.MustCompile(`evt_\w+`).FindString(out)
	if out := j.does("events", "get", event); !strings.Contains(out, delivery) {
		t.Errorf("the event:\n%s", out)
	}

	if out := j.does("webhooks", "test", webhook); !strings.Contains(out, "webhook.test") || !strings.Contains(out, "delivered") {
		t.Errorf("the test:\n%s", out)
	}
	if out := j.does("webhooks", "set", webhook, "--timeout", "5s", "--reset", "rate", "-t", "user.created"); !strings.Contains(out, "no limit") || !strings.Contains(out, "5s") {
		t.Errorf("the changed webhook:\n%s", out)
	}
	if out := j.does("webhooks", "rotate", webhook, "--overlap", "1h"); !strings.Contains(out, "whsec_") || !strings.Contains(out, "previous secret until") {
		t.Errorf("the rotated webhook:\n%s", out)
	}
	if out := j.does("webhooks", "rotate", webhook, "--end"); strings.Contains(out, "previous secret until") {
		t.Errorf("the ended rotation:\n%s", out)
	}
	if out := j.does("replay", webhook, "--status", "delivered", "--yes"); !strings.HasPrefix(out, "2 delivered deliveries sent again.") {
		t.Errorf("the replay:\n%s", out)
	}
	j.does("webhooks", "pause", webhook)
	j.does("publish", "user.created", "1")
	j.does("deliveries", "cancel", awaitStatus("queued"))
	j.does("types", "add", "invoice.paid", "--description", "Paid.")
	if out := j.does("types", "set", "invoice.paid", "An invoice was paid."); !strings.Contains(out, "An invoice was paid.") {
		t.Errorf("the event type:\n%s", out)
	}
	j.does("types", "remove", "--yes", "invoice.paid")
	j.does("webhooks", "remove", "--yes", webhook)
	if got := runCommand(t, "", "webhooks", "get", webhook); got.code != exitFailed || !strings.Contains(got.err, "404") {
		t.Errorf("the removed webhook: %+v", got)
	}
	j.does("logout")
	if got := runCommand(t, "", "webhooks", "list"); got.code != exitUsage || !strings.Contains(got.err, "astrohook login") {
		t.Errorf("after the logout: %+v", got)
	}
}
