//go:build faults

package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The fault tests, TestFault…, run the server on a machine that fails. They take
// minutes, or hours if FAULTS is long, and so are built with the tag faults only:
// `make faults` runs them. Each ends in the audit of the crash test.

// faults returns the first number for the short form of the tests, the second for the long
// one.
func faults(t *testing.T, short, long int) int {
	t.Helper()
	switch form := os.Getenv("FAULTS"); form {
	case "", "short":
	case "long":
		return long
	default:
		t.Fatalf("FAULTS=%s: short or long", form)
	}
	return short
}

// leaveOut skips a test for which the machine lacks something. With CI=true that
// is an error.
func leaveOut(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// under makes a strace command line that injects a fault into system calls of
// the server. The server stays our child, strace is only beside it. strace counts
// calls per thread.
func under(t *testing.T, injections ...string) []string {
	t.Helper()
	if _, err := exec.LookPath("strace"); err != nil {
		t.Fatal("needs strace")
	}
	command := []string{"strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "signal=none"}
	var calls []string
	for _, i := range injections {
		call, _, _ := strings.Cut(i, ":")
		calls = append(calls, call)
	}
	command = append(command, "-e", "trace="+strings.Join(calls, ","))
	for _, i := range injections {
		command = append(command, "-e", "inject="+i)
	}
	return command
}

// inject injects a fault into system calls of the running server, from now on.
func (s *server) inject(injection string, more ...string) error {
	call, _, _ := strings.Cut(injection, ":")
	strace := exec.Command("strace", append([]string{
		"-f", "-p", strconv.Itoa(s.cmd.Process.Pid), "-o", "/dev/null", "-e", "signal=none", "-e", "trace=" + call, "-e", "inject=" + injection,
	}, more...)...)
	words, err := strace.StderrPipe()
	if err != nil {
		return err
	}
	if err := strace.Start(); err != nil {
		return err
	}
	said := bufio.NewReader(words)
	for line := ""; !strings.Contains(line, " attached"); {
		if line, err = said.ReadString('\n'); err != nil {
			return fmt.Errorf("%s: %w, %w", strace, err, strace.Wait())
		}
	}
	go func() { // until the server ends
		_, _ = io.Copy(io.Discard, said)
		_ = strace.Wait() // by the server's signal
	}()
	return nil
}

// awaitKilled waits until what was injected has killed the process.
func (s *server) awaitKilled(t *testing.T) {
	t.Helper()
	if !s.awaitEnd(patience) || s.cmd.ProcessState.ExitCode() != -1 {
		t.Fatalf("the server was not killed: %v\n%s", s.cmd.ProcessState, s.log.String())
	}
}

// trial is a server with the crash test's subscribers and publishers.
type trial struct {
	*server
	ledger    *crashLedger
	fleet     []*member
	publisher *publisher
	// kills is the number of times that attempts in flight were cut off.
	kills int
}

func startTrial(t *testing.T, env ...string) *trial {
	t.Helper()
	return tryOn(t, startServer(t, env...), fleetKinds)
}

// tryOn makes a trial of a server that is ready, with a subscriber of each kind.
func tryOn(t *testing.T, s *server, kinds []kind) *trial {
	t.Helper()
	seed := crashSeed(t)
	t.Logf("seed %d", seed)
	l := newCrashLedger(seed, kinds)
	return &trial{server: s, ledger: l, fleet: startFleet(t, s, l), publisher: &publisher{api: &s.api, ledger: l}}
}

// again starts the server once more, without any fault.
func (c *trial) again(t *testing.T) {
	t.Helper()
	c.wrap = nil
	c.start(t)
	c.awaitReady(t)
}

// audit waits until everything is delivered, and accounts for it.
func (c *trial) audit(t *testing.T) {
	t.Helper()
	for _, e := range c.fleet {
		c.awaitDrained(t, 2*patience, e.id)
	}
	c.account(t)
}

// account accounts for every event, without waiting.
func (c *trial) account(t *testing.T) {
	t.Helper()
	t.Logf("%d events posted, %d acknowledged", c.ledger.posted(), len(c.ledger.acknowledged))
	for _, e := range c.fleet {
		audit{t, c.server, c.ledger, e}.run(c.kills)
	}
}

// awaitEnd waits until the process has ended by itself, and reports whether it did in time.
func (s *server) awaitEnd(bound time.Duration) bool {
	select {
	case <-s.exited:
		return true
	case <-time.After(bound):
		return false
	}
}

// statusOf is the status of a refusal; 0 for no error, -1 for another one.
func statusOf(err error) int {
	var refusal *statusError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &refusal):
		return refusal.status
	}
	return -1
}
