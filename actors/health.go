package actors

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/corpastro/astrohook/actors/lane"
	"github.com/corpastro/astrohook/actors/survey"
	"github.com/corpastro/astrohook/webhook"
)

// healthAnswer is an endpoint's health as its actor knows it or, where no actor runs,
// what the supervisor knows of it; storage knows the rest.
type healthAnswer struct {
	webhook.Health
	// idle: no actor runs. Then figures, restarts and attempts taken over from an
	// actor that panicked are right; all else is yet to be derived.
	idle bool
	// receiverSince says of which receiver the idle endpoint's figures are.
	receiverSince uint64
	// memory is what the last actor knew of the rate limit and of a hold.
	memory lane.Memory
}

// Health returns how an endpoint is doing. It starts no actor: an endpoint without
// one is exactly as an actor would find it that started now.
func (d *Dispatcher) Health(ctx context.Context, n webhook.EndpointNumber) (webhook.Health, error) {
	reply := make(chan healthAnswer, 1)
	answer, err := ask(ctx, d, n, &healthQuery{reply}, reply)
	if err != nil {
		return webhook.Health{}, fmt.Errorf("ask webhook %d for its health: %w", n, err)
	}
	health := answer.Health
	if answer.idle {
		if health, err = d.shared.idleHealth(ctx, n, &answer, time.Now()); err != nil {
			return health, fmt.Errorf("read health of webhook %d: %w", n, err)
		}
	}
	health.Backlog, err = d.shared.store.Backlog(ctx, n)
	return health, err
}

// health returns how the endpoint is doing; Dispatcher.Health adds the backlog.
func (a *endpointActor) health(now time.Time) healthAnswer {
	h := a.lane.Health(now)
	h.Waiting, h.Restarts = a.waits(h.Waiting), a.child.restarts
	a.child.stats.Fill(&h, now)
	return healthAnswer{Health: h}
}

// idleHealth returns what is known of an endpoint without an actor. c may be nil: the
// supervisor forgets endpoints that had nothing to do for an hour.
func (c *child) idleHealth(now time.Time) healthAnswer {
	answer := healthAnswer{idle: true}
	if c == nil {
		return answer
	}
	answer.Waiting, answer.Restarts = c.waiting(now), c.restarts
	answer.InFlight = c.left.InFlight()
	c.stats.Fill(&answer.Health, now)
	answer.receiverSince, answer.memory = c.stats.Receiver(), c.memory.Snapshot()
	return answer
}

// idleHealth completes what the supervisor knows of an idle endpoint with what
// storage knows. It configures a lane as an actor would, asks it, and drops it, so
// that rules about saved breakers, pauses and limits stand in one place.
func (s *shared) idleHealth(ctx context.Context, n webhook.EndpointNumber, known *healthAnswer, now time.Time) (webhook.Health, error) {
	e, gate, err := s.readEndpoint(ctx, n)
	if err != nil {
		return webhook.Health{}, err
	}
	if known.receiverSince != e.ReceiverSince { // the figures are another receiver's
		known.Health = webhook.Health{InFlight: known.InFlight, Restarts: known.Restarts, Waiting: known.Waiting}
	}
	l := lane.New(&known.memory)
	l.Configure(&e, e.Settings.Effective(*s.defaults.Load(), *s.ceilings.Load()), gate, now)
	h, waiting := known.Health, known.Waiting
	found := l.Health(now)
	h.Breaker, h.OpenUntil, h.HoldUntil, h.Allowed, h.Waiting = found.Breaker, found.OpenUntil, found.HoldUntil, found.Allowed, found.Waiting
	if waiting.For == webhook.WaitPause { // an actor found that no target can be made
		h.Waiting = waiting
	}
	return h, nil
}

// readEndpoint reads an endpoint and its breaker's state. One that storage does not
// have is deleted: nothing is owed to it.
func (s *shared) readEndpoint(ctx context.Context, n webhook.EndpointNumber) (webhook.Endpoint, webhook.GateState, error) {
	e, err := s.store.Endpoint(ctx, n)
	if errors.Is(err, webhook.ErrNotFound) {
		return webhook.Endpoint{ID: webhook.ID{Endpoint: n}, DeletedAt: time.Now()}, webhook.GateState{}, nil
	}
	if err != nil {
		return webhook.Endpoint{}, webhook.GateState{}, err
	}
	gate, err := s.store.Gate(ctx, n)
	return e, gate, err
}

// waits returns what the endpoint's due deliveries wait for: what the lane says, or a
// permit.
func (a *endpointActor) waits(w webhook.Waiting) webhook.Waiting {
	if w.For == webhook.WaitNone && a.needsPermit {
		w.For = webhook.WaitSlot
	}
	return w
}

