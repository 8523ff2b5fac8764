package httpapi

import (
	"context"
	"fmt"
	"sync"

	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/webhook"
)

// clientOf remembers the client of each endpoint: one event can have thousands of
// recipients, of which a client may see only its own, and reading each endpoint from
// storage would be slow. An endpoint's client never changes. It takes four bytes for
// each endpoint up to the highest number seen, and is filled on demand. It is safe for
// concurrent use.
type clientOf struct {
	store   EndpointStore
	mu      sync.RWMutex
	names   []string          // by client number; the first stands for unknown
	numbers map[string]uint32 // client numbers by name
	of      []uint32          // client numbers by endpoint number
}

func newClientOf(store EndpointStore) *clientOf {
	return &clientOf{store: store, names: []string{""}, numbers: map[string]uint32{}}
}

// endpoint returns the client of an endpoint, deleted or not. It returns ErrNotFound
// for an endpoint that never existed or is forgotten.
func (c *clientOf) endpoint(ctx context.Context, n webhook.EndpointNumber) (string, error) {
	if name := c.known(n); name != "" {
		return name, nil
	}
	e, err := c.store.Endpoint(ctx, n)
	if err != nil {
		return "", fmt.Errorf("read webhook %d: %w", n, err)
	}
	c.remember(n, e.ClientID)
	return e.ClientID, nil
}

// known returns the client of an endpoint if it is remembered, otherwise "".
func (c *clientOf) known(n webhook.EndpointNumber) string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if int(n) >= len(c.of) {
		return ""
	}
	return c.names[c.of[n]]
}

// remember notes the client of an endpoint.
func (c *clientOf) remember(n webhook.EndpointNumber, client string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	number, ok := c.numbers[client]
	if !ok {
		number = uint32(len(c.names))
		c.names = append(c.names, client)
		c.numbers[client] = number
	}
	if missing := int(n) + 1 - len(c.of); missing > 0 {
		c.of = append(c.of, make([]uint32, missing)...)
	}
	c.of[n] = number
}

// reservations count what unfinished registrations add to their clients. The
// dispatcher counts what is registered. Each registration is counted in one of the
// two places, or for a moment in both, but never in neither, so that no client exceeds
// its limits however many registrations run at the same time. A registration that
// seems to exceed a limit while others are unfinished waits for one of them to end,
// and checks again.
type reservations struct {
	mu sync.Mutex
	of map[string]webhook.Footprint // by client
	// all counts the endpoints that are being added, of all clients.
	all int
	// ended is closed when a reservation ends; nil while nobody waits for that.
	ended chan struct{}
}

// begin reserves for a client, and returns what is reserved for it then, this
// reservation included.
func (r *reservations) begin(client string, adds webhook.Footprint) webhook.Footprint {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of == nil {
		r.of = map[string]webhook.Footprint{}
	}
	r.all += adds.Webhooks
	sum := r.of[client]
	sum.Webhooks += adds.Webhooks
	sum.Patterns += adds.Patterns
	r.of[client] = sum
	sum.All = r.all
	return sum
}

// end ends what begin began, and wakes those who wait for that.
func (r *reservations) end(client string, adds webhook.Footprint) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all -= adds.Webhooks
	sum := r.of[client]
	sum.Webhooks -= adds.Webhooks
	sum.Patterns -= adds.Patterns
	if r.of[client] = sum; sum == (webhook.Footprint{}) {
		delete(r.of, client)
	}
	if r.ended != nil {
		close(r.ended)
		r.ended = nil
	}
}

// others returns a channel that is closed when a reservation ends; nil if there is no
// reservation.
func (r *reservations) others() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == 0 && len(r.of) == 0 {
		return nil
	}
	if r.ended == nil {
		r.ended = make(chan struct{})
	}
	return r.ended
}

// reserve checks that a client may have more, and reserves it. The caller must call
// end when the dispatcher knows of the registration, or when the registration failed.
func (s *Server) reserve(ctx context.Context, client string, adds webhook.Footprint) (end func(), err error) {
	if adds.Webhooks <= 0 && adds.Patterns <= 0 {
		return func() {}, nil
	}
	if err := s.catchUp(ctx); err != nil {
		return nil, err
	}
	end = func() { s.reserved.end(client, adds) }
	for {
		under := s.reserved.begin(client, adds)
		has, err := s.dispatcher.Footprint(ctx, client)
		if err != nil {
			end()
			return nil, fmt.Errorf("look what client %s has registered: %w", client, err)
		}
		refused := s.mayHave(client, has, under, adds)
		if refused == nil {
			return end, nil
		}
		end()
		if alone := s.mayHave(client, has, alone(adds), adds); alone != nil {
			return nil, refused
		}
		if err := s.awaitOthers(ctx); err != nil {
			return nil, err
		}
	}
}

// alone returns what is reserved if this registration is the only one.
func alone(adds webhook.Footprint) webhook.Footprint {
	adds.All = adds.Webhooks
	return adds
}

// awaitOthers waits until a registration of anybody ends; it returns at once if there
// is none.
func (s *Server) awaitOthers(ctx context.Context) error {
	ended := s.reserved.others()
	if ended == nil {
		return nil
	}
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for other registrations: %w", ctx.Err())
	}
}

// mayHave returns an error if what a client has, together with what is reserved, would
// exceed a limit.
func (s *Server) mayHave(client string, has, under, adds webhook.Footprint) error {
	limits := s.clientLimits(client).OrNone()
	switch {
	case adds.Webhooks > 0 && has.Webhooks+under.Webhooks > limits.Webhooks:
		return &webhook.LimitError{
			Client: client, Setting: webhook.LimitWebhooks, Max: int64(limits.Webhooks), Has: int64(has.Webhooks), Cause: webhook.ErrClientLimit,
		}
	case adds.Patterns > 0 && has.Patterns+under.Patterns > limits.Patterns:
		return &webhook.LimitError{
			Client: client, Setting: webhook.LimitPatterns, Max: int64(limits.Patterns),
			Has: int64(has.Patterns + under.Patterns), Cause: webhook.ErrClientLimit,
		}
	case adds.Webhooks > 0 && int64(has.All+under.All) > s.maxWebhooks.Load():
		return problem.InConflict(fmt.Sprintf("there are %d webhooks, as many as max-webhooks allows for all clients", has.All))
	}
	return nil
}
