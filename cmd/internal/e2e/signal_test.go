package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// reloadLine is what the server logs of a SIGHUP.
type reloadLine struct {
	Level       string   `json:"level"`
	Msg         string   `json:"msg"`
	Applied     []string `json:"applied"`
	NeedRestart []string `json:"need_restart"`
	Error       string   `json:"error"`
}

// reloads are the lines of the log about settings that were read again.
func (s *server) reloads() (lines []reloadLine) {
	for line := range strings.Lines(s.log.String()) {
		var l reloadLine
		if json.Unmarshal([]byte(line), &l) == nil && strings.HasPrefix(l.Msg, "settings read again") {
			lines = append(lines, l)
		}
	}
	return lines
}

// sendHangUp changes the settings file, sends SIGHUP and returns what the server logs.
func (s *server) sendHangUp(t *testing.T, file, settings string) reloadLine {
	t.Helper()
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	before := len(s.reloads())
	s.signal(t, syscall.SIGHUP)
	await(t, "the server to read its settings", func() error {
		if len(s.reloads()) == before {
			return fmt.Errorf("nothing in\n%s", s.log.String())
		}
		return nil
	})
	return s.reloads()[before]
}

// TestHangUp: at SIGHUP the server reads its settings again, logs the result and continues.
// Signals that mean nothing to it do not end it either.
func TestHangUp(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "settings.yaml")
	if err := os.WriteFile(file, []byte("webhook-max-attempts: 5\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, "ASTROHOOK_CONFIG="+file, "ASTROHOOK_LOG_FORMAT=json")
	secret := "a new secret that no log must show"
	got := s.sendHangUp(t, file, "webhook-max-attempts: 7\nretention: 48h\nlog-level: debug\ndeny-hosts: [a.example]\njwt-secrets: [next="+secret+"]\n")
	if got.Level != "INFO" || !slices.Equal(got.Applied, []string{"jwt-secrets", "deny-hosts", "webhook-max-attempts", "log-level"}) ||
		!slices.Equal(got.NeedRestart, []string{"retention"}) {
		t.Errorf("%+v", got)
	}
	s.call(t, http.MethodGet, "/api/webhooks", nil, nil)
	await(t, "a line at debug", func() error {
		if !strings.Contains(s.log.String(), `"level":"DEBUG"`) {
			return fmt.Errorf("none in\n%s", s.log.String())
		}
		return nil
	})
	for settings, want := range map[string]string{
		"webhook-max-attempts: 9\nretention: 1s\n": file + ":2: retention is less than 1m",
		"max-attempts: 9\n":                        file + ":1: max-attempts is not a setting",
		"listen: [\n":                              file + ":1: ",
	} {
		got := s.sendHangUp(t, file, settings)
		if got.Level != "ERROR" || !strings.Contains(got.Error, want) || len(got.Applied) > 0 {
			t.Errorf("%q: %+v", settings, got)
		}
	}
	for _, harmless := range []syscall.Signal{syscall.SIGPIPE, syscall.SIGUSR1, syscall.SIGUSR2} {
		s.signal(t, harmless)
	}
	if got := s.sendHangUp(t, file, "webhook-max-attempts: 5\n"); !slices.Equal(got.Applied, []string{"jwt-secrets", "deny-hosts", "webhook-max-attempts", "log-level"}) || len(got.NeedRestart) > 0 {
		t.Errorf("%+v", got)
	}
	if strings.Contains(s.log.String(), secret) {
		t.Error("a secret is in the log")
	}
	s.signal(t, syscall.SIGTERM)
	<-s.exited
	if s.exit != nil {
		t.Errorf("the server ended with %v", s.exit)
	}
}

// TestBrokenLog: a server whose log nobody reads any more keeps running.
func TestBrokenLog(t *testing.T) {
	t.Parallel()
	s := newServer(t, "ASTROHOOK_LOG_LEVEL=debug")
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s.startWith(t, writer)
	if err := errors.Join(writer.Close(), reader.Close()); err != nil {
		t.Fatal(err)
	}
	s.awaitReady(t) // each request is a line of the log
	s.call(t, http.MethodGet, "/api/webhooks", nil, nil)
	s.signal(t, syscall.SIGTERM)
	<-s.exited
	if s.exit != nil {
		t.Errorf("the server ended with %v", s.exit)
	}
}
