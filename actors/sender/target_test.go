package sender

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/actors/sender/receivertest"
	"github.com/corpastro/astrohook/webhook"
)

// TestUnaskedAnswerLater: a connection on which bytes arrive while it is idle is
// closed, and the bytes are not taken for the next answer.
func TestUnaskedAnswerLater(t *testing.T) {
	s := receivertest.Listen(t)
	sent := make(chan struct{})
	s.Behave(func(r receivertest.Request) receivertest.Reply {
		if r.Number > 1 {
			return receivertest.Answer(500)
		}
		return func(c *receivertest.Conn) {
			receivertest.Unasked(200, time.Millisecond)(c)
			close(sent)
		}
	})
	target := open(t, newClient(t, Options{}), s.URL(), webhook.Settings{})
	wantAttempt(t, send(target), 200, webhook.ReasonNone)
	<-sent
	wantAttempt(t, send(target), 500, webhook.ReasonNone)
	if s.Accepted() != 2 {
		t.Fatalf("%d connections, want 2", s.Accepted())
	}
}

// TestUnaskedAnswerOverTLS: the same for bytes in TLS's buffers.
func TestUnaskedAnswerOverTLS(t *testing.T) {
	s, c := listenTLS(t)
	sent := make(chan struct{})
	s.Behave(func(r receivertest.Request) receivertest.Reply {
		if r.Number > 1 {
			return receivertest.Answer(500)
		}
		return func(c *receivertest.Conn) {
			receivertest.Answer(200)(c)
			receivertest.Answer(204)(c)
			close(sent)
		}
	})
	target := open(t, c, "https://example.com:443/", webhook.Settings{})
	wantAttempt(t, send(target), 200, webhook.ReasonNone)
	<-sent
	wantAttempt(t, send(target), 500, webhook.ReasonNone)
}

// listenTLS starts a receiver with TLS, and a client that reaches it as
// https://example.com/.
func listenTLS(t *testing.T) (*receivertest.Receiver, *Client) {
	t.Helper()
	model := httptest.NewUnstartedServer(nil)
	model.Config.ErrorLog = quietLog()
	model.StartTLS()
	certificates, root := model.TLS.Certificates, model.Certificate()
	model.Close()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := receivertest.Start(tls.NewListener(ln, &tls.Config{Certificates: certificates}))
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(root)
	dial := dialTo(func() (net.Conn, error) { return net.Dial("tcp", ln.Addr().String()) }, nil)
	return s, newClient(t, Options{RootCAs: roots, Dial: dial, Resolve: zone{"example.com": {"127.0.0.1"}}.resolve})
}

// TestClosedWhileIdle: a connection that the receiver has closed is not used again.
func TestClosedWhileIdle(t *testing.T) {
	s := receivertest.Listen(t)
	target := open(t, newClient(t, Options{}), s.URL(), webhook.Settings{})
	for n := range 5 {
		s.Always(receivertest.Then(receivertest.Answer(200)))
		wantAttempt(t, send(target), 200, webhook.ReasonNone)
		if !s.WaitClosed(within(t)) {
			t.Fatal("the receiver did not close")
		}
		if s.Count() != n+1 {
			t.Fatalf("%d requests for %d attempts", s.Count(), n+1)
		}
	}
}

// warmUp opens n connections and leaves them idle.
func warmUp(t *testing.T, s *receivertest.Receiver, target *Target, n int) {
	t.Helper()
	release := make(chan struct{})
	s.Always(func(c *receivertest.Conn) { <-release; receivertest.Answer(200)(c) })
	var senders sync.WaitGroup
	for range n {
		senders.Go(func() { send(target) })
	}
	s.Wait(within(t), n)
	close(release)
	senders.Wait()
}

// TestAnsweredInPartIsNotRetried: after the first byte of an answer, the receiver has
// the request.
func TestAnsweredInPartIsNotRetried(t *testing.T) {
	s := receivertest.Listen(t)
	target := open(t, newClient(t, Options{}), s.URL(), webhook.Settings{})
	wantAttempt(t, send(target), 200, webhook.ReasonNone)
	s.Always(receivertest.Then(receivertest.Raw("HTTP/1.1 2")))
	wantAttempt(t, send(target), 0, webhook.ReasonReset)
	if s.Count() != 2 {
		t.Fatalf("%d requests for two attempts", s.Count())
	}
}

