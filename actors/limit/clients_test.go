package limit

import (
	"testing"

	"github.com/corpastro/astrohook/webhook"
)

func endpointOf(client string, n webhook.EndpointNumber) *webhook.Endpoint {
	return &webhook.Endpoint{ID: webhook.ID{Endpoint: n}, ClientID: client}
}

// TestClientsByEndpoint: endpoints of one client share one Client, and no other does.
func TestClientsByEndpoint(t *testing.T) {
	c := NewClients()
	for n, client := range map[webhook.EndpointNumber]string{1: "acme", 2: "acme", 3: "other", 4: ""} {
		c.Put(endpointOf(client, n))
	}
	if c.Of(1) != c.Of(2) {
		t.Error("two endpoints of one client have two clients")
	}
	if c.Of(1) == c.Of(3) || c.Of(3) == c.Of(4) || c.Of(1) == c.Of(4) {
		t.Error("endpoints of different clients share one")
	}
}

// TestClientOfUnknownEndpoint: endpoints that nothing is known of share one client of their
// own, and have theirs as soon as it is known.
func TestClientOfUnknownEndpoint(t *testing.T) {
	c := NewClients()
	c.Put(endpointOf("", 1))
	if c.Of(7) == nil || c.Of(7) != c.Of(8) {
		t.Error("unknown endpoints do not share a client")
	}
	if c.Of(7) == c.Of(1) {
		t.Error("unknown endpoints use up what the endpoints without a client have")
	}
	c.Put(endpointOf("acme", 7))
	if c.Of(7) == c.Of(8) {
		t.Error("an endpoint that is known counts as unknown")
	}
}

// TestEndpointChangesItsClient: what it has from then on counts for the new one.
func TestEndpointChangesItsClient(t *testing.T) {
	c := NewClients()
	c.Put(endpointOf("acme", 1))
	c.Put(endpointOf("other", 2))
	c.Put(endpointOf("other", 1))
	if c.Of(1) != c.Of(2) {
		t.Error("the endpoint counts for its old client")
	}
}
