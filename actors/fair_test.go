package actors

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// subscribe registers an endpoint of a client that gets one event type.
func (r *rig) subscribe(client, eventType string, s webhook.Settings) webhook.EndpointNumber {
	r.t.Helper()
	n := r.register(s)
	r.change(n, func(e *webhook.Endpoint) { e.ClientID, e.EventTypes = client, []string{eventType} })
	return n
}

// post publishes events of one type to a client.
func (r *rig) post(client, eventType string, count int) {
	r.t.Helper()
	events := make([]webhook.Event, count)
	for i := range events {
		events[i] = webhook.Event{Type: eventType, ClientID: client, Data: []byte("1")}
	}
	if _, err := r.d.Publish(context.Background(), events); err != nil {
		r.t.Fatal(err)
	}
}

// latencies publishes an event every 100 ms, and returns for each how long it took to reach the endpoint.
func (r *rig) latencies(client, eventType string, n webhook.EndpointNumber, count int) []time.Duration {
	r.t.Helper()
	before := len(r.receiver.sent(n))
	var published []time.Time
	for range count {
		published = append(published, time.Now())
		r.post(client, eventType, 1)
		time.Sleep(100 * time.Millisecond)
	}
	calls := r.receiver.sent(n)[before:]
	for len(calls) < count {
		time.Sleep(time.Second)
		calls = r.receiver.sent(n)[before:]
	}
	late := make([]time.Duration, count)
	for i := range late {
		late[i] = calls[i].at.Sub(published[i])
	}
	slices.Sort(late)
	return late
}

// hogs brings endpoints of a client to their full concurrency, and leaves them a
// backlog in which each attempt lasts for hold.
func (r *rig) hogs(client string, count int, s webhook.Settings, hold time.Duration) {
	r.t.Helper()
	var all []webhook.EndpointNumber
	for range count {
		n := r.subscribe(client, "hog", s)
		r.receiver.does(n, answers(200, time.Millisecond))
		all = append(all, n)
	}
	width := s.Or(webhook.DefaultSettings()).Concurrency
	for range 6 {
		r.post(client, "hog", width/3)
		time.Sleep(time.Second)
	}
	for _, n := range all {
		if h := r.health(n); h.Allowed != width {
			r.t.Errorf("a hog is not ramped up: %d of %d attempts allowed", h.Allowed, width)
		}
		r.receiver.does(n, answers(200, hold))
	}
	r.post(client, "hog", 3*width)
	time.Sleep(hold / 2)
}

// hogCases are endpoints that succeed, late.
var hogCases = []struct {
	count int
	s     webhook.Settings
	hold  time.Duration
}{
	{64, webhook.Settings{}, 9 * time.Second},
	{4, webhook.Settings{Concurrency: 1024, Timeout: time.Minute}, 55 * time.Second},
}

// TestSlowEndpointsHurtOnlyThemselves: endpoints that answer 200 after seconds,
// with a backlog, would take every permit. A healthy endpoint, of another client or
// of the same one, notices nothing, nor does one that is registered meanwhile.
func TestSlowEndpointsHurtOnlyThemselves(t *testing.T) {
	for _, c := range hogCases {
		for _, owner := range []string{"other", "hog"} {
			t.Run(fmt.Sprint(c.count, " endpoints, healthy one of client ", owner), func(t *testing.T) {
				inRig(t, nil, func(r *rig) {
					healthy := r.subscribe(owner, "good", webhook.Settings{})
					r.receiver.does(healthy, answers(200, 4*time.Millisecond))
					alone := r.latencies(owner, "good", healthy, 100)
					r.hogs("hog", c.count, c.s, c.hold)
					held := r.d.shared.permits.InUse()
					if late := r.latencies(owner, "good", healthy, 100); late[99] != alone[99] {
						t.Errorf("with %d slots held the healthy endpoint waits %v, p50 %v; alone %v", held, late[99], late[50], alone[99])
					}
					fresh := r.subscribe(owner, "fresh", webhook.Settings{})
					if late := r.latencies(owner, "fresh", fresh, 20); late[19] != 0 {
						t.Errorf("a newcomer waits %v", late[19])
					}
					r.quiet()
				})
			})
		}
	}
}

// badKinds are the ways in which a receiver can be bad.
var badKinds = []func(call) webhook.Attempt{
	answers(200, 9*time.Second), // slow
	hangs(nil),                  // silent
	func(c call) webhook.Attempt { // drips until the time is up
		time.Sleep(c.timeout)
		return webhook.Attempt{StatusCode: 200, Failure: webhook.ReasonTimeout}
	},
	answers(500, time.Millisecond), // failing
	func(call) webhook.Attempt { return webhook.Attempt{Failure: webhook.ReasonTLS} }, // failing before
}

// TestTenThousandBadEndpoints: 10,000 endpoints of one client are slow, silent,
// dripping or failing, with a backlog. A healthy endpoint of another client, or
// of the same one, does not wait, nor does a new endpoint of another client.
func TestTenThousandBadEndpoints(t *testing.T) {
	for _, owner := range []string{"other", "bad"} {
		t.Run("healthy one of client "+owner, func(t *testing.T) {
			inRig(t, func(o *Options) { o.IdleTimeout = time.Second }, func(r *rig) { r.besideCrowd(owner) })
		})
	}
}

func (r *rig) besideCrowd(owner string) {
	crowd, events := 10_000, 4
	if raceEnabled {
		crowd = 3000
	}
	healthy := r.subscribe(owner, "good", webhook.Settings{})
	r.receiver.does(healthy, answers(200, 4*time.Millisecond))
	alone := r.latencies(owner, "good", healthy, 50)
	for i := range crowd {
		n := r.subscribe("bad", "bad", webhook.Settings{})
		r.receiver.does(n, badKinds[i%len(badKinds)])
	}
	most := 0
	for round := range 3 {
		r.post("bad", "bad", events)
		late := r.latencies(owner, "good", healthy, 50)
		if late[49] != alone[49] {
			r.t.Errorf("round %d: beside the crowd the healthy endpoint waits %v, p50 %v; alone %v", round, late[49], late[25], alone[49])
		}
		fresh := r.subscribe("fresh", "fresh", webhook.Settings{})
		r.post("fresh", "fresh", 30)
		time.Sleep(time.Millisecond)
		if got := len(r.receiver.sent(fresh)); got != 30 {
			r.t.Errorf("round %d: %d of 30 deliveries to a newcomer were sent at once", round, got)
		}
		r.setStatus(fresh, webhook.EndpointPaused)
		most = max(most, r.d.shared.permits.InUse())
		time.Sleep(5 * time.Second)
	}
	if most < 2048 {
		r.t.Errorf("the crowd holds only %d slots: the test shows nothing", most)
	}
}

// quiet lets all that is owed be delivered.
func (r *rig) quiet() {
	r.t.Helper()
	for r.store.Pending() > 0 {
		time.Sleep(time.Minute)
		synctest.Wait()
	}
}
