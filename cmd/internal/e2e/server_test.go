package e2e

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// jwtSecret signs the tokens of all servers here.
const jwtSecret = "a secret for nothing but the end-to-end tests"

// secretKey encrypts the secrets of all servers here, unless a test says otherwise.
const secretKey = "e2e:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

// patience bounds every wait for something that should happen soon.
const patience = time.Minute

// server is an Astrohook server that runs as a process, on one data directory
// and one address however often it is started again.
type server struct {
	api
	binary  string
	dataDir string
	admin   string
	// env are settings beyond the usual ones.
	env []string
	// wrap is the command, if any, that the process runs under.
	wrap []string
	log  tail

	cmd    *exec.Cmd
	exited chan struct{} // closed when the process has ended
	exit   error         // how; read it after exited
}

// everythingOnDatabase is a variable with which each server has a database in place of its data
// directory. Tests about directories cannot run so.
const everythingOnDatabase = "ASTROHOOK_E2E_DATABASE"

// newServer prepares a server with an empty data directory, to be started.
func newServer(t *testing.T, env ...string) *server {
	t.Helper()
	address, admin := reserveAddress(t), reserveAddress(t)
	if os.Getenv(everythingOnDatabase) != "" {
		env = append(onDatabase(database(t)), env...)
	}
	s := &server{
		api:     api{base: "http://" + address, token: mint(t, "operator", "admin")},
		binary:  astrohook(t),
		dataDir: filepath.Join(t.TempDir(), "data"),
		admin:   admin,
		env:     env,
	}
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			t.Logf("the server's last words:\n%s", s.log.String())
		}
	})
	return s
}

// startServer prepares a server and returns when it is ready.
func startServer(t *testing.T, env ...string) *server {
	t.Helper()
	s := newServer(t, env...)
	s.start(t)
	s.awaitReady(t)
	return s
}

// start starts the process, and does not wait for it to be ready.
func (s *server) start(t *testing.T) {
	t.Helper()
	s.startWith(t, &s.log)
}

// startWith is start with the process's output going elsewhere.
func (s *server) startWith(t *testing.T, output io.Writer) {
	t.Helper()
	command := append(slices.Clone(s.wrap), s.binary, "serve")
	s.cmd = exec.Command(command[0], command[1:]...)
	s.cmd.Env = append(os.Environ(),
		"ASTROHOOK_LISTEN="+strings.TrimPrefix(s.base, "http://"),
		"ASTROHOOK_ADMIN_LISTEN="+s.admin,
		"ASTROHOOK_DATA_DIR="+s.dataDir,
		"ASTROHOOK_JWT_SECRET="+jwtSecret,
		"ASTROHOOK_SECRET_KEYS="+secretKey,
		"ASTROHOOK_ALLOW_ADDRESSES=127.0.0.0/8,::1/128",
		"ASTROHOOK_SYNC=true",
		"ASTROHOOK_MIN_WEBHOOK_RETRY=1ms", // tests that retry fast
		"ASTROHOOK_MAX_WEBHOOK_ATTEMPTS=100",
		"ASTROHOOK_MAX_WEBHOOK_CONCURRENCY=1024",
		"ASTROHOOK_MAX_WEBHOOK_BREAKER_FAILURES=10000",
	)
	s.cmd.Env = append(s.cmd.Env, s.env...)
	s.cmd.Stdout, s.cmd.Stderr = output, output
	if err := s.cmd.Start(); err != nil {
		t.Fatalf("start the server: %v", err)
	}
	exited := make(chan struct{})
	s.exited = exited
	go func() {
		s.exit = s.cmd.Wait()
		close(exited)
	}()
}

// awaitReady returns when the server says that it is ready.
func (s *server) awaitReady(t *testing.T) {
	t.Helper()
	await(t, "the server to be ready", func() error {
		select {
		case <-s.exited:
			t.Fatalf("the server ended while it was to become ready: %v\n%s", s.exit, s.log.String())
		default:
		}
		return s.try(http.MethodGet, "/readyz", nil, nil)
	})
}

// kill ends the process as a power cut would, and waits until it is gone.
func (s *server) kill() {
	if s.cmd != nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Kill() // it may have ended already
		<-s.exited
	}
}

// restart kills the server and starts it again on the same data.
func (s *server) restart(t *testing.T) {
	t.Helper()
	s.kill()
	s.start(t)
	s.awaitReady(t)
}

// signal sends a signal to the process.
func (s *server) signal(t *testing.T, number syscall.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(number); err != nil {
		t.Fatalf("signal the server: %v", err)
	}
}

// awaitExit waits until the process has ended, and returns its exit code; -1 if a
// signal ended it.
func (s *server) awaitExit(t *testing.T) int {
	t.Helper()
	select {
	case <-s.exited:
		return s.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		t.Fatalf("the server did not end in %s\n%s", patience, s.log.String())
		return 0
	}
}

// peakMemory returns the largest resident size that the process has had, in MiB.
func (s *server) peakMemory(t *testing.T) int {
	t.Helper()
	return s.memory(t, "VmHWM") / 1024
}

// memory is one of the sizes of the process that the system knows, in KiB.
func (s *server) memory(t *testing.T, name string) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			kib, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
			if err != nil {
				t.Fatal(err)
			}
			return kib
		}
	}
	t.Fatal("the process has no " + name)
	return 0
}

// await repeats a check until it succeeds, and fails the test if it does not in time.
func await(t *testing.T, what string, check func() error) {
	t.Helper()
	awaitFor(t, patience, what, check)
}

func awaitFor(t *testing.T, bound time.Duration, what string, check func() error) {
	t.Helper()
	deadline := time.After(bound)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited %s for %s: %v", bound, what, err)
		}
	}
}

// nextPort is where reserveAddress looks next: below the ports that the system
// gives out by itself, so that an address stays free while its server is down.
var nextPort atomic.Int32

const (
	firstPort = 20_000
	ports     = 10_000
)

// hostVariable names the address of this process, where that is not the loopback.
const hostVariable = "ASTROHOOK_E2E_HOST"

// testsHost is where everything listens that the tests start here.
var testsHost = cmp.Or(os.Getenv(hostVariable), "127.0.0.1")

// reserveAddress returns an address of testsHost that nobody listens on.
func reserveAddress(t *testing.T) string {
	t.Helper()
	for range 1000 {
		port := firstPort + (os.Getpid()*50+int(nextPort.Add(1)))%ports
		address := net.JoinHostPort(testsHost, strconv.Itoa(port))
		listener, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		return address
	}
	t.Fatal("found no free port")
	return ""
}

// tail keeps the end of what a process wrote.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

const tailSize = 8 << 10

func (l *tail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept = append(l.kept, p...)
	if over := len(l.kept) - tailSize; over > tailSize {
		l.kept = bytes.Clone(l.kept[over:])
	}
	return len(p), nil
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.kept)
}

// exitCode returns the exit code in an error of os/exec, 0 for none.
func exitCode(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	t.Fatal(err)
	return 0
}
