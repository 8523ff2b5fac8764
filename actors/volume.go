package actors

import (
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// volumes bound the bytes of events that are published for single clients. What a
// client does not use gathers for an hour. A restart forgets what was used.
type volumes struct {
	of    map[string]*volume
	swept time.Time
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

// take takes an event's bytes, of a client that may have so many in 24 hours. Where
// they are too many it returns how long to wait.
func (v *volumes) take(client string, bytes, perDay int64, now time.Time) (wait time.Duration) {
	rate := float64(perDay) / (24 * time.Hour).Seconds()
	most := max(rate*maxVolumeBurst.Seconds(), webhook.MaxPayload+eventOverhead)
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
func (v *volumes) sweep(now time.Time) {
	if v.of == nil {
		v.of = map[string]*volume{}
	}
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

// checkVolume refuses an event for one client that has had too many bytes of them.
func (r *router) checkVolume(e *webhook.Event, now time.Time) error {
	if e.ClientID == "" {
		return nil
	}
	perDay := r.shared.options.ClientLimits(e.ClientID).Bytes
	if perDay <= 0 {
		return nil
	}
	bytes := int64(len(e.Data)) + eventOverhead
	wait := r.volumes.take(e.ClientID, bytes, perDay, now)
	if wait == 0 {
		return nil
	}
	return &webhook.RetryAfterError{After: wait, Err: &webhook.LimitError{
		Client: e.ClientID, Setting: webhook.LimitBytes, Max: perDay, Has: perDay, Cause: webhook.ErrShareUsed,
	}}
}
