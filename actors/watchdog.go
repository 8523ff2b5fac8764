package actors

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corpastro/astrohook/actors/lane"
	"github.com/corpastro/astrohook/actors/survey"
	"github.com/corpastro/astrohook/webhook"
)

const (
	// watchPeriod is the default of Options.WatchPeriod.
	watchPeriod = 5 * time.Second
	// watchStep is how many endpoints one read looks at, and watchPace the least time
	// between two reads: together they bound what the watchdog costs storage.
	watchStep = 256
	watchPace = time.Second
	// watchGrace is how long work may be due before the watchdog asks about it: a
	// message about it may still be on its way.
	watchGrace = 2 * time.Second
	// auditPace takes the place of watchPace in a cluster, where the watchdog finds what
	// lost hints were about, and not faults alone: 25,600 endpoints a second, for some
	// hundredths of a processor of the database.
	auditPace = 10 * time.Millisecond
	// hintGrace is the age at which a delivery that nobody knows of counts as forgotten at
	// the first look: a hint about it takes milliseconds, and the clocks of nodes differ. A
	// younger one counts as forgotten at the second look.
	hintGrace = 5 * time.Second
	// auditRepeat is the time between the rounds of an audit: one that begins with the
	// request, and auditRounds or gainRounds after it. For a heartbeat after a part has
	// moved, other nodes may send their hints to the owner before.
	auditRepeat = time.Second
	auditRounds = 2
	gainRounds  = 4
)

// wakeSoon has pending work of parts found in storage, by the goroutine of watch.
func (d *Dispatcher) wakeSoon(parts webhook.Parts) {
	d.unwoken.add(parts)
	d.auditing.Store(gainRounds)
	d.lookNow()
}

// Audit has the watchdog look at all endpoints of this node now, because hints of other
// nodes may have been lost, and again some times within seconds. It returns at once. A round
// that is under way ends first.
func (d *Dispatcher) Audit() {
	d.auditing.CompareAndSwap(0, auditRounds)
	d.lookNow()
}

// lookNow interrupts the pause of the watchdog.
func (d *Dispatcher) lookNow() {
	select {
	case d.look <- struct{}{}:
	default: // it is about to look
	}
}

// partSet is a set of parts that several goroutines fill and one empties.
type partSet struct {
	mu    sync.Mutex
	parts webhook.Parts
}

func (s *partSet) add(parts webhook.Parts) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range parts.All {
		s.parts.Add(p)
	}
}

// take returns what is in the set, and empties it.
func (s *partSet) take() webhook.Parts {
	s.mu.Lock()
	defer s.mu.Unlock()
	parts := s.parts
	s.parts = webhook.Parts{}
	return parts
}

// wake sends the supervisor the endpoints of new parts that have pending deliveries.
// Storage skips from endpoint to endpoint, so that ten million deliveries cost no more
// than one.
func (d *Dispatcher) wake(ctx context.Context) error {
	parts := d.unwoken.take()
	if parts.Len() == 0 {
		return nil
	}
	if d.shared.options.Cluster != nil {
		if err := d.figures.RestoreHours(ctx, parts); err != nil {
			d.unwoken.add(parts)
			return err
		}
	}
	found := int64(0)
	err := d.shared.store.Wakes(ctx, parts, 0, func(w webhook.Wake) error {
		found += d.shared.store.PendingOf([]webhook.EndpointNumber{w.Endpoint})
		d.shared.root.Send(d.supervisor, &wakeEndpoint{w})
		return ctx.Err()
	})
	if err != nil {
		d.unwoken.add(parts)
		return err
	}
	if d.shared.options.Cluster != nil {
		d.shared.metrics.recovered.Add(float64(found))
	}
	return nil
}

// watch finds pending work of new parts, and runs the watchdog, until ctx ends. While
// storage cannot be reached it tries again. If another error hides the pending work, the
// dispatcher has failed; one of the watchdog is logged, and it starts again a minute later.
func (d *Dispatcher) watch(ctx context.Context) {
	dog := watchdog{
		store: d.shared.store, pace: watchPace, survey: d.shared.survey, round: d.shared.survey.NewRound(), counts: d.shared.metrics.counts, owned: func() webhook.Parts { return *d.shared.owned.Load() }, look: d.look,
		period: d.shared.options.WatchPeriod,
		ask:    func(w webhook.Wake) { d.shared.root.Send(d.supervisor, &audit{w}) },
	}
	if d.shared.options.Cluster != nil {
		dog.pace, dog.hinted = auditPace, true
	}
	for ctx.Err() == nil {
		waking := d.wake(ctx)
		err := waking
		if err == nil {
			dog.again = max(dog.again, int(d.auditing.Swap(0)))
			err = dog.run(ctx)
		}
		switch {
		case err == nil, ctx.Err() != nil:
		case errors.Is(err, webhook.ErrUnavailable):
			d.rest(ctx, readRetry)
		case waking != nil:
			d.fail(fmt.Errorf("read webhooks with pending deliveries: %w", err))
			return
		default:
			d.shared.log.Error("storage failed", "action", "read webhooks with pending deliveries", "error", err)
			d.rest(ctx, time.Minute)
		}
	}
}

