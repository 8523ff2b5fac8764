package lane

import "github.com/corpastro/astrohook/webhook"

const (
	// dealtMax is after how many IDs, and dealtSpan after what difference of their times,
	// dealt begins a new list. It remembers one to two lists: 4 KiB for an endpoint at full
	// speed, next to nothing for one that gets an event a minute.
	dealtMax  = 128
	dealtSpan = 10_000 << seqMillisecond
	// seqMillisecond is where the milliseconds of an ID's Seq begin.
	seqMillisecond = 20
)

// dealt remembers which deliveries a lane has dealt with and dropped from its window:
// their first outcome is recorded, or they were changed by hand. An offer of such a
// delivery comes too late, because a read of storage was faster, or comes twice.
//
// The order of IDs does not show that. In a cluster each node numbers the events that it
// accepts by its own clock, and their commits become visible in any order: an offer may be
// older than all that was read, and new. So the lane remembers the latest IDs one by one.
// About older ones it does not know, and reads storage, which does.
type dealt struct {
	latest, before []webhook.ID
	// top is the largest ID that was ever added, topBefore the largest one before latest.
	top, topBefore webhook.ID
	// unknown: IDs up to this one may have been dealt with, although no list has them.
	unknown webhook.ID
}

// newDealt returns a memory that knows nothing of the IDs up to one.
func newDealt(upTo webhook.ID) dealt { return dealt{top: upTo, topBefore: upTo, unknown: upTo} }

// add remembers an ID.
func (d *dealt) add(id webhook.ID) {
	full := len(d.latest) == dealtMax
	if full || len(d.latest) > 0 && id.Seq > d.latest[0].Seq+dealtSpan {
		d.unknown, d.topBefore = larger(d.unknown, d.topBefore), d.top
		d.latest, d.before = d.before[:0], d.latest
		if !full { // it is a quiet time, which needs no long lists
			d.latest = nil
		}
	}
	d.latest = append(d.latest, id)
	d.top = larger(d.top, id)
}

// doubt notes that it is not known whether a delivery was dealt with.
func (d *dealt) doubt(id webhook.ID) {
	d.unknown, d.top = larger(d.unknown, id), larger(d.top, id)
}

// has reports whether a delivery was certainly dealt with.
func (d *dealt) has(id webhook.ID) bool {
	if id.Compare(d.top) > 0 {
		return false
	}
	return contains(d.latest, id) || contains(d.before, id)
}

// mayHave reports whether a delivery that has does not report may have been dealt with all
// the same.
func (d *dealt) mayHave(id webhook.ID) bool { return id.Compare(d.unknown) <= 0 }

// contains reports whether a list has an ID. It begins with the latest one, which is the
// likeliest.
func contains(list []webhook.ID, id webhook.ID) bool {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i] == id {
			return true
		}
	}
	return false
}

// larger returns the larger one of two IDs.
func larger(a, b webhook.ID) webhook.ID {
	if a.Compare(b) < 0 {
		return b
	}
	return a
}
