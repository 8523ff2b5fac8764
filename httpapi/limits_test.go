package httpapi

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// inChunks writes text in chunks of up to so many bytes.
func inChunks(text string, size int) string {
	var b strings.Builder
	for len(text) > 0 {
		chunk := text[:min(size, len(text))]
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(chunk), chunk)
		text = text[len(chunk):]
	}
	return b.String() + "0\r\n\r\n"
}

// headOf gives a GET's head of exactly so many bytes.
func headOf(size int) string {
	const start, end = "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: ", "\r\n\r\n"
	return start + strings.Repeat("x", size-len(start)-len(end)) + end
}

// TestLimits goes up to each limit, and one byte beyond it.
func TestLimits(t *testing.T) {
	f := newFixture(t)
	address := f.socket(t)
	const continued = "Expect: 100-continue\r\n"
	event := eventWith("1")
	largest := event + strings.Repeat(" ", MaxBody-len(event))
	over := largest + " "
	length := func(n int) string { return fmt.Sprintf("Content-Length: %d\r\n", n) }
	const chunked = "Transfer-Encoding: chunked\r\n"
	for _, c := range []struct {
		why, request string
		statuses     string
		field        string
	}{
		{"the largest body", f.post(length(MaxBody)+"Connection: close\r\n", largest), "202", ""},
		{"one byte more", f.post(length(MaxBody+1), over), "413", "body"},
		{"one byte more, announced only", f.post(length(MaxBody+1), ""), "413", "body"},
		{"far more, announced only", f.post(length(1<<60), ""), "413", "body"},
		{"more, without a token", strings.Replace(f.post(length(MaxBody+1), over), "Bearer", "Basic", 1), "413", "body"},
		{"the largest body in one chunk", f.post(chunked, inChunks(largest, MaxBody)), "202", ""},
		{"one byte more in one chunk", f.post(chunked, inChunks(over, MaxBody+1)), "413", "body"},
		{"the largest body in chunks", f.post(chunked, inChunks(largest, 1000)), "202", ""},
		{"one byte more in chunks", f.post(chunked, inChunks(over, 1000)), "413", "body"},
		{"chunks without end", f.post(chunked, strings.TrimSuffix(inChunks(over+over+over, 4096), "0\r\n\r\n")), "413", "body"},
		{"a chunk larger than any body", f.post(chunked, "ffffffffffffff\r\n"+over), "413", "body"},
		{"the largest body, expecting 100", f.post(continued+length(MaxBody)+"Connection: close\r\n", largest), "100 202", ""},
		{"one byte more, expecting 100", f.post(continued+length(MaxBody+1), ""), "413", "body"},
		{"one byte more, expecting 100 and sent", f.post(continued+length(MaxBody+1), over), "413", "body"},
		{"the largest body in chunks, expecting 100", f.post(continued+chunked, inChunks(largest, 9999)), "100 202", ""},
		{"one byte more in chunks, expecting 100", f.post(continued+chunked, inChunks(over, 9999)), "100 413", "body"},
		{"100-Continue", f.post("Expect: 100-Continue\r\nConnection: close\r\n"+length(len(event)), event), "100 202", ""},
		{"another expectation", f.post("Expect: 200-ok\r\n"+length(len(event)), event), "417", "Expect"},
		{"another expectation, announced only", f.post("Expect: 200-ok\r\n"+length(len(event)), ""), "417", "Expect"},
		{"two expectations", f.post(continued+"Expect: magic\r\n"+length(len(event)), ""), "417", "Expect"},
		{"an encoded body", f.post("Connection: close\r\nContent-Encoding: gzip\r\n"+length(1), "x"), "415", "Content-Encoding"},
		{"the largest head", strings.Replace(headOf(MaxHeader), "Host: x\r\nX-Long: "+strings.Repeat("x", 19), "Host: x\r\nConnection: close\r\nX-Long: ", 1), "200", ""},
		{"one byte more", headOf(MaxHeader + 1), "431", ""},
		{"a target too large", "GET /" + strings.Repeat("x", MaxHeader) + " HTTP/1.1\r\nHost: x\r\n\r\n", "431", ""},
		{"a line without end", "GET /" + strings.Repeat("x", 4*MaxHeader), "431", ""},
		{"headers without end", "GET / HTTP/1.1\r\n" + strings.Repeat("X: y\r\n", MaxHeader), "431", ""},
	} {
		answers := exchange(t, address, []byte(c.request))
		var statuses []string
		for _, a := range answers {
			statuses = append(statuses, fmt.Sprint(a.status))
		}
		if got := strings.Join(statuses, " "); got != c.statuses {
			t.Errorf("%s: got %s, want %s", c.why, got, c.statuses)
			continue
		}
		a := answers[len(answers)-1]
		problem := a.header.Get("Content-Type") == contentProblem && (c.field == "" || strings.Contains(a.body, `"field":"`+c.field+`"`))
		if a.status >= 400 && !problem || a.header.Get("Connection") != "close" {
			t.Errorf("%s: got %v %s", c.why, a.header, a.body)
		}
	}
	if n := f.dispatcher.published(); n != 6 {
		t.Errorf("%d events were published", n)
	}
	if n := f.bodies.large.Used(); n != 0 {
		t.Errorf("the room of %d bytes is still lent", n)
	}
}

