package limit

import (
	"sync"
	"sync/atomic"

	"github.com/corpastro/astrohook/webhook"
)

// Clients has the client of each endpoint, and what each client has of what all share,
// except permits. It is safe for concurrent use: supervisor and endpoint actors ask it,
// unlike the router's index, which belongs to the router alone.
type Clients struct {
	mu       sync.RWMutex
	clients  map[string]*Client
	clientOf map[webhook.EndpointNumber]*Client
	// unknown is the client of endpoints that nothing is known of, as after a message
	// about one that was just registered. They share, like endpoints of one client.
	unknown *Client
}

// Client is what one client has of the memory for payloads and of the readers.
type Client struct {
	payloads atomic.Int64 // bytes that the reservations of its endpoints hold
	reads    clientQueue
}

// NewClients returns a table without endpoints.
func NewClients() *Clients {
	return &Clients{
		clients: make(map[string]*Client), clientOf: make(map[webhook.EndpointNumber]*Client), unknown: new(Client),
	}
}

// Put takes an endpoint as it is now. Endpoints stay after they are deleted, because some
// of their work may still be under way.
func (c *Clients) Put(e *webhook.Endpoint) {
	c.mu.Lock()
	defer c.mu.Unlock()
	client := c.clients[e.ClientID]
	if client == nil {
		client = new(Client)
		c.clients[e.ClientID] = client
	}
	c.clientOf[e.Number()] = client
}

// Of returns the client of an endpoint; never nil.
func (c *Clients) Of(n webhook.EndpointNumber) *Client {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if client := c.clientOf[n]; client != nil {
		return client
	}
	return c.unknown
}
