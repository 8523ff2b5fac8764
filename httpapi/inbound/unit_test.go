package inbound

import (
	"bufio"
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/inbound/inboundtest"
	"github.com/corpastro/astrohook/webhook"
)

// TestRefusalIsAnError: a refusal can be found by its kind and by its cause, and its
// text for the log is the cause's.
func TestRefusalIsAnError(t *testing.T) {
	cause := errors.New("the peer is gone")
	r := fmt.Errorf("read body: %w", &Refusal{Kind: ErrTimeout, Detail: "too late", Cause: cause})
	if !errors.Is(r, ErrTimeout) || !errors.Is(r, cause) || errors.Is(r, ErrMalformed) {
		t.Errorf("%v is not what it is", r)
	}
	if text := r.Error(); text != "read body: the peer is gone" {
		t.Errorf("for the log: %s", text)
	}
	bare := &Refusal{Kind: ErrMalformed, Detail: "no request"}
	if bare.Error() != "no request" || !errors.Is(bare, ErrMalformed) {
		t.Errorf("without a cause: %v", bare)
	}
}

// timeoutOnly is an error of a deadline that is no net.Error, as in-memory connections
// have.
type timeoutOnly struct{ late bool }

func (timeoutOnly) Error() string   { return "i/o timeout" }
func (e timeoutOnly) Timeout() bool { return e.late }

// TestUnreadable finds the kind of refusal for each error of reading.
func TestUnreadable(t *testing.T) {
	for _, c := range []struct {
		err  error
		kind error
	}{
		{&fasthttp.ErrSmallBuffer{}, ErrHeadTooLarge},
		{fmt.Errorf("read head: %w", &fasthttp.ErrSmallBuffer{}), ErrHeadTooLarge},
		{os.ErrDeadlineExceeded, ErrTimeout},
		{&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, ErrTimeout},
		{timeoutOnly{late: true}, ErrTimeout},
		{timeoutOnly{late: false}, ErrMalformed},
		{io.ErrUnexpectedEOF, ErrMalformed},
		{syscall.ECONNRESET, ErrMalformed},
		{errors.New("cannot find whitespace in the first line"), ErrMalformed},
	} {
		if got := unreadable(c.err); !errors.Is(got, c.kind) || !errors.Is(got, c.err) || got.Detail == "" {
			t.Errorf("%v: %+v, want %v", c.err, got, c.kind)
		}
	}
}

// TestExhausted: accepts that fail for lack of resources are tried again, others end
// the server.
func TestExhausted(t *testing.T) {
	for err, want := range map[error]bool{
		syscall.EMFILE: true, syscall.ENFILE: true, syscall.ENOBUFS: true, syscall.ENOMEM: true,
		syscall.EINVAL: false, net.ErrClosed: false, io.EOF: false,
	} {
		wrapped := &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", err)}
		if exhausted(wrapped) != want {
			t.Errorf("%v: got %v", err, !want)
		}
	}
}

// brokenListener fails for good.
type brokenListener struct{ err error }

func (l brokenListener) Accept() (net.Conn, error) { return nil, l.err }
func (l brokenListener) Close() error              { return nil }
func (l brokenListener) Addr() net.Addr            { return &net.UnixAddr{Name: "broken"} }

// TestBrokenListener: Serve returns the error of a listener that is broken, and no
// error when the listener was closed.
func TestBrokenListener(t *testing.T) {
	f := newFixture(t)
	broken := errors.New("the interface is gone")
	if err := f.Serve(brokenListener{broken}); !errors.Is(err, broken) || !strings.Contains(err.Error(), "broken") {
		t.Errorf("got %v", err)
	}
	if err := f.Serve(brokenListener{net.ErrClosed}); err != nil {
		t.Errorf("closed: %v", err)
	}
}

// addressed is a connection from an address.
type addressed struct {
	net.Conn
	remote net.Addr
}

func (a addressed) RemoteAddr() net.Addr { return a.remote }

