package limit

import "time"

// Volumes bounds the bytes of events that are published for single clients. What a client
// does not use gathers for an hour, so that short peaks are allowed. A restart of the
// server forgets what was used: the bound is for a day's average, not for accounting.
//
// Volumes is not safe for concurrent use; the router owns it.
type Volumes struct {
	largest int64 // bytes that an event can have
	of      map[string]*volume
	swept   time.Time
}

// NewVolumes returns volumes of which nothing is used. An event has up to largest bytes.
func NewVolumes(largest int64) *Volumes {
	return &Volumes{largest: largest, of: make(map[string]*volume)}
}

// volume is how many bytes may still be published for one client, as they were at a time.
type volume struct {
	left float64
	at   time.Time
	full time.Time // when nothing of what was used is missing any more
}

const (
	// volumeSweep is how often the clients are forgotten whose volume is full again.
	volumeSweep = time.Minute
	// maxVolumeBurst is for how long unused bytes gather.
	maxVolumeBurst = time.Hour
	// longestRefill keeps a very small volume's time until it is full in the range of a
	// time.Duration.
	longestRefill = 100 * 365 * 24 * time.Hour
)

// Take takes an event's bytes for a client that may have perDay of them in 24 hours. If
// they are too many it takes nothing, and returns how long to wait. However small perDay
// is, an event of the largest size can be published after some time.
func (v *Volumes) Take(client string, bytes, perDay int64, now time.Time) (wait time.Duration) {
	rate := float64(perDay) / (24 * time.Hour).Seconds()
	most := max(rate*maxVolumeBurst.Seconds(), float64(v.largest))
	v.sweep(now)
	one := v.of[client]
	if one == nil {
		one = &volume{left: most, at: now}
		v.of[client] = one
	}
	one.left = min(most, one.left+rate*now.Sub(one.at).Seconds())
	one.at = now
	if missing := float64(bytes) - one.left; missing > 0 {
		// A millisecond more, so that rounding does not refuse the event again.
		return time.Duration(missing/rate*float64(time.Second)) + time.Millisecond
	}
	one.left -= float64(bytes)
	refill := min((most-one.left)/rate, longestRefill.Seconds())
	one.full = now.Add(time.Duration(refill * float64(time.Second)))
	return 0
}

// sweep forgets the clients whose volume is full again, so that no memory is held for each
// client that ever published. To forget a client earlier would give back what it used.
func (v *Volumes) sweep(now time.Time) {
	if now.Sub(v.swept) < volumeSweep {
		return
	}
	v.swept = now
	for client, one := range v.of {
		if !now.Before(one.full) {
			delete(v.of, client)
		}
	}
}
