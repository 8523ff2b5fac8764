package actors

import (
	"sync"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// receiver stands in for the receivers of all endpoints. It keeps what was sent, and
// behaves as the test wants.
type receiver struct {
	abort chan struct{}

	mu      sync.Mutex
	behave  map[webhook.EndpointNumber]func(call) webhook.Attempt
	calls   []call
	made    map[webhook.ID]int // attempts for each delivery
	flying  map[webhook.ID]int
	doubled []webhook.ID // sent while an attempt for them was in flight
	opened  int
	closed  int
	counted int // of opened, when a test last asked
}

// call is one attempt.
type call struct {
	id      webhook.ID
	attempt int // its number among those for this delivery, from 1
	at      time.Time
	timeout time.Duration
	abort   <-chan struct{}
}

func newReceiver() *receiver {
	return &receiver{
		abort:  make(chan struct{}),
		behave: make(map[webhook.EndpointNumber]func(call) webhook.Attempt),
		made:   make(map[webhook.ID]int),
		flying: make(map[webhook.ID]int),
	}
}

// does sets how an endpoint behaves from now on. Without it, it answers 200 at once.
func (r *receiver) does(n webhook.EndpointNumber, behave func(call) webhook.Attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.behave[n] = behave
}

func (r *receiver) open(e webhook.Endpoint, s webhook.Settings) (Target, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opened++
	return &target{receiver: r, number: e.Number(), timeout: s.Timeout}, nil
}

// sent returns the attempts that were made for an endpoint.
func (r *receiver) sent(n webhook.EndpointNumber) (to []call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.calls {
		if c.id.Endpoint == n {
			to = append(to, c)
		}
	}
	return to
}

type target struct {
	receiver *receiver
	number   webhook.EndpointNumber
	timeout  time.Duration
}

// Send makes an attempt.
func (t *target) Send(due webhook.Due) webhook.Attempt {
	id := due.Delivery.ID
	c := call{id: id, at: time.Now(), timeout: t.timeout, abort: t.receiver.abort}
	behave := t.receiver.begin(&c)
	defer t.receiver.end(id)
	a := webhook.Attempt{StatusCode: 200}
	if behave != nil {
		a = behave(c)
	}
	a.At, a.Duration = c.at, time.Since(c.at)
	return a
}

// Close counts the targets that were closed.
func (t *target) Close() {
	t.receiver.mu.Lock()
	defer t.receiver.mu.Unlock()
	t.receiver.closed++
}

func (r *receiver) begin(c *call) func(call) webhook.Attempt {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.made[c.id]++
	c.attempt = r.made[c.id]
	if r.flying[c.id]++; r.flying[c.id] > 1 {
		r.doubled = append(r.doubled, c.id)
	}
	r.calls = append(r.calls, *c)
	return r.behave[c.id.Endpoint]
}

func (r *receiver) end(id webhook.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flying[id]--
}

// answers returns a behaviour: a status after a latency.
func answers(status int, latency time.Duration) func(call) webhook.Attempt {
	return func(call) webhook.Attempt {
		time.Sleep(latency)
		return webhook.Attempt{StatusCode: status}
	}
}

// hangs returns a behaviour: no answer until release is closed, the timeout has passed, or
// the attempt is cut off.
func hangs(release <-chan struct{}) func(call) webhook.Attempt {
	return func(c call) webhook.Attempt {
		timer := time.NewTimer(c.timeout)
		defer timer.Stop()
		select {
		case <-release:
			return webhook.Attempt{StatusCode: 200}
		case <-timer.C:
			return webhook.Attempt{Failure: webhook.ReasonTimeout}
		case <-c.abort:
			return webhook.Attempt{Failure: webhook.ReasonReset}
		}
	}
}
