package lane

import "time"

const (
	// quickAttempt is how long the quickest of an endpoint's latest attempts may last for
	// the receiver to answer at once. What its other attempts take longer they wait for
	// processors of this machine, up to busyAttempt on average: beyond it the receiver has
	// become slow.
	quickAttempt = 2 * time.Millisecond
	busyAttempt  = 50 * time.Millisecond
	// quickSample is of how many attempts the quickest is remembered: of so many at least,
	// of twice as many at most. quickKnown attempts are enough to say anything.
	quickSample = 1024
	quickKnown  = 64
	// crowdMax bounds the deliveries that may wait before there are too many. It is a part
	// of the window, so that those under way when publishers are slowed down find a place in
	// memory.
	crowdMax = maxWindow / 4
)

// quickness is how long an endpoint's latest attempts lasted.
type quickness struct {
	mean            time.Duration // moving average; the last one counts a 16th
	quickest, older time.Duration // of the latest attempts, and of those before them
	count           int           // of the latest
	known           bool          // there are some before them
}

// learn takes how long an attempt lasted.
func (q *quickness) learn(d time.Duration) {
	q.mean += (d - q.mean) / 16
	if q.count == 0 || d < q.quickest {
		q.quickest = d
	}
	if q.count++; q.count == quickSample {
		q.older, q.count, q.known = q.quickest, 0, true
	}
}

// atOnce reports whether the receiver answers at once, and held whether attempts last
// several times as long all the same.
func (q *quickness) atOnce() (atOnce, held bool) {
	quickest := q.quickest
	switch {
	case q.known && (q.count == 0 || q.older < quickest):
		quickest = q.older
	case !q.known && q.count < quickKnown:
		return false, false
	}
	return quickest <= quickAttempt && q.mean <= busyAttempt, q.mean >= 2*quickest
}

// Crowd is how the deliveries that wait compare to those that may wait.
type Crowd struct {
	// Limit is how many may wait, and Spare how many more; negative if too many do. Limit is
	// 0 if it is the receiver or the endpoint's settings that make them wait.
	Limit, Spare int
	// Ours: it is this server that makes them wait. Attempts wait for outcomes to be
	// recorded, or last as long as they do because processors are busy.
	Ours bool
}

// Crowd returns how many deliveries wait, in comparison to the attempts that may be in
// flight. It counts after all attempts were begun that can be.
func (l *Lane) Crowd(now time.Time) Crowd {
	if !l.configured || !l.open(now) || l.gate.limiter != nil || l.ramp.allowed < l.settings.Concurrency {
		return Crowd{}
	}
	atOnce, held := l.quick.atOnce()
	if !atOnce {
		return Crowd{}
	}
	limit := min(l.settings.Concurrency, crowdMax)
	spare := limit - l.waiting
	if l.queue.behind {
		spare = min(spare, -1)
	}
	return Crowd{Limit: limit, Spare: spare, Ours: held || l.inFlight < l.settings.Concurrency}
}
