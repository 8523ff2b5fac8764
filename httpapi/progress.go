package httpapi

import (
	"errors"
	"fmt"
	"time"

	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/webhook"
)

// waitingResource is what something waits for, and until when; absent if for
// nothing, or if no time is known.
type waitingResource struct {
	WaitingFor string `json:"waiting_for,omitzero"`
	Until      string `json:"until,omitzero"`
}

func showWaiting(w webhook.Waiting) waitingResource {
	return waitingResource{WaitingFor: string(w.For), Until: jsonbody.Time(w.Until)}
}

// progresses is what the actors know of the pending deliveries of some endpoints.
type progresses map[webhook.EndpointNumber]*webhook.Progress

// of returns what is known of one endpoint.
func (p progresses) of(n webhook.EndpointNumber) *webhook.Progress {
	if known := p[n]; known != nil {
		return known
	}
	return &webhook.Progress{}
}

// started returns when the attempt began that is in flight for a delivery, if there is one.
func (p progresses) started(d *webhook.Delivery) (time.Time, bool) {
	since, flying := p.of(d.ID.Endpoint).Started[d.ID]
	return since, flying && !d.Status.Finished()
}

// progressOf asks about those endpoints for which a delivery is pending.
func (s *Server) progressOf(list []webhook.Delivery) (progresses, error) {
	found := progresses{}
	for i := range list {
		if n := list[i].ID.Endpoint; !list[i].Status.Finished() && found[n] == nil {
			if err := s.addProgress(found, n); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

func (s *Server) addProgress(found progresses, n webhook.EndpointNumber) error {
	call, cancel := s.call()
	defer cancel()
	known, err := s.dispatcher.Progress(call, n)
	if err != nil {
		return fmt.Errorf("ask what is in flight: %w", err)
	}
	found[n] = &known
	return nil
}

// showDeliveries shows deliveries as lists have them. One whose endpoint is
// forgotten, long after its deletion, is left out.
func (s *Server) showDeliveries(list []webhook.Delivery, known progresses) ([]deliveryResource, error) {
	endpoints := map[webhook.EndpointNumber]*webhook.Endpoint{}
	shown := make([]deliveryResource, 0, len(list))
	now := time.Now()
	for i := range list {
		d := &list[i]
		e := endpoints[d.ID.Endpoint]
		if e == nil {
			read, err := s.store.Endpoint(d.ID.Endpoint)
			switch {
			case errors.Is(err, webhook.ErrNotFound):
				continue
			case err != nil:
				return nil, fmt.Errorf("read the delivery's webhook: %w", err)
			}
			e = &read
			endpoints[d.ID.Endpoint] = e
		}
		r := showDelivery(d, e.ID)
		if since, flying := known.started(d); flying {
			r.processing(since)
		}
		r.waitingResource = showWaiting(known.of(d.ID.Endpoint).Of(d, e.Status, now))
		shown = append(shown, r)
	}
	return shown, nil
}
