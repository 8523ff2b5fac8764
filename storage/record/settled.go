package record

import "github.com/corpastro/astrohook/webhook"

// Settled is what a settlement writes of a delivery. It is encoded when the settlement
// is handed over, so that while it waits a response is in memory once, as what will be
// written.
type Settled struct {
	Delivery []byte // its record, with the new attempt if the delivery has finished
	Logged          // of the new attempt
}

// EncodeSettled encodes a delivery after its transition, whose response is already cut to
// what is to be kept (see storage.BodyBudget). Only the last attempt of its AttemptLog
// counts.
func EncodeSettled(now *webhook.Delivery) Settled {
	s := Settled{Delivery: EncodeDelivery(now)}
	last := now.LastAttempt()
	if last == nil {
		return s
	}
	s.Number, s.Body = last.Number, encodeLong(last)
	if !now.Status.Finished() {
		s.Attempt = EncodeAttempt(last)
	}
	return s
}

// Complete reports whether the delivery's record holds all that it should. That of a
// finished delivery holds its latest attempt, which the settlement does not know if it
// has no new one; Over adds it.
func (s *Settled) Complete(now *webhook.Delivery) bool {
	return s.Number > 0 || now.Attempts == 0 || !now.Status.Finished()
}

// Over returns the delivery as it is to be stored over what is stored of it, which
// somebody may have changed during the attempt: see webhook.Delivery.Over. The log gets
// what it would get in any case. If the result has attempts and no AttemptLog, the caller
// adds the latest attempt of the log before it encodes it. ErrDamaged.
func (s *Settled) Over(stored *webhook.Delivery) (webhook.Delivery, error) {
	now, err := DecodeDelivery(stored.ID, s.Delivery)
	if err != nil {
		return webhook.Delivery{}, err
	}
	now = now.Over(stored)
	switch {
	case s.Number == 0:
		now.AttemptLog = stored.AttemptLog
	case len(now.AttemptLog) == 0: // it was to be retried, and the attempt stands apart
		a, err := DecodeAttempt(s.Attempt)
		if err != nil {
			return webhook.Delivery{}, err
		}
		now.AttemptLog = []webhook.Attempt{a}
	}
	return now, nil
}
