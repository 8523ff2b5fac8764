package sender

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corpastro/astrohook/actors/sender/receivertest"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/signing"
)

// TestRequestOnTheWire compares a request byte by byte.
func TestRequestOnTheWire(t *testing.T) {
	s := receivertest.Listen(t)
	c := newClient(t, Options{Version: "1.2.3"})
	a := send(open(t, c, s.URL()+"hook?x=1", webhook.Settings{}))
	wantAttempt(t, a, 200, webhook.ReasonNone)
	if string(a.Response) != "ok" || a.Duration <= 0 || a.At.Location() != time.UTC {
		t.Fatalf("got %+v", a)
	}
	r := s.Requests()[0]
	id, stamp := webhook.DeliveryID.Format(testID), webhook.FormatTime(a.At)
	body := fmt.Sprintf(`{"id":"%s","timestamp":"%s","event_type":"user.created","data":{"a":1}}`, id, stamp)
	if string(r.Body) != body {
		t.Fatalf("body is %s\nwant    %s", r.Body, body)
	}
	signer, err := signing.NewSigner(endpoint("").Secrets)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"POST /hook?x=1 HTTP/1.1",
		"Host: " + strings.TrimSuffix(strings.TrimPrefix(s.URL(), "http://"), "/"),
		"User-Agent: Astrohook/1.2.3",
		"Accept-Encoding: identity",
		"Content-Type: application/json",
		fmt.Sprintf("Content-Length: %d", len(body)),
		"X-Corp-Astro-Webhook-ID: " + id,
		"X-Corp-Astro-Event: user.created",
		"X-Corp-Astro-Timestamp: " + stamp,
		"X-Corp-Astro-Event-ID: " + webhook.EventID.Format(testID.Event()),
		"X-Corp-Astro-Event-Timestamp: 2025-05-17T10:30:00.000Z",
		"X-Corp-Astro-Attempt: 1",
		"X-Corp-Astro-Signature: " + string(signer.AppendHex(nil, a.At, r.Body)),
		"webhook-id: " + id,
		fmt.Sprintf("webhook-timestamp: %d", a.At.Unix()),
		"webhook-signature: " + string(signer.AppendStandard(nil, a.At, id, r.Body)),
	}
	if got := append([]string{r.Line}, r.Fields...); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestEventHeaders: a receiver of two webhooks can match their requests by the event,
// and can tell a late retry from a newer event.
func TestEventHeaders(t *testing.T) {
	s := receivertest.Listen(t)
	c := newClient(t, Options{})
	event := testID.Event()
	for n, attempts := range map[webhook.EndpointNumber]int{1: 0, 2: 41} {
		e := endpoint(s.URL())
		e.ID.Endpoint = n
		target, err := c.Open(e, webhook.Settings{})
		if err != nil {
			t.Fatal(err)
		}
		a := target.Send(webhook.Due{Delivery: webhook.Delivery{ID: event.For(n), EventType: "a", Attempts: attempts}, Data: []byte("{}")})
		wantAttempt(t, a, 200, webhook.ReasonNone)
		r := s.Requests()[s.Count()-1]
		if got := r.Field("X-Corp-Astro-Event-ID"); got != webhook.EventID.Format(event) {
			t.Errorf("webhook %d: event %s", n, got)
		}
		if got := r.Field("X-Corp-Astro-Event-Timestamp"); got != webhook.FormatTime(event.Time()) {
			t.Errorf("webhook %d: accepted at %s", n, got)
		}
		if got := r.Field("X-Corp-Astro-Attempt"); got != strconv.Itoa(attempts+1) {
			t.Errorf("webhook %d: attempt %s after %d", n, got, attempts)
		}
	}
}

