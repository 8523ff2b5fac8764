package actors

import (
	"errors"
	"time"

	"github.com/corpastro/astrohook/actors/lane"
	"github.com/corpastro/astrohook/webhook"
)

// load reads the endpoint and its breaker's state; loaded follows.
func (a *endpointActor) load() {
	shared, n := a.shared, a.number
	a.inBackground(true, func() any {
		e, g, err := shared.readEndpoint(shared.running, n)
		return &loaded{endpoint: e, gate: g, err: err}
	})
}

// reload reads the endpoint again, so that the actor is configured with the defaults, and
// with what other nodes have changed, as they are now; reloaded follows.
func (a *endpointActor) reload() {
	shared, n, wanted := a.shared, a.number, a.wanted
	a.reloading = true
	a.inBackground(true, func() any {
		e, err := shared.store.Endpoint(shared.running, n)
		return &reloaded{endpoint: e, wanted: wanted, err: err}
	})
}

// reloaded configures the actor again. After an error it reads again.
func (a *endpointActor) reloaded(m *reloaded, now time.Time) {
	a.reloading = false
	switch {
	case m.err == nil && m.endpoint.Revision >= a.revision:
		a.configure(m.endpoint, webhook.GateState{}, now)
	case m.err != nil && !errors.Is(m.err, webhook.ErrNotFound):
		a.readFailed("read webhook", m.err, now)
		return
	}
	a.has = m.wanted
}

// inBackground runs a read or write of storage on a reader, and sends its result to the
// actor. With soon it comes before the client's other ones.
func (a *endpointActor) inBackground(soon bool, work func() any) {
	root, self := a.shared.root, a.self
	a.shared.reads.Run(a.child.client, soon, func() { root.Send(self, work()) })
}

// newReads is how many reads of a new actor come before others of its client: without
// them it cannot follow what is published, and every delivery would need a read.
const newReads = 2

// soon reports whether the actor's next read is one of its first.
func (a *endpointActor) soon() bool {
	a.reads++
	return a.reads <= newReads
}

// read starts the reads that the lane wants, unless storage has just failed.
func (a *endpointActor) read(now time.Time) {
	if a.readAgain.After(now) {
		return
	}
	if !a.lane.Configured() {
		if !a.readAgain.IsZero() {
			a.readAgain = time.Time{}
			a.load()
		}
		return
	}
	if a.has != a.wanted && !a.reloading {
		a.reload()
	}
	if a.lane.CancelDue() {
		a.cancelPending()
	}
	// Where memory is short, an endpoint that holds some sends that first.
	if a.lane.HoldsPayloads() && a.child.held.Free() < webhook.MaxPayload {
		return
	}
	if from, limit := a.lane.ReadQueue(now); limit > 0 {
		a.readQueue(from, limit)
	}
	if from, limit := a.lane.ReadSchedule(now); limit > 0 {
		a.readSchedule(from, limit)
	}
}

// readQueue reads the queue from an ID on; queueRead follows. Memory is taken on the
// reader, when the read begins, because the read may wait long for its turn.
func (a *endpointActor) readQueue(from webhook.ID, limit int) {
	shared, n, held := a.shared, a.number, a.child.held
	a.inBackground(a.soon(), func() any {
		budget := held.BeginRead(limit)
		due, err := shared.store.Queued(shared.running, n, from, budget.Deliveries, budget.Bytes)
		entries, bytes := entriesOf(due)
		budget.End(bytes)
		// Storage ends a read at its bytes before the payload that does not fit: then less
		// than the largest payload is left.
		all := len(due) == 0 || len(due) < budget.Deliveries && bytes <= budget.Bytes-webhook.MaxPayload
		return &queueRead{due: entries, all: all, err: err}
	})
}

// readSchedule reads the retries that are due. If none is, it looks for retries dated
// further ahead than any retry policy allows: the clock ran fast when they were
// scheduled, and without this look they would wait for as long as it was wrong.
func (a *endpointActor) readSchedule(from webhook.Slot, limit int) {
	shared, n, held := a.shared, a.number, a.child.held
	longest, beyond := a.lane.LongestWait(), a.lane.Beyond(time.Now())
	a.inBackground(a.soon(), func() any {
		budget, now := held.BeginRead(limit), time.Now()
		due, next, err := shared.store.Scheduled(shared.running, n, from, now, budget.Deliveries, budget.Bytes)
		ahead := err == nil && len(due) == 0 && !next.IsZero()
		if ahead {
			due, _, err = shared.store.Scheduled(shared.running, n, beyond, lane.Never, budget.Deliveries, budget.Bytes)
		} else if next.After(now.Add(longest)) {
			next = webhook.DueAt(now) // the next read looks for them
		}
		entries, bytes := entriesOf(due)
		budget.End(bytes)
		return &scheduleRead{due: entries, next: next, ahead: ahead, err: err}
	})
}

// entriesOf returns entries for the deliveries that a read brought, and the sum of
// their payloads' bytes.
func entriesOf(due []webhook.Due) (entries []*lane.Entry, bytes int) {
	entries = make([]*lane.Entry, len(due))
	for i := range due {
		entries[i] = &lane.Entry{Due: due[i], Charged: len(due[i].Data)}
		bytes += len(due[i].Data)
	}
	return entries, bytes
}

// cancelChunk is how many deliveries of a deleted endpoint one call to storage cancels.
const cancelChunk = 1000

// cancelPending cancels the next deliveries of a deleted endpoint; cancelledSome follows.
func (a *endpointActor) cancelPending() {
	shared, n := a.shared, a.number
	a.inBackground(false, func() any {
		count, err := shared.store.CancelPending(shared.running, n, webhook.ReasonEndpointDeleted, time.Now(), cancelChunk)
		return &cancelledSome{n: count, err: err}
	})
}

// handleRead hands the lane what a read brought.
func (a *endpointActor) handleRead(message any, now time.Time) {
	switch m := message.(type) {
	case *queueRead:
		if m.err != nil {
			a.readFailed("read queue", m.err, now)
			a.lane.ReadFailed(false, now)
			return
		}
		a.lane.QueueRead(m.due, m.all, now)
	case *scheduleRead:
		if m.err != nil {
			a.readFailed("read retry schedule", m.err, now)
			a.lane.ReadFailed(true, now)
			return
		}
		if m.ahead {
			a.lane.AheadRead(m.due, m.next, now)
		} else {
			a.lane.ScheduleRead(m.due, m.next, now)
		}
	case *cancelledSome:
		if m.err != nil {
			a.readFailed("cancel pending deliveries", m.err, now)
			m.n = cancelChunk // some may be left, so the lane asks again
		}
		a.lane.CancelDone(m.n)
	}
}

// readRetry is the time after which a read that failed is tried again.
const readRetry = time.Second

// readFailed postpones all reads of the actor: storage that fails one would fail the others.
func (a *endpointActor) readFailed(action string, err error, now time.Time) {
	a.readAgain = now.Add(readRetry)
	if !errors.Is(err, webhook.ErrUnavailable) { // storage itself logs once that it cannot be reached
		a.log().Error("storage failed", "action", action, "error", err)
	}
}
