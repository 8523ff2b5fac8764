//go:build faults

package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestFaultKillPoints kills the server at each point of one event's way. The server does
// nothing else meanwhile, so the system call that ends it is the intended one, and the
// event's fate shows that.
//
// A commit writes its transaction to the log, and then syncs that. What is written
// there outlives the process, though not the machine.
func TestFaultKillPoints(t *testing.T) {
	rounds := faults(t, 4, 40)
	c := tryOn(t, startServer(t), []kind{{name: "only", patterns: []string{"*"}}})
	for range rounds {
		for _, point := range []struct {
			name         string
			kill         func(*trial, *testing.T)
			acknowledged bool
			arrivals     []int // how often the event may arrive in the end
		}{
			{"before the commit", (*trial).killBeforeCommit, false, []int{0}},
			{"between commit and 202", (*trial).killBefore202, false, []int{1, 2}},
			{"after the 202", (*trial).killAfter202, true, []int{1, 2}},
			{"between the receiver's 2xx and the settle", (*trial).killBeforeSettle, true, []int{2}},
			{"during the settle", (*trial).killDuringSettle, true, []int{1}},
		} {
			point.kill(c, t)
			c.kills++
			c.again(t)
			c.awaitDrained(t, patience, c.fleet[0].id)
			seq := c.ledger.posted() - 1
			if _, got := c.ledger.acknowledged[seq]; got != point.acknowledged {
				t.Errorf("%s: acknowledged is %v", point.name, got)
			}
			if got := c.fleet[0].arrivals(seq); !slices.Contains(point.arrivals, got) {
				t.Errorf("%s: the event arrived %d times, want one of %v", point.name, got, point.arrivals)
			}
		}
	}
	t.Logf("%d kills", c.kills)
	c.audit(t)
}

// arrivals returns how often an event was accepted.
func (m *member) arrivals(seq uint64) (times int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range m.arrived {
		if a.seq == seq {
			times += a.accepted
		}
	}
	return times
}

func (c *trial) killBeforeCommit(t *testing.T) {
	if err := c.inject("pwrite64:signal=KILL:when=1"); err != nil {
		t.Fatal(err)
	}
	c.publisher.post(t, 1)
	c.awaitKilled(t)
}

// killBefore202 kills the server when it is about to write to the publisher.
func (c *trial) killBefore202(t *testing.T) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := c.inject("write:signal=KILL:when=1", "-P", socketOf(t, conn)); err != nil {
		t.Fatal(err)
	}
	seq := c.ledger.issue(1)
	body := fmt.Sprintf(`{"event_type":%q,"data":%s}`, eventTypeOf(seq), c.ledger.data(seq))
	req, err := http.NewRequest(http.MethodPost, c.base+"/api/events", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+c.token)
	if err := req.Write(conn); err != nil {
		t.Fatal(err)
	}
	if resp, err := http.ReadResponse(bufio.NewReader(conn), req); err == nil {
		resp.Body.Close()
		t.Error("answered with", resp.Status)
	}
	c.awaitKilled(t)
}

// socketOf names the server's side of a connection as the system does.
func socketOf(t *testing.T, conn net.Conn) (name string) {
	t.Helper()
	port := func(a net.Addr) string { return fmt.Sprintf(":%04X", a.(*net.TCPAddr).Port) }
	server, client := port(conn.RemoteAddr()), port(conn.LocalAddr())
	await(t, "the server to take the connection", func() error {
		table, err := os.ReadFile("/proc/net/tcp")
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(table)) {
			column := strings.Fields(line)
			if strings.HasSuffix(column[1], server) && strings.HasSuffix(column[2], client) && column[9] != "0" {
				name = "socket:[" + column[9] + "]"
				return nil
			}
		}
		return errors.New("it is not in the table of connections")
	})
	return name
}

func (c *trial) killAfter202(t *testing.T) {
	if !c.publisher.post(t, 1) {
		t.Error("not acknowledged")
	}
	c.kill()
}

func (c *trial) killBeforeSettle(t *testing.T) {
	c.injectBeforeSettle(t, "pwrite64:signal=KILL:when=1")
	c.awaitKilled(t)
}

// killDuringSettle kills the server when a settle is written, and not yet synced.
func (c *trial) killDuringSettle(t *testing.T) {
	c.injectBeforeSettle(t, "fdatasync:signal=KILL:when=1")
	c.awaitKilled(t)
}

// injectBeforeSettle publishes an event, and injects between its arrival and the answer.
func (c *trial) injectBeforeSettle(t *testing.T, injection string) {
	t.Helper()
	acknowledged, injected := make(chan struct{}), make(chan error)
	c.fleet[0].beforeAnswer = func() {
		<-acknowledged
		injected <- c.inject(injection)
	}
	if !c.publisher.post(t, 1) {
		t.Error("not acknowledged")
	}
	close(acknowledged)
	if err := <-injected; err != nil {
		t.Fatal(err)
	}
	c.fleet[0].beforeAnswer = nil
}
