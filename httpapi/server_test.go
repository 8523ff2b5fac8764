package httpapi

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/corpastro/astrohook/httpapi/inbound/inboundtest"
	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/webhook"
)

func (f *fixture) fixtureToken(caller string) string { return f.tokens[caller] }

// raw sends bytes on a connection of their own, and returns the answer.
func (f *fixture) raw(t testing.TB, request string) (status int, header http.Header, body string) {
	t.Helper()
	c, err := f.listener.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go func() { _, _ = io.WriteString(c, request) }() // the server may stop reading early
	return readAnswer(t, bufio.NewReader(c))
}

func readAnswer(t testing.TB, from *bufio.Reader) (status int, header http.Header, body string) {
	t.Helper()
	a := inboundtest.ReadAnswer(t, from)
	return a.Status, a.Header, a.Body
}

// TestMethods uses wrong methods: the answer names the right ones, whoever asks.
func TestMethods(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct{ method, path, allow string }{
		{"PATCH", "/api/events", "GET, HEAD, OPTIONS, POST"},
		{"DELETE", "/api/webhooks", "GET, HEAD, OPTIONS, POST"},
		{"POST", "/api/webhooks/wh_x", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"},
		{"GET", "/api/webhooks/wh_x/pause", "OPTIONS, POST"},
		{"TRACE", "/healthz", "GET, HEAD, OPTIONS"},
		{"BREW", "/healthz", "GET, HEAD, OPTIONS"},
		{"get", "/healthz", "GET, HEAD, OPTIONS"},
	} {
		status, header, body := f.raw(t, c.method+" "+c.path+" HTTP/1.1\r\nHost: x\r\n\r\n")
		if status != 405 || header.Get("Allow") != c.allow || !strings.Contains(body, `"title":"Method not allowed"`) {
			t.Errorf("%s %s: got %d, Allow %q, %s", c.method, c.path, status, header.Get("Allow"), body)
		}
	}
	r := f.want(t, 204, nobody, "OPTIONS", "/api/webhooks", "")
	if got := r.header.Get("Allow"); got != "GET, HEAD, OPTIONS, POST" {
		t.Errorf("Allow %q", got)
	}
	if r := f.want(t, 200, nobody, "HEAD", "/healthz", ""); len(r.body) != 0 {
		t.Errorf("HEAD has a body: %s", r.body)
	}
	f.want(t, 401, nobody, "HEAD", "/api/webhooks", "")
}

// TestPaths sends paths that need cleaning: none of them reaches a route.
func TestPaths(t *testing.T) {
	s := newScene(t)
	for _, path := range []string{
		"//", "/.", "/api", "/api/", "/nope", "/api/webhooks/", "//api/webhooks", "/api//webhooks", "/./api/webhooks",
		"/healthz/../api/webhooks", "/api/webhooks/" + s.webhook + "/", "/API/webhooks", "/api/%77ebhooks",
		"/api/webhooks/" + s.webhook + "/pause/..", "/healthz/", "/api/webhooks%2F" + s.webhook, "/metrics", "/debug/pprof/",
	} {
		status, header, body := s.raw(t, "GET "+path+" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+s.fixtureToken(admin)+"\r\n\r\n")
		if status != 404 || header.Get("Content-Type") != problem.MediaType {
			t.Errorf("%s: got %d %s", path, status, body)
		}
	}
}

// TestAnswersRevealNothing: answers do not name the server's software, and caches may
// not keep secrets.
func TestAnswersRevealNothing(t *testing.T) {
	f := newFixture(t)
	r := f.want(t, 201, acme, "POST", "/api/webhooks", `{"event_type":"*","target_url":"https://example.com/"}`)
	if got := r.header.Get("Server"); got != "" {
		t.Errorf("Server: %s", got)
	}
	if got := r.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control: %q", got)
	}
	r = f.want(t, 404, nobody, "GET", "/nope", "")
	if got := r.header.Get("Server"); got != "" {
		t.Errorf("Server: %s", got)
	}
}

// TestPanicIsAnAnswer has a handler panic: the caller gets an answer, and the server
// continues.
func TestPanicIsAnAnswer(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Store = panickyStore{o.Store} })
	f.want(t, 500, acme, "GET", "/api/deliveries", "")
	f.want(t, 200, acme, "GET", "/api/event-types", "")
	if log := f.log.String(); !strings.Contains(log, "panicked") || !strings.Contains(log, "out of order") {
		t.Errorf("log: %s", log)
	}
}

