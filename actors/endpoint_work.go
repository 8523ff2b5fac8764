package actors

import (
	"context"
	"errors"
	"time"

	"github.com/corpastro/astrohook/actors/lane"
	"github.com/corpastro/astrohook/actors/limit"
	"github.com/corpastro/astrohook/webhook"
)

// load reads the endpoint and its breaker's state.
func (a *endpointActor) load() {
	shared, n := a.shared, a.number
	a.inBackground(true, func() any {
		e, g, err := shared.readEndpoint(n)
		return &loaded{endpoint: e, gate: g, err: err}
	})
}

// reload reads the endpoint once more, to be configured with what holds now. If
// that fails, the actor's next start brings it.
func (a *endpointActor) reload() {
	shared, n := a.shared, a.number
	a.inBackground(true, func() any {
		e, err := shared.store.Endpoint(n)
		return &reloaded{endpoint: e, err: err}
	})
}

// inBackground runs work on a reader, soon or in the order of its client's others,
// and sends its result to the actor.
func (a *endpointActor) inBackground(soon bool, work func() any) {
	root, self := a.shared.root, a.self
	a.shared.reads.Run(a.seat.client, soon, func() { root.Send(self, work()) })
}

// newReads is how many reads an actor has run soon: those without which it cannot
// follow what is published.
const newReads = 2

// soon reports whether the actor's next read is one of its first.
func (a *endpointActor) soon() bool {
	a.reads++
	return a.reads <= newReads
}

// read starts the reads that the lane wants.
func (a *endpointActor) read(now time.Time) {
	if a.retryLoadAt.After(now) {
		return
	}
	if !a.lane.Configured() {
		if !a.retryLoadAt.IsZero() {
			a.retryLoadAt = time.Time{}
			a.load()
		}
		return
	}
	if a.lane.CancelDue() {
		a.cancelPending()
	}
	// Where memory is short, who holds some gives it back before it reads more.
	if a.lane.HoldsPayloads() && a.seat.held.Free() < webhook.MaxPayload {
		return
	}
	if from, limit := a.lane.ReadQueue(now); limit > 0 {
		a.readQueue(from, limit)
	}
	if from, limit := a.lane.ReadSchedule(now); limit > 0 {
		a.readSchedule(from, limit)
	}
}

func (a *endpointActor) readQueue(from webhook.ID, limit int) {
	shared, n := a.shared, a.number
	a.inBackground(a.soon(), func() any {
		room := a.seat.held.LimitRead(limit)
		due, err := shared.store.Queued(n, from, room.Deliveries, room.Bytes)
		entries, bytes := a.charge(due, room)
		// A read that was cut by its bytes gave something, and has less room left than the largest payload.
		all := len(due) == 0 || len(due) < room.Deliveries && bytes <= room.Bytes-webhook.MaxPayload
		return &queueRead{due: entries, all: all, err: err}
	})
}

// readSchedule reads what is due. When nothing is, it looks for retries that wait
// for longer than they can have been given: the clock was ahead at that time.
func (a *endpointActor) readSchedule(from webhook.Slot, limit int) {
	shared, n := a.shared, a.number
	longest, beyond := a.lane.LongestWait(), a.lane.Beyond(time.Now())
	a.inBackground(a.soon(), func() any {
		room, now := a.seat.held.LimitRead(limit), time.Now()
		due, next, err := shared.store.Scheduled(n, from, now, room.Deliveries, room.Bytes)
		ahead := err == nil && len(due) == 0 && !next.IsZero()
		if ahead {
			due, _, err = shared.store.Scheduled(n, beyond, lane.Never, room.Deliveries, room.Bytes)
		} else if next.After(now.Add(longest)) {
			next = webhook.DueAt(now) // to look for them once these are on their way
		}
		entries, _ := a.charge(due, room)
		return &scheduleRead{due: entries, next: next, ahead: ahead, err: err}
	})
}

// charge makes entries of what was read; their payloads count from now on, and
// what was reserved for them no more.
func (a *endpointActor) charge(due []webhook.Due, room limit.ReadLimit) (entries []*lane.Entry, bytes int) {
	entries = make([]*lane.Entry, len(due))
	for i := range due {
		entries[i] = &lane.Entry{Due: due[i], Charged: len(due[i].Data)}
		bytes += len(due[i].Data)
	}
	a.seat.held.EndRead(room, bytes)
	return entries, bytes
}

// cancelChunk is how many deliveries of a deleted endpoint are cancelled at once.
const cancelChunk = 1000

func (a *endpointActor) cancelPending() {
	shared, n := a.shared, a.number
	a.inBackground(false, func() any {
		count, err := shared.store.CancelPending(context.Background(), n, webhook.ReasonEndpointDeleted, time.Now(), cancelChunk)
		return &cancelledSome{n: count, err: err}
	})
}

// change carries out a client's change of one delivery.
func (a *endpointActor) change(c *lane.Change, now time.Time) {
	shared := a.shared
	a.inBackground(true, func() any {
		if c.Kind == lane.Cancel {
			d, err := shared.store.Cancel(context.Background(), c.ID, webhook.ReasonCancelled, now)
			return &changeDone{change: c, answer: lane.Answer{Due: webhook.Due{Delivery: d}, Err: err}}
		}
		due, err := shared.store.Requeue(context.Background(), c.ID)
		done := &changeDone{change: c, answer: lane.Answer{Due: due, Err: err}}
		if err == nil {
			if done.noRoom = !a.seat.held.TryTake(len(due.Data)); !done.noRoom {
				done.due = &lane.Entry{Due: due, Charged: len(due.Data)}
			}
		}
		return done
	})
}

// failed tells that storage could not say whether the delivery is pending.
func (d *changeDone) failed() bool {
	err := d.answer.Err
	return err != nil && !errors.Is(err, webhook.ErrConflict) && !errors.Is(err, webhook.ErrNotFound)
}

// disable records that the receiver wants no more, if it is still the endpoint's.
func (a *endpointActor) disable(reason string) {
	shared, n, log, since := a.shared, a.number, a.log(), a.lane.ReceiverSince()
	shared.reads.Run(a.seat.client, true, func() {
		disabled := false
		e, err := shared.store.UpdateEndpoint(context.Background(), n, func(e *webhook.Endpoint) error {
			if disabled = !e.Deleted() && e.Status != webhook.EndpointDisabled && e.ReceiverSince == since; disabled {
				e.UpdatedAt = time.Now().UTC().Truncate(time.Millisecond)
				e.Disable(reason, e.UpdatedAt)
			}
			return nil
		})
		if err != nil {
			log.Error("webhook could not be disabled", "cause", reason, "error", err)
			return
		}
		if disabled {
			log.Warn("webhook disabled", "cause", reason, "disabled_at", e.DisabledAt)
		}
		shared.announce(e)
	})
}

// waits adds to what the lane's deliveries wait for that the endpoint may wait for a slot.
func (a *endpointActor) waits(lane webhook.Waiting) webhook.Waiting {
	if lane.For == webhook.WaitNone && a.needsPermit {
		lane.For = webhook.WaitSlot
	}
	return lane
}

// progress returns what is known of the endpoint's pending deliveries beside storage.
func (a *endpointActor) progress(now time.Time) webhook.Progress {
	p := a.lane.Progress(now)
	p.Waiting = a.waits(p.Waiting)
	return p
}
