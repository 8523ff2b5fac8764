package process

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startShell starts a script that its standard input ends; the test ends it at the latest.
func startShell(t *testing.T, script string) *Program {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", script)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p, err := Start(cmd, in.Close)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		select {
		case <-p.Exited():
		default:
			t.Errorf("%s still runs: %v", script, p.Kill())
		}
	})
	return p
}

func TestCloseReturnsHowTheProcessEnded(t *testing.T) {
	for script, want := range map[string]string{
		"read line; exit 0": "",
		"read line; exit 3": "exit status 3",
		"exit 4":            "exit status 4", // by itself, whenever that is
	} {
		err := startShell(t, script).Close()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", script, err, want)
		}
	}
}

// TestCloseAfterTheEnd: a process that has ended has its input closed already.
func TestCloseAfterTheEnd(t *testing.T) {
	p := startShell(t, "exit 4")
	<-p.Exited()
	if err := p.Close(); err == nil || !strings.Contains(err.Error(), "exit status 4") {
		t.Errorf("closed: %v", err)
	}
}

// Without a way of its own to stop, a program gets SIGTERM.
func TestCloseSendsSIGTERM(t *testing.T) {
	p, err := Start(exec.Command("/bin/sleep", "1000"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if group, err := syscall.Getpgid(p.PID()); err != nil || group != p.PID() {
		t.Errorf("process %d is in the group %d, %v; want one of its own", p.PID(), group, err)
	}
	var exit *exec.ExitError
	if err := p.Close(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("ended by %v", err)
	}
}

// A process that does not stop is killed, and that is an error.
func TestCloseKillsWhatDoesNotStop(t *testing.T) {
	cmd := exec.Command("/bin/sleep", "1000")
	p, err := Start(cmd, func() error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	p.patience = 20 * time.Millisecond
	if err := p.Close(); err == nil || !strings.Contains(err.Error(), "did not stop in 20ms") {
		t.Errorf("closed: %v", err)
	}
	if syscall.Kill(p.PID(), 0) == nil {
		t.Error("the process runs on")
	}
}

func TestKillEndsAtOnce(t *testing.T) {
	p := startShell(t, "trap '' TERM; read line")
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Exited():
	default:
		t.Error("Kill returned before the process was gone")
	}
	if err := p.Kill(); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("killed twice: %v", err)
	}
}

// What cannot be asked to stop is an error, and the process is the caller's to kill.
func TestCloseReportsAFailedStop(t *testing.T) {
	p := startShell(t, "read line")
	stop := p.stop
	p.stop = func() error { return fs.ErrPermission }
	if err := p.Close(); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("closed: %v", err)
	}
	p.stop = stop
	_ = p.Close() // read ends with an error at the end of its input
}

func TestStartReportsAMissingProgram(t *testing.T) {
	if _, err := Start(exec.Command("/bin/no-such-program"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("started: %v", err)
	}
	if pid := (*Program)(nil).PID(); pid != 0 {
		t.Errorf("no program has the process id %d", pid)
	}
}
