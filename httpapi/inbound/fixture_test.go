package inbound

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/corpastro/astrohook/httpapi/inbound/inboundtest"
)

func TestMain(m *testing.M) { inboundtest.Main(m) }

// inBubble runs a test in virtual time.
func inBubble(t *testing.T, test func(*testing.T)) {
	synctest.Test(t, func(t *testing.T) {
		// The last to end is fasthttp's worker pool, which looks every 10 s.
		t.Cleanup(func() { time.Sleep(time.Minute) })
		test(t)
	})
}

// statuses are what the API answers with. The tests check that each kind of refusal
// reaches the owner of the server; httpapi has the table.
var statuses = map[error]int{
	ErrMalformed: 400, ErrExpectation: 417, ErrTooLarge: 413, ErrHeadTooLarge: 431, ErrTimeout: 408, ErrGivenUp: 503, ErrNoMemory: 429,
}

// refusedAs is the content type of refusals.
const refusedAs = "text/refusal"

// testLimits are those of the fixture, unless a test changes them.
const (
	testRead  = 30 * time.Second
	testWrite = 20 * time.Second
	testIdle  = 2 * time.Minute
)

// fixture is a server with two calls: GET /healthz, and POST /api/events, which needs
// a token, keeps the bodies and answers 202.
type fixture struct {
	*Server
	bodies   *Bodies
	listener *fasthttputil.InmemoryListener

	listening []net.Listener
	serving   sync.WaitGroup

	mu    sync.Mutex
	taken []string // the bodies
	// forgets has the server keep no bodies.
	forgets bool
	// hold, if set, is waited for before an event is answered.
	hold atomic.Pointer[chan struct{}]
}

func newFixture(t testing.TB, change ...func(*Options)) *fixture {
	t.Helper()
	f := &fixture{bodies: NewBodies(), listener: fasthttputil.NewInmemoryListener()}
	metrics, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Handler: f.handle, Refuse: refuse, Connections: 1000, Read: testRead, Write: testWrite, Idle: testIdle,
		Busy:    Busy{ContentType: refusedAs, Body: []byte("all connections are taken"), RetryAfter: 5},
		Metrics: metrics, Log: slog.New(slog.DiscardHandler),
	}
	for _, c := range change {
		c(&o)
	}
	f.Server = NewServer(o)
	f.serveOn(t, f.listener)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := f.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		for _, ln := range f.listening {
			_ = ln.Close() // Shutdown does not know a listener that was not served yet
		}
		f.serving.Wait()
	})
	return f
}

func refuse(ctx *fasthttp.RequestCtx, why *Refusal) {
	ctx.SetStatusCode(statuses[why.Kind])
	ctx.SetContentType(refusedAs)
	if errors.Is(why, ErrNoMemory) {
		ctx.Response.Header.Set("Retry-After", "5")
	}
	ctx.SetBodyString(why.Field + ": " + why.Detail)
}

func (f *fixture) handle(ctx *fasthttp.RequestCtx) {
	defer Conclude(ctx)
	if err := f.answer(ctx); err != nil {
		var why *Refusal
		if !errors.As(err, &why) {
			panic(err)
		}
		refuse(ctx, why)
	}
}

// answer does what a route of the API does, in the same order.
func (f *fixture) answer(ctx *fasthttp.RequestCtx) error {
	if err := Begin(ctx); err != nil {
		return err
	}
	switch {
	case ctx.IsGet() && string(ctx.Path()) == "/healthz":
		ctx.SetStatusCode(200)
		return nil
	case !ctx.IsPost() || string(ctx.Path()) != "/api/events":
		ctx.SetStatusCode(404)
		ctx.SetContentType(refusedAs)
		return nil
	}
	account, ok := strings.CutPrefix(string(ctx.Request.Header.Peek("Authorization")), "Bearer ")
	if !ok {
		ctx.SetStatusCode(401)
		return nil
	}
	body, err := f.bodies.Read(ctx, account)
	if err != nil {
		return err
	}
	if body != nil {
		defer f.bodies.Release(body)
	}
	if !f.forgets {
		f.mu.Lock()
		f.taken = append(f.taken, string(ctx.Request.Body()))
		f.mu.Unlock()
	}
	if hold := f.hold.Load(); hold != nil {
		<-*hold
	}
	ctx.SetStatusCode(202)
	return nil
}

// published returns how many events the server has accepted.
func (f *fixture) published() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.taken)
}

// bodiesTaken returns the bodies of the accepted events, and forgets them.
func (f *fixture) bodiesTaken() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	taken := f.taken
	f.taken = nil
	return taken
}

// serveOn serves on a listener until the end of the test.
func (f *fixture) serveOn(t testing.TB, ln net.Listener) {
	f.listening = append(f.listening, ln)
	f.serving.Go(func() {
		if err := f.Serve(ln); err != nil {
			t.Error(err)
		}
	})
}

// socket serves the fixture on a TCP socket too, and returns its address.
func (f *fixture) socket(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.serveOn(t, ln)
	return ln.Addr().String()
}

// dial opens a connection that ends with the test.
func (f *fixture) dial(t *testing.T) net.Conn { return inboundtest.DialIn(t, f.listener) }

// event is the body of a good request.
const event = `{"event_type":"user.created","data":1}`

// post returns a request that publishes, with these lines in its head and this text
// after it.
func post(lines, rest string) string { return postAs("backend", lines, rest) }

// postAs is post by a caller.
func postAs(account, lines, rest string) string {
	return "POST /api/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + account + "\r\n" + lines + "\r\n" + rest
}

// good returns a request that publishes an event.
func good() string { return post(fmt.Sprintf("Content-Length: %d\r\n", len(event)), event) }

const probeRequest = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"

// wantClosed checks how many connections were closed with each outcome.
func (f *fixture) wantClosed(t *testing.T, displaced, turnedAway float64) {
	t.Helper()
	if got := testutil.ToFloat64(f.metrics.displaced); got != displaced {
		t.Errorf("%v connections were displaced, want %v", got, displaced)
	}
	if got := testutil.ToFloat64(f.metrics.turnedAway); got != turnedAway {
		t.Errorf("%v connections were turned away, want %v", got, turnedAway)
	}
}

// statusOf sends a request and returns the status of its answer.
func statusOf(t *testing.T, c net.Conn, request string) int {
	t.Helper()
	inboundtest.Send(t, c, request)
	return readOne(t, c).Status
}
