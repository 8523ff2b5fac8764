package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// hint is a numbered line of what `serve --dev` prints, with the command below it.
var hint = regexp.MustCompile(`(?m)^\d\. .+\n +(\S.*)$`)

// link is where a browser finds the server.
var link = regexp.MustCompile(`first look \(--dev\): (http://\S+)`)

// TestTour starts a server as a newcomer does, opens the link that it prints, and
// pastes its three commands into shells, in a folder whose name needs quoting.
func TestTour(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatal("missing: curl, for the commands that serve --dev prints (Debian: apt-get install curl)")
	}
	dir := t.TempDir()
	const data = "it's my data"
	serve := startShell(t, dir, astrohook(t)+` serve --dev --data-dir "`+data+`" --listen `+reserveAddress(t)+" --admin-listen "+reserveAddress(t))
	var commands [][]string
	await(t, "three commands", func() error {
		commands = hint.FindAllStringSubmatch(serve.output.String(), -1)
		if len(commands) != 3 {
			return fmt.Errorf("%d commands in\n%s", len(commands), serve.output.String())
		}
		return nil
	})
	receiver := strings.NewReplacer("127.0.0.1:9000", reserveAddress(t)) // another test may have that port
	listen := startShell(t, dir, receiver.Replace(commands[0][1]))
	listen.awaitOutput(t, "Listening at ")
	if out := runShell(t, dir, receiver.Replace(commands[1][1])); !strings.Contains(out, `"id":"wh_`) {
		t.Errorf("the webhook is not registered:\n%s", out)
	}
	if out := runShell(t, dir, commands[2][1]); !strings.Contains(out, "evt_") {
		t.Errorf("the answer does not have the event's id:\n%s", out)
	}
	for _, line := range []string{"user.created", "X-Corp-Astro-Signature: valid", "webhook-signature: valid", `"user_id":42`} {
		listen.awaitOutput(t, line)
	}
	await(t, "the delivery to be listed", func() error {
		list := strings.Replace(commands[2][1], "/api/events -d", "/api/deliveries -G -d limit=10 -o - #", 1)
		if out := runShell(t, dir, list); !strings.Contains(out, `"status":"delivered"`) {
			return fmt.Errorf("it is not in\n%s", out)
		}
		return nil
	})
	page := link.FindStringSubmatch(serve.output.String())
	if page == nil {
		t.Fatalf("no link in\n%s", serve.output.String())
	}
	if out := runShell(t, dir, "curl -sS "+page[1]); !strings.Contains(out, `<a href="/openapi.yaml">`) {
		t.Errorf("the link shows\n%s", out)
	}
	for _, s := range []*shell{listen, serve} {
		if err := s.interrupt(); err != nil {
			t.Errorf("%s: %v\n%s", s.command, err, s.output.String())
		}
	}
	if _, err := os.Stat(filepath.Join(dir, data)); err != nil {
		t.Errorf("the data is not where the settings say: %v", err)
	}
}

// shell is a command that runs until it is interrupted.
type shell struct {
	command   string
	cmd       *exec.Cmd
	output    tail
	interrupt func() error
}

func startShell(t *testing.T, dir, command string) *shell {
	t.Helper()
	// exec: the shell's own way to end by a signal would hide the command's exit code.
	s := &shell{command: command, cmd: exec.Command("sh", "-c", "exec "+command)}
	s.cmd.Dir = dir
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.interrupt = sync.OnceValue(func() error { // Ctrl-C
		return errors.Join(s.cmd.Process.Signal(syscall.SIGINT), s.cmd.Wait())
	})
	t.Cleanup(func() { _ = s.interrupt() })
	return s
}

// awaitOutput waits until the command has printed a text.
func (s *shell) awaitOutput(t *testing.T, text string) {
	t.Helper()
	await(t, "the output", func() error {
		if out := s.output.String(); !strings.Contains(out, text) {
			return fmt.Errorf("no %q in the output of\n%s\n%s", text, s.command, out)
		}
		return nil
	})
}

// runShell runs a command to its end and returns what it printed.
func runShell(t *testing.T, dir, command string) string {
	t.Helper()
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return string(out)
}
