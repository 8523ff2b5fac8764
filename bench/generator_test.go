package main

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// serve runs a handler on a loopback port for the length of a test.
func serve(t *testing.T, handler fasthttp.RequestHandler) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &fasthttp.Server{Handler: handler, CloseOnShutdown: true}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		if err := server.Shutdown(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

// bareLoad is a load on a receiver without a server in between.
func bareLoad(address string, batch int) load {
	return load{
		shape:   requestShape{host: address, path: deliverPath + "0", payload: 256, batch: batch, clients: 1},
		address: address, run: 3, connections: 8, duration: 100 * time.Millisecond,
	}
}

func TestGeneratorAndReceiverAgree(t *testing.T) {
	r := newReceiver()
	address := serve(t, r.handle)
	control := api{base: "http://" + address}
	for name, rate := range map[string]float64{"closed loop": 0, "open loop": 1000} {
		if err := control.call(t.Context(), "POST", "/control/expect", expectation{Run: 3, FanOut: true}, nil); err != nil {
			t.Fatal(err)
		}
		l := bareLoad(address, 1)
		l.rate = rate
		p, err := generate(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		var a audit
		if err := control.call(t.Context(), "POST", "/control/audit", auditRequest{Issued: p.issued}, &a); err != nil {
			t.Fatal(err)
		}
		if p.issued == 0 || p.acknowledged != p.issued || a.Distinct != p.issued || a.Lost+a.Duplicates+a.Corrupt+a.Foreign != 0 {
			t.Errorf("%s: published %+v, received %+v", name, p, a)
		}
		if rate > 0 && p.issued != 100 {
			t.Errorf("%s: %d events in 0.1 s, want 100", name, p.issued)
		}
	}
}

// An event that the server asks to send later is sent again as the same event.
func TestGeneratorComesAgain(t *testing.T) {
	var asked atomic.Int64
	r := newReceiver()
	r.tally.Store(newTally(expectation{Run: 3, Endpoints: 1, FanOut: true}))
	address := serve(t, func(ctx *fasthttp.RequestCtx) {
		if n := asked.Add(1); n <= 2 {
			ctx.SetStatusCode([]int{429, 503}[n-1])
			return
		}
		r.handle(ctx)
	})
	p, err := generate(t.Context(), bareLoad(address, 1))
	if err != nil {
		t.Fatal(err)
	}
	a := r.tally.Load().audit(auditRequest{Issued: p.issued})
	if p.refused != 2 || a.Lost != 0 || a.Distinct != p.acknowledged {
		t.Errorf("refused %d, received %+v", p.refused, a)
	}
}

// An event without an answer is neither acknowledged nor lost.
func TestGeneratorExcusesTheUnanswered(t *testing.T) {
	var asked atomic.Int64
	r := newReceiver()
	r.tally.Store(newTally(expectation{Run: 3, Endpoints: 1, FanOut: true}))
	address := serve(t, func(ctx *fasthttp.RequestCtx) {
		if asked.Add(1) == 5 {
			ctx.HijackSetNoResponse(true)
			ctx.Hijack(func(net.Conn) {}) // closes the connection without a word
			return
		}
		r.handle(ctx)
	})
	p, err := generate(t.Context(), bareLoad(address, 1))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.unknown) != 1 || p.acknowledged != p.issued-1 {
		t.Fatalf("%d unknown, %d of %d acknowledged", len(p.unknown), p.acknowledged, p.issued)
	}
	var unknown []uint64
	for seq := range p.unknown {
		unknown = append(unknown, seq)
	}
	tally := r.tally.Load()
	if a := tally.audit(auditRequest{Issued: p.issued, Unknown: unknown}); a.Lost != 0 {
		t.Errorf("%d lost though the only one missing was never acknowledged", a.Lost)
	}
	if a := tally.audit(auditRequest{Issued: p.issued}); a.Lost != 1 {
		t.Errorf("%d lost if it had been acknowledged, want 1", a.Lost)
	}
}

func TestGeneratorStopsAtARefusal(t *testing.T) {
	for name, c := range map[string]struct {
		batch, status int
		body          string
	}{
		"an error status":       {1, 422, `{"title":"no"}`},
		"a batch taken in part": {2, 202, `[{"id":"evt_1"},{"error":"no"}]`},
	} {
		address := serve(t, func(ctx *fasthttp.RequestCtx) {
			ctx.SetStatusCode(c.status)
			ctx.SetBodyString(c.body)
		})
		if _, err := generate(t.Context(), bareLoad(address, c.batch)); err == nil || !strings.Contains(err.Error(), c.body) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestGeneratorEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	address := serve(t, func(*fasthttp.RequestCtx) { cancel() })
	l := bareLoad(address, 1)
	l.duration = time.Hour
	if _, err := generate(ctx, l); err == nil {
		t.Error("no error though the load was cut short")
	}
}

// A load of a number of events publishes each of them, and no other.
func TestGeneratorCountsEvents(t *testing.T) {
	r := newReceiver()
	r.tally.Store(newTally(expectation{Run: 3, Endpoints: 1, FanOut: true}))
	l := bareLoad(serve(t, r.handle), 1)
	l.events, l.duration = 1000, time.Nanosecond
	p, err := generate(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	c := r.tally.Load().counts()
	if p.issued != 1000 || p.acknowledged != 1000 || c.Distinct != 1000 || c.Foreign+c.Duplicates != 0 {
		t.Errorf("published %+v, received %+v", p, c)
	}
}
