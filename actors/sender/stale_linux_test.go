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

	"github.com/corpastro/astrohook/actors/sender/receivertest"
	"github.com/corpastro/astrohook/webhook"
)

// gated is a TCP connection that calls a function right before a request is written,
// after the check of the idle connection.
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

// untilEnd waits until the receiver's end has arrived at the socket, below TLS.
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

// gatedClient returns a client, and the list of connections that it opens.
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

// TestClosedBeforeRequest: if the receiver ends a kept connection between the last
// check and the request, the request is repeated within the attempt.
func TestClosedBeforeRequest(t *testing.T) {
	secure, roots := tlsForTest(t)
	for _, c := range []struct {
		name     string
		tls      bool
		payload  int
		end      receivertest.Reply
		requests int
	}{
		{"closed", false, 10, receivertest.Raw(""), 2},
		{"closed, large request", false, webhook.MaxPayload, receivertest.Raw(""), 2},
		{"closed, TLS", true, 10, receivertest.Raw(""), 2},
		{"closed, TLS, large request", true, webhook.MaxPayload, receivertest.Raw(""), 2},
		{"reset", false, 10, receivertest.Reset(), 1}, // the request is not written at all
	} {
		t.Run(c.name, func(t *testing.T) {
			s, scheme := receivertest.Listen(t), "http://"
			if c.tls {
				ln, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				s, scheme = receivertest.Start(tls.NewListener(ln, secure)), "https://"
				t.Cleanup(s.Close)
			}
			client, opened := gatedClient(t, Options{RootCAs: roots})
			target := open(t, client, scheme+s.URL()[len("http://"):], webhook.Settings{})
			end := make(chan struct{})
			s.Behave(func(r receivertest.Request) receivertest.Reply {
				if r.Number > 1 {
					return receivertest.Answer(200)
				}
				return receivertest.Then(func(conn *receivertest.Conn) { receivertest.Answer(200)(conn); <-end; c.end(conn) })
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

// TestRequestThatWasReadIsNotRepeated: a receiver that reads a request on a kept
// connection and ends that without an answer, however soon, gets no second request
// in the same attempt.
func TestRequestThatWasReadIsNotRepeated(t *testing.T) {
	for name, end := range map[string]receivertest.Reply{
		"closed": receivertest.Then(receivertest.Raw("")), "reset": receivertest.Reset(),
	} {
		t.Run(name, func(t *testing.T) {
			s := receivertest.Listen(t)
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