// rest waits until a time has passed, there is something to look at, or ctx ends.
func (d *Dispatcher) rest(ctx context.Context, wait time.Duration) {
	select {
	case <-ctx.Done():
	case <-d.look:
	case <-time.After(wait):
	}
}

// watchdog is the second line behind the lanes' own bookkeeping. It looks at the heads
// of all queues and retry schedules in storage, their first deliveries, and audits
// each that has been due for a while. If the lane or the supervisor does not know of
// the same head in two audits in a row, it has overlooked it. That is a fault of the
// server: it is logged and counted, and the work is taken up.
//
// In a cluster a delivery is in the queue before its owner hears of it, and may never hear
// of it. So an unknown head of a queue is no fault: it is taken up if it is older than
// hintGrace, or at the second look. What was forgotten becomes the head of its queue sooner
// or later, so heads are enough.
//
// A look costs one read per endpoint with pending deliveries, not per delivery. Up to
// 1,280 such endpoints are looked at every 5 s, in a cluster 128,000; with more, a round
// takes longer.
//
// On the way it shows the survey what it sees, at the cost of a look at two maps in memory
// for each endpoint, and of a read for each that the survey names for the first time.
type watchdog struct {
	store interface {
		Wakes
		Pending() int64
		PendingOf(endpoints []webhook.EndpointNumber) int64
		Endpoint(ctx context.Context, n webhook.EndpointNumber) (webhook.Endpoint, error)
	}
	survey *survey.Survey
	round  *survey.Round // under way
	counts func() survey.Counts
	owned  func() webhook.Parts // the parts to look at
	look   <-chan struct{}      // interrupts run
	// ask sends an endpoint's heads to the supervisor.
	ask    func(webhook.Wake)
	period time.Duration          // shortest time between two looks at one endpoint
	pace   time.Duration          // shortest time between two reads
	from   webhook.EndpointNumber // where the present round continues
	again  int                    // so many rounds follow after auditRepeat each
	hinted bool                   // in a cluster: heads that are not due for long count, too
	one    [1]webhook.EndpointNumber
}

// run makes rounds until ctx ends, something is to be looked at, or storage returns an
// error.
func (w *watchdog) run(ctx context.Context) error {
	round := time.Now()
	for {
		more, err := w.step(ctx, time.Now())
		if err != nil {
			return err
		}
		wait := w.pace
		if !more {
			wait = w.pause(time.Since(round))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-w.look:
			return nil
		case <-time.After(wait):
		}
		if !more {
			round, w.again = time.Now(), max(w.again-1, 0)
		}
	}
}

// pause returns the wait after a round that took some time.
func (w *watchdog) pause(took time.Duration) time.Duration {
	if w.again > 0 {
		return max(w.pace, auditRepeat-took)
	}
	return max(w.pace, w.period-took)
}

// errEnough ends a read after watchStep endpoints. It never leaves step.
var errEnough = errors.New("enough")

