package sender

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/corpastro/astrohook/actors/sender/guard"
	"github.com/corpastro/astrohook/actors/sender/http1"
	"github.com/corpastro/astrohook/actors/sender/receivertest"
	"github.com/corpastro/astrohook/webhook"
)

// inMemory starts a receiver on a listener in memory, and a client that reaches it
// under every name. Both belong to the bubble of the caller.
func inMemory(t *testing.T, o Options) (*receivertest.Receiver, *Client) {
	t.Helper()
	ln := fasthttputil.NewInmemoryListener()
	s := receivertest.Start(ln)
	t.Cleanup(s.Close)
	if o.Resolve == nil {
		o.Resolve = func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("93.184.216.34")}, nil
		}
	}
	if o.Dial == nil {
		o.Dial = dialTo(ln.Dial, nil)
	}
	return s, newClient(t, o)
}

// slowly adds a delay to lookups and to dials.
func slowly(o Options, lookup, dial time.Duration) Options {
	resolve, connect := o.Resolve, o.Dial
	o.Resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
		if err := wait(ctx, lookup); err != nil {
			return nil, err
		}
		return resolve(ctx, host)
	}
	o.Dial = func(ctx context.Context, network string, addr netip.AddrPort) (net.Conn, error) {
		if err := wait(ctx, dial); err != nil {
			return nil, err
		}
		return connect(ctx, network, addr)
	}
	return o
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TestOneDeadline: all parts of an attempt together have ten seconds.
func TestOneDeadline(t *testing.T) {
	const never = time.Hour
	for _, c := range []struct {
		name                 string
		lookup, dial, answer time.Duration
		status               int
		failure              webhook.Reason
		took                 time.Duration
	}{
		{"all in time", 3 * time.Second, 3 * time.Second, 3 * time.Second, 200, "", 9 * time.Second},
		{"together too late", 4 * time.Second, 4 * time.Second, 4 * time.Second, 0, webhook.ReasonTimeout, 10 * time.Second},
		{"silent receiver", 0, 0, never, 0, webhook.ReasonTimeout, 10 * time.Second},
		{"silent network", 0, never, 0, 0, webhook.ReasonTimeout, 10 * time.Second},
		{"silent name server", never, 0, 0, 0, webhook.ReasonDNS, resolveBudget},
		{"dial late", 4 * time.Second, 7 * time.Second, 0, 0, webhook.ReasonTimeout, 10 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ln := fasthttputil.NewInmemoryListener()
				s := receivertest.Start(ln)
				defer s.Close()
				s.Always(receivertest.After(c.answer, receivertest.Answer(200)))
				o := Options{Resolve: zone{"receiver.example": {"1.1.1.1"}}.resolve, Dial: dialTo(ln.Dial, nil)}
				client := newClient(t, slowly(o, c.lookup, c.dial))
				a := send(open(t, client, "http://receiver.example/", webhook.Settings{Timeout: 10 * time.Second}))
				wantAttempt(t, a, c.status, c.failure)
				if a.Duration != c.took {
					t.Fatalf("took %v, want %v", a.Duration, c.took)
				}
			})
		})
	}
}

// TestShortTimeoutInLookup: if the attempt's deadline passes during the lookup, the
// reason is the time-out.
func TestShortTimeoutInLookup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := inMemory(t, Options{Resolve: silentDNS})
		a := send(open(t, c, "http://receiver.example/", webhook.Settings{Timeout: time.Second}))
		wantAttempt(t, a, 0, webhook.ReasonTimeout)
	})
}

