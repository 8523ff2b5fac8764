package lane

import (
	"testing"

	"github.com/corpastro/astrohook/webhook"
)

// TestRamp: what each outcome does to the attempts that may be in flight.
func TestRamp(t *testing.T) {
	ok := webhook.Attempt{StatusCode: 200}
	timeout := webhook.Attempt{Failure: webhook.ReasonTimeout}
	for _, c := range []struct {
		reason   string
		ceiling  int
		attempts []webhook.Attempt
		allowed  int
		proven   bool
	}{
		{"it begins with eight", 64, nil, 8, false},
		{"with fewer if the endpoint allows fewer", 3, nil, 3, false},
		{"one more for each success", 64, []webhook.Attempt{ok, ok, ok}, 11, true},
		{"never more than the endpoint allows", 9, []webhook.Attempt{ok, ok, ok}, 9, true},
		{"half for a time-out", 64, []webhook.Attempt{timeout}, 4, false},
		{"half for each answer that asks for less", 64, []webhook.Attempt{{StatusCode: 429}, {StatusCode: 503}}, 2, false},
		{"half for gateway errors", 64, []webhook.Attempt{{StatusCode: 502}, {StatusCode: 504}}, 2, false},
		{"one at least", 64, []webhook.Attempt{timeout, timeout, timeout, timeout, timeout}, 1, false},
		{"an error of the receiver's own changes nothing", 64, []webhook.Attempt{ok, {StatusCode: 500}, {StatusCode: 422}}, 9, true},
		{"one failure does not undo a proof", 64, []webhook.Attempt{ok, timeout}, 4, true},
		{"failures down to one attempt do", 64, []webhook.Attempt{ok, timeout, timeout, timeout}, 1, false},
		{"a success proves again", 64, []webhook.Attempt{timeout, timeout, timeout, ok}, 2, true},
	} {
		r := newRamp(c.ceiling)
		for _, a := range c.attempts {
			r.learn(&a, a.Outcome())
		}
		if r.allowed != c.allowed || r.proven != c.proven {
			t.Errorf("%s: %d allowed, proven %v; want %d, %v", c.reason, r.allowed, r.proven, c.allowed, c.proven)
		}
	}
}

// TestRampConfigured: another concurrency bounds what the receiver has shown, and does not
// forget it.
func TestRampConfigured(t *testing.T) {
	r := newRamp(64)
	for range 30 {
		a := webhook.Attempt{StatusCode: 200}
		r.learn(&a, a.Outcome())
	}
	for _, c := range []struct{ ceiling, want int }{{100, 38}, {20, 20}, {0, 1}, {64, 1}} {
		if r.configure(c.ceiling); r.allowed != c.want || !r.proven {
			t.Errorf("with a concurrency of %d it allows %d, want %d", c.ceiling, r.allowed, c.want)
		}
	}
	if r.collapse(); r.allowed != 1 || r.proven {
		t.Error("after the breaker opened it allows", r.allowed)
	}
}
