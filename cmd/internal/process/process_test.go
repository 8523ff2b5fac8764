//go:build unix

package process

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// role names, in the environment, what a child of the test does instead of testing.
const role = "PROCESS_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		os.Exit(m.Run())
	case "interruptible":
		waitForSignals()
	case "ended":
		_, end := Interruptible(context.Background())
		end()
		_, _ = os.Stdout.WriteString("ready\n")
		_, _ = io.Copy(io.Discard, os.Stdin)
	case "ignore":
		IgnoreBrokenPipe()
		writeToBrokenPipe()
	case "do not ignore":
		writeToBrokenPipe()
	}
}

// waitForSignals writes to the standard output what has happened. It ends when the test
// closes its standard input, or by a signal.
func waitForSignals() {
	ctx, _ := Interruptible(context.Background())
	_, _ = os.Stdout.WriteString("ready\n")
	<-ctx.Done()
	_, _ = os.Stdout.WriteString("ending\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

const exitWrote = 3

// writeToBrokenPipe waits until the test has closed the other end of the standard
// output. Go ends a program that writes to it then, unless it ignores SIGPIPE.
func writeToBrokenPipe() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	if _, err := os.Stdout.WriteString("a line of the log\n"); errors.Is(err, syscall.EPIPE) {
		os.Exit(exitWrote)
	}
}

// child is a process that plays a role.
type child struct {
	*exec.Cmd
	in  io.Closer
	out *os.File
}

func start(t *testing.T, what string) child {
	t.Helper()
	own, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), role+"="+what)
	cmd.Stdout = theirs
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err = errors.Join(err, theirs.Close()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = own.Close() })
	return child{cmd, in, own}
}

// await reads the next line that the child writes.
func (c child) await(t *testing.T, want string) {
	t.Helper()
	line := make([]byte, len(want)+1)
	if _, err := io.ReadFull(c.out, line); err != nil || strings.TrimSpace(string(line)) != want {
		t.Fatalf("read %q, %v; want %q", line, err, want)
	}
}

// TestSecondSignal: the first signal ends the context, and the second one the process,
// however long its end would take. The exit code is the one that shells expect.
func TestSecondSignal(t *testing.T) {
	for _, c := range []struct {
		first, second syscall.Signal
		code          int
	}{
		{syscall.SIGINT, syscall.SIGINT, 130},
		{syscall.SIGTERM, syscall.SIGTERM, 143},
		{syscall.SIGTERM, syscall.SIGINT, 130},
	} {
		process := start(t, "interruptible")
		process.await(t, "ready")
		if err := process.Process.Signal(c.first); err != nil {
			t.Fatal(err)
		}
		process.await(t, "ending")
		if err := process.Process.Signal(c.second); err != nil {
			t.Fatal(err)
		}
		_ = process.Wait()
		if code := process.ProcessState.ExitCode(); code != c.code {
			t.Errorf("%v, then %v: exit code %d, want %d", c.first, c.second, code, c.code)
		}
	}
}

// TestEnded: after the function that Interruptible returns was called, the first signal
// ends the process, as it does without Interruptible.
func TestEnded(t *testing.T) {
	process := start(t, "ended")
	process.await(t, "ready")
	if err := process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = process.Wait()
	if status, ok := process.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGTERM {
		t.Errorf("it ended with %v, not by the signal", process.ProcessState)
	}
}

// TestInterruptibleParent: the context ends with its parent and with the returned
// function, and not before.
func TestInterruptibleParent(t *testing.T) {
	parent, cancel := context.WithCancel(t.Context())
	ctx, end := Interruptible(parent)
	cancel()
	<-ctx.Done()
	end()
	ctx, end = Interruptible(t.Context())
	if ctx.Err() != nil {
		t.Error("it ended before a signal came")
	}
	end()
	if !errors.Is(ctx.Err(), context.Canceled) {
		t.Errorf("after its end: %v", ctx.Err())
	}
}

// TestIgnoreBrokenPipe: a server whose log is piped into a program that ends must not end
// with it.
func TestIgnoreBrokenPipe(t *testing.T) {
	for what, survives := range map[string]bool{"ignore": true, "do not ignore": false} {
		process := start(t, what)
		if err := errors.Join(process.out.Close(), process.in.Close()); err != nil {
			t.Fatal(err)
		}
		_ = process.Wait()
		if code := process.ProcessState.ExitCode(); (code == exitWrote) != survives {
			t.Errorf("%s: %v", what, process.ProcessState)
		}
	}
}
