package sender

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/corpastro/astrohook/actors/sender/guard"
	"github.com/corpastro/astrohook/actors/sender/receivertest"
	"github.com/corpastro/astrohook/webhook"
)

// network connects to a receiver under many addresses, each after its own delay.
type network struct {
	receiver *receivertest.Receiver
	listener *fasthttputil.InmemoryListener
	// takes is the delay of each address; those in refuses fail after it. An address
	// in neither never answers.
	takes   map[string]time.Duration
	refuses map[string]bool

	mu     sync.Mutex
	began  time.Time
	dials  []string // "address at time since began"
	open   int
	opened int
}

func newNetwork(t *testing.T, takes map[string]time.Duration, refused ...string) *network {
	t.Helper()
	ln := fasthttputil.NewInmemoryListener()
	n := &network{listener: ln, receiver: receivertest.Start(ln), takes: takes, refuses: map[string]bool{}, began: time.Now()}
	for _, addr := range refused {
		n.refuses[addr] = true
	}
	t.Cleanup(n.receiver.Close)
	return n
}

func (n *network) dial(ctx context.Context, _ string, addr netip.AddrPort) (net.Conn, error) {
	name := addr.Addr().String()
	n.mu.Lock()
	n.dials = append(n.dials, name+" at "+time.Since(n.began).String())
	n.open++
	n.opened = max(n.opened, n.open)
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.open--
	}()
	delay, answers := n.takes[name]
	if !answers && !n.refuses[name] {
		delay = time.Hour
	}
	if err := wait(ctx, delay); err != nil {
		return nil, err
	}
	if n.refuses[name] {
		return nil, errors.New("connection refused")
	}
	return n.listener.Dial()
}

func (n *network) attempts() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.dials)
}

// TestHappyEyeballs (RFC 8305): families take turns, the next dial begins after a
// moment or as soon as one has failed, and the first connection is used.
func TestHappyEyeballs(t *testing.T) {
	const six, six2, four, four2 = "2606:2800:220:1::1", "2606:2800:220:1::2", "93.184.216.34", "93.184.216.35"
	const ms = time.Millisecond
	for _, c := range []struct {
		name    string
		addrs   []string
		takes   map[string]time.Duration
		refused []string
		dials   []string
		failure webhook.Reason
		took    time.Duration
	}{
		{
			"IPv6 drops packets",
			[]string{six, six2, four},
			map[string]time.Duration{four: 20 * ms},
			nil,
			[]string{six + " at 0s", four + " at 250ms"},
			"", 270 * ms,
		},
		{"IPv4 drops packets", []string{four, six}, map[string]time.Duration{six: 0}, nil, []string{four + " at 0s", six + " at 250ms"}, "", 250 * ms},
		{"IPv6 refuses", []string{six, four}, map[string]time.Duration{four: 0}, []string{six}, []string{six + " at 0s", four + " at 0s"}, "", 0},
		{"both are good", []string{six, four}, map[string]time.Duration{six: 100 * ms, four: 0}, nil, []string{six + " at 0s"}, "", 100 * ms},
		{
			"the first is slow, and first",
			[]string{six, four},
			map[string]time.Duration{six: 300 * ms, four: 100 * ms},
			nil,
			[]string{six + " at 0s", four + " at 250ms"},
			"", 300 * ms,
		},
		{
			"the second overtakes",
			[]string{six, four},
			map[string]time.Duration{six: 300 * ms, four: 10 * ms},
			nil,
			[]string{six + " at 0s", four + " at 250ms"},
			"", 260 * ms,
		},
		{
			"families take turns",
			[]string{six, six2, four, four2},
			map[string]time.Duration{four2: 0},
			nil,
			[]string{six + " at 0s", four + " at 250ms", six2 + " at 500ms", four2 + " at 750ms"},
			"", 750 * ms,
		},
		{
			"one refuses while another is silent",
			[]string{six, four, four2},
			map[string]time.Duration{four: 100 * ms, four2: 0},
			[]string{four},
			[]string{six + " at 0s", four + " at 250ms", four2 + " at 350ms"},
			"", 350 * ms,
		},
		{
			"four addresses at the most",
			[]string{six, six2, four, four2, "1.1.1.1"},
			map[string]time.Duration{"1.1.1.1": 0},
			[]string{six, six2, four, four2},
			[]string{six + " at 0s", four + " at 0s", six2 + " at 0s", four2 + " at 0s"},
			webhook.ReasonConnect, 0,
		},
		{"all are silent", []string{six, four}, nil, nil, []string{six + " at 0s", four + " at 250ms"}, webhook.ReasonTimeout, 10 * time.Second},
	} {
		for _, proxied := range []bool{false, true} {
			t.Run(c.name+map[bool]string{true: ", to a proxy"}[proxied], func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					n := newNetwork(t, c.takes, c.refused...)
					o := Options{Guard: newGuard(t, guard.Options{Interfaces: noInterfaces}), Dial: n.dial, Resolve: zone{"receiver.example": c.addrs, "proxy.example": c.addrs}.resolve}
					if proxied {
						o.Proxy = parseProxy(t, "http://proxy.example:3128")
						n.receiver.OnConnect(func(conn *receivertest.Conn) {
							_, _ = conn.Read(make([]byte, 1<<10))
							receivertest.Raw("HTTP/1.1 200 Established\r\n\r\n")(conn)
						})
					}
					client := newClient(t, o)
					a := send(open(t, client, "http://receiver.example/", webhook.Settings{Timeout: 10 * time.Second}))
					if a.Failure != c.failure || a.Duration != c.took {
						t.Errorf("failure %q after %v, want %q after %v", a.Failure, a.Duration, c.failure, c.took)
					}
					if got := n.attempts(); !slices.Equal(got, c.dials) {
						t.Errorf("dialled %s\nwant %s", strings.Join(got, ", "), strings.Join(c.dials, ", "))
					}
					synctest.Wait()
					wantNoDials(t, client, n)
				})
			})
		}
	}
}