// TestCutOff closes the sending side inside of a body: what came is not taken for a whole.
func TestCutOff(t *testing.T) {
	f := newFixture(t)
	address := f.socket(t)
	event := eventWith("1")
	lines := strings.Repeat(event+"\n", 1000)
	batch := strings.Replace(f.post("Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n", ""), "/api/events", "/api/events/batch", 1)
	for why, request := range map[string]string{
		"a short body":            f.post("Content-Length: 1000\r\n", event),
		"a long body":             f.post("Content-Length: 100000\r\n", event+strings.Repeat(" ", 50_000)),
		"inside of a chunk":       batch + fmt.Sprintf("%x\r\n%s", len(lines)+1, lines),
		"between two chunks":      batch + fmt.Sprintf("%x\r\n%s\r\n", len(lines), lines),
		"in the last chunk's end": batch + strings.TrimSuffix(inChunks(lines, 5000), "\r\n\r\n"),
		"before the empty line":   batch + strings.TrimSuffix(inChunks(lines, 5000), "\r\n"),
	} {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		send(t, c, request)
		if err := c.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		answers, err := readAnswers(c)
		if err != nil || len(answers) != 1 || answers[0].status != 400 {
			t.Errorf("%s: got %+v, %v", why, answers, err)
		}
	}
	if n := f.dispatcher.published(); n != 0 {
		t.Errorf("%d events were published", n)
	}
}

// TestLargeBodiesShareRoom: one caller has 140 large bodies under way that do not
// go on. Its next ones are refused; another caller's large body is taken, and so
// are the small ones of both.
func TestLargeBodiesShareRoom(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFixture(t)
		large := eventWith("1") + strings.Repeat(" ", MaxBody/2)
		head := func(caller string) string {
			return strings.Replace(f.post(fmt.Sprintf("Content-Length: %d\r\n", len(large)), ""), f.tokens[backend], f.tokens[caller], 1)
		}
		refused := 0
		for range 140 {
			c, before := f.dial(t), f.bodies.large.Used()
			go func() { _, _ = io.WriteString(c, head(acmeWriter)+large[:len(large)-1]) }()
			synctest.Wait()
			if f.bodies.large.Used() > before {
				continue
			}
			answers, err := readAnswers(c)
			if err != nil || len(answers) != 1 || answers[0].status != 429 || answers[0].header.Get("Retry-After") == "" {
				t.Fatalf("got %+v, %v", answers, err)
			}
			refused++
		}
		if refused < 70 {
			t.Errorf("%d were refused", refused)
		}
		f.want(t, 202, acmeWriter, "POST", "/api/events", eventWith("1"))
		for range 3 {
			c := f.dial(t)
			send(t, c, head(backend)+large)
			if status, _, _ := readAnswer(t, bufio.NewReader(c)); status != 202 {
				t.Errorf("another caller's large body: %d", status)
			}
		}
	})
}

// TestStalledBodiesHoldLittle: a body that was announced, and of which little came,
// takes no more room than what came.
func TestStalledBodiesHoldLittle(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFixture(t)
		f.want(t, 202, backend, "POST", "/api/events", eventWith("1")+strings.Repeat(" ", mediumBody-100)) // room that is used again
		for range 100 {
			send(t, f.dial(t), f.post("Content-Length: 1000000\r\n", strings.Repeat(" ", 1000)))
		}
		synctest.Wait()
		if n := f.bodies.large.Used(); n != 0 {
			t.Errorf("%d bytes are lent", n)
		}
	})
}

