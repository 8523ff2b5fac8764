package actors

import (
	"context"
	"errors"
	"time"

	"github.com/corpastro/astrohook/actors/feed"
	"github.com/corpastro/astrohook/actors/lane"
	"github.com/corpastro/astrohook/webhook"
)

// answer sends the answers to changes that the lane has given, before anything else
// can panic: the clients wait for them.
func (a *endpointActor) answer() {
	for i, c := range a.lane.Out.Answered {
		a.lane.Out.Answered[i] = nil
		c.Reply <- c.Answer
	}
	a.lane.Out.Answered = a.lane.Out.Answered[:0]
}

// carryOut carries out the lane's effects: it frees memory, and hands outcomes, changes
// and the breaker's state to storage. Effects leave the list before they are carried
// out, so that a panic repeats none.
func (a *endpointActor) carryOut(now time.Time) {
	out := &a.lane.Out
	if out.Release > 0 {
		a.child.held.Release(out.Release)
		out.Release = 0
	}
	for i, e := range out.Settle {
		out.Settle[i] = nil
		a.about(e, func() {
			a.child.failures.note(&e.Next.Now)
			a.settle(e)
		})
	}
	out.Settle = out.Settle[:0]
	for _, c := range out.Change {
		a.change(c, now)
	}
	out.Change = nil
	if out.Disable != "" {
		a.disable(out.Disable)
		out.Disable = ""
	}
	if state, dirty := a.lane.TakeGate(); dirty {
		a.saveGate(state)
	}
}

// saveGate stores the breaker's state. In a cluster the actor knows how many are on their
// way: one that is stored after the next owner's would overwrite it.
func (a *endpointActor) saveGate(state webhook.GateState) {
	if a.shared.options.Cluster == nil {
		a.shared.store.SaveGate(a.number, state, func(error) {})
		return
	}
	root, self, saving := a.shared.root, a.self, &a.child.savingGates
	saving.Add(1)
	a.shared.store.SaveGate(a.number, state, func(error) {
		if saving.Add(-1) == 0 {
			root.Send(self, &wake{})
		}
	})
}

// settle hands an outcome to storage. The answer comes through the inbox, on storage's
// goroutine, and survives this actor.
func (a *endpointActor) settle(e *lane.Entry) {
	shared, inbox := a.shared, a.child.inbox
	settlement := e.Next
	// From here storage has the attempt. The entry may stay in memory for hours, until a
	// retry, and must not keep the response's body.
	e.Next.Now.AttemptLog, e.Attempt.Response = nil, nil
	done := func(err error) {
		if e.RecordErr = err; err == nil { // after an error the delivery is as it was
			shared.metrics.recorded(&e.Next.Now)
			shared.watchers.notify(&e.Next.Now)
		}
		if inbox.record(e) {
			shared.notify(inbox)
		}
	}
	if a.shared.feed.Active() && settlement.Now.Status.Finished() {
		done = a.feedSettled(settlement.Now, done)
	}
	a.shared.store.Settle(settlement, done)
}

// feedSettled returns a callback of storage that passes a stored delivery on to the feed
// first. It is apart from the callback that settle makes, which costs nothing more while
// nobody watches.
func (a *endpointActor) feedSettled(d webhook.Delivery, done func(error)) func(error) {
	to, item := a.shared.feed, a.child.label.feeds().Settled(&d, time.Now())
	return func(err error) {
		if err == nil {
			to.Publish(item)
		}
		done(err)
	}
}

// outcomeRecorded passes storage's answer to an outcome on to the lane.
func (a *endpointActor) outcomeRecorded(e *lane.Entry) {
	if e.RecordErr == nil {
		a.lane.Recorded(e)
		return
	}
	broken := errors.Is(e.RecordErr, webhook.ErrBroken) || errors.Is(e.RecordErr, webhook.ErrFenced)
	if !broken { // storage itself logs once that it records nothing any more
		a.log().Error("storage failed", "action", "settle delivery", "delivery_id", webhook.DeliveryID.Format(e.ID()), "error", e.RecordErr)
	}
	a.lane.NotRecorded(e, broken)
}

// change carries out a client's change of one delivery in storage; changeDone follows.
// A delivery that is to be sent again comes with its payload, if there is memory for it.
func (a *endpointActor) change(c *lane.Change, now time.Time) {
	shared, held, about := a.shared, a.child.held, a.child.label.feeds()
	a.inBackground(true, func() any {
		if c.Kind == lane.Cancel {
			d, err := shared.store.Cancel(context.Background(), c.ID, webhook.ReasonCancelled, now)
			shared.feedChanged(about, &d, err)
			return &changeDone{change: c, answer: lane.Answer{Due: webhook.Due{Delivery: d}, Err: err}}
		}
		due, err := shared.store.Requeue(context.Background(), c.ID)
		shared.feedChanged(about, &due.Delivery, err)
		done := &changeDone{change: c, answer: lane.Answer{Due: due, Err: err}}
		if err == nil {
			if done.noMemory = !held.TryTake(len(due.Data)); !done.noMemory {
				done.due = &lane.Entry{Due: due, Charged: len(due.Data)}
			}
		}
		return done
	})
}

// feedChanged passes a delivery on to the feed that was changed by hand.
func (s *shared) feedChanged(about feed.Endpoint, d *webhook.Delivery, err error) {
	if err == nil && s.feed.Active() {
		s.feed.Publish(about.Settled(d, time.Now()))
	}
}

// failed reports whether storage could not say if the delivery is pending. A conflict and
// a missing delivery are answers: it is not.
func (d *changeDone) failed() bool {
	err := d.answer.Err
	return err != nil && !errors.Is(err, webhook.ErrConflict) && !errors.Is(err, webhook.ErrNotFound)
}

// disable records that the receiver wants no more deliveries, unless the endpoint has
// another receiver by now. The change takes effect like one made through the API.
func (a *endpointActor) disable(reason string) {
	shared, n, log, since, about := a.shared, a.number, a.log(), a.lane.ReceiverSince(), a.child.label.feeds()
	shared.reads.Run(a.child.client, true, func() {
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
			shared.feed.Publish(about.Disabled(e.DisabledAt))
		}
		shared.announce(e)
	})
}