// TestPeerOf counts connections by what one host can have.
func TestPeerOf(t *testing.T) {
	tcp := func(text string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(text)) }
	for _, c := range []struct {
		why  string
		a, b net.Addr
		same bool
	}{
		{"one address, two ports", tcp("192.0.2.1:1"), tcp("192.0.2.1:2"), true},
		{"two addresses", tcp("192.0.2.1:1"), tcp("192.0.2.2:1"), false},
		{"an address and its form in IPv6", tcp("192.0.2.1:1"), tcp("[::ffff:192.0.2.1]:1"), true},
		{"two addresses in their form in IPv6", tcp("[::ffff:192.0.2.1]:1"), tcp("[::ffff:192.0.2.2]:1"), false},
		{"two addresses of a network of 64 bits", tcp("[2001:db8::1]:1"), tcp("[2001:db8::ffff:2]:1"), true},
		{"two networks", tcp("[2001:db8::1]:1"), tcp("[2001:db8:0:1::1]:1"), false},
		{"a zone", tcp("[fe80::1%eth0]:1"), tcp("[fe80::1%eth1]:1"), true},
		{"no TCP", &net.UnixAddr{Name: "a"}, &net.UnixAddr{Name: "b"}, true},
	} {
		a, b := peerOf(addressed{remote: c.a}), peerOf(addressed{remote: c.b})
		if (a == b) != c.same {
			t.Errorf("%s: %v and %v", c.why, a, b)
		}
	}
}

// TestWhoGivesWay chooses among connections of several addresses.
func TestWhoGivesWay(t *testing.T) {
	crowd, quiet := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	type open struct {
		peer netip.Addr
		busy bool
	}
	for _, c := range []struct {
		why  string
		open []open // the one that has waited longest first
		want int    // its place; -1 for none
	}{
		{"nothing is open", nil, -1},
		{"all are alike", []open{{crowd, false}, {crowd, false}}, 0},
		{"the crowd's oldest", []open{{quiet, false}, {crowd, false}, {crowd, false}}, 1},
		{"not the crowd's busy one", []open{{crowd, true}, {quiet, false}, {crowd, false}}, 2},
		{"the crowd is busy", []open{{crowd, true}, {quiet, false}, {crowd, true}}, 1},
		{"everybody is busy", []open{{crowd, true}, {quiet, true}}, -1},
		{"two crowds of one size", []open{{quiet, false}, {crowd, false}}, 0},
	} {
		l := newListener(nil, 10, nil, nil)
		var places []*list.Element
		for _, o := range c.open {
			conn := &conn{from: l, peer: o.peer, busy: o.busy}
			conn.place = l.open.PushBack(conn)
			l.peers[o.peer]++
			places = append(places, conn.place)
		}
		got := l.dispensableLocked()
		switch {
		case c.want < 0 && got != nil, c.want >= 0 && (got == nil || got.place != places[c.want]):
			t.Errorf("%s: got %+v", c.why, got)
		}
	}
}

