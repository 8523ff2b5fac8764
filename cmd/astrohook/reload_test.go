//go:build unix

package main

import (
	"net/http/httptest"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
)

// sendHangUp sends SIGHUP to the test, in which a command must be listening for it.
func sendHangUp(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

// needHangUp skips a test where the parent has SIGHUP ignored, as nohup does.
func needHangUp(t *testing.T) {
	t.Helper()
	if signal.Ignored(syscall.SIGHUP) {
		t.Skip("SIGHUP is ignored here")
	}
}

const requiredSettings = "jwt-secret: " + testSecret + "\nsecret-keys: " + testSecretKey + "\n"

// configured is a server that runs with a settings file.
type configured struct {
	background
	t    *testing.T
	file string
}

func startConfigured(t *testing.T, content string, args ...string) *configured {
	t.Helper()
	file := writeFile(t, "settings.yaml", content)
	args = append([]string{
		"serve", "--config", file, "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--data-dir", t.TempDir(), "--allow-unpatched", "--log-format=text",
	}, args...)
	server := &configured{startCommand(t, args...), t, file}
	server.err.await(t, "msg=serving")
	return server
}

// reload replaces the settings file and returns the line that the server logs about it.
func (c *configured) reload(content string) string {
	c.t.Helper()
	before := len(c.err.String())
	if err := os.WriteFile(c.file, []byte(content), 0o600); err != nil {
		c.t.Fatal(err)
	}
	sendHangUp(c.t)
	return c.err.awaitLine(c.t, before, "settings read again")
}

// TestReload: a server reads its settings again at a hang-up, applies those that can
// change, and names what it did. A mistake changes nothing, and the server continues.
// The rows follow one another: each starts from what the one before has left.
func TestReload(t *testing.T) {
	needHangUp(t)
	server := startConfigured(t, requiredSettings)
	for _, c := range []struct{ reason, content, want string }{
		{"nothing has changed", "", "nothing has changed"},
		{"a setting that applies at once", "webhook-timeout: 3s\n", "applied=[webhook-timeout] need_restart=[]"},
		{"it is not applied twice", "webhook-timeout: 3s\n", "nothing has changed"},
		{"one that does not, beside one that does", "webhook-timeout: 3s\nmax-pending: 7\nretention: 24h\n", "applied=[max-pending] need_restart=[retention]"},
		{"what needs a restart is named until there is one", "webhook-timeout: 3s\nmax-pending: 7\nretention: 24h\n", "applied=[] need_restart=[retention]"},
		{"a name that is none", "lisen: :1\n", "settings.yaml:3: lisen is not a setting: did you mean listen?"},
		{"a value that only the server can judge", "max-pending: 8\nretention: 1s\n", "settings.yaml:4: retention is less than 1m"},
		{"a value that only the parser can judge", "max-pending: many\n", "settings.yaml:3: max-pending: expected"},
		{"a refused file has changed nothing", "webhook-timeout: 3s\nmax-pending: 7\n", "nothing has changed"},
		{"a setting that is gone has its default again", "webhook-timeout: 3s\n", "applied=[max-pending]"},
		{"several of the command's own", "webhook-timeout: 3s\ndev: false\ncore-dumps: true\n", "need_restart=[core-dumps]"},
	} {
		if line := server.reload(requiredSettings + c.content); !strings.Contains(line, c.want) {
			t.Errorf("%s: logged %q, want %q in it", c.reason, line, c.want)
		}
	}
	for content, want := range map[string]string{
		"listen: [": "settings.yaml:1: did not find",
		"jwt-secret: far too short\nsecret-keys: " + testSecretKey: "settings.yaml:1: jwt-secret is 13 bytes long",
	} {
		if line := server.reload(content); !strings.Contains(line, want) || !strings.Contains(line, "level=ERROR") {
			t.Errorf("%q: logged %q, want an error with %q", content, line, want)
		}
	}
	got := server.stop()
	for _, secret := range []string{testSecret, "far too short", testSecretKey[5:]} {
		if strings.Contains(got.err, secret) {
			t.Errorf("the log shows the secret %q", secret)
		}
	}
	if got.code != exitDone {
		t.Errorf("exit code %d", got.code)
	}
}

// TestReloadProcess: a reload applies the log's level and the memory limit, which belong to
// the process and not to the server in it.
func TestReloadProcess(t *testing.T) {
	needHangUp(t)
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	server := startConfigured(t, requiredSettings+"log-level: debug\nmemory-limit: 3GiB\n")
	if limit := debug.SetMemoryLimit(-1); limit != 3<<30 {
		t.Errorf("at the start the limit is %d", limit)
	}
	if line := server.reload(requiredSettings + "memory-limit: 4GiB\n"); !strings.Contains(line, `applied="[log-level memory-limit]"`) {
		t.Errorf("logged %q", line)
	}
	if limit := debug.SetMemoryLimit(-1); limit != 4<<30 {
		t.Errorf("after a change the limit is %d", limit)
	}
	for range 2 { // until there is a restart
		if line := server.reload(requiredSettings); !strings.Contains(line, "need_restart=[memory-limit]") {
			t.Errorf("logged %q: a limit cannot be taken away", line)
		}
	}
	if limit := debug.SetMemoryLimit(-1); limit != 4<<30 {
		t.Errorf("without the setting the limit is %d", limit)
	}
}

// TestReloadDev: what --dev adds to the settings does not count as changed.
func TestReloadDev(t *testing.T) {
	needHangUp(t)
	server := startConfigured(t, "dev: true\n")
	if line := server.reload("dev: true\n"); !strings.Contains(line, "nothing has changed") {
		t.Errorf("logged %q", line)
	}
	if line := server.reload("dev: true\nallow-addresses: [10.0.0.0/8]\n"); !strings.Contains(line, "applied=[allow-addresses] need_restart=[]") {
		t.Errorf("logged %q", line)
	}
	if line := server.reload("dev: false\n" + requiredSettings); !strings.Contains(line, "dev") || !strings.Contains(line, "need_restart=") {
		t.Errorf("logged %q", line)
	}
}

// TestHangUpEndsOthers: a terminal that closes ends a receiver as an interrupt does, so
// that its webhook does not stay until its lease ends.
func TestHangUpEndsOthers(t *testing.T) {
	needHangUp(t)
	api := &registrar{}
	server := httptest.NewServer(api)
	defer server.Close()
	command, _ := listening(t, "--register", server.URL, "--token=tok")
	command.out.await(t, "Registered as wh_7")
	sendHangUp(t)
	command.out.await(t, "Deregistered wh_7.")
	if got := command.stop(); got.code != exitDone {
		t.Errorf("%+v", got)
	}
	if len(api.calls) != 2 {
		t.Errorf("calls %q", api.calls)
	}
}
