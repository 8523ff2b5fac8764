package record

import (
	"cmp"
	"slices"

	"github.com/corpastro/astrohook/webhook"
)

// The log of a delivery is its attempts, and the long bodies among their responses, each
// a record of its own. A backend has webhook.MaxAttemptLog places for the attempts of a
// delivery, and webhook.MaxLongResponses for the bodies. A new one takes the place of the
// oldest, so that nothing has to be removed.

// AttemptSlot returns the place of a numbered attempt.
func AttemptSlot(number int) int { return number % webhook.MaxAttemptLog }

// BodySlot returns the place of that attempt's body.
func BodySlot(number int) int { return number % webhook.MaxLongResponses }

// Logged is what the log gets of one attempt.
type Logged struct {
	Number  int    // of the attempt, which decides its places; 0 if there is none
	Attempt []byte // nil if it stands in the delivery's own record
	Body    []byte // nil if the response is short, and its head is not kept
}

// EncodeLogged returns what the log gets of an attempt.
func EncodeLogged(a *webhook.Attempt) Logged {
	return Logged{Number: a.Number, Attempt: EncodeAttempt(a), Body: encodeLong(a)}
}

// JoinLog adds to a delivery, as its record has it, the attempts and bodies that its log
// has, in any order. A place can hold an older one that was to be overwritten: what is
// too old is left out. The bodies' memory becomes the delivery's.
func JoinLog(d *webhook.Delivery, attempts []webhook.Attempt, bodies []Body) {
	// Those of the record come first: the log may have an older copy of one, as a cancelled
	// delivery has its latest attempt in both places.
	log := slices.Clone(d.AttemptLog)
	for _, a := range attempts {
		if !slices.ContainsFunc(d.AttemptLog, func(known webhook.Attempt) bool { return known.Number == a.Number }) {
			log = append(log, a)
		}
	}
	slices.SortFunc(log, func(a, b webhook.Attempt) int { return cmp.Compare(a.Number, b.Number) })
	d.AttemptLog = log[max(len(log)-webhook.MaxAttemptLog, 0):]
	for _, b := range bodies {
		for i := range d.AttemptLog {
			if a := &d.AttemptLog[i]; a.Number == b.Number && a.Number > d.LastAttempt().Number-webhook.MaxLongResponses {
				b.addTo(a)
			}
		}
	}
}
