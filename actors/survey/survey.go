package survey

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

const (
	// failuresKept is how long a failed attempt counts.
	failuresKept = time.Hour
	// maxFailing bounds the endpoints whose failures are counted here, 64 bytes each. As
	// long as there are so many, further ones are left out.
	maxFailing = 1 << 16
)

// Survey gathers the figures. New makes it.
type Survey struct {
	most    int // endpoints in Findings.Worst
	started time.Time

	mu sync.Mutex // guards the next six
	// held are the endpoints that hold their deliveries: paused and disabled ones.
	held map[webhook.EndpointNumber]webhook.EndpointStatus
	// registered counts the endpoints of each status that are not deleted.
	registered map[webhook.EndpointStatus]int
	// failing are the endpoints with a failed attempt in the last hour.
	failing map[webhook.EndpointNumber]failing
	// slow are the endpoints with a slow answer in the last hour, and when that was.
	slow    map[webhook.EndpointNumber]time.Time
	samples samples
	series  series

	last atomic.Pointer[Findings]
}

// failing is what is known of the attempts of an endpoint that failed lately.
type failing struct {
	webhook.Tally
	at time.Time // of the last attempt
}

// New returns a survey without endpoints, which names up to most of them. Until the first
// round has ended its findings are of the time now, and empty.
func New(most int, now time.Time) *Survey {
	s := &Survey{
		most:       most,
		started:    now,
		held:       make(map[webhook.EndpointNumber]webhook.EndpointStatus),
		registered: make(map[webhook.EndpointStatus]int),
		failing:    make(map[webhook.EndpointNumber]failing),
		slow:       make(map[webhook.EndpointNumber]time.Time),
		samples:    make(samples, 0, samplesKept),
	}
	s.samples = append(s.samples, sample{at: now})
	s.last.Store(&Findings{At: now})
	return s
}

// kept returns how many endpoints each ranking keeps.
func (s *Survey) kept() int { return max(s.most, webhook.MaxWorst) }

// StartedAt returns when New made the survey, which is when the server started.
func (s *Survey) StartedAt() time.Time { return s.started }

// Registered notes that an endpoint's status changed; "" stands for one that is not
// registered yet, or deleted. Changes of one endpoint must arrive in their order.
func (s *Survey) Registered(n webhook.EndpointNumber, was, is webhook.EndpointStatus) {
	if was == is {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if was != "" {
		s.registered[was]--
	}
	if is != "" {
		s.registered[is]++
	} else {
		delete(s.failing, n)
		delete(s.slow, n)
	}
	if is == webhook.EndpointPaused || is == webhook.EndpointDisabled {
		s.held[n] = is
	} else {
		delete(s.held, n)
	}
}

// Webhooks returns how many endpoints have a status.
func (s *Survey) Webhooks(status webhook.EndpointStatus) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.registered[status]
}

// Attempted notes the tally of an endpoint's last hour after an attempt. Endpoints without
// a failure in it need no call, so that what succeeds costs nothing.
func (s *Survey) Attempted(n webhook.EndpointNumber, t webhook.Tally, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.failing[n]; known || len(s.failing) < maxFailing {
		s.failing[n] = failing{t, at}
	}
}

// Forget drops what is known of an endpoint's attempts, which were about another receiver.
func (s *Survey) Forget(n webhook.EndpointNumber) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.failing, n)
	delete(s.slow, n)
}

// Findings returns what the last round found. The caller must not change it.
func (s *Survey) Findings() *Findings { return s.last.Load() }