// TestDrip: a head that arrives byte by byte ends at the deadline. A body that does
// so ends at its own small budget, because the verdict is known.
func TestDrip(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
	for _, c := range []struct {
		name    string
		reply   receivertest.Reply
		status  int
		failure webhook.Reason
		took    time.Duration
	}{
		{"head", receivertest.Drip(time.Second, head), 0, webhook.ReasonTimeout, 10 * time.Second},
		{"hints", func(c *receivertest.Conn) {
			for c.Pause(time.Second) {
				receivertest.Raw("HTTP/1.1 103 Early Hints\r\n\r\n")(c)
			}
		}, 0, webhook.ReasonTimeout, 10 * time.Second},
		{"hints, and an answer", func(c *receivertest.Conn) {
			for range 8 {
				c.Pause(time.Second)
				receivertest.Raw("HTTP/1.1 103 Early Hints\r\n\r\n")(c)
			}
			receivertest.Closing(200)(c)
		}, 200, "", 8 * time.Second},
		{"body", func(c *receivertest.Conn) {
			receivertest.Raw(head)(c)
			receivertest.Drip(300*time.Millisecond, strings.Repeat("x", 1000))(c)
		}, 200, "", http1.BodyBudget},
		{"silent body", receivertest.Raw(head), 200, "", http1.BodyBudget},
		{"silent body late", receivertest.After(9500*time.Millisecond, receivertest.Raw(head)), 200, "", 10 * time.Second},
		{"silent chunks", receivertest.Raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"), 200, "", http1.BodyBudget},
		{"silent end", receivertest.Raw("HTTP/1.1 200 OK\r\n\r\nab"), 200, "", http1.BodyBudget},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, client := inMemory(t, Options{})
				s.Always(c.reply)
				target := open(t, client, "http://receiver.example/", webhook.Settings{Timeout: 10 * time.Second})
				a := send(target)
				wantAttempt(t, a, c.status, c.failure)
				if a.Duration != c.took {
					t.Fatalf("took %v, want %v", a.Duration, c.took)
				}
				s.Always(receivertest.Answer(200))
				wantAttempt(t, send(target), 200, webhook.ReasonNone)
				if s.Accepted() != 2 {
					t.Fatalf("%d connections: one that was left in the middle of an answer was used again", s.Accepted())
				}
			})
		})
	}
}

// TestSilentHandshake: the deadline covers the TLS handshake.
func TestSilentHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := inMemory(t, Options{})
		s.OnConnect(receivertest.Silence())
		a := send(open(t, c, "https://receiver.example/", webhook.Settings{Timeout: 10 * time.Second}))
		wantAttempt(t, a, 0, webhook.ReasonTimeout)
		if a.Duration != 10*time.Second || a.Detail != "the TLS handshake did not end in time; perhaps the port does not speak TLS" {
			t.Fatalf("took %v: %s", a.Duration, a.Detail)
		}
	})
}

// TestTimeoutIsNotRetried: a receiver that is too slow on a kept connection has the
// request, so the request is not repeated.
func TestTimeoutIsNotRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := inMemory(t, Options{})
		target := open(t, c, "http://receiver.example/", webhook.Settings{Timeout: 10 * time.Second})
		wantAttempt(t, send(target), 200, webhook.ReasonNone)
		s.Always(receivertest.Silence())
		wantAttempt(t, send(target), 0, webhook.ReasonTimeout)
		if s.Count() != 2 {
			t.Fatalf("%d requests for two attempts", s.Count())
		}
	})
}

// TestStaleConnectionByTime: without a count of acknowledged bytes, a kept connection
// that fails at once counts as closed before, and one that fails later does not. The
// second request has the time that the first one left.
func TestStaleConnectionByTime(t *testing.T) {
	for _, c := range []struct {
		name     string
		worked   time.Duration
		failure  webhook.Reason
		requests int
		took     time.Duration
	}{
		{"fails at once", staleWithin, webhook.ReasonTimeout, 2, 10 * time.Second},
		{"fails after milliseconds of work", staleWithin + time.Millisecond, webhook.ReasonReset, 1, staleWithin + time.Millisecond},
		{"fails after seconds of work", 6 * time.Second, webhook.ReasonReset, 1, 6 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, client := inMemory(t, Options{})
				target := open(t, client, "http://receiver.example/", webhook.Settings{Timeout: 10 * time.Second})
				wantAttempt(t, send(target), 200, webhook.ReasonNone)
				s.Behave(func(r receivertest.Request) receivertest.Reply {
					if r.Number == 2 {
						return receivertest.After(c.worked, receivertest.Reset())
					}
					return receivertest.Silence()
				})
				a := send(target)
				wantAttempt(t, a, 0, c.failure)
				if a.Duration != c.took || a.Requests != c.requests || s.Count() != 1+c.requests {
					t.Fatalf("took %v, counts %d requests, and the receiver %d", a.Duration, a.Requests, s.Count())
				}
			})
		})
	}
}

