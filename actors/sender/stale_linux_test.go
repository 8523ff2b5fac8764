package sender

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/corpastro/astrohook/actors/subscriber"
	"github.com/corpastro/astrohook/webhook"
)

// gated is a TCP connection on which something happens right before a request is
// written, after the look at the idle connection.
type gated struct {
	*net.TCPConn
	before func(*gated)
}

func (g *gated) Write(p []byte) (int, error) {
	if before := g.before; before != nil {
		g.before = nil
		before(g)
	}
	return g.TCPConn.Write(p)
}

// untilEnd waits until the system knows that the receiver has closed: not only TLS.
func (g *gated) untilEnd(t *testing.T) {
	socket, err := g.SyscallConn()
	if err != nil {
		t.Error(err)
		return
	}
	err = socket.Control(func(fd uintptr) {
		for {
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}, -1)
			if n == 1 || !errors.Is(err, unix.EINTR) {
				return
			}
		}
	})
	if err != nil {
		t.Error(err)
	}
}

// gatedClient returns a client, and where to find the connections that it opened.
func gatedClient(t *testing.T, o Options) (*Client, *[]*gated) {
	t.Helper()
	var opened []*gated
	o.Dial = func(ctx context.Context, network string, addr netip.AddrPort) (net.Conn, error) {
		raw, err := (&net.Dialer{}).DialContext(ctx, network, addr.String())
		if err != nil {
			return nil, err
		}
		opened = append(opened, &gated{TCPConn: raw.(*net.TCPConn)})
		return opened[len(opened)-1], nil
	}
	return newClient(t, o), &opened
}

// TestClosedBeforeRequest: a kept connection that the receiver ends after the last
// look at it, and before the request, costs no attempt.
func TestClosedBeforeRequest(t *testing.T) {
	secure, roots := tlsForTest(t)
	for _, c := range []struct {
		name     string
		tls      bool
		payload  int
		end      subscriber.Reply
		requests int
	}{
		{"closed", false, 10, subscriber.Raw(""), 2},
		{"closed, large request", false, webhook.MaxPayload, subscriber.Raw(""), 2},
		{"closed, TLS", true, 10, subscriber.Raw(""), 2},
		{"closed, TLS, large request", true, webhook.MaxPayload, subscriber.Raw(""), 2},
		{"reset", false, 10, subscriber.Reset(), 1}, // the request is not written at all
	} {
		t.Run(c.name, func(t *testing.T) {
			s, scheme := subscriber.Listen(t), "http://"
			if c.tls {
				ln, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				s, scheme = subscriber.Start(tls.NewListener(ln, secure)), "https://"
				t.Cleanup(s.Close)
			}
			client, opened := gatedClient(t, Options{RootCAs: roots})
			target := open(t, client, scheme+s.URL()[len("http://"):], webhook.Settings{})
			end := make(chan struct{})
			s.Behave(func(r subscriber.Request) subscriber.Reply {
				if r.Number > 1 {
					return subscriber.Answer(200)
				}
				return subscriber.Then(func(conn *subscriber.Conn) { subscriber.Answer(200)(conn); <-end; c.end(conn) })
			})
			wantAttempt(t, send(target), 200, webhook.ReasonNone)
			(*opened)[0].before = func(g *gated) { close(end); g.untilEnd(t) }
			a := target.Send(due("user.created", []byte(`"`+strings.Repeat("a", c.payload-2)+`"`)))
			wantAttempt(t, a, 200, webhook.ReasonNone)
			if a.Requests != c.requests || s.Count() != 2 || s.Accepted() != 2 {
				t.Fatalf("%d requests written, %d received over %d connections, want %d, 2 over 2", a.Requests, s.Count(), s.Accepted(), c.requests)
			}
		})
	}
}

// TestRequestThatWasReadIsNotRepeated: a receiver that read the request on a kept
// connection, and ends it without an answer, gets no second one in the same
// attempt, however soon it ends it.
func TestRequestThatWasReadIsNotRepeated(t *testing.T) {
	for name, end := range map[string]subscriber.Reply{
		"closed": subscriber.Then(subscriber.Raw("")), "reset": subscriber.Reset(),
	} {
		t.Run(name, func(t *testing.T) {
			s := subscriber.Listen(t)
			target := open(t, newClient(t, Options{}), s.URL(), webhook.Settings{})
			wantAttempt(t, send(target), 200, webhook.ReasonNone)
			s.Always(end)
			a := send(target)
			wantAttempt(t, a, 0, webhook.ReasonReset)
			if want := "the receiver ended a kept connection without an answer, and may have read the request"; a.Detail != want {
				t.Errorf("detail %q", a.Detail)
			}
			if a.Requests != 1 || s.Count() != 2 || s.Accepted() != 1 {
				t.Fatalf("%d requests written, %d received over %d connections, want 1, 2 over 1", a.Requests, s.Count(), s.Accepted())
			}
		})
	}
}

// TestAcknowledgedBytesAreCounted: what was read and closed after is acknowledged
// in full, over TLS too, and what comes to a closed connection is not.
func TestAcknowledgedBytesAreCounted(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	raw, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	cn := newConn(raw, nil)
	defer cn.close()
	far, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cn.Write(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	if _, err := far.Read(make([]byte, 200)); err != nil {
		t.Fatal(err)
	}
	if err := far.Close(); err != nil {
		t.Fatal(err)
	}
	wantEnd(t, cn)
	if n, ok := cn.acknowledged(); !ok || n != 100 {
		t.Fatalf("%d bytes acknowledged, %v, want 100", n, ok)
	}
	if _, err := cn.Write(make([]byte, 50)); err != nil {
		t.Fatal(err)
	}
	wantEnd(t, cn)
	if n, ok := cn.acknowledged(); !ok || n != 100 || cn.meter.written != 150 {
		t.Fatalf("%d of %d bytes acknowledged, %v, want 100 of 150", n, cn.meter.written, ok)
	}
}

func wantEnd(t *testing.T, cn *conn) {
	t.Helper()
	if n, err := cn.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Fatalf("read %d bytes, %v, want the end", n, err)
	}
}