// wantNoDials fails if a dial still runs, if a connection other than those of the
// client is open, or if room is still taken.
func wantNoDials(t *testing.T, c *Client, n *network) {
	t.Helper()
	if n.open != 0 || len(c.extra) != 0 || c.idle.busy != 0 || n.receiver.Open() != len(c.conns) {
		t.Errorf("%d dials go on, %d beside others, %d connections busy, %d open of which %d are known",
			n.open, len(c.extra), c.idle.busy, n.receiver.Open(), len(c.conns))
	}
}

// TestLateConnectionIsClosed: a connection that opens after another one won is closed.
func TestLateConnectionIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, map[string]time.Duration{"2606::1": 400 * time.Millisecond, "1.1.1.1": 0})
		stubborn := func(_ context.Context, network string, addr netip.AddrPort) (net.Conn, error) {
			return n.dial(context.Background(), network, addr) // does not hear that it has lost
		}
		client := newClient(t, Options{Dial: stubborn, Resolve: zone{"receiver.example": {"2606::1", "1.1.1.1"}}.resolve})
		a := send(open(t, client, "http://receiver.example/", webhook.Settings{}))
		wantAttempt(t, a, 200, webhook.ReasonNone)
		time.Sleep(time.Second)
		synctest.Wait()
		if n.receiver.Accepted() != 2 || n.receiver.Open() != 1 || n.receiver.Count() != 1 {
			t.Fatalf("%d connections, %d open, %d requests", n.receiver.Accepted(), n.receiver.Open(), n.receiver.Count())
		}
	})
}

// TestFamilyIsRemembered: the family that connected is tried first the next time.
func TestFamilyIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, map[string]time.Duration{"1.1.1.1": 0})
		n.receiver.Always(receivertest.Closing(200))
		client := newClient(t, Options{Dial: n.dial, Resolve: zone{"receiver.example": {"2606::1", "1.1.1.1"}}.resolve})
		target := open(t, client, "http://receiver.example/", webhook.Settings{})
		for i, want := range []time.Duration{attemptDelay, 0, 0} {
			if a := send(target); a.StatusCode != 200 || a.Duration != want {
				t.Errorf("attempt %d took %v, want %v: %+v", i+1, a.Duration, want, a)
			}
		}
		n.takes = map[string]time.Duration{"2606::1": 0} // the other way round
		for i, want := range []time.Duration{attemptDelay, 0} {
			if a := send(target); a.StatusCode != 200 || a.Duration != want {
				t.Errorf("attempt %d after the change took %v, want %v: %+v", i+1, a.Duration, want, a)
			}
		}
	})
}

// TestDialsBesideOthersAreBounded: silent hosts with many addresses open no more
// sockets than there is room for. Without room, addresses are dialled in turn.
func TestDialsBesideOthersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, map[string]time.Duration{"4.4.4.4": 0})
		names := zone{"silent.example": {"1.1.1.1", "2.2.2.2", "3.3.3.3", "2606::1"}, "good.example": {"1.1.1.1", "4.4.4.4"}}
		client := newClient(t, Options{Dial: n.dial, Resolve: names.resolve, MaxConnections: 5 * extraShare})
		silent := open(t, client, "http://silent.example/", webhook.Settings{Timeout: 10 * time.Second})
		var senders sync.WaitGroup
		for range 20 {
			senders.Go(func() { wantAttempt(t, send(silent), 0, webhook.ReasonTimeout) })
		}
		time.Sleep(time.Second)
		a := send(open(t, client, "http://good.example/", webhook.Settings{Timeout: 10 * time.Second}))
		wantAttempt(t, a, 200, webhook.ReasonNone)
		if a.Duration > minDialTime+attemptDelay {
			t.Errorf("the good one took %v", a.Duration)
		}
		senders.Wait()
		synctest.Wait()
		if n.opened > 20+5+1 {
			t.Errorf("%d dials at a time", n.opened)
		}
		wantNoDials(t, client, n)
	})
}

// TestAbortEndsARace: Abort ends all dials at once.
func TestAbortEndsARace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, nil)
		client := newClient(t, Options{Dial: n.dial, Resolve: zone{"receiver.example": {"2606::1", "1.1.1.1", "2.2.2.2"}}.resolve})
		time.AfterFunc(300*time.Millisecond, client.Abort)
		target := open(t, client, "http://receiver.example/", webhook.Settings{})
		a := send(target)
		wantAttempt(t, a, 0, webhook.ReasonReset)
		if a.Duration != 300*time.Millisecond {
			t.Errorf("took %v", a.Duration)
		}
		wantAttempt(t, send(target), 0, webhook.ReasonReset)
		if err := client.Close(); err != nil || n.open != 0 || len(client.extra) != 0 {
			t.Errorf("%v, %d dials go on", err, n.open)
		}
	})
}
