package loadgen_test

import (
	"context"
	"errors"
	"maps"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/bench/benchtest"
	"github.com/corpastro/astrohook/bench/loadgen"
	"github.com/corpastro/astrohook/bench/receiver"
	"github.com/corpastro/astrohook/bench/server"
)

// bareLoad is a load on a receiver without a server in between.
func bareLoad(address string, batch int) loadgen.Load {
	return loadgen.Load{
		Shape:     loadgen.Shape{Host: address, Path: receiver.DeliverPath + "0", Payload: 256, Batch: batch, Clients: 1},
		Addresses: []string{address}, Run: 3, Connections: 8, Duration: 100 * time.Millisecond,
	}
}

// listen serves a receiver that expects the run of bareLoad. Deliveries pass through
// before, which may answer them itself and returns true then.
func listen(t *testing.T, before func(*fasthttp.RequestCtx) bool) (receiver.Control, string) {
	t.Helper()
	r := receiver.New("127.0.0.1")
	address := benchtest.Serve(t, func(ctx *fasthttp.RequestCtx) {
		if strings.HasPrefix(string(ctx.Path()), receiver.DeliverPath) && before != nil && before(ctx) {
			return
		}
		r.Handle(ctx)
	})
	control := receiver.Control{Caller: server.API{Base: "http://" + address}}
	if err := control.Expect(t.Context(), receiver.Expectation{Run: 3, Endpoints: 1, FanOut: true}); err != nil {
		t.Fatal(err)
	}
	return control, address
}

