package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// TestBlackHoleHurtsOnlyItself publishes to ten endpoints, and then again while
// one of them takes deliveries and never answers: the other nine get all of
// theirs while the tenth has not finished one.
func TestBlackHoleHurtsOnlyItself(t *testing.T) {
	const events, endpoints = 2000, 10
	s := startServer(t)
	var black atomic.Bool
	swallow := make(chan struct{})
	latency := &stopwatch{}
	var arrived atomic.Int64
	sub := startSubscriber(t, func(ctx *fasthttp.RequestCtx) {
		if string(ctx.Path()) == "/0" && black.Load() {
			<-swallow
			return
		}
		latency.lap(ctx.PostBody())
		arrived.Add(1)
	})
	t.Cleanup(func() { close(swallow) }) // before the subscriber stops
	var ids []string
	for i := range endpoints {
		ids = append(ids, s.register(t, "crowd", fields{
			"event_type": "user.*", "target_url": sub.url("/" + strconv.Itoa(i)), "secret": plainSecret, "timeout_ms": 60_000,
		}))
	}
	round := func(healthy int64) {
		arrived.Store(0)
		publishTimed(t, s, events)
		await(t, "the healthy endpoints' deliveries", func() error {
			if n := arrived.Load(); n < healthy*events {
				return fmt.Errorf("%d of %d", n, healthy*events)
			}
			return nil
		})
	}
	round(endpoints)
	t.Logf("without a black hole, from publishing to receipt: %s", latency.sum())
	s.awaitDrained(t, patience, ids[0])
	before := s.health(t, ids[0])
	black.Store(true)
	round(endpoints - 1)
	t.Logf("with a black hole, from publishing to receipt:    %s", latency.sum())
	after := s.health(t, ids[0])
	if after.InFlight == 0 || after.LastHour.Successes != before.LastHour.Successes {
		t.Errorf("the black hole is none: %+v, before %+v", after, before)
	}
	if n := arrived.Load(); n != (endpoints-1)*events {
		t.Errorf("%d deliveries to the healthy endpoints, want %d", n, (endpoints-1)*events)
	}
}

// TestSlowReceiversHurtOnlyThemselves ramps 64 endpoints of one client up, and then
// lets them hold every request that they get, with a backlog. What is published to
// another client's endpoint arrives, while they have not finished one.
func TestSlowReceiversHurtOnlyThemselves(t *testing.T) {
	const events, endpoints, width = 500, 64, 64
	s := startServer(t)
	var slow atomic.Bool
	var answered, held, arrived atomic.Int64
	release := make(chan struct{})
	sub := startSubscriber(t, func(ctx *fasthttp.RequestCtx) {
		switch {
		case string(ctx.Path()) == "/good":
			arrived.Add(1)
			return
		case slow.Load():
			held.Add(1)
			<-release
		}
		answered.Add(1)
	})
	t.Cleanup(sync.OnceFunc(func() { close(release) })) // before the subscriber stops
	var ids []string
	for i := range endpoints {
		ids = append(ids, s.register(t, "slow", fields{
			"event_type": "user.created", "target_url": sub.url("/" + strconv.Itoa(i)), "secret": plainSecret, "timeout_ms": 60_000,
		}))
	}
	s.register(t, "good", fields{"event_type": "content.published", "target_url": sub.url("/good"), "secret": plainSecret})
	publish := func(eventType string, count int) {
		for range count {
			if _, err := s.publish(eventType, []byte(`{}`)); err != nil {
				t.Fatal(err)
			}
		}
	}
	publish("user.created", 2*width)
	await(t, "the slow endpoints' first deliveries", func() error {
		if n := answered.Load(); n < 2*width*endpoints {
			return fmt.Errorf("%d of %d", n, 2*width*endpoints)
		}
		return nil
	})
	slow.Store(true)
	publish("user.created", 2*width)
	await(t, "the slow endpoints to hold requests", func() error {
		if n := held.Load(); n < 2*width { // there are 256 slots at least
			return fmt.Errorf("%d", n)
		}
		return nil
	})
	publish("content.published", events)
	await(t, "the healthy endpoint's deliveries", func() error {
		if n := arrived.Load(); n < events {
			return fmt.Errorf("%d of %d, while %d requests are held", n, events, held.Load())
		}
		return nil
	})
	t.Logf("%d requests are held", held.Load())
	for _, id := range ids {
		for _, d := range s.deliveries(t, id) {
			if d.Status == "retrying" {
				t.Fatalf("meanwhile attempts to a slow endpoint ended: %+v", d)
			}
		}
	}
}

