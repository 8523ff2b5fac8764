//go:build faults

package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// exitBound is how long a server may take to end after its disk has failed.
const exitBound = 5 * time.Second

// TestFaultSync lets every sync of the disk, or every write of the log, fail from some call
// on. Then the server acknowledges nothing more and ends with the reason, and at the next
// start everything that it acknowledged exists.
func TestFaultSync(t *testing.T) {
	rounds := faults(t, 2, 12)
	c := startTrial(t)
	for round := range rounds {
		for _, fault := range []struct {
			injection string
			when      []int // which call of a thread is the first to fail
		}{
			{"fdatasync:error=EIO", []int{40, 1, 400, 5}},
			{"fdatasync,msync:error=ENOSPC", []int{200, 3, 1000, 2}},
			{"pwrite64:error=ENOSPC", []int{80, 2, 2000, 4}},
			{"fsync,msync:error=EIO", []int{1, 2, 3, 4}},
		} {
			c.terminate(t)
			c.wrap = under(t, fmt.Sprintf("%s:when=%d+", fault.injection, fault.when[round%4]))
			c.start(t)
			c.publishUntilEnd(t, fault.injection)
			c.again(t)
		}
	}
	c.audit(t)
}

// eventsPerFault bounds what is published to reach one fault.
const eventsPerFault = 20_000

// publishUntilEnd publishes until the server, whose disk fails, ends by itself.
// The publishers stop with the first refusal; from then on the server has its bound.
func (c *trial) publishUntilEnd(t *testing.T, fault string) {
	t.Helper()
	if !c.readyOrEnded(t) {
		c.publishUpTo(t, eventsPerFault)
	}
	begin := time.Now()
	if !c.awaitEnd(exitBound) {
		if c.healthy() {
			t.Logf("%s: the fault was never reached", fault)
			c.kill()
			c.kills++
			return
		}
		// A delivery that was pending may have met the fault only now.
		if begin = time.Now(); !c.awaitEnd(exitBound) {
			t.Errorf("%s: the server is neither healthy nor gone after %s\n%s", fault, exitBound, c.log.String())
			c.kill()
		}
	}
	c.kills++
	words := strings.TrimSpace(c.log.String())
	t.Logf("%s: gone %s after the first refusal, %d acknowledged so far", fault, time.Since(begin).Round(time.Millisecond), len(c.ledger.acknowledged))
	if code := c.cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(words, "astrohook: ") {
		t.Errorf("%s: exit code %d, want 1 and a line that says why:\n%s", fault, code, words)
	}
}

// readyOrEnded waits for one of the two, and reports whether the process has ended.
func (c *trial) readyOrEnded(t *testing.T) (ended bool) {
	t.Helper()
	await(t, "the server to be ready or to end", func() error {
		select {
		case <-c.exited:
			ended = true
			return nil
		default:
			return c.try("GET", "/readyz", nil, nil)
		}
	})
	return ended
}

// healthy reports whether the server still accepts events.
func (c *trial) healthy() bool {
	first := c.ledger.issue(1)
	got, err := c.publisher.api.publish(eventTypeOf(first), c.ledger.data(first))
	if err != nil {
		return false
	}
	c.ledger.mu.Lock()
	defer c.ledger.mu.Unlock()
	c.ledger.acknowledged[first] = got
	return true
}

// terminate asks the server to stop, and waits until it has.
func (c *trial) terminate(t *testing.T) {
	t.Helper()
	c.signal(t, syscall.SIGTERM)
	if code := c.awaitExit(t); code != 0 {
		t.Errorf("exit code %d after a SIGTERM", code)
	}
}