// TestNextAddress: an address that refuses or stays silent delays the next one by a
// moment at most.
func TestNextAddress(t *testing.T) {
	for _, c := range []struct {
		name    string
		dead    []string
		refuse  bool
		failure webhook.Reason
		took    time.Duration
	}{
		{"first refuses", []string{"1.1.1.1"}, true, "", 0},
		{"first is silent", []string{"1.1.1.1"}, false, "", attemptDelay},
		{"two are silent", []string{"1.1.1.1", "2.2.2.2"}, false, "", 2 * attemptDelay},
		{"all refuse", []string{"1.1.1.1", "2.2.2.2", "3.3.3.3"}, true, webhook.ReasonConnect, 0},
		{"all are silent", []string{"1.1.1.1", "2.2.2.2", "3.3.3.3"}, false, webhook.ReasonTimeout, 12 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ln := fasthttputil.NewInmemoryListener()
				s := receivertest.Start(ln)
				defer s.Close()
				dial := func(ctx context.Context, _ string, addr netip.AddrPort) (net.Conn, error) {
					for _, dead := range c.dead {
						if addr.Addr() == netip.MustParseAddr(dead) && c.refuse {
							return nil, errors.New("connection refused")
						} else if addr.Addr() == netip.MustParseAddr(dead) {
							return nil, wait(ctx, time.Hour)
						}
					}
					return ln.Dial()
				}
				client := newClient(t, Options{
					Dial: dial, Resolve: zone{"receiver.example": {"1.1.1.1", "2.2.2.2", "3.3.3.3"}}.resolve,
				})
				a := send(open(t, client, "http://receiver.example/", webhook.Settings{Timeout: 12 * time.Second}))
				if a.Failure != c.failure || a.Duration != c.took {
					t.Fatalf("failure %q after %v, want %q after %v", a.Failure, a.Duration, c.failure, c.took)
				}
			})
		})
	}
}

// TestBlockedAtConnect: no connection is opened to an address that is not allowed,
// also if DNS changed after the registration.
func TestBlockedAtConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		names := zone{"flips.example": {"1.1.1.1"}, "mixed.example": {"1.1.1.1", "192.168.0.1"}}
		var dialled []netip.AddrPort
		ln := fasthttputil.NewInmemoryListener()
		s := receivertest.Start(ln)
		defer s.Close()
		s.Always(receivertest.Closing(200)) // each request needs a connection
		c := newClient(t, Options{
			Guard: newGuard(t, guard.Options{}), Resolve: names.resolve, Dial: dialTo(ln.Dial, &dialled),
		})
		if _, err := c.CheckTarget(t.Context(), "http://flips.example/"); err != nil {
			t.Fatal(err)
		}
		flips := open(t, c, "http://flips.example/", webhook.Settings{})
		wantAttempt(t, send(flips), 200, webhook.ReasonNone)
		names["flips.example"] = []string{"169.254.169.254"}
		wantAttempt(t, send(flips), 200, webhook.ReasonNone) // still the answer that was checked, and its address
		time.Sleep(resolvedAge)
		wantAttempt(t, send(flips), 0, webhook.ReasonBlockedAddress)
		for _, url := range []string{
			"http://mixed.example/", "http://10.0.0.1/", "http://[::ffff:10.0.0.1]/", "http://app.internal/", "http://localhost/", "http://intranet/",
		} {
			wantAttempt(t, send(open(t, c, url, webhook.Settings{})), 0, webhook.ReasonBlockedAddress)
		}
		wantAttempt(t, send(open(t, c, "http://unknown.example/", webhook.Settings{})), 0, webhook.ReasonDNS)
		want := netip.MustParseAddrPort("1.1.1.1:80")
		if len(dialled) != 2 || dialled[0] != want || dialled[1] != want || s.Count() != 2 {
			t.Fatalf("dialled %v, %d requests", dialled, s.Count())
		}
	})
}