// publishTimed publishes events that carry the time, over a few connections.
func publishTimed(t *testing.T, s *server, events int) {
	t.Helper()
	var next atomic.Int64
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for next.Add(1) <= int64(events) {
				if _, err := s.publish("user.created", fmt.Appendf(nil, `{"sent":"%d"}`, time.Now().UnixNano())); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	workers.Wait()
}

// stopwatch collects how long something took.
type stopwatch struct {
	mu   sync.Mutex
	laps []time.Duration
}

// lap notes a delivery that has just arrived.
func (s *stopwatch) lap(body []byte) {
	_, text, _ := bytes.Cut(body, []byte(`"sent":"`))
	digits, _, _ := bytes.Cut(text, []byte(`"`))
	sent, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil {
		return // a report, no verdict: the counts tell
	}
	s.note(time.Since(time.Unix(0, sent)))
}

func (s *stopwatch) note(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.laps = append(s.laps, d)
}

// sum sums up, and begins again.
func (s *stopwatch) sum() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.Sort(s.laps)
	n := len(s.laps)
	if n == 0 {
		return "nothing"
	}
	text := fmt.Sprintf("p50 %s, p99 %s, max %s", s.laps[n/2], s.laps[n*99/100], s.laps[n-1])
	s.laps = nil
	return text
}

// Bounds of the test below.
const (
	crowd        = 10_000
	crowdEvents  = 10
	deadEvery    = 100 // 1 % are dead
	crowdMemory  = 640 // MiB
	registrators = 16
)

// TestCrowdWithDeadEndpoints delivers events to 10,000 endpoints in bounded memory, while
// one in a hundred does not answer.
func TestCrowdWithDeadEndpoints(t *testing.T) {
	s := startServer(t, fmt.Sprintf("ASTROHOOK_CLIENT_MAX_WEBHOOKS=%d", crowd))
	var arrived [crowd][crowdEvents]atomic.Int32
	var total atomic.Int64
	sub := startSubscriber(t, func(ctx *fasthttp.RequestCtx) {
		endpoint, event, err := crowdDelivery(ctx)
		if err != nil {
			ctx.SetStatusCode(fasthttp.StatusBadRequest)
			t.Error(err)
			return
		}
		arrived[endpoint][event].Add(1)
		total.Add(1)
	})
	ids := registerCrowd(t, s, sub)
	for event := range crowdEvents {
		got, err := s.publish("content.published", fmt.Appendf(nil, `{"event":"%d"}`, event))
		if err != nil || got.Deliveries != crowd {
			t.Fatalf("publish: %d deliveries, %v", got.Deliveries, err)
		}
	}
	const healthy = crowd - crowd/deadEvery
	awaitFor(t, 2*patience, "the healthy endpoints' deliveries", func() error {
		if n := total.Load(); n < healthy*crowdEvents {
			return fmt.Errorf("%d of %d", n, healthy*crowdEvents)
		}
		return nil
	})
	for i := range crowd {
		for event := range crowdEvents {
			if n := arrived[i][event].Load(); n != 1 && i%deadEvery != 0 {
				t.Fatalf("endpoint %d got event %d %d times; its deliveries: %+v", i, event, n, s.deliveries(t, ids[i]))
			}
		}
	}
	for i := 0; i < crowd; i += deadEvery {
		waiting := 0
		for _, d := range s.deliveries(t, ids[i]) {
			if d.Status == "queued" || d.Status == "retrying" && d.Reason == "connect" {
				waiting++
			}
		}
		if waiting != crowdEvents {
			t.Fatalf("dead endpoint %d: %d deliveries wait, want %d", i, waiting, crowdEvents)
		}
	}
	peak := s.peakMemory(t)
	t.Logf("peak memory %d MiB", peak)
	if peak > crowdMemory {
		t.Errorf("peak memory %d MiB, more than %d", peak, crowdMemory)
	}
}

// registerCrowd registers all endpoints; the dead ones' target has no listener.
func registerCrowd(t *testing.T, s *server, sub *subscriber) []string {
	t.Helper()
	dead := "http://" + reserveAddress(t)
	ids := make([]string, crowd)
	var next atomic.Int64
	var workers sync.WaitGroup
	for range registrators {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < crowd; i = next.Add(1) - 1 {
				target := sub.url("/" + strconv.Itoa(int(i)))
				if i%deadEvery == 0 {
					target = dead
				}
				var made struct {
					ID string `json:"id"`
				}
				err := s.try(http.MethodPost, "/api/webhooks?client_id=crowd", fields{"event_type": "content.*", "target_url": target, "secret": plainSecret}, &made)
				if err != nil {
					t.Error(err)
					return
				}
				ids[i] = made.ID
			}
		})
	}
	workers.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return ids
}

var errCrowd = errors.New("not a delivery of this test")

// crowdDelivery returns which event a delivery carries, and to which endpoint.
func crowdDelivery(ctx *fasthttp.RequestCtx) (endpoint, event int, err error) {
	endpoint, endpointErr := strconv.Atoi(strings.TrimPrefix(string(ctx.Path()), "/"))
	_, text, _ := bytes.Cut(ctx.PostBody(), []byte(`"data":{"event":"`))
	event, eventErr := strconv.Atoi(strings.TrimSuffix(string(text), `"}}`))
	if endpointErr != nil || eventErr != nil || endpoint < 0 || endpoint >= crowd || event < 0 || event >= crowdEvents {
		return 0, 0, fmt.Errorf("%w: %s %q", errCrowd, ctx.Path(), ctx.PostBody())
	}
	return endpoint, event, nil
}