// panickyStore panics when deliveries are listed.
type panickyStore struct{ Store }

func (panickyStore) ListDeliveries(context.Context, webhook.DeliveryQuery) (webhook.DeliveryPage, error) {
	panic("out of order")
}

// TestReadiness follows /readyz.
func TestReadiness(t *testing.T) {
	f := newFixture(t)
	f.want(t, 200, nobody, "GET", "/readyz", "")
	f.SetReady(false)
	if r := f.want(t, 503, nobody, "GET", "/readyz", ""); r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	f.want(t, 200, nobody, "GET", "/healthz", "")
}

// inBubble runs a test in virtual time.
func inBubble(t *testing.T, test func(*testing.T)) {
	synctest.Test(t, func(t *testing.T) {
		// The last to end is fasthttp's worker pool, which looks every 10 s.
		t.Cleanup(func() { time.Sleep(time.Minute) })
		test(t)
	})
}

// TestShutdown: the present request is answered, the next one is refused, and then the
// listener is closed.
func TestShutdown(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFixture(t)
		hold := make(chan struct{})
		f.dispatcher.hold = hold
		request := "POST /api/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + f.fixtureToken(backend) +
			"\r\nContent-Length: " + strconv.Itoa(len(eventWith("1"))) + "\r\n\r\n" + eventWith("1")
		busy, late := f.dial(t), f.dial(t)
		inboundtest.Send(t, busy, request)
		synctest.Wait() // the dispatcher has it
		done := make(chan error, 1)
		go func() { done <- f.Shutdown(context.Background()) }()
		synctest.Wait()
		inboundtest.Send(t, late, request)
		status, header, body := readAnswer(t, bufio.NewReader(late))
		if status != 503 || header.Get("Connection") != "close" || header.Get("Retry-After") == "" {
			t.Errorf("while stopping: got %d %v %s", status, header, body)
		}
		close(hold)
		status, header, body = readAnswer(t, bufio.NewReader(busy))
		if status != 202 || header.Get("Connection") != "close" {
			t.Errorf("the request under way: got %d %v %s", status, header, body)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if _, err := f.listener.Dial(); err == nil {
			t.Error("the listener is still open")
		}
	})
}

// dial opens a connection that ends with the test.
func (f *fixture) dial(t *testing.T) net.Conn { return inboundtest.DialIn(t, f.listener) }

// TestShutdownGivesUp: Shutdown returns in time although a request does not end.
func TestShutdownGivesUp(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFixture(t)
		hold := make(chan struct{})
		f.dispatcher.hold = hold
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			f.want(t, 202, backend, "POST", "/api/events", eventWith("1"))
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		began := time.Now()
		if err := f.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("took %v", took)
		}
		if f.base.Err() == nil {
			t.Error("the calls under way were not given up")
		}
		close(hold)
		<-answered
	})
}