// audit returns the receiver's account of what was published.
func audit(t *testing.T, control receiver.Control, issued uint64, unknown ...uint64) receiver.Audit {
	t.Helper()
	a, err := control.Audit(t.Context(), receiver.AuditRequest{Issued: issued, Unknown: unknown})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestGeneratorAndReceiverAgree(t *testing.T) {
	for name, rate := range map[string]float64{"closed loop": 0, "open loop": 1000} {
		control, address := listen(t, nil)
		l := bareLoad(address, 1)
		l.Rate = rate
		p, err := loadgen.Generate(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		a := audit(t, control, p.Issued)
		if p.Issued == 0 || p.Acknowledged != p.Issued || a.Distinct != p.Issued || a.Lost+a.Duplicates+a.Corrupt+a.Foreign != 0 {
			t.Errorf("%s: published %+v, received %+v", name, p, a)
		}
		if rate > 0 && p.Issued != 100 {
			t.Errorf("%s: %d events in 0.1 s, want 100", name, p.Issued)
		}
		if p.Answers.Count != int64(p.Issued) || p.Answers.Max < p.Answers.P50 || p.Elapsed <= 0 {
			t.Errorf("%s: answers %+v of %d events in %s", name, p.Answers, p.Issued, p.Elapsed)
		}
	}
}

// Connections take the addresses in turn, and number their events together.
func TestGeneratorUsesAllAddresses(t *testing.T) {
	var arrived [3]atomic.Int64
	l := bareLoad("", 1)
	l.Addresses = nil
	for i := range arrived {
		l.Addresses = append(l.Addresses, benchtest.Serve(t, func(ctx *fasthttp.RequestCtx) {
			arrived[i].Add(1)
			ctx.SetStatusCode(fasthttp.StatusOK)
		}))
	}
	l.Shape.Host, l.Events = l.Addresses[0], 3000
	p, err := loadgen.Generate(t.Context(), l)
	if err != nil || p.Issued != 3000 || p.Acknowledged != 3000 {
		t.Fatalf("%+v, %v", p, err)
	}
	sum := int64(0)
	for i := range arrived {
		sum += arrived[i].Load()
		if arrived[i].Load() == 0 {
			t.Errorf("nothing came to address %d", i)
		}
	}
	if sum != 3000 {
		t.Errorf("%d events arrived", sum)
	}
}

// An event that the server asks to send later is sent again as the same event.
func TestGeneratorComesAgain(t *testing.T) {
	var asked atomic.Int64
	control, address := listen(t, func(ctx *fasthttp.RequestCtx) bool {
		n := asked.Add(1)
		if n <= 2 {
			ctx.SetStatusCode([]int{429, 503}[n-1])
		}
		return n <= 2
	})
	p, err := loadgen.Generate(t.Context(), bareLoad(address, 1))
	if err != nil {
		t.Fatal(err)
	}
	a := audit(t, control, p.Issued)
	if p.Refused != 2 || a.Lost != 0 || a.Distinct != p.Acknowledged {
		t.Errorf("refused %d, received %+v", p.Refused, a)
	}
}

// The wait for a refused event counts: its latency starts when it was first due.
func TestRefusalsCountAsWaiting(t *testing.T) {
	var asked atomic.Int64
	_, address := listen(t, func(ctx *fasthttp.RequestCtx) bool {
		first := asked.Add(1) == 1
		if first {
			ctx.SetStatusCode(503)
			ctx.Response.Header.Set("Retry-After", "1")
		}
		return first
	})
	l := bareLoad(address, 1)
	l.Connections, l.Events = 1, 1
	p, err := loadgen.Generate(t.Context(), l)
	if err != nil || p.Refused != 1 || p.Acknowledged != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	if p.Answers.Max < 1000 {
		t.Errorf("answered after %v ms though the server asked for 1 s", p.Answers.Max)
	}
}

// closeUnanswered closes the connection of a request without an answer.
func closeUnanswered(ctx *fasthttp.RequestCtx) {
	ctx.HijackSetNoResponse(true)
	ctx.Hijack(func(net.Conn) {})
}

// An event without an answer is neither acknowledged nor lost.
func TestGeneratorExcusesTheUnanswered(t *testing.T) {
	var asked atomic.Int64
	control, address := listen(t, func(ctx *fasthttp.RequestCtx) bool {
		fifth := asked.Add(1) == 5
		if fifth {
			closeUnanswered(ctx)
		}
		return fifth
	})
	p, err := loadgen.Generate(t.Context(), bareLoad(address, 1))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Unknown) != 1 || p.Acknowledged != p.Issued-1 {
		t.Fatalf("%d unknown, %d of %d acknowledged", len(p.Unknown), p.Acknowledged, p.Issued)
	}
	unknown := slices.Collect(maps.Keys(p.Unknown))
	if a := audit(t, control, p.Issued, unknown...); a.Lost != 0 {
		t.Errorf("%d lost though the only one missing was never acknowledged", a.Lost)
	}
	if a := audit(t, control, p.Issued); a.Lost != 1 {
		t.Errorf("%d lost if it had been acknowledged, want 1", a.Lost)
	}
}

// Every event of a batch without an answer is unknown, and a server that answers
// nothing at all ends the load.
func TestGeneratorGivesUpWithoutAnswers(t *testing.T) {
	var asked atomic.Int64
	address := benchtest.Serve(t, func(ctx *fasthttp.RequestCtx) {
		asked.Add(1)
		closeUnanswered(ctx)
	})
	l := bareLoad(address, 1000)
	l.Connections, l.Duration = 1, time.Minute
	p, err := loadgen.Generate(t.Context(), l)
	if err == nil || !strings.Contains(err.Error(), "without an answer") {
		t.Errorf("ended with %v", err)
	}
	if n := asked.Load(); n != 11 || len(p.Unknown) != 11_000 || p.Acknowledged != 0 {
		t.Errorf("%d requests, %d events unknown, %d acknowledged; want 11, 11,000 and none", n, len(p.Unknown), p.Acknowledged)
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
		address := benchtest.Serve(t, func(ctx *fasthttp.RequestCtx) {
			ctx.SetStatusCode(c.status)
			ctx.SetBodyString(c.body)
		})
		if _, err := loadgen.Generate(t.Context(), bareLoad(address, c.batch)); err == nil || !strings.Contains(err.Error(), c.body) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestGeneratorEndsWithItsContext(t *testing.T) {
	for name, rate := range map[string]float64{"closed loop": 0, "open loop": 100} {
		ctx, cancel := context.WithCancel(t.Context())
		address := benchtest.Serve(t, func(*fasthttp.RequestCtx) { cancel() })
		l := bareLoad(address, 1)
		l.Rate, l.Duration = rate, time.Hour
		if _, err := loadgen.Generate(ctx, l); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: ended with %v though the load was cut short", name, err)
		}
	}
}

// A load of a number of events publishes each of them, and no other, however many
// connections take turns.
func TestGeneratorCountsEvents(t *testing.T) {
	control, address := listen(t, nil)
	l := bareLoad(address, 1)
	l.Events, l.Duration = 1000, time.Nanosecond
	p, err := loadgen.Generate(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	c, err := control.Counts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if p.Issued != 1000 || p.Acknowledged != 1000 || c.Distinct != 1000 || c.Foreign+c.Duplicates != 0 {
		t.Errorf("published %+v, received %+v", p, c)
	}
}
