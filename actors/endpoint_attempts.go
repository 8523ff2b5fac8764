package actors

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/corpastro/astrohook/actors/lane"
	"github.com/corpastro/astrohook/actors/limit"
	"github.com/corpastro/astrohook/actors/survey"
	"github.com/corpastro/astrohook/webhook"
)

// heldPermit is a permit that the actor has taken, and no attempt has yet. It is kept in
// the actor, so that a panic of the lane does not lose it.
type heldPermit struct {
	held   bool
	permit limit.Permit
}

// sendAll starts attempts for as long as the lane has some and permits are given.
func (a *endpointActor) sendAll(now time.Time) {
	sent := false
	if a.needsPermit && a.tier() < a.waitsIn { // more permits are open to a better tier
		a.needsPermit = false
	}
	a.noLease = false
	for !a.needsPermit && a.lane.Wants(now) {
		if !a.shared.maySend() {
			a.noLease = true
			break
		}
		with := a.tier()
		taken, ok := a.shared.permits.Acquire(a.permits, with, now)
		if !ok {
			a.needsPermit, a.waitsIn = true, with
			break
		}
		a.unused = heldPermit{held: true, permit: taken}
		e := a.lane.Next(now)
		if e == nil {
			break
		}
		a.unused, sent = heldPermit{}, true
		a.begun++
		a.about(e, func() { a.start(e, taken) })
	}
	a.releaseUnused(now)
	if a.permitKept && !sent { // others may need the permit that is kept for this endpoint
		a.shared.permits.Forgo(a.permits, now)
	}
	a.permitKept = false
}

// maySend reports whether attempts may begin: in a cluster, while this node's lease holds.
func (s *shared) maySend() bool { return s.options.Cluster == nil || s.options.Cluster.MaySend() }

// leaseLook is how often an actor with deliveries asks whether the lease holds again.
const leaseLook = 500 * time.Millisecond

// tier returns what the receiver has shown so far. An endpoint that answered an earlier
// actor within the hour starts as proven, or it would be unproven after each idle time.
func (a *endpointActor) tier() limit.Tier {
	switch {
	case a.lane.Proven():
		return limit.TierProven
	case a.lane.InFlight() > 0:
		return limit.TierMore
	case a.child.stats.AnsweredLast():
		return limit.TierProven
	default:
		return limit.TierFirst
	}
}

// releaseUnused returns a permit that no attempt took.
func (a *endpointActor) releaseUnused(now time.Time) {
	if a.unused.held {
		a.shared.permits.Release(a.unused.permit, now)
		a.unused = heldPermit{}
	}
}

// joinPermits makes the endpoint a holder of permits, under its client. Another receiver
// gets a new holder, because the old one's attempts say nothing about its speed.
func (a *endpointActor) joinPermits(client string, receiver uint64, now time.Time) {
	if a.permits != nil && a.permits.Client() == client && a.receiver == receiver {
		return
	}
	a.leavePermits(now)
	root, self := a.shared.root, a.self
	a.permits, a.receiver = a.shared.permits.Join(client, func() { root.Send(self, &permitKept{}) }), receiver
}

// leavePermits ends that. After a panic the actor may hold a permit, or wait for one.
func (a *endpointActor) leavePermits(now time.Time) {
	a.releaseUnused(now)
	if a.permits != nil {
		a.shared.permits.Leave(a.permits, now)
	}
	a.permits, a.needsPermit, a.permitKept = nil, false, false
}

// start makes an attempt on a worker. The inbox gets its end, so that it survives this
// actor; a panic of the attempt is the end of it.
func (a *endpointActor) start(e *lane.Entry, on limit.Permit) {
	target, shared, inbox := a.target, a.shared, a.child.inbox
	shared.attempts.Run(func() {
		defer func() {
			e.Panic = recover()
			shared.permits.Release(on, time.Now())
			if inbox.end(e) {
				shared.notify(inbox)
			}
		}()
		e.Attempt = target.Send(e.Due)
	})
}

// attemptEnded passes the end of an attempt on to the lane, which judges it.
func (a *endpointActor) attemptEnded(e *lane.Entry, now time.Time) {
	switch {
	case e.Panic != nil:
		a.shared.metrics.panics.Inc()
		a.log().Error("attempt panicked", "delivery_id", webhook.DeliveryID.Format(e.ID()), "panic", e.Panic)
		a.lane.Panicked(e, now)
		return
	case a.shared.aborted.Load() && e.Attempt.Failure != webhook.ReasonNone:
		a.lane.Abandon(e)
		return
	}
	outcome := e.Attempt.Outcome()
	if a.lane.SameReceiver(e) {
		latency := a.child.stats.Record(&e.Attempt, outcome)
		if a.child.stats.FailedLately(now) {
			a.shared.survey.Attempted(a.number, a.child.stats.Tally(now), now)
		}
		if latency >= survey.SlowFrom {
			a.shared.survey.Slow(a.number, now)
		}
		a.child.keep(a.shared.hours, now)
	}
	a.shared.metrics.attempt(&e.Attempt, outcome)
	openings := a.lane.GateState().Openings
	a.lane.Attempted(e, e.Attempt, rand.Float64(), now)
	if a.shared.feed.Active() {
		a.shared.feed.Publish(a.child.label.feeds().Attempt(&e.Next.Now, &e.Attempt, outcome, now))
	}
	a.logBreaker(openings, e, outcome, now)
	if a.shared.log.Enabled(context.Background(), slog.LevelDebug) {
		a.logAttempt(e, outcome)
	}
}

// maxBrake is for how long publishers wait at most for an endpoint that cannot keep up.
var maxBrake = limit.MaxWait{Each: 100 * time.Millisecond, Total: time.Second}

// slowDown has the endpoint's publishers wait while more deliveries wait than this server
// can send soon, and lets them continue at the pace of its attempts: at half of it while
// too many wait, and a little faster than it afterwards, until few wait.
func (a *endpointActor) slowDown(now time.Time) {
	begun := a.begun
	a.begun = 0
	crowd := a.lane.Crowd(now)
	switch {
	case !a.braking && crowd.Ours && crowd.Spare < 0 && !a.needsPermit && !a.noLease:
		a.braking = true
		a.shared.brakes.Set(a.number)
	case !a.braking:
	case crowd.Limit == 0, crowd.Spare > crowd.Limit/2, a.needsPermit, a.noLease:
		a.releaseBrake()
	case crowd.Spare < 0:
		a.begun = begun % 2 // counts the next time
		a.shared.brakes.Ease(a.number, begun/2)
	default:
		a.shared.brakes.Ease(a.number, begun+crowd.Spare/4)
	}
}

// releaseBrake lets all publishers of the endpoint continue.
func (a *endpointActor) releaseBrake() {
	if a.braking {
		a.braking = false
		a.shared.brakes.Release(a.number)
	}
}
