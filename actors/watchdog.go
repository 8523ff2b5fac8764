package actors

import (
	"context"
	"errors"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corpastro/astrohook/actors/lane"
	"github.com/corpastro/astrohook/webhook"
)

const (
	// watchPeriod is by default the shortest time between two looks at one endpoint.
	watchPeriod = 5 * time.Second
	// watchStep and watchPace bound the cost: so many endpoints are looked at in
	// one read, at most one read in that time.
	watchStep = 256
	watchPace = time.Second
	// watchGrace is how long work may be due without being suspicious: messages
	// about it may still be on their way.
	watchGrace = 2 * time.Second
)

// watchdog is the second line behind the lanes' own bookkeeping. It looks at the
// heads of all queues and retry schedules in storage, and asks about each that
// has been due for a while. Who does not know of it in two looks in a row has
// overlooked it: a fault, which is logged and counted, and the work is taken up.
//
// A look costs a read per endpoint with pending deliveries, not per delivery: up
// to 1,280 such endpoints are looked at every 5 s, more in proportion later.
type watchdog struct {
	store Wakes
	// ask passes an endpoint's heads on to whoever must know of them.
	ask    func(webhook.Wake)
	period time.Duration          // shortest time between two looks at one endpoint
	from   webhook.EndpointNumber // where the present round goes on
}

// run looks until ctx ends.
func (w *watchdog) run(ctx context.Context) error {
	round := time.Now()
	for {
		more, err := w.step(ctx, time.Now())
		if err != nil {
			return err
		}
		wait := watchPace
		if !more {
			wait = max(watchPace, w.period-time.Since(round))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		if !more {
			round = time.Now()
		}
	}
}

// errEnough ends a read of wakes.
var errEnough = errors.New("enough")

// step looks at the next endpoints, and reports whether there are more in this round.
func (w *watchdog) step(ctx context.Context, now time.Time) (more bool, err error) {
	left := watchStep
	err = w.store.Wakes(w.from, func(wake webhook.Wake) error {
		if left == 0 {
			w.from = wake.Endpoint
			return errEnough
		}
		left--
		if due(&wake, now.Add(-watchGrace)) {
			w.ask(wake)
		}
		return ctx.Err()
	})
	switch {
	case errors.Is(err, errEnough):
		return true, nil
	case ctx.Err() != nil:
		return false, nil
	}
	w.from = 0
	return false, err
}

// due reports whether something was to be sent at a time.
func due(w *webhook.Wake, at time.Time) bool {
	queued := w.Queued != webhook.ID{} && !w.Queued.Time().After(at)
	scheduled := w.Scheduled.ID != webhook.ID{} && !w.Scheduled.At.After(at)
	return (queued || scheduled) && !w.Gate.OpenUntil.After(at)
}

// audit asks about the heads that are due in storage.
func (s *supervisor) audit(c actor.Context, m *audit, now time.Time) {
	to := s.child(m.wake.Endpoint)
	switch {
	case s.draining != nil:
	case to.pid != nil:
		s.send(c, to, m)
	case to.holdUntil.After(now), !to.wakeAt.IsZero() && !to.wakeAt.After(now.Add(watchGrace)):
		to.overlooked = lane.Heads{}
	case !to.confirms(lane.Heads{Queued: m.wake.Queued, Scheduled: m.wake.Scheduled}):
	default:
		s.shared.overlooked(to, to.overlooked)
		s.start(c, to)
	}
}

// audit asks the lane about the heads that are due in storage.
func (a *endpointActor) audit(m *audit, now time.Time) {
	if found := a.lane.Overlooked(&m.wake, now); a.child.confirms(found) {
		a.shared.overlooked(a.child, found)
		a.lane.TakeUp(found)
	}
}

// confirms reports whether the same was found overlooked at the last audit, too.
func (s *child) confirms(found lane.Heads) bool {
	again := found != lane.Heads{} && found == s.overlooked
	s.overlooked = found
	return again
}

// overlooked reports a fault: deliveries were due, and nobody knew of them.
func (s *shared) overlooked(at *child, found lane.Heads) {
	s.metrics.overlooked.Inc()
	first := found.Queued
	if first == (webhook.ID{}) {
		first = found.Scheduled.ID
	}
	at.log(s.log).Error("overlooked deliveries are taken up",
		"delivery_id", webhook.DeliveryID.Format(first), "next_attempt_at", found.Scheduled.At.Time())
}