// TestAdminListener reads the metrics, which count by route and not by id.
func TestAdminListener(t *testing.T) {
	registry := prometheus.NewRegistry()
	s := &scene{fixture: newFixture(t, func(o *Options) { o.Registry, o.Profiling = registry, true })}
	s.webhook = s.register(t, acme)
	s.publishOne(t)
	s.do(t, acme, "GET", "/api/webhooks/"+s.webhook, "")
	s.do(t, acme, "GET", "/nope/"+s.webhook, "")
	ln := fasthttputil.NewInmemoryListener()
	served := make(chan error, 1)
	go func() { served <- s.ServeAdmin(ln) }()
	get := func(path string) (int, string) {
		c, err := ln.Dial()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		inboundtest.Send(t, c, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
		status, _, body := readAnswer(t, bufio.NewReader(c))
		return status, body
	}
	status, body := get("/metrics")
	if status != 200 {
		t.Fatal(status)
	}
	for _, line := range []string{
		`astrohook_http_requests_total{method="GET",route="/api/webhooks/{id}",status="2xx"} 1`,
		`astrohook_http_requests_total{method="POST",route="/api/events",status="2xx"} 1`,
		`astrohook_http_requests_total{method="any",route="unknown",status="4xx"} 1`,
		`astrohook_events_published_total{outcome="accepted"} 1`,
		`astrohook_publish_seconds_count 1`,
	} {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("missing: %s", line)
		}
	}
	if strings.Contains(body, s.webhook) {
		t.Error("an id is a label")
	}
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/debug/pprof": 200, "/debug/pprof/goroutine": 200, "/api/webhooks": 404} {
		if status, _ := get(path); status != want {
			t.Errorf("%s: got %d", path, status)
		}
	}
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// debugPaths are paths under which servers are known to show their insides.
var debugPaths = []string{
	"/metrics", "/metrics/", "/metrics/prometheus", "/prometheus", "/debug", "/debug/", "/debug/pprof", "/debug/pprof/",
	"/debug/pprof/allocs", "/debug/pprof/block", "/debug/pprof/cmdline", "/debug/pprof/goroutine", "/debug/pprof/goroutine?debug=2",
	"/debug/pprof/heap", "/debug/pprof/mutex", "/debug/pprof/profile", "/debug/pprof/symbol", "/debug/pprof/threadcreate",
	"/debug/pprof/trace", "/debug/vars", "/debug/requests", "/debug/events", "/debug/flags", "/pprof", "/pprof/", "/vars", "/expvar",
	"/stats", "/stat", "/status", "/server-status", "/server-info", "/info", "/health", "/env", "/actuator", "/actuator/env",
	"/actuator/heapdump", "/admin", "/admin/", "/admin/metrics", "/console", "/config", "/varz", "/statusz", "/threadz", "/rpcz",
	"/.env", "/.git/config", "/api/metrics", "/api/debug/pprof", "/_status", "/_debug", "/internal/metrics",
	"/healthz/../metrics", "/healthz/..;/metrics", "/%6detrics", "//metrics", "/metrics%00", "/debug%2fpprof", "/DEBUG/pprof",
}

// TestPublicListenerShowsNoInsides asks the public listener for the admin listener's
// routes, and for every known path for debugging: none is there, whoever asks.
func TestPublicListenerShowsNoInsides(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Profiling = true })
	address := f.socket(t)
	paths := debugPaths
	shared := map[string]bool{"/healthz": true, "/readyz": true}
	for _, r := range new(Server).adminRoutes(true) {
		if !shared[r.path] {
			paths = append(paths, r.path, strings.ReplaceAll(r.path, "{profile}", "heap"))
		}
	}
	if len(paths) < len(debugPaths)+6 {
		t.Fatalf("the admin listener's routes are not walked: %q", paths)
	}
	for _, path := range paths {
		for _, method := range []string{"GET", "POST", "OPTIONS"} {
			for _, token := range []string{"", "Authorization: Bearer " + f.tokens[admin] + "\r\n"} {
				answers := inboundtest.Exchange(t, address, method+" "+path+" HTTP/1.1\r\nHost: 127.0.0.1:9090\r\nConnection: close\r\n"+token+"\r\n")
				if len(answers) != 1 || answers[0].Status != 404 {
					t.Errorf("%s %s: got %+v", method, path, answers)
				}
			}
		}
	}
}

// TestOptions: the error names every option that is missing.
func TestOptions(t *testing.T) {
	_, err := New(Options{Limits: Limits{Read: -1}})
	if err == nil {
		t.Fatal("no error")
	}
	for _, name := range []string{"Store", "Dispatcher", "Keys", "CheckTarget", "Sequence", "Limits"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%v does not name %s", err, name)
		}
	}
}
