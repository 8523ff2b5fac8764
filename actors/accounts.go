package actors

import (
	"sync"
	"sync/atomic"

	"github.com/corpastro/astrohook/webhook"
)

// accounts knows the client of each endpoint, and what each client has of what
// all share beside the slots. It is safe for concurrent use: unlike the router's
// index it is asked by supervisor and endpoint actors.
type accounts struct {
	mu      sync.RWMutex
	clients map[string]*account
	owners  map[webhook.EndpointNumber]*account
	// unknown has the endpoints of which nothing was heard.
	unknown *account
}

// account is one client's.
type account struct {
	payloads atomic.Int64 // bytes in memory
	reads    readLine
}

func newAccounts() *accounts {
	return &accounts{
		clients: make(map[string]*account), owners: make(map[webhook.EndpointNumber]*account), unknown: new(account),
	}
}

// put takes an endpoint as it is now.
func (a *accounts) put(e *webhook.Endpoint) {
	a.mu.Lock()
	defer a.mu.Unlock()
	client := a.clients[e.ClientID]
	if client == nil {
		client = new(account)
		a.clients[e.ClientID] = client
	}
	a.owners[e.Number()] = client
}

// of returns the account of an endpoint's client.
func (a *accounts) of(n webhook.EndpointNumber) *account {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if client := a.owners[n]; client != nil {
		return client
	}
	return a.unknown
}
