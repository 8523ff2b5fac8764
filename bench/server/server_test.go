package server

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// prepareFake prepares this test's binary as a server.
func prepareFake(t *testing.T, behaviour string) *Server {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s, err := Prepare(self, t.TempDir(), []string{fakeServer + "=" + behaviour})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A server is started when it is ready, started again on the same data, killed, and
// leaves nothing behind.
func TestServerLivesAndLeavesNothing(t *testing.T) {
	s := prepareFake(t, "healthy")
	if s.PID() != 0 {
		t.Errorf("process %d before the start", s.PID())
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := s.PID()
	if s.ReadyIn <= 0 || time.Since(s.ReadyAt) > time.Minute {
		t.Errorf("ready in %s, at %s", s.ReadyIn, s.ReadyAt)
	}
	if sync, err := os.ReadFile(filepath.Join(s.Data, "data")); string(sync) != "true" || err != nil {
		t.Errorf("the server's data directory is elsewhere, or it does not sync: %q, %v", sync, err)
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := s.PID()
	if second == first || syscall.Kill(first, 0) == nil {
		t.Errorf("process %d runs after the restart as %d", first, second)
	}
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatalf("after a kill: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(s.Data); !os.IsNotExist(err) {
		t.Errorf("the data is left: %v", err)
	}
}

// A server that ends before it is ready is no reason to wait for five minutes.
func TestStartNoticesAnExit(t *testing.T) {
	s := prepareFake(t, "broken")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Start(ctx); err == nil || !strings.Contains(err.Error(), "has exited") {
		t.Errorf("started: %v", err)
	}
	if err := s.Close(); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("Close hides how the server ended: %v", err)
	}
	if _, err := os.Stat(s.Data); !os.IsNotExist(err) {
		t.Errorf("the data is left: %v", err)
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	s := prepareFake(t, "healthy")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Start(ctx); err == nil {
		t.Error("started though the context had ended")
	}
	// SIGTERM may come before the process listens to it: Close must not mind how it ended.
	_ = s.Close()
	if syscall.Kill(s.PID(), 0) == nil {
		t.Error("the process runs on")
	}
	s.binary += "-missing"
	if err := s.Start(t.Context()); err == nil {
		t.Error("a binary that does not exist was started")
	}
}

// The servers of a bench are measured with everything on that costs time, and share nothing.
func TestPrepare(t *testing.T) {
	parent := t.TempDir()
	one, err := Prepare("astrohook", parent, []string{"GOMAXPROCS=1"})
	if err != nil {
		t.Fatal(err)
	}
	two, err := Prepare("astrohook", parent, nil)
	if err != nil {
		t.Fatal(err)
	}
	setting := func(s *Server, name string) string {
		for _, line := range slices.Backward(s.environment) { // the last one counts
			if value, ok := strings.CutPrefix(line, name+"="); ok {
				return value
			}
		}
		return ""
	}
	if setting(one, "ASTROHOOK_SYNC") != "true" || !strings.HasPrefix(setting(one, "ASTROHOOK_SECRET_KEYS"), "bench:") || setting(one, "GOMAXPROCS") != "1" {
		t.Errorf("environment %q", one.environment)
	}
	for _, name := range []string{"ASTROHOOK_LISTEN", "ASTROHOOK_ADMIN_LISTEN", "ASTROHOOK_DATA_DIR", "ASTROHOOK_JWT_SECRET", "ASTROHOOK_SECRET_KEYS"} {
		if setting(one, name) == "" || setting(one, name) == setting(two, name) {
			t.Errorf("%s is %q and %q", name, setting(one, name), setting(two, name))
		}
	}
	if one.Host() != setting(one, "ASTROHOOK_LISTEN") {
		t.Errorf("the server listens on %s, and is called at %s", setting(one, "ASTROHOOK_LISTEN"), one.Host())
	}
	claims := jwt.MapClaims{}
	if _, err := jwt.ParseWithClaims(one.Token, claims, func(*jwt.Token) (any, error) { return []byte(setting(one, "ASTROHOOK_JWT_SECRET")), nil }); err != nil || claims["scope"] != "admin" {
		t.Errorf("a token with the claims %v, %v", claims, err)
	}
	if _, err := Prepare("astrohook", filepath.Join(parent, "missing"), nil); err == nil {
		t.Error("prepared in a folder that does not exist")
	}
}

func TestHost(t *testing.T) {
	for base, want := range map[string]string{"http://127.0.0.1:8080": "127.0.0.1:8080", "http://[::1]:1/": "[::1]:1", "https://h": "h"} {
		if got := (&Server{API: API{Base: base}}).Host(); got != want {
			t.Errorf("the host of %s is %q, want %q", base, got, want)
		}
	}
}

// A server that somebody else started has no process here, and closing it is no error.
func TestServerOfOthers(t *testing.T) {
	s := &Server{API: API{Base: "http://127.0.0.1:1"}}
	if s.PID() != 0 || (*Server)(nil).PID() != 0 {
		t.Errorf("process %d", s.PID())
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestFreeAddressesDiffer(t *testing.T) {
	all, err := freeAddresses(20)
	if err != nil {
		t.Fatal(err)
	}
	for i, address := range all {
		if slices.Contains(all[:i], address) {
			t.Errorf("%s twice", address)
		}
	}
	l, err := net.Listen("tcp", all[0])
	if err != nil {
		t.Fatalf("the address is not free: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestDiskFolder(t *testing.T) {
	if _, err := DiskFolder("/proc/missing"); err == nil {
		t.Error("a folder that does not exist is on a disk")
	}
	const memory = "/dev/shm"
	if info, err := os.Stat(memory); err == nil && info.IsDir() {
		if dir, err := DiskFolder(memory); err == nil || !strings.Contains(err.Error(), "--data") {
			t.Errorf("a folder in memory was taken: %q, %v", dir, err)
		}
	}
	if dir, err := DiskFolder("."); err == nil && dir != "." {
		t.Errorf("the folder that was asked for is %q", dir)
	}
}

func TestBuildReportsWhatFails(t *testing.T) {
	t.Chdir(t.TempDir()) // no module here
	if _, err := Build(t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "build the server") {
		t.Errorf("built: %v", err)
	}
}
