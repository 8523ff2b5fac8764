package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const (
	// slowSenders hold a connection each, and send next to nothing.
	slowSenders = 5000
	// slowMemory bounds what one of them costs the server, in KiB.
	slowMemory = 64
	// normalEvents are published beside them.
	normalEvents = 2000
	// rounds are repeated to see how much of the times is chance.
	rounds = 3
)

// TestSlowSenders publishes while 5,000 senders drip their requests, or stall in
// them: every event is accepted, the slow ones cost little memory, and the time
// for a request ends them.
func TestSlowSenders(t *testing.T) {
	needDescriptors(t, 4*slowSenders)
	s := startServer(t)
	normalTraffic(t, s) // warms up
	for range rounds {
		t.Logf("without slow senders, publishing took: %s", normalTraffic(t, s))
	}
	before := s.memory(t, "VmRSS")
	slow := &slowCrowd{address: strings.TrimPrefix(s.base, "http://")}
	slow.open(t, s.slowStarts(t), slowSenders)
	for range rounds {
		t.Logf("with %d slow senders, publishing took: %s", slowSenders, normalTraffic(t, s))
	}
	cost := (s.memory(t, "VmRSS") - before) / slowSenders
	t.Logf("%d KiB of memory for a slow sender; %d of %d were cut off meanwhile", cost, slow.ended.Load(), slowSenders)
	if cost > slowMemory {
		t.Errorf("%d KiB of memory for a slow sender, more than %d", cost, slowMemory)
	}
	if refused := slow.wait(); len(refused) != 1 || refused[http.StatusRequestTimeout] != slowSenders {
		t.Errorf("answers to the slow senders, by status: %v; want only 408", refused)
	}
}

// needDescriptors skips a test that needs more open files than a process may have.
func needDescriptors(t *testing.T, n uint64) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Cur < n {
		t.Skipf("needs %d open files for each process, has %d", n, limit.Cur)
	}
}

// TestSlowSendersTakeEverything has many more slow senders than connections: a
// new connection is served all the same.
func TestSlowSendersTakeEverything(t *testing.T) {
	s := newServer(t)
	s.wrap = []string{"sh", "-c", `ulimit -n 256; exec "$@"`, "sh"}
	s.start(t)
	s.awaitReady(t)
	slow := &slowCrowd{address: strings.TrimPrefix(s.base, "http://")}
	slow.open(t, s.slowStarts(t), 500)
	t.Logf("with more slow senders than connections, publishing took: %s", normalTraffic(t, s))
	// The first ones were closed for the later ones.
	await(t, "the server to have closed most slow senders", func() error {
		if n := slow.ended.Load(); n < 400 {
			return fmt.Errorf("%d of 500", n)
		}
		return nil
	})
	s.kill()
	slow.wait()
}

// normalTraffic publishes events from eight workers, each tenth on a connection
// of its own, and returns how long that took. All must be accepted.
func normalTraffic(t *testing.T, s *server) string {
	t.Helper()
	var latency stopwatch
	var next atomic.Int64
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			kept := &http.Client{Transport: &http.Transport{}, Timeout: patience}
			defer kept.CloseIdleConnections()
			fresh := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
			for n := next.Add(1); n <= normalEvents; n = next.Add(1) {
				client := kept
				if n%10 == 0 {
					client = fresh
				}
				began := time.Now()
				if err := publishOver(client, s, n); err != nil {
					t.Errorf("event %d: %v", n, err)
					return
				}
				latency.note(time.Since(began))
			}
		})
	}
	workers.Wait()
	return latency.sum()
}

func publishOver(client *http.Client, s *server, n int64) error {
	req, err := http.NewRequest(http.MethodPost, s.base+"/api/events", strings.NewReader(fmt.Sprintf(`{"event_type":"user.created","data":%d}`, n)))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusAccepted {
		return &statusError{status: resp.StatusCode, body: string(answer)}
	}
	return nil
}

// slowStart is how a slow sender begins, and what it drips each second, if anything.
type slowStart struct{ begin, drip string }

// slowStarts are those of another caller: what a caller holds itself counts against its own
// share of the requests under way, and all administrators without a subject are one caller.
func (s *server) slowStarts(t *testing.T) []slowStart {
	token := "Authorization: Bearer " + mint(t, "slow", "events:write") + "\r\n"
	post := "POST /api/events HTTP/1.1\r\nHost: x\r\n" + token
	return []slowStart{
		{"GET /heal", ""},
		{"GET /", "x"},
		{"GET /healthz HTTP/1.1\r\nHost: x\r\n", "X: y\r\n"},
		{post + "Content-Length: 1000000\r\n\r\n{", " "},
		{post + "Content-Length: 1000000\r\n\r\n" + strings.Repeat(" ", 20_000), " "},
		{post + "Transfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n"},
	}
}

// slowCrowd are slow senders.
type slowCrowd struct {
	address string
	ended   atomic.Int64
	readers sync.WaitGroup

	mu      sync.Mutex
	answers map[int]int // by status; 0 for none
}

// open begins all of them.
func (c *slowCrowd) open(t *testing.T, starts []slowStart, n int) {
	t.Helper()
	c.answers = make(map[int]int)
	for i := range n {
		start := starts[i%len(starts)]
		raw, err := net.Dial("tcp", c.address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(raw, start.begin); err != nil {
			t.Fatal(err)
		}
		if err := raw.SetReadDeadline(time.Now().Add(2 * patience)); err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		c.readers.Go(func() { c.read(raw, done) })
		if start.drip != "" {
			c.readers.Go(func() { drip(raw, start.drip, done) })
		}
	}
}

// drip sends a little each second, until the connection has ended.
func drip(raw net.Conn, text string, done <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_, _ = io.WriteString(raw, text) // it may be closed meanwhile
		case <-done:
			return
		}
	}
}

// read waits for the answer, and for the end.
func (c *slowCrowd) read(raw net.Conn, done chan<- struct{}) {
	defer close(done)
	defer raw.Close()
	status := 0
	resp, err := http.ReadResponse(bufio.NewReader(raw), nil)
	switch {
	case err == nil:
		status = resp.StatusCode
		_, _ = io.Copy(io.Discard, raw)
	case errors.Is(err, os.ErrDeadlineExceeded):
		status = -1 // it was never closed
	}
	c.ended.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers[status]++
}

// wait waits until all have ended, and returns the answers by status.
func (c *slowCrowd) wait() map[int]int {
	c.readers.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.answers
}
