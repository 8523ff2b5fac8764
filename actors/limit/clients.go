package limit

import (
	"sync"
	"sync/atomic"

	"github.com/corpastro/astrohook/webhook"
)

// Clients knows the client of each endpoint, and what each client has of what
// all share beside the slots. It is safe for concurrent use: unlike the router's
// index it is asked by supervisor and endpoint actors.
type Clients struct {
	mu      sync.RWMutex
	clients map[string]*Client
	owners  map[webhook.EndpointNumber]*Client
	// unknown has the endpoints of which nothing was heard.
	unknown *Client
}

// Client is one client's.
type Client struct {
	payloads atomic.Int64 // bytes in memory
	reads    clientQueue
}

// NewClients returns the knowledge of no client yet.
func NewClients() *Clients {
	return &Clients{
		clients: make(map[string]*Client), owners: make(map[webhook.EndpointNumber]*Client), unknown: new(Client),
	}
}

// Put takes an endpoint as it is now.
func (a *Clients) Put(e *webhook.Endpoint) {
	a.mu.Lock()
	defer a.mu.Unlock()
	client := a.clients[e.ClientID]
	if client == nil {
		client = new(Client)
		a.clients[e.ClientID] = client
	}
	a.owners[e.Number()] = client
}

// Of returns the account of an endpoint's client.
func (a *Clients) Of(n webhook.EndpointNumber) *Client {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if client := a.owners[n]; client != nil {
		return client
	}
	return a.unknown
}