// TestSignaturesDuringRotation: the usual header is signed with the older secret.
func TestSignaturesDuringRotation(t *testing.T) {
	s := receivertest.Listen(t)
	const before = "the secret before the rotation"
	e := endpoint(s.URL())
	for _, c := range []struct {
		ends      time.Duration
		now, next string
	}{{time.Hour, before, testSecret}, {-time.Second, testSecret, ""}} {
		e.Secrets = []signing.Secret{{Value: testSecret}, {Value: before, ExpiresAt: time.Now().Add(c.ends)}}
		target, err := newClient(t, Options{}).Open(e, webhook.Settings{})
		if err != nil {
			t.Fatal(err)
		}
		wantAttempt(t, send(target), 200, webhook.ReasonNone)
		r := s.Requests()[s.Count()-1]
		for name, secret := range map[string]string{"X-Corp-Astro-Signature": c.now, "X-Corp-Astro-Signature-Next": c.next} {
			want := ""
			if secret != "" {
				signer, err := signing.NewSigner([]signing.Secret{{Value: secret}})
				if err != nil {
					t.Fatal(err)
				}
				want = string(signer.AppendHex(nil, time.Now(), r.Body))
			}
			if got := r.Field(name); got != want {
				t.Errorf("overlap ends in %v: %s is %q, want that of %q", c.ends, name, got, secret)
			}
		}
	}
}