// step looks at the next endpoints, and reports whether there are more in this round.
func (w *watchdog) step(ctx context.Context, now time.Time) (more bool, err error) {
	w.survey.Sample(now, w.counts, w.store.Pending())
	left := watchStep
	err = w.store.Wakes(ctx, w.owned(), w.from, func(wake webhook.Wake) error {
		if left == 0 {
			w.from = wake.Endpoint
			return errEnough
		}
		left--
		w.one[0] = wake.Endpoint
		w.round.Look(&wake, w.store.PendingOf(w.one[:]))
		if w.worthAsking(&wake, now) {
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
	if err == nil {
		err = w.endRound(ctx, now)
	}
	return false, err
}

// endRound has the survey sum up a round. Reads that a stop cuts off are no error.
func (w *watchdog) endRound(ctx context.Context, now time.Time) error {
	err := w.round.End(now, namer(ctx, w.store))
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// namer returns what names endpoints for the survey. A deleted one has no name.
func namer(ctx context.Context, store interface {
	Endpoint(ctx context.Context, n webhook.EndpointNumber) (webhook.Endpoint, error)
},
) func(webhook.EndpointNumber) (webhook.ID, string, error) {
	return func(n webhook.EndpointNumber) (webhook.ID, string, error) {
		e, err := store.Endpoint(ctx, n)
		if err == nil && e.Deleted() {
			err = webhook.ErrNotFound
		}
		return e.ID, e.ClientID, err
	}
}

// worthAsking reports whether the heads have been due for a while. In a cluster a new head
// of the queue counts as well, and a new one of the schedule is left out.
func (w *watchdog) worthAsking(wake *webhook.Wake, now time.Time) bool {
	old := now.Add(-watchGrace)
	if w.hinted && wake.Queued != (webhook.ID{}) && !wake.Gate.OpenUntil.After(old) {
		if wake.Scheduled.At.After(old) {
			wake.Scheduled = webhook.Slot{}
		}
		return true
	}
	return due(wake, old)
}

// due reports whether an endpoint had work at a time that its breaker would have let
// through.
func due(w *webhook.Wake, at time.Time) bool {
	queued := w.Queued != webhook.ID{} && !w.Queued.Time().After(at)
	scheduled := w.Scheduled.ID != webhook.ID{} && !w.Scheduled.At.After(at)
	return (queued || scheduled) && !w.Gate.OpenUntil.After(at)
}

// audit passes an endpoint's due heads on to its actor. Where none runs, the supervisor
// itself must have planned to start one soon.
func (s *supervisor) audit(c actor.Context, m *audit, now time.Time) {
	if !s.owns(m.wake.Endpoint) {
		return
	}
	to := s.child(m.wake.Endpoint)
	switch {
	case s.draining != nil:
	case to.pid != nil:
		s.send(c, to, m)
	case to.holdUntil.After(now), !to.wakeAt.IsZero() && !to.wakeAt.After(now.Add(watchGrace)):
		to.overlooked = lane.Heads{}
	case s.shared.unhinted(to, m.wake.Queued, now):
		s.start(c, to)
	case !to.confirms(s.shared.overlookable(lane.Heads{Queued: m.wake.Queued, Scheduled: m.wake.Scheduled})):
	default:
		s.shared.overlooked(to, to.overlooked)
		s.start(c, to)
	}
}

// audit asks the lane about the heads that are due in storage. What it has overlooked
// twice, it reads now; what no hint has come about, at once.
func (a *endpointActor) audit(m *audit, now time.Time) {
	found := a.lane.Overlooked(&m.wake, now)
	if a.shared.unhinted(a.child, found.Queued, now) {
		a.lane.NotOffered(found.Queued)
	}
	if found = a.shared.overlookable(found); a.child.confirms(found) {
		a.shared.overlooked(a.child, found)
		a.lane.TakeUp(found)
	}
}

// unhinted reports whether the unknown head of a queue, the zero ID for none, is one of
// which a hint of another node should have come, and counts it.
func (s *shared) unhinted(at *child, head webhook.ID, now time.Time) bool {
	if s.options.Cluster == nil {
		return false
	}
	again := head == at.unknown
	at.unknown = head
	if head == (webhook.ID{}) || !again && head.Time().After(now.Add(-hintGrace)) {
		return false
	}
	s.metrics.unhinted.Inc()
	return true
}

// overlookable returns those of some unknown heads that it is a fault not to know: in a
// cluster the retries, which no other node makes.
func (s *shared) overlookable(found lane.Heads) lane.Heads {
	if s.options.Cluster != nil {
		found.Queued = webhook.ID{}
	}
	return found
}

// confirms reports whether the last audit found the same heads overlooked. Once is no
// fault: messages about them may have crossed with the look at storage.
func (c *child) confirms(found lane.Heads) bool {
	again := found != lane.Heads{} && found == c.overlooked
	c.overlooked = found
	return again
}

// overlooked logs and counts a fault: deliveries were due, and nobody knew of them.
func (s *shared) overlooked(at *child, found lane.Heads) {
	s.metrics.overlooked.Inc()
	first := found.Queued
	if first == (webhook.ID{}) {
		first = found.Scheduled.ID
	}
	at.log(s.log).Error("overlooked deliveries are taken up",
		"delivery_id", webhook.DeliveryID.Format(first), "next_attempt_at", found.Scheduled.At.Time())
}