// TestControlChecksAgain: the dialer asks the guard once more before it connects.
func TestControlChecksAgain(t *testing.T) {
	s := receivertest.Listen(t)
	c := newClient(t, Options{Guard: newGuard(t, guard.Options{})})
	addr := netip.MustParseAddrPort(strings.TrimSuffix(strings.TrimPrefix(s.URL(), "http://"), "/"))
	if _, err := c.dialTCP(t.Context(), "tcp", addr); !errors.Is(err, webhook.ErrBlockedAddress) {
		t.Fatalf("got %v", err)
	}
	if s.Accepted() != 0 {
		t.Fatal("a connection was opened")
	}
}

// TestConnectRefused connects to a port on which nobody listens.
func TestConnectRefused(t *testing.T) {
	s := receivertest.Listen(t)
	s.Close()
	wantAttempt(t, send(open(t, newClient(t, Options{}), s.URL(), webhook.Settings{})), 0, webhook.ReasonConnect)
}

// TestSilentReceiversAreForgotten: five hundred silent receivers, half of them silent
// during the handshake, do not delay a healthy one, and leave nothing behind.
func TestSilentReceiversAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln, healthy := fasthttputil.NewInmemoryListener(), fasthttputil.NewInmemoryListener()
		silent, answering := receivertest.Start(ln), receivertest.Start(healthy)
		defer silent.Close()
		defer answering.Close()
		silent.OnConnect(receivertest.Silence())
		good := netip.MustParseAddr("2.2.2.2")
		c := newClient(t, Options{Dial: func(_ context.Context, _ string, addr netip.AddrPort) (net.Conn, error) {
			if addr.Addr() == good {
				return healthy.Dial()
			}
			return ln.Dial()
		}})
		var senders sync.WaitGroup
		for n := range 500 {
			url := []string{"http://1.1.1.1/", "https://1.1.1.1/"}[n%2]
			target := open(t, c, url, webhook.Settings{Timeout: 10 * time.Second})
			senders.Go(func() {
				if a := send(target); a.Failure != webhook.ReasonTimeout || a.Duration != 10*time.Second {
					t.Errorf("got %+v", a)
				}
			})
		}
		synctest.Wait() // all of them wait now
		a := send(open(t, c, "http://2.2.2.2/", webhook.Settings{}))
		wantAttempt(t, a, 200, webhook.ReasonNone)
		if a.Duration != 0 {
			t.Fatalf("a healthy receiver was delayed by %v", a.Duration)
		}
		senders.Wait()
		synctest.Wait()
		if len(c.conns) != 1 || silent.Open() != 0 { // the healthy one's is kept
			t.Fatalf("%d connections are left, %d of silent receivers", len(c.conns), silent.Open())
		}
	})
}

func TestClassify(t *testing.T) {
	c := newClient(t, Options{})
	refused := c.guard.Load().Check(netip.MustParseAddr("10.0.0.1"))
	for _, row := range []struct {
		err  error
		want webhook.Reason
	}{
		{refused, webhook.ReasonBlockedAddress},
		{&net.OpError{Op: "dial", Err: refused}, webhook.ReasonBlockedAddress},
		{errUnresolved, webhook.ReasonDNS},
		{context.DeadlineExceeded, webhook.ReasonTimeout},
		{&tlsFailure{webhook.ReasonTLS, os.ErrDeadlineExceeded}, webhook.ReasonTimeout},
		{&tlsFailure{webhook.ReasonTLSName, errors.New("bad certificate")}, webhook.ReasonTLSName},
		{http1.ErrProtocol, webhook.ReasonProtocol},
		{errors.Join(http1.ErrEnded, net.ErrClosed), webhook.ReasonReset},
		{&net.OpError{Op: "dial", Err: errors.New("connection refused")}, webhook.ReasonConnect},
	} {
		if got := c.classify(row.err); got != row.want {
			t.Errorf("%v: got %q, want %q", row.err, got, row.want)
		}
	}
}
