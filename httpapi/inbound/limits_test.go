package inbound

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/httpapi/inbound/inboundtest"
)

// headOf returns a head of exactly so many bytes.
func headOf(size int) string {
	const start, end = "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: ", "\r\n\r\n"
	return start + strings.Repeat("x", size-len(start)-len(end)) + end
}

// TestLimits goes up to each limit, and one byte beyond it.
func TestLimits(t *testing.T) {
	f := newFixture(t)
	address := f.socket(t)
	const continued = "Expect: 100-continue\r\n"
	largest := event + strings.Repeat(" ", MaxBody-len(event))
	over := largest + " "
	length := func(n int) string { return fmt.Sprintf("Content-Length: %d\r\n", n) }
	const chunked = "Transfer-Encoding: chunked\r\n"
	for _, c := range []struct {
		why, request string
		statuses     string
		field        string
	}{
		{"the largest body", post(length(MaxBody)+"Connection: close\r\n", largest), "202", ""},
		{"one byte more", post(length(MaxBody+1), over), "413", "body"},
		{"one byte more, announced only", post(length(MaxBody+1), ""), "413", "body"},
		{"far more, announced only", post(length(1<<60), ""), "413", "body"},
		{"more, without a token", strings.Replace(post(length(MaxBody+1), over), "Bearer", "Basic", 1), "413", "body"},
		{"the largest body in one chunk", post(chunked, inboundtest.Chunks(largest, MaxBody)), "202", ""},
		{"one byte more in one chunk", post(chunked, inboundtest.Chunks(over, MaxBody+1)), "413", "body"},
		{"the largest body in chunks", post(chunked, inboundtest.Chunks(largest, 1000)), "202", ""},
		{"one byte more in chunks", post(chunked, inboundtest.Chunks(over, 1000)), "413", "body"},
		{"chunks without end", post(chunked, strings.TrimSuffix(inboundtest.Chunks(over+over+over, 4096), "0\r\n\r\n")), "413", "body"},
		{"a chunk larger than any body", post(chunked, "ffffffffffffff\r\n"+over), "413", "body"},
		{"the largest body, expecting 100", post(continued+length(MaxBody)+"Connection: close\r\n", largest), "100 202", ""},
		{"one byte more, expecting 100", post(continued+length(MaxBody+1), ""), "413", "body"},
		{"one byte more, expecting 100 and sent", post(continued+length(MaxBody+1), over), "413", "body"},
		{"the largest body in chunks, expecting 100", post(continued+chunked, inboundtest.Chunks(largest, 9999)), "100 202", ""},
		{"one byte more in chunks, expecting 100", post(continued+chunked, inboundtest.Chunks(over, 9999)), "100 413", "body"},
		{"100-Continue", post("Expect: 100-Continue\r\nConnection: close\r\n"+length(len(event)), event), "100 202", ""},
		{"another expectation", post("Expect: 200-ok\r\n"+length(len(event)), event), "417", "Expect"},
		{"another expectation, announced only", post("Expect: 200-ok\r\n"+length(len(event)), ""), "417", "Expect"},
		{"two expectations", post(continued+"Expect: magic\r\n"+length(len(event)), ""), "417", "Expect"},
		{"the largest head", strings.Replace(headOf(MaxHead), "Host: x\r\nX-Long: "+strings.Repeat("x", 19), "Host: x\r\nConnection: close\r\nX-Long: ", 1), "200", ""},
		{"one byte more", headOf(MaxHead + 1), "431", ""},
		{"a target too large", "GET /" + strings.Repeat("x", MaxHead) + " HTTP/1.1\r\nHost: x\r\n\r\n", "431", ""},
		{"a line without end", "GET /" + strings.Repeat("x", 4*MaxHead), "431", ""},
		{"headers without end", "GET / HTTP/1.1\r\n" + strings.Repeat("X: y\r\n", MaxHead), "431", ""},
	} {
		answers := inboundtest.Exchange(t, address, c.request)
		if got := inboundtest.Statuses(answers); got != c.statuses {
			t.Errorf("%s: got %s, want %s", c.why, got, c.statuses)
			continue
		}
		a := answers[len(answers)-1]
		problem := a.Header.Get("Content-Type") == refusedAs && (c.field == "" || strings.HasPrefix(a.Body, c.field+":"))
		if a.Status >= 400 && !problem || a.Header.Get("Connection") != "close" {
			t.Errorf("%s: got %v %s", c.why, a.Header, a.Body)
		}
	}
	if n := f.published(); n != 6 {
		t.Errorf("%d events were published", n)
	}
	if n := f.bodies.Used(); n != 0 {
		t.Errorf("%d bytes are still lent", n)
	}
}