// TestHeaderPrefix: our headers begin with the operator's prefix, and an event type
// cannot leave its header.
func TestHeaderPrefix(t *testing.T) {
	s := receivertest.Listen(t)
	c := newClient(t, Options{HeaderPrefix: "X-Acme"})
	a := open(t, c, s.URL(), webhook.Settings{}).Send(due("a\r\nEvil: 1", []byte("{}")))
	wantAttempt(t, a, 200, webhook.ReasonNone)
	r := s.Requests()[0]
	if r.Field("X-Acme-Event") != "aEvil: 1" || r.Field("Evil") != "" || r.Field("X-Acme-Webhook-ID") == "" {
		t.Fatalf("got %q", r.Fields)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	g := loopbackGuard(t)
	for name, o := range map[string]Options{
		"no guard":        {},
		"long excerpt":    {Guard: g, ExcerptBytes: MaxExcerptBytes + 1},
		"negative":        {Guard: g, ExcerptBytes: -1},
		"header prefix":   {Guard: g, HeaderPrefix: "X:"},
		"line in version": {Guard: g, Version: "1\r\nEvil: 1"},
	} {
		if c, err := New(o); err == nil {
			_ = c.Close()
			t.Errorf("%s: no error", name)
		}
	}
	c := newClient(t, Options{})
	if _, err := c.Open(endpoint("ftp://x/"), webhook.Settings{}); err == nil {
		t.Error("an invalid URL was opened")
	}
	if _, err := c.Open(webhook.Endpoint{TargetURL: "http://example.com/"}, webhook.Settings{}); err == nil {
		t.Error("an endpoint without secrets was opened")
	}
}

// TestAnswers: the status line decides, whatever follows it, and a connection is kept
// only if the response was read to a clear end.
func TestAnswers(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	long := strings.Repeat("x", 10_000)
	for _, c := range []struct {
		name     string
		reply    receivertest.Reply
		status   int
		failure  webhook.Reason
		response string
		reused   bool
	}{
		{"plain", receivertest.Answer(200), 200, "", "ok", true},
		{"no content", receivertest.Answer(204), 204, "", "", true},
		{"empty body", receivertest.With(200, ""), 200, "", "", true},
		{"redirect", receivertest.With(302, "moved", "Location: http://127.0.0.1:1/"), 302, "", "moved", true},
		{"server error", receivertest.Answer(500), 500, "", "ok", true},
		{"long body", receivertest.With(200, long), 200, "", long[:DefaultExcerptBytes], true},
		{"too long a body", receivertest.With(200, strings.Repeat("y", 1<<20)), 200, "", strings.Repeat("y", DefaultExcerptBytes), false},
		{"chunked", receivertest.Raw(ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\nTrail: er\r\n\r\n"), 200, "", "abc", true},
		{"long chunk", receivertest.Raw(ok + "Transfer-Encoding: chunked\r\n\r\n2710\r\n" + long + "\r\n0\r\n\r\n"), 200, "", long[:DefaultExcerptBytes], true},
		{"broken chunk", receivertest.Then(receivertest.Raw(ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\nzz\r\n")), 200, "", "ab", false},
		{"gzip is not kept", receivertest.With(200, "\x1f\x8b\x08\x00", "Content-Encoding: gzip"), 200, "", "", true},
		{"until close", receivertest.Then(receivertest.Raw(ok + "\r\nall")), 200, "", "all", false},
		{"closing", receivertest.Closing(200), 200, "", "bye", false},
		{"close among options", receivertest.With(200, "ok", "Connection: foo , CLOSE"), 200, "", "ok", false},
		{"body cut off", receivertest.Then(receivertest.Raw(ok + "Content-Length: 10\r\n\r\nabc")), 200, "", "abc", false},
		{"endless body", receivertest.EndlessBody(200), 200, "", strings.Repeat("b", DefaultExcerptBytes), false},
		{"endless body of a failure", receivertest.EndlessBody(500), 500, "", strings.Repeat("b", DefaultExcerptBytes), false},
		{"endless head", receivertest.EndlessHead(), 200, "", "", false},
		{"head of 17 KiB", receivertest.With(200, "ok", "X: "+strings.Repeat("a", 17<<10)), 200, "", "", false},
		{"endless status line", receivertest.Raw("HTTP/1.1 200 " + strings.Repeat("a", 20<<10)), 0, webhook.ReasonProtocol, "", false},
		{"old version", receivertest.Raw("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"), 200, "", "ok", false},
		{"old version kept", receivertest.Raw("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok"), 200, "", "ok", true},
		{"two lengths", receivertest.Raw(ok + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nok"), 200, "", "", false},
		{"length and chunked", receivertest.Raw(ok + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 200, "", "", false},
		{"unknown coding", receivertest.Raw(ok + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), 200, "", "", false},
		{"broken length", receivertest.Raw(ok + "Content-Length: +2\r\n\r\nok"), 200, "", "", false},
		{"broken field", receivertest.Raw(ok + "Content-Length : 2\r\n\r\nok"), 200, "", "", false},
		{"bare line feeds", receivertest.Raw("HTTP/1.1 200 OK\nContent-Length: 2\n\nok"), 200, "", "ok", true},
		{"no reason phrase", receivertest.Raw("HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok"), 200, "", "ok", true},
		{"unasked in one piece", receivertest.Unasked(200, 0), 200, "", "ok", false},
		{"early hints", receivertest.Raw("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" + ok + "Content-Length: 2\r\n\r\nok"), 200, "", "ok", true},
		{"many hints", receivertest.Raw(strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 500) + ok + "Content-Length: 2\r\n\r\nok"), 200, "", "ok", true},
		{"long hints", receivertest.Raw("HTTP/1.1 103 Early Hints\r\nX: " + strings.Repeat("a", 40<<10) + "\r\n\r\n" + ok + "Content-Length: 2\r\n\r\nok"), 200, "", "ok", true},
		{"nothing but hints", receivertest.Then(receivertest.Raw(strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 20))), 0, webhook.ReasonReset, "", false},
		{"too many hints", receivertest.Raw(strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 10_000)), 103, "", "", false},
		{"endless hints", receivertest.Raw("HTTP/1.1 103 Early Hints\r\nX: " + strings.Repeat("a", 300<<10)), 103, "", "", false},
		{"switching protocols", receivertest.Raw("HTTP/1.1 101 Switching Protocols\r\n\r\n"), 101, "", "", false},
		{"not HTTP", receivertest.Raw("220 mail.example ESMTP\r\n"), 0, webhook.ReasonProtocol, "", false},
		{"HTTP/2", receivertest.Raw("HTTP/2 200\r\n\r\n"), 0, webhook.ReasonProtocol, "", false},
		{"broken status", receivertest.Raw("HTTP/1.1 2000 OK\r\n\r\n"), 0, webhook.ReasonProtocol, "", false},
		{"status of two digits", receivertest.Raw("HTTP/1.1 20 OK\r\n\r\n"), 0, webhook.ReasonProtocol, "", false},
		{"status line cut off", receivertest.Then(receivertest.Raw("HTTP/1.1 200 OK")), 0, webhook.ReasonReset, "", false},
		{"head cut off", receivertest.Then(receivertest.Raw(ok + "Content-Le")), 200, "", "", false},
		{"head of a failure cut off", receivertest.Then(receivertest.Raw("HTTP/1.1 500 Oh\r\nContent-Le")), 500, "", "", false},
		{"closed without an answer", receivertest.Then(receivertest.Raw("")), 0, webhook.ReasonReset, "", false},
		{"reset", receivertest.Reset(), 0, webhook.ReasonReset, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := receivertest.Listen(t)
			s.Always(c.reply)
			target := open(t, newClient(t, Options{}), s.URL(), webhook.Settings{})
			a := send(target)
			wantAttempt(t, a, c.status, c.failure)
			if string(a.Response) != c.response {
				t.Fatalf("response is %q, want %q", a.Response, c.response)
			}
			s.Always(receivertest.Answer(200))
			wantAttempt(t, send(target), 200, webhook.ReasonNone)
			if reused := s.Accepted() == 1; reused != c.reused {
				t.Fatalf("connection used again: %v, want %v", reused, c.reused)
			}
			if s.Count() != 2 {
				t.Fatalf("%d requests for two attempts", s.Count())
			}
		})
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	other := receivertest.Listen(t)
	s := receivertest.Listen(t)
	s.Always(receivertest.With(307, "", "Location: "+other.URL()))
	a := send(open(t, newClient(t, Options{}), s.URL(), webhook.Settings{}))
	wantAttempt(t, a, 307, webhook.ReasonNone)
	if o := a.Outcome(); o.Verdict != webhook.Retryable || o.Reason != webhook.ReasonHTTP3xx || other.Accepted() != 0 {
		t.Fatalf("got %+v, %d connections to the other place", o, other.Accepted())
	}
}

func TestRetryAfter(t *testing.T) {
	for _, c := range []struct {
		status   int
		value    string
		min, max time.Duration
	}{
		{503, "7", 7 * time.Second, 7 * time.Second},
		{429, time.Now().Add(time.Hour).UTC().Format(http.TimeFormat), 58 * time.Minute, time.Hour},
		{302, "5", 5 * time.Second, 5 * time.Second},
		{400, "99999999999", webhook.MaxRetryAfter, webhook.MaxRetryAfter},
		{500, "soon", 0, 0},
		{200, "7", 0, 0},
	} {
		s := receivertest.Listen(t)
		s.Always(receivertest.RetryAfter(c.status, c.value))
		a := send(open(t, newClient(t, Options{}), s.URL(), webhook.Settings{}))
		if a.RetryAfter < c.min || a.RetryAfter > c.max {
			t.Errorf("%d with %q: got %v", c.status, c.value, a.RetryAfter)
		}
	}
}

func TestExcerptIsConfigurable(t *testing.T) {
	s := receivertest.Listen(t)
	s.Always(receivertest.With(500, strings.Repeat("z", MaxExcerptBytes+1)))
	a := send(open(t, newClient(t, Options{ExcerptBytes: MaxExcerptBytes}), s.URL(), webhook.Settings{}))
	if len(a.Response) != MaxExcerptBytes {
		t.Fatalf("excerpt of %d bytes", len(a.Response))
	}
}

// TestAnswerBeforeAllIsRead: a response that comes before the body was read counts.
func TestAnswerBeforeAllIsRead(t *testing.T) {
	s := receivertest.Listen(t)
	s.OnConnect(func(c *receivertest.Conn) {
		var some [100]byte
		_, _ = c.Read(some[:])
		fmt.Fprint(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
		_ = c.Conn.(*net.TCPConn).CloseWrite()
	})
	data := []byte(`"` + strings.Repeat("a", webhook.MaxPayload-2) + `"`)
	target := open(t, newClient(t, Options{}), s.URL(), webhook.Settings{})
	wantAttempt(t, target.Send(due("user.created", data)), 413, webhook.ReasonNone)
}

// TestLargestPayload: the largest payload arrives whole.
func TestLargestPayload(t *testing.T) {
	s := receivertest.Listen(t)
	data := []byte(`"` + strings.Repeat("a", webhook.MaxPayload-2) + `"`)
	target := open(t, newClient(t, Options{}), s.URL(), webhook.Settings{})
	wantAttempt(t, target.Send(due("user.created", data)), 200, webhook.ReasonNone)
	var body struct{ Data json.RawMessage }
	if err := json.Unmarshal(s.Requests()[0].Body, &body); err != nil || string(body.Data) != string(data) {
		t.Fatalf("%d bytes arrived, %v", len(body.Data), err)
	}
}

// TestParallelSends: each body arrives under its own signature.
func TestParallelSends(t *testing.T) {
	s := receivertest.Listen(t)
	target := open(t, newClient(t, Options{}), s.URL(), webhook.Settings{Concurrency: 8})
	var senders sync.WaitGroup
	for worker := range 16 {
		senders.Go(func() {
			for n := range 25 {
				data := fmt.Appendf(nil, `{"worker":%d,"n":%d,"pad":"%s"}`, worker, n, strings.Repeat("p", n*97))
				if a := target.Send(due("user.created", data)); a.StatusCode != 200 {
					t.Errorf("got %+v", a)
				}
			}
		})
	}
	senders.Wait()
	signer, err := signing.NewSigner(endpoint("").Secrets)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, r := range s.Requests() {
		seen[string(r.Body)] = true
		if got := r.Field("X-Corp-Astro-Signature"); got != string(signer.AppendHex(nil, time.Now(), r.Body)) {
			t.Fatalf("signature %s does not fit the body %s", got, r.Body)
		}
	}
	if len(s.Requests()) != 400 || len(seen) < 390 { // bodies of one worker and number differ by their time only
		t.Fatalf("%d requests, %d different", len(s.Requests()), len(seen))
	}
	target.client.idle.mu.Lock()
	defer target.client.idle.mu.Unlock()
	if n := target.origin.idle.count; n == 0 || n > 8 {
		t.Fatalf("%d idle connections, want 1 to 8", n)
	}
}

// TestTLS: certificates are verified, and sessions and connections are used again.
func TestTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, r.TLS.Version >= tls.VersionTLS12, r.TLS.NegotiatedProtocol)
	}))
	s.Config.ErrorLog = quietLog()
	s.StartTLS()
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	trusting := newClient(t, Options{RootCAs: roots})
	target := open(t, trusting, s.URL, webhook.Settings{})
	for range 3 {
		a := send(target)
		wantAttempt(t, a, 200, webhook.ReasonNone)
		if string(a.Response) != "true http/1.1\n" {
			t.Fatalf("got %q", a.Response)
		}
	}
	trusting.mu.Lock()
	conns := len(trusting.conns)
	trusting.mu.Unlock()
	if conns != 1 {
		t.Fatalf("%d connections for three requests one after the other", conns)
	}
	wantAttempt(t, send(open(t, newClient(t, Options{}), s.URL, webhook.Settings{})), 0, webhook.ReasonTLSAuthority)
	plain := receivertest.Listen(t)
	plain.OnConnect(receivertest.Answer(400))
	wantAttempt(t, send(open(t, trusting, strings.Replace(plain.URL(), "http:", "https:", 1), webhook.Settings{})), 0, webhook.ReasonTLS)
}

// TestTLSRefusesOldVersions: no request goes to a receiver with TLS 1.1 at most.
func TestTLSRefusesOldVersions(t *testing.T) {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	s.Config.ErrorLog = quietLog()
	s.StartTLS()
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	wantAttempt(t, send(open(t, newClient(t, Options{RootCAs: roots}), s.URL, webhook.Settings{})), 0, webhook.ReasonTLSVersion)
}

// TestTLSName: a certificate for another name is refused.
func TestTLSName(t *testing.T) {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = quietLog()
	s.StartTLS()
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	c := newClient(t, Options{RootCAs: roots, Resolve: zone{"example.com": {"127.0.0.1"}, "example.net": {"127.0.0.1"}}.resolve})
	port := s.URL[strings.LastIndexByte(s.URL, ':'):]
	wantAttempt(t, send(open(t, c, "https://example.com"+port, webhook.Settings{})), 404, webhook.ReasonNone)
	wantAttempt(t, send(open(t, c, "https://example.net"+port, webhook.Settings{})), 0, webhook.ReasonTLSName)
}
