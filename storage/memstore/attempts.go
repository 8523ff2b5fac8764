package memstore

import (
	"slices"

	"github.com/corpastro/astrohook/webhook"
)

// record appends the latest attempt of a settled delivery to its log, and leaves in
// the delivery what lists show of it. Older attempts lose their long responses, and
// the oldest ones go: storage.Queues says how many stay.
func (s *Store) record(d *webhook.Delivery) {
	bounded, taken := s.bodies.Bound(*d, s.present())
	s.bodies.Committed(taken) // memory has nothing that waits for a disk
	last := bounded.LastAttempt()
	// A settlement without a new attempt shows the one before.
	if last == nil {
		d.AttemptLog = s.deliveries[d.ID].AttemptLog
		return
	}
	a := *last
	// The caller reads the next response into the same memory.
	a.Response = slices.Clone(a.Response)
	// An attempt that is settled twice, after a restart of its actor, is kept once.
	// Numbers and not places decide what goes: attempts may be missing in between.
	log := slices.DeleteFunc(s.logs[d.ID], func(old webhook.Attempt) bool {
		return old.Number == a.Number || old.Number <= a.Number-webhook.MaxAttemptLog
	})
	for i := range log {
		if log[i].Number <= a.Number-webhook.MaxLongResponses {
			log[i] = short(log[i])
		}
	}
	s.logs[d.ID] = append(log, a)
	// What lists show; whole adds the others.
	d.AttemptLog = []webhook.Attempt{short(a)}
}

// short returns the attempt with a short response. It shares no memory with a long
// one, which could not be freed otherwise.
func short(a webhook.Attempt) webhook.Attempt {
	long := len(a.Response) > webhook.MaxShortResponse
	if a = a.Shortened(); long {
		a.Response = slices.Clone(a.Response)
	}
	return a
}

// whole returns a stored delivery with all its attempts.
func (s *Store) whole(d webhook.Delivery) webhook.Delivery {
	if log := s.logs[d.ID]; log != nil {
		d.AttemptLog = slices.Clone(log)
	}
	return d
}
