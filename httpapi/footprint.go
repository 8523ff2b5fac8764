package httpapi

import (
	"context"
	"fmt"
	"sync"

	"github.com/corpastro/astrohook/webhook"
)

// reservations count what registrations under way add to their clients. The
// dispatcher counts what is registered; each registration is in one of the two, or
// for a moment in both, but never in neither: so no client gets beyond its limits,
// however many registrations are made at a time. Who seems to be beyond a limit
// while others are under way waits for one of them, and looks again.
type reservations struct {
	mu sync.Mutex
	of map[string]webhook.Footprint
	// all are the endpoints that are being added, of all clients.
	all int
	// ended is closed when a reservation ends; nil while nobody waits for that.
	ended chan struct{}
}

// begin adds to a client, and returns what is under way for it then.
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

// others returns a channel that is closed when a reservation ends, nil if none is under way.
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

// reserve makes sure that a client may have more. end is to be called when the
// dispatcher knows of it, or when nothing came of it.
func (s *Server) reserve(ctx context.Context, client string, adds webhook.Footprint) (end func(), err error) {
	if adds.Webhooks <= 0 && adds.Patterns <= 0 {
		return func() {}, nil
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

// alone is what is under way where nothing else is.
func alone(adds webhook.Footprint) webhook.Footprint {
	adds.All = adds.Webhooks
	return adds
}

// awaitOthers waits until a registration ends, if any is under way.
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

// mayHave compares what a client has, and what is under way, with its limits.
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
		return conflict(fmt.Sprintf("there are %d webhooks, as many as max-webhooks allows for all clients", has.All))
	}
	return nil
}
