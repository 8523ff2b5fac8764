package lane

import (
	"time"

	"golang.org/x/time/rate"

	"github.com/corpastro/astrohook/webhook"
)

// maxHold bounds how long a receiver's Retry-After can hold its whole endpoint. The
// delivery that it answered waits for longer, if it asked for longer.
const maxHold = 15 * time.Minute

// pace is what a gate knows beside its breaker. It is part of Memory and outlives the gate,
// so that an actor that is stopped and started again sends no faster than one that stays.
type pace struct {
	limiter *rate.Limiter // nil: no limit
	hold    time.Time     // until when the receiver asked for nothing to be sent
	// receiverSince and gateSince are those of the endpoint when it was configured last.
	receiverSince, gateSince uint64
}

// forgetVoid forgets the rate limiter if the receiver is another one, and the hold if the
// receiver is another one or a person resumed the endpoint.
func (p *pace) forgetVoid(e *webhook.Endpoint) {
	if p.receiverSince != e.ReceiverSince {
		p.limiter = nil
	}
	if p.gateSince != e.GateSince {
		p.hold = time.Time{}
	}
	p.receiverSince, p.gateSince = e.ReceiverSince, e.GateSince
}

// limit applies the settings' rate limit. A limiter that fits them already keeps its state.
func (p *pace) limit(s webhook.Settings) {
	switch {
	case s.Rate <= 0:
		p.limiter = nil
	case p.limiter == nil || p.limiter.Limit() != rate.Limit(s.Rate) || p.limiter.Burst() != max(s.Burst, 1):
		p.limiter = rate.NewLimiter(rate.Limit(s.Rate), max(s.Burst, 1))
	}
}

// tokenAt returns when the rate limit allows the next attempt; now if it does already.
func (p *pace) tokenAt(now time.Time) time.Time {
	if p.limiter == nil {
		return now
	}
	missing := 1 - p.limiter.TokensAt(now)
	if missing <= 0 {
		return now
	}
	// A microsecond more, so that rounding leaves no part of a token missing then.
	return now.Add(time.Duration(missing/float64(p.limiter.Limit())*float64(time.Second)) + time.Microsecond)
}