// TestRequestsUnderWay: one caller's requests are all under way that may be. Its
// next one is refused, another caller's is not.
func TestRequestsUnderWay(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFixture(t, func(o *Options) { o.Limits.Connections = 20 })
		hold := make(chan struct{})
		f.dispatcher.hold = hold
		var busy []net.Conn
		for range 10 {
			c := f.dial(t)
			send(t, c, f.good())
			busy = append(busy, c)
		}
		synctest.Wait()
		r := f.want(t, 429, backend, "POST", "/api/events", eventWith("1"))
		if r.header.Get("Retry-After") == "" || r.text(t, "type") != problemType+string(codeTooMany) {
			t.Errorf("got %v %s", r.header, r.body)
		}
		f.want(t, 200, acme, "GET", "/api/webhooks", "")
		close(hold)
		for _, c := range busy {
			if status, _, _ := readAnswer(t, bufio.NewReader(c)); status != 202 {
				t.Errorf("a request under way: got %d", status)
			}
		}
		f.want(t, 202, backend, "POST", "/api/events", eventWith("1"))
		if n := f.underWay.requests.Used(); n != 0 {
			t.Errorf("%d requests count as under way", n)
		}
	})
}

// slow is a request that does not go on.
type slow struct {
	why, begin string
	// drip is sent each second.
	drip   string
	status string // of the answers; "" for none, where nothing but line ends came
}

func (f *fixture) slowRequests() []slow {
	const chunked = "Transfer-Encoding: chunked\r\n"
	return []slow{
		{"nothing", "", "", "408"},
		{"in the request line", "GET /heal", "", "408"},
		{"dripping a request line", "GET /", "x", "408"},
		{"in the headers", "GET /healthz HTTP/1.1\r\nHost: x\r\n", "", "408"},
		{"dripping headers", "GET /healthz HTTP/1.1\r\nHost: x\r\n", "X: y\r\n", "408"},
		{"dripping line ends", "", "\r\n", ""},
		{"in a small body", f.post("Content-Length: 10\r\n", "{"), "", "408"},
		{"dripping a small body", f.post("Content-Length: 1000\r\n", "{"), " ", "408"},
		{"in a large body", f.post("Content-Length: 1000000\r\n", strings.Repeat(" ", 100_000)), "", "408"},
		{"dripping a large body", f.post("Content-Length: 1000000\r\n", strings.Repeat(" ", 100_000)), " ", "408"},
		{"in a chunk", f.post(chunked, "5\r\n{"), "", "408"},
		{"dripping chunks", f.post(chunked, ""), "1\r\n \r\n", "408"},
		{"dripping an extension", f.post(chunked, "1;"), "x", "408"},
		{"dripping trailers", f.post(chunked, "1\r\n1\r\n0\r\n"), "X: y\r\n", "408"},
		{"expecting 100", f.post("Expect: 100-continue\r\nContent-Length: 10\r\n", ""), "", "100 408"},
		{"expecting 100 for chunks", f.post("Expect: 100-continue\r\n"+chunked, ""), "", "100 408"},
	}
}

// TestTimeouts answers a request that stalls, or drips, when its time is over, and
// closes the connection.
func TestTimeouts(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFixture(t)
		for _, s := range f.slowRequests() {
			c := f.dial(t)
			send(t, c, s.begin)
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
			answers, err := readAnswers(c)
			close(done)
			if took := time.Since(began); took != defaultLimits.Read || err != nil {
				t.Errorf("%s: closed after %v, %v", s.why, took, err)
			}
			var statuses []string
			for _, a := range answers {
				statuses = append(statuses, fmt.Sprint(a.status))
			}
			if got := strings.Join(statuses, " "); got != s.status {
				t.Errorf("%s: got %s, want %s", s.why, got, s.status)
				continue
			}
			if s.status == "" {
				continue
			}
			if a := answers[len(answers)-1]; a.header.Get("Connection") != "close" || a.header.Get("Content-Type") != contentProblem {
				t.Errorf("%s: got %+v", s.why, a)
			}
			synctest.Wait()
		}
		if n := f.dispatcher.published(); n != 0 {
			t.Errorf("%d events were published", n)
		}
	})
}

// TestIdle closes a connection that has had an answer and sends nothing more.
func TestIdle(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFixture(t)
		c := f.dial(t)
		send(t, c, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
		reader := bufio.NewReader(c)
		if status, _, _ := readAnswer(t, reader); status != 200 {
			t.Fatal(status)
		}
		began := time.Now()
		if _, err := reader.ReadByte(); err != io.EOF {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took != defaultLimits.Idle {
			t.Errorf("an idle connection was closed after %v", took)
		}
	})
}
