package loadgen

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// answerWith accepts connections until the test ends, and answers each request with the
// next of the raw answers; "" closes the connection instead, as does the end of them.
func answerWith(t *testing.T, answers ...string) (address string, connections *int) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	connections = new(int)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			*connections++
			reader := bufio.NewReader(conn)
			for len(answers) > 0 {
				if _, err := http.ReadRequest(reader); err != nil {
					break
				}
				answer := answers[0]
				answers = answers[1:]
				if answer == "" {
					break
				}
				_, _ = io.WriteString(conn, answer)
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return listener.Addr().String(), connections
}

const get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

func TestExchangeReadsAnswers(t *testing.T) {
	long := strings.Repeat("x", 20_000)
	address, connections := answerWith(t,
		"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 200 OK\r\ncontent-LENGTH:20000\r\nX-Other: 1\r\n\r\n"+long,
		"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 503 Service Unavailable\r\nRetry-After: Fri, 27 Nov 2026 10:00:00 GMT\r\nContent-Length: 0\r\n\r\n",
	)
	c := &connection{address: address}
	defer c.close()
	for _, want := range []answer{
		{202, 0, []byte("ok")},
		{200, 0, []byte(long)},
		{429, 7 * time.Second, nil},
		{503, 0, nil}, // a date is not read: the generator has a wait of its own
	} {
		got, err := c.exchange([]byte(get))
		if err != nil || got.status != want.status || got.retryAfter != want.retryAfter || string(got.body) != string(want.body) {
			t.Errorf("status %d, Retry-After %s, %d bytes, %v; want %d, %s, %d",
				got.status, got.retryAfter, len(got.body), err, want.status, want.retryAfter, len(want.body))
		}
	}
	if *connections != 1 {
		t.Errorf("%d connections for four requests", *connections)
	}
}

// After an answer that cannot be read nobody knows where the next one begins: the
// connection is closed, and the next exchange opens another.
func TestExchangeClosesWhatItCannotRead(t *testing.T) {
	for name, wrong := range map[string]string{
		"no answer":            "",
		"no HTTP":              "SSH-2.0-server and more\r\n\r\n",
		"a short status line":  "HTTP/1.1 2\r\n\r\n",
		"a status in words":    "HTTP/1.1 two OK\r\n\r\n",
		"no length":            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
		"a negative length":    "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"chunks":               "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"a line without end":   "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 10_000) + "\r\n\r\n",
		"a head that is short": "HTTP/1.1 200 OK\r\nContent-Le",
	} {
		address, _ := answerWith(t, wrong)
		c := &connection{address: address}
		if a, err := c.exchange([]byte(get)); err == nil || c.conn != nil {
			t.Errorf("%s: read as %+v, %v; connection open: %v", name, a, err, c.conn != nil)
		}
		c.address, _ = answerWith(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		if a, err := c.exchange([]byte(get)); err != nil || a.status != 200 {
			t.Errorf("after %s: %+v, %v", name, a, err)
		}
		c.close()
	}
}

func TestExchangeReportsABodyCutOff(t *testing.T) {
	address, _ := answerWith(t, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
	c := &connection{address: address}
	if _, err := c.exchange([]byte(get)); err == nil || !strings.Contains(err.Error(), "body") {
		t.Errorf("a body of 4 bytes of 10: %v", err)
	}
}

func TestExchangeReportsARefusedConnection(t *testing.T) {
	c := &connection{address: "127.0.0.1:1"}
	if _, err := c.exchange([]byte(get)); err == nil || !strings.Contains(err.Error(), "connect") {
		t.Errorf("nobody listens: %v", err)
	}
	c.close() // of a connection that is not open
}

// The generator shares its processors with the server: an exchange must not cost memory.
func TestExchangeAllocates(t *testing.T) {
	const runs = 100
	answers := make([]string, runs+1)
	for i := range answers {
		answers[i] = "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok"
	}
	// With a socket or a pipe the other end's allocations would count as well.
	c := &connection{conn: discard{}, reader: bufio.NewReader(strings.NewReader(strings.Join(answers, "")))}
	raw := []byte(get)
	n := testing.AllocsPerRun(runs-1, func() {
		if _, err := c.exchange(raw); err != nil {
			t.Fatal(err)
		}
	})
	if n > 1 { // the status code as text
		t.Errorf("%v allocations for an exchange", n)
	}
}

// discard is a connection that takes everything.
type discard struct{ net.Conn }

func (discard) SetDeadline(time.Time) error   { return nil }
func (discard) Write(raw []byte) (int, error) { return len(raw), nil }
