package sender

import (
	"testing"

	"github.com/corpastro/astrohook/actors/sender/receivertest"
	"github.com/corpastro/astrohook/webhook"
)

// TestFreshConnectionIsNotRetried: a new connection that ends without an answer fails
// the attempt after one request.
func TestFreshConnectionIsNotRetried(t *testing.T) {
	for name, end := range map[string]receivertest.Reply{"closed": receivertest.Then(receivertest.Raw("")), "reset": receivertest.Reset()} {
		t.Run(name, func(t *testing.T) {
			s := receivertest.Listen(t)
			s.Always(end)
			a := send(open(t, newClient(t, Options{}), s.URL(), webhook.Settings{}))
			wantAttempt(t, a, 0, webhook.ReasonReset)
			if s.Count() != 1 || a.Requests != 1 {
				t.Fatalf("%d requests, counted as %d", s.Count(), a.Requests)
			}
		})
	}
}

// TestRequestsAreCounted: an answer counts one request, and a failed dial none.
func TestRequestsAreCounted(t *testing.T) {
	s := receivertest.Listen(t)
	target := open(t, newClient(t, Options{}), s.URL(), webhook.Settings{})
	for range 2 {
		if a := send(target); a.Requests != 1 {
			t.Fatalf("an answered attempt counts %d requests", a.Requests)
		}
	}
	target.Close()
	s.Close()
	if a := send(target); a.Requests != 0 || a.Failure != webhook.ReasonConnect {
		t.Fatalf("an attempt without a connection: %+v", a)
	}
}