// TestTargetClose: idle connections end at once, and one in use after its answer.
func TestTargetClose(t *testing.T) {
	s := receivertest.Listen(t)
	target := open(t, newClient(t, Options{}), s.URL(), webhook.Settings{})
	warmUp(t, s, target, 2)
	release := make(chan struct{})
	s.Always(func(c *receivertest.Conn) { <-release; receivertest.Answer(201)(c) })
	result := make(chan webhook.Attempt)
	go func() { result <- send(target) }()
	s.Wait(within(t), 3)
	target.Close()
	target.Close()
	close(release)
	wantAttempt(t, <-result, 201, webhook.ReasonNone)
	if !s.WaitClosed(within(t)) {
		t.Fatalf("%d connections are still open", s.Open())
	}
	s.Always(receivertest.Answer(200))
	wantAttempt(t, send(target), 200, webhook.ReasonNone)
	if !s.WaitClosed(within(t)) {
		t.Fatal("a closed target keeps a connection")
	}
}

// TestAbort: requests in flight end at once, and no new one begins.
func TestAbort(t *testing.T) {
	s := receivertest.Listen(t)
	c := newClient(t, Options{})
	target := open(t, c, s.URL(), webhook.Settings{Timeout: time.Hour})
	s.Always(receivertest.Silence())
	results := make(chan webhook.Attempt, 3)
	for range cap(results) {
		go func() { results <- send(target) }()
	}
	s.Wait(within(t), cap(results))
	c.Abort()
	for range cap(results) {
		wantAttempt(t, <-results, 0, webhook.ReasonReset)
	}
	wantAttempt(t, send(target), 0, webhook.ReasonReset)
	if s.Accepted() != cap(results) {
		t.Fatalf("%d connections", s.Accepted())
	}
	if err := errors.Join(c.Close(), c.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestAbortDuringDial: a connection that opens during Abort is closed.
func TestAbortDuringDial(t *testing.T) {
	s := receivertest.Listen(t)
	var c *Client
	c = newClient(t, Options{Dial: dialTo(func() (net.Conn, error) {
		raw, err := net.Dial("tcp", strings.Trim(s.URL(), "htp:/"))
		c.Abort()
		return raw, err
	}, nil)})
	wantAttempt(t, send(open(t, c, s.URL(), webhook.Settings{})), 0, webhook.ReasonReset)
	if !s.WaitClosed(within(t)) || s.Count() != 0 {
		t.Fatalf("%d requests", s.Count())
	}
}

// TestAbortEndsHandshakesAndLookups: Abort ends attempts that have no connection yet.
func TestAbortEndsHandshakesAndLookups(t *testing.T) {
	s := receivertest.Listen(t)
	connected := make(chan struct{})
	s.OnConnect(func(c *receivertest.Conn) { close(connected); receivertest.Silence()(c) })
	asked := make(chan struct{})
	c := newClient(t, Options{Resolve: func(ctx context.Context, host string) ([]netip.Addr, error) {
		close(asked)
		return silentDNS(ctx, host)
	}})
	long := webhook.Settings{Timeout: time.Hour}
	handshaking := open(t, c, "https"+s.URL()[len("http"):], long)
	resolving := open(t, c, "http://silent.example/", long)
	results := make(chan webhook.Attempt)
	for _, target := range []*Target{handshaking, resolving} {
		go func() { results <- send(target) }()
	}
	<-connected
	<-asked
	c.Abort()
	wantAttempt(t, <-results, 0, webhook.ReasonReset)
	wantAttempt(t, <-results, 0, webhook.ReasonReset)
}

// TestIdleConnectionsExpire: the janitor closes expired connections, and one that it
// has not found yet is not used.
func TestIdleConnectionsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := inMemory(t, Options{})
		target := open(t, c, "http://receiver.example/", webhook.Settings{})
		wantAttempt(t, send(target), 200, webhook.ReasonNone)
		time.Sleep(idleTimeout - time.Second)
		wantAttempt(t, send(target), 200, webhook.ReasonNone)
		if s.Accepted() != 1 {
			t.Fatalf("%d connections, want the first one used again", s.Accepted())
		}
		time.Sleep(idleTimeout + time.Second)
		wantAttempt(t, send(target), 200, webhook.ReasonNone)
		if s.Accepted() != 2 {
			t.Fatalf("%d connections, want a second one", s.Accepted())
		}
		time.Sleep(idleTimeout + 2*sweepInterval)
		synctest.Wait()
		if s.Open() != 0 || len(c.conns) != 0 || target.origin.idle.count != 0 {
			t.Fatalf("%d connections open, %d known, %d idle", s.Open(), len(c.conns), target.origin.idle.count)
		}
	})
}
