package actors

import "time"

// maxBrake is for how long publishers wait at most for an endpoint that cannot keep up.
const maxBrake = 100 * time.Millisecond

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