// progress returns what is known about the endpoint's pending deliveries beside storage.
func (a *endpointActor) progress(now time.Time) webhook.Progress {
	p := a.lane.Progress(now)
	p.Waiting = a.waits(p.Waiting)
	return p
}

const (
	// freshEnough is the age of findings that an overview is made of.
	freshEnough = time.Second
	// maxGlance bounds the endpoints that a request may have looked at, at some 10 µs each.
	maxGlance = 4096
)

// findings returns what the watchdog has seen. If that is older than freshEnough, the
// heads of up to maxGlance endpoints are looked at now; if more have pending deliveries, the
// watchdog's last round stands, or before its first one what was looked at. Nothing is
// audited: looks in short order would take messages on their way for lost ones.
func (d *Dispatcher) findings(ctx context.Context) (*survey.Findings, error) {
	d.glancing.Lock()
	defer d.glancing.Unlock()
	s := d.shared
	if found := s.survey.Findings(); found.Rounds > 0 {
		d.glance = nil
		if time.Since(found.At) < freshEnough {
			return found, nil
		}
	}
	if d.glance != nil && time.Since(d.glance.At) < freshEnough {
		return d.glance, nil
	}
	round, left := s.survey.NewRound(), maxGlance
	err := s.store.Wakes(ctx, *s.owned.Load(), 0, func(w webhook.Wake) error {
		if left--; left < 0 {
			return errEnough
		}
		round.Look(&w, s.store.PendingOf([]webhook.EndpointNumber{w.Endpoint}))
		return ctx.Err()
	})
	if err == nil {
		err = round.End(time.Now(), namer(ctx, s.store))
	}
	if err != nil && !errors.Is(err, errEnough) {
		return nil, fmt.Errorf("look at webhooks with pending deliveries: %w", err)
	}
	found := s.survey.Findings()
	if found.Rounds == 0 {
		d.glance = round.Partial(time.Now())
		found = d.glance
	}
	return found, nil
}

// Overview returns how all endpoints are doing together, and the worst ones in an order. It
// asks no actor: most figures are in memory. Storage is read for the names of the endpoints,
// webhook.MaxWorst at most, and for the heads of queues if nobody has looked lately.
func (d *Dispatcher) Overview(ctx context.Context, q webhook.OverviewQuery) (webhook.Overview, error) {
	found, err := d.findings(ctx)
	if err != nil {
		return webhook.Overview{}, err
	}
	s, now := d.shared, time.Now()
	s.survey.Note(now, s.metrics.counts(), s.store.Pending())
	o := webhook.Overview{
		StartedAt: s.survey.StartedAt(), LookedAt: found.At,
		Pending: s.store.Pending(), MaxPending: s.maxPending.Load(), InFlight: s.permits.InUse(),
		Endpoints: make(map[webhook.EndpointStatus]int), Oldest: found.Oldest, BreakersOpen: found.BreakersOpen,
		Rates: s.survey.Rates(now, s.metrics.counts()), Coverage: webhook.Coverage{Truncated: found.Partial},
	}
	if q.Series {
		o.Series = s.survey.Series(now)
	}
	for _, status := range []webhook.EndpointStatus{webhook.EndpointActive, webhook.EndpointPaused, webhook.EndpointDisabled} {
		o.Endpoints[status] = s.survey.Webhooks(status)
	}
	for _, w := range found.Ranked[q.By] {
		e, err := s.store.Endpoint(ctx, w.Endpoint.Endpoint)
		switch {
		case errors.Is(err, webhook.ErrNotFound), err == nil && e.Deleted():
			continue
		case err != nil:
			return o, fmt.Errorf("read webhook %d: %w", w.Endpoint.Endpoint, err)
		}
		w.Endpoint, w.ClientID, w.Status = e.ID, e.ClientID, e.Status
		o.Worst = append(o.Worst, w)
	}
	return o, nil
}

// Ranked returns the first of up to survey.MaxLeaders endpoints of this node in an order, at
// most so many: those with pending deliveries, or what survey.Failing and Noted say. It is
// as fresh as an overview.
func (d *Dispatcher) Ranked(ctx context.Context, by webhook.Order, most int) (r webhook.Ranking, err error) {
	s, now := d.shared.survey, time.Now()
	switch by {
	case webhook.ByFailures:
		r = s.Failing(now)
	case webhook.ByFailing, webhook.BySlow:
		r = s.Noted(by, nil, now)
	default:
		found, err := d.findings(ctx)
		if err != nil {
			return r, err
		}
		if r = found.Standing[by]; by == webhook.ByOpen {
			r = s.Noted(by, found, now)
		}
		r.Truncated = r.Truncated || found.Partial
	}
	r.Endpoints = r.Endpoints[:min(max(most, 0), len(r.Endpoints))]
	return r, nil
}