// TestCutOff closes the sending side inside a body: the server must not take what came
// for the whole body.
func TestCutOff(t *testing.T) {
	f := newFixture(t)
	address := f.socket(t)
	lines := strings.Repeat(event+"\n", 1000)
	chunked := post("Transfer-Encoding: chunked\r\n", "")
	for why, request := range map[string]string{
		"a short body":            post("Content-Length: 1000\r\n", event),
		"a long body":             post("Content-Length: 100000\r\n", event+strings.Repeat(" ", 50_000)),
		"inside of a chunk":       chunked + fmt.Sprintf("%x\r\n%s", len(lines)+1, lines),
		"between two chunks":      chunked + fmt.Sprintf("%x\r\n%s\r\n", len(lines), lines),
		"in the last chunk's end": chunked + strings.TrimSuffix(inboundtest.Chunks(lines, 5000), "\r\n\r\n"),
		"before the empty line":   chunked + strings.TrimSuffix(inboundtest.Chunks(lines, 5000), "\r\n"),
	} {
		c := inboundtest.Dial(t, address)
		inboundtest.Send(t, c, request)
		if err := c.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		answers, err := inboundtest.ReadAnswers(c)
		if err != nil || len(answers) != 1 || answers[0].Status != 400 {
			t.Errorf("%s: got %+v, %v", why, answers, err)
		}
	}
	if n := f.published(); n != 0 {
		t.Errorf("%d events were published", n)
	}
}

// TestLargeBodiesShareMemory has one caller send 140 large bodies that stop before
// their end. Some of them are refused; another caller's large body is taken, and so
// are small ones.
func TestLargeBodiesShareMemory(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFixture(t)
		large := event + strings.Repeat(" ", MaxBody/2)
		head := func(caller string) string {
			return postAs(caller, fmt.Sprintf("Content-Length: %d\r\n", len(large)), "")
		}
		refused := 0
		for range 140 {
			c, before := f.dial(t), f.bodies.Used()
			go func() { _, _ = io.WriteString(c, head("greedy")+large[:len(large)-1]) }()
			synctest.Wait()
			if f.bodies.Used() > before {
				continue
			}
			answers, err := inboundtest.ReadAnswers(c)
			if err != nil || len(answers) != 1 || answers[0].Status != 429 || answers[0].Header.Get("Retry-After") == "" {
				t.Fatalf("got %+v, %v", answers, err)
			}
			refused++
		}
		if refused < 70 {
			t.Errorf("%d were refused", refused)
		}
		if status := statusOf(t, f.dial(t), postAs("greedy", fmt.Sprintf("Content-Length: %d\r\n", len(event)), event)); status != 202 {
			t.Errorf("a small body of the same caller: %d", status)
		}
		for range 3 {
			c := f.dial(t)
			inboundtest.Send(t, c, head("other")+large)
			if status := readOne(t, c).Status; status != 202 {
				t.Errorf("another caller's large body: %d", status)
			}
		}
	})
}