// TestLeavingIsCountedOnce: a connection that is closed twice leaves the count once.
func TestLeavingIsCountedOnce(t *testing.T) {
	metrics, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	l := newListener(nil, 2, nil, metrics)
	first, second := l.admit(&wire{}), l.admit(&wire{})
	for range 2 {
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if l.open.Len() != 1 || l.peers[second.peer] != 1 || l.leaving != 0 {
		t.Errorf("%d open, peers %v, %d leaving", l.open.Len(), l.peers, l.leaving)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	if len(l.peers) != 0 {
		t.Errorf("peers %v", l.peers)
	}
}

// TestDisplacedTakesNoRequest: a connection that was displaced while a request arrived
// does not get to the handler.
func TestDisplacedTakesNoRequest(t *testing.T) {
	metrics, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	l := newListener(nil, 2, nil, metrics) // with 1, admit would wait for the end of the displaced one
	old, other := l.admit(&wire{}), l.admit(&wire{})
	for _, c := range []*conn{old, other} {
		if err := c.begin(10); err != nil {
			t.Fatal(err)
		}
	}
	if l.admit(&wire{}) != nil {
		t.Fatal("a busy connection was displaced")
	}
	if _, err := old.Write(nil); err != nil { // it answers, and waits from then on
		t.Fatal(err)
	}
	if l.admit(&wire{}) == nil {
		t.Fatal("a waiting connection was not displaced")
	}
	if err := old.begin(10); !errors.Is(err, ErrGivenUp) {
		t.Errorf("got %v", err)
	}
	if l.leaving != 1 {
		t.Errorf("%d are leaving", l.leaving)
	}
	_ = old.Close()
	if l.leaving != 0 {
		t.Errorf("%d are leaving after the end", l.leaving)
	}
}

// TestFirstLine: fasthttp accepts a request line that ends in LF, and the connection
// notices it however the bytes are divided into reads.
func TestFirstLine(t *testing.T) {
	for text, ok := range map[string]bool{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n": true,
		"GET / HTTP/1.1\nHost: x\r\n\r\n":   false,
		"\nGET":                             false,
		"\r\n":                              true,
		"GET / HTTP/1.1":                    false, // not ended yet
	} {
		for cut := range len(text) {
			c := &conn{}
			for _, part := range []string{text[:cut], text[cut:]} {
				if part != "" {
					c.note([]byte(part))
				}
			}
			if c.lineOK != ok || c.taken != len(text) {
				t.Errorf("%q cut at %d: %v, %d bytes", text, cut, c.lineOK, c.taken)
			}
		}
	}
}

// TestBodiesGrow: the memory of a body follows what arrives, is charged beyond the
// first 4 KiB, and is given back whether the body is good or not.
func TestBodiesGrow(t *testing.T) {
	for _, c := range []struct {
		size  int
		lent  int64
		error error
	}{
		{0, 0, nil},
		{smallBody - 1, 0, nil},
		{smallBody, mediumBody, nil}, // the end is seen only by reading on
		{mediumBody - 1, mediumBody, nil},
		{mediumBody, 2 * mediumBody, nil},
		{MaxBody, MaxBody + 1, nil},
		{MaxBody + 1, 0, ErrTooLarge},
	} {
		bodies := NewBodies()
		ctx := &fasthttp.RequestCtx{}
		ctx.Init(&fasthttp.Request{}, nil, nil)
		ctx.Request.SetBodyStream(strings.NewReader(strings.Repeat("x", c.size)), -1)
		body, err := bodies.Read(ctx, "acme")
		if !errors.Is(err, c.error) || bodies.Used() != c.lent {
			t.Errorf("%d bytes: %v, %d lent, want %d", c.size, err, bodies.Used(), c.lent)
		}
		if err != nil {
			continue
		}
		if n := len(ctx.Request.Body()); n != c.size {
			t.Errorf("%d bytes: the handler sees %d", c.size, n)
		}
		if bodies.Release(body); bodies.Used() != 0 {
			t.Errorf("%d bytes: %d still lent", c.size, bodies.Used())
		}
	}
}

// TestNoBody: a request without a body holds no memory.
func TestNoBody(t *testing.T) {
	ctx := &fasthttp.RequestCtx{}
	ctx.Init(&fasthttp.Request{}, nil, nil)
	if body, err := NewBodies().Read(ctx, "acme"); body != nil || err != nil {
		t.Errorf("%v, %v", body, err)
	}
}

// TestBuffersAreClean: a buffer that is used again shows nothing of the body before.
func TestBuffersAreClean(t *testing.T) {
	bodies := NewBodies()
	for _, text := range []string{strings.Repeat("secret ", 5000), "short", strings.Repeat("x", smallBody), ""} {
		ctx := &fasthttp.RequestCtx{}
		ctx.Init(&fasthttp.Request{}, nil, nil)
		ctx.Request.SetBodyStream(strings.NewReader(text), -1)
		body, err := bodies.Read(ctx, "acme")
		if err != nil || string(ctx.Request.Body()) != text {
			t.Errorf("%.20q: read as %.20q, %v", text, ctx.Request.Body(), err)
		}
		bodies.Release(body)
	}
}

// TestMemoryRunsOut: the refusal says whether the caller's share or all memory is used.
func TestMemoryRunsOut(t *testing.T) {
	bodies := NewBodies()
	read := func(account string) error {
		ctx := &fasthttp.RequestCtx{}
		ctx.Init(&fasthttp.Request{}, nil, nil)
		ctx.Request.SetBodyStream(strings.NewReader(strings.Repeat("x", MaxBody)), -1)
		_, err := bodies.Read(ctx, account)
		return err
	}
	var err error
	for n := 0; err == nil && n < maxBodies/MaxBody; n++ {
		err = read("greedy")
	}
	if !errors.Is(err, ErrNoMemory) || !errors.Is(err, webhook.ErrShareUsed) {
		t.Errorf("one caller: %v", err)
	}
	err = nil
	for n := 0; err == nil && n < 2*maxBodies/MaxBody; n++ {
		err = read(fmt.Sprint("caller ", n))
	}
	if !errors.Is(err, ErrNoMemory) {
		t.Errorf("all callers: %v", err)
	}
	if used := bodies.Used(); used > maxBodies {
		t.Errorf("%d bytes are lent", used)
	}
}

// TestBusyAnswer pins the bytes that a connection gets for which there is no room.
func TestBusyAnswer(t *testing.T) {
	b := Busy{ContentType: "text/plain", Body: []byte("busy"), RetryAfter: 7}
	const want = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 7\r\n" +
		"Content-Type: text/plain\r\nContent-Length: 4\r\n\r\nbusy"
	if got := string(b.bytes()); got != want {
		t.Errorf("got %q", got)
	}
}

// TestMetricsOnce: two servers of one process share the metrics, and cannot each
// register their own.
func TestMetricsOnce(t *testing.T) {
	r := prometheus.NewRegistry()
	if _, err := NewMetrics(r); err != nil {
		t.Fatal(err)
	}
	if _, err := NewMetrics(r); err == nil {
		t.Error("the same metrics are registered twice")
	}
}

// TestFasthttpsLog: what fasthttp logs is for debugging only, one line each.
func TestFasthttpsLog(t *testing.T) {
	var out strings.Builder
	l := serverLog{slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	l.Printf("error when serving %q\n", "x")
	if text := out.String(); !strings.Contains(text, "level=DEBUG") || strings.Count(text, "\n") != 1 {
		t.Errorf("%q", text)
	}
}

// TestShutdownWaits: Shutdown closes idle connections, waits for the present request,
// and gives up when its context ends. It can be called again.
func TestShutdownWaits(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFixture(t)
		hold := make(chan struct{})
		f.hold.Store(&hold)
		idle, busy := f.dial(t), f.dial(t)
		inboundtest.Send(t, idle, probeRequest)
		answers := bufio.NewReader(idle)
		if a := inboundtest.ReadAnswer(t, answers); a.Status != 200 {
			t.Fatal(a)
		}
		inboundtest.Send(t, busy, good())
		synctest.Wait()
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := f.Shutdown(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while a request is handled: %v", err)
		}
		if _, err := answers.ReadByte(); !errors.Is(err, io.EOF) {
			t.Errorf("the idle connection is still open: %v", err)
		}
		close(hold)
		if a := readOne(t, busy); a.Status != 202 {
			t.Errorf("the present request: %+v", a)
		}
		if err := f.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestRequestAllocates bounds what a request costs beside its handler: the entry of its
// buffer in the pool, and the two strings of the fixture's handler.
func TestRequestAllocates(t *testing.T) {
	f := newFixture(t)
	f.forgets = true
	c := inboundtest.Dial(t, f.socket(t))
	request, answers := []byte(good()), bufio.NewReader(c)
	allocs := testing.AllocsPerRun(200, func() {
		if _, err := c.Write(request); err != nil {
			t.Fatal(err)
		}
		if err := skipAnswer(answers); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 4 && !raceDetector {
		t.Errorf("%.0f allocations", allocs)
	}
}
