package httpapi

import (
	"fmt"
	"sync"

	"github.com/corpastro/astrohook/webhook"
)

// owners remembers whose each endpoint is, since one event can have thousands of
// recipients and a client may see its own only. An endpoint's owner never
// changes. It costs four bytes per endpoint, and is filled as it is asked.
type owners struct {
	store   EndpointStore
	mu      sync.RWMutex
	clients []string          // by client number; the first stands for unknown
	numbers map[string]uint32 // of clients
	of      []uint32          // by endpoint number
}

func newOwners(store EndpointStore) *owners {
	return &owners{store: store, clients: []string{""}, numbers: map[string]uint32{}}
}

// client tells whose an endpoint is, deleted or not. ErrNotFound.
func (o *owners) client(n webhook.EndpointNumber) (string, error) {
	if name := o.known(n); name != "" {
		return name, nil
	}
	e, err := o.store.Endpoint(n)
	if err != nil {
		return "", fmt.Errorf("read webhook %d: %w", n, err)
	}
	o.remember(n, e.ClientID)
	return e.ClientID, nil
}

func (o *owners) known(n webhook.EndpointNumber) string {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if int(n) >= len(o.of) {
		return ""
	}
	return o.clients[o.of[n]]
}

func (o *owners) remember(n webhook.EndpointNumber, client string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	number, ok := o.numbers[client]
	if !ok {
		number = uint32(len(o.clients))
		o.clients = append(o.clients, client)
		o.numbers[client] = number
	}
	if missing := int(n) + 1 - len(o.of); missing > 0 {
		o.of = append(o.of, make([]uint32, missing)...)
	}
	o.of[n] = number
}