// TestStalledBodiesHoldLittle announces large bodies and sends a little of each: they
// must hold no more memory than what came.
func TestStalledBodiesHoldLittle(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFixture(t)
		medium := event + strings.Repeat(" ", mediumBody-100) // its buffer is used again
		if status := statusOf(t, f.dial(t), post(fmt.Sprintf("Content-Length: %d\r\n", len(medium)), medium)); status != 202 {
			t.Fatal(status)
		}
		for range 100 {
			inboundtest.Send(t, f.dial(t), post("Content-Length: 1000000\r\n", strings.Repeat(" ", 1000)))
		}
		synctest.Wait()
		if n := f.bodies.Used(); n != 0 {
			t.Errorf("%d bytes are lent", n)
		}
	})
}

// slow is a request that stalls.
type slow struct {
	why, begin string
	// drip is sent each second.
	drip   string
	status string // of the answers; "" for none, if nothing but line ends came
}

func slowRequests() []slow {
	const chunked = "Transfer-Encoding: chunked\r\n"
	return []slow{
		{"nothing", "", "", "408"},
		{"in the request line", "GET /heal", "", "408"},
		{"dripping a request line", "GET /", "x", "408"},
		{"in the headers", "GET /healthz HTTP/1.1\r\nHost: x\r\n", "", "408"},
		{"dripping headers", "GET /healthz HTTP/1.1\r\nHost: x\r\n", "X: y\r\n", "408"},
		{"dripping line ends", "", "\r\n", ""},
		{"in a small body", post("Content-Length: 10\r\n", "{"), "", "408"},
		{"dripping a small body", post("Content-Length: 1000\r\n", "{"), " ", "408"},
		{"in a large body", post("Content-Length: 1000000\r\n", strings.Repeat(" ", 100_000)), "", "408"},
		{"dripping a large body", post("Content-Length: 1000000\r\n", strings.Repeat(" ", 100_000)), " ", "408"},
		{"in a chunk", post(chunked, "5\r\n{"), "", "408"},
		{"dripping chunks", post(chunked, ""), "1\r\n \r\n", "408"},
		{"dripping an extension", post(chunked, "1;"), "x", "408"},
		{"dripping trailers", post(chunked, "1\r\n1\r\n0\r\n"), "X: y\r\n", "408"},
		{"expecting 100", post("Expect: 100-continue\r\nContent-Length: 10\r\n", ""), "", "100 408"},
		{"expecting 100 for chunks", post("Expect: 100-continue\r\n"+chunked, ""), "", "100 408"},
	}
}

// TestTimeouts has requests that stall or drip. They are answered when their time is
// over, and the connection is closed.
func TestTimeouts(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFixture(t)
		for _, s := range slowRequests() {
			c := f.dial(t)
			inboundtest.Send(t, c, s.begin)
			began := time.Now()
			done := make(chan struct{})
			go func() {
				for s.drip != "" {
					select {
					case <-done:
						return
					case <-time.After(time.Second):
						_, _ = io.WriteString(c, s.drip) // it may be closed meanwhile
					}
				}
			}()
			answers, err := inboundtest.ReadAnswers(c)
			close(done)
			if took := time.Since(began); took != testRead || err != nil {
				t.Errorf("%s: closed after %v, %v", s.why, took, err)
			}
			if got := inboundtest.Statuses(answers); got != s.status {
				t.Errorf("%s: got %s, want %s", s.why, got, s.status)
				continue
			}
			if s.status == "" {
				continue
			}
			if a := answers[len(answers)-1]; a.Header.Get("Connection") != "close" || a.Header.Get("Content-Type") != refusedAs {
				t.Errorf("%s: got %+v", s.why, a)
			}
			synctest.Wait()
		}
		if n := f.published(); n != 0 {
			t.Errorf("%d events were published", n)
		}
	})
}

// TestIdle has a connection that got an answer and sends nothing more: it is closed
// after the idle time.
func TestIdle(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFixture(t)
		c := f.dial(t)
		inboundtest.Send(t, c, probeRequest)
		reader := bufio.NewReader(c)
		if a := inboundtest.ReadAnswer(t, reader); a.Status != 200 {
			t.Fatal(a)
		}
		began := time.Now()
		if _, err := reader.ReadByte(); err != io.EOF {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took != testIdle {
			t.Errorf("an idle connection was closed after %v", took)
		}
	})
}
