package storage

import (
	"math"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// SeqsOf returns the Seqs of what was accepted in a period: since ≤ Seq < until. A zero
// time is no bound.
func SeqsOf(since, until time.Time) (from, to uint64) {
	to = math.MaxUint64
	if !since.IsZero() {
		from = webhook.SeqAt(since)
	}
	if !until.IsZero() {
		to = webhook.SeqAt(until)
	}
	return from, to
}

// ListStart returns the newest ID of an endpoint that a list of deliveries can have; false
// if none. until is the first Seq beyond the list. before, unless it is zero, is the
// delivery behind which the list continues: it names one of any endpoint, and the list is
// in order of Seq, endpoint and nonce, newest first.
func ListStart(n webhook.EndpointNumber, until uint64, before webhook.ID) (webhook.ID, bool) {
	id := webhook.ID{Seq: until - 1, Endpoint: n, Nonce: math.MaxUint32}
	if before == (webhook.ID{}) {
		return id, true
	}
	// The bound for other endpoints lies just below or above that of before.
	bound, ok := before.For(n), true
	switch {
	case n < before.Endpoint:
		bound.Nonce = math.MaxUint32
	case n == before.Endpoint:
		bound, ok = PreviousID(before)
	default: // among equal Seqs, n comes earlier in the list
		bound.Nonce = 0
		bound, ok = PreviousID(bound)
	}
	if bound.Compare(id) < 0 {
		id = bound
	}
	return id, ok
}

// PreviousID returns the largest ID of the same endpoint below id; false if there is
// none. Lists continue there.
func PreviousID(id webhook.ID) (webhook.ID, bool) {
	switch {
	case id.Nonce > 0:
		id.Nonce--
	case id.Seq > 0:
		id.Seq, id.Nonce = id.Seq-1, math.MaxUint32
	default:
		return id, false
	}
	return id, true
}
