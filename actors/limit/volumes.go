package limit

import "time"

// Volumes bound the bytes of events that are published for single clients. What a
// client does not use gathers for an hour. A restart forgets what was used.
type Volumes struct {
	largest int64 // bytes that an event can have
	of      map[string]*volume
	swept   time.Time
}

// NewVolumes returns volumes of which nothing is used; an event has up to largest bytes.
func NewVolumes(largest int64) *Volumes {
	return &Volumes{largest: largest, of: make(map[string]*volume)}
}

// volume is what a client may still have published for it at a time.
type volume struct {
	left float64
	at   time.Time
}

// volumeSweep is how often the clients are forgotten that have used nothing lately.
const volumeSweep = time.Minute

// maxVolumeBurst is how long what is not used gathers.
const maxVolumeBurst = time.Hour

// Take takes an event's bytes, of a client that may have so many in 24 hours. Where
// they are too many it returns how long to wait.
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
		return time.Duration(missing/rate*float64(time.Second)) + time.Millisecond
	}
	one.left -= float64(bytes)
	return 0
}

// sweep forgets the clients whose volume has filled up again.
func (v *Volumes) sweep(now time.Time) {
	if now.Sub(v.swept) < volumeSweep {
		return
	}
	v.swept = now
	for client, one := range v.of {
		if now.Sub(one.at) > maxVolumeBurst {
			delete(v.of, client)
		}
	}
}
