package e2e

import "testing"

// audit compares what was promised to an endpoint, what the API lists and what
// the subscriber received.
type audit struct {
	t      *testing.T
	server *server
	ledger *crashLedger
	member *member
}

// maxUnsettled is the number of outcomes that may be on their way to storage for each
// attempt that may be in flight. A kill loses them like attempts in flight.
const maxUnsettled = 2

func (a audit) run(kills int) {
	a.t.Helper()
	for _, fault := range a.member.faults {
		a.t.Errorf("%s: %s", a.member.name, fault)
	}
	listed := a.listed()
	a.everythingPromisedIsListed(listed)
	counts := map[string]int{}
	for id, d := range listed {
		counts[d.Status]++
		a.member.agrees(a.t, id, d)
	}
	duplicates := 0
	for id, arrival := range a.member.arrived {
		if _, known := listed[id]; !known {
			a.t.Errorf("%s: delivery %s of event %d arrived and is not listed", a.member.name, id, arrival.seq)
		}
		duplicates += max(arrival.accepted-1, 0)
	}
	bound := kills * crashConcurrency * (1 + maxUnsettled)
	a.t.Logf("%s: listed as %v, %d of them arrived more than once (bound %d)", a.member.name, counts, duplicates, bound)
	if duplicates > bound {
		a.t.Errorf("%s: %d duplicates, more than the %d that can have been in flight at %d kills", a.member.name, duplicates, bound, kills)
	}
}

// listed returns the endpoint's deliveries by id.
func (a audit) listed() map[string]delivery {
	a.t.Helper()
	listed := map[string]delivery{}
	for _, d := range a.server.deliveries(a.t, a.member.id) {
		if _, twice := listed[d.ID]; twice {
			a.t.Errorf("%s: delivery %s is listed twice", a.member.name, d.ID)
		}
		listed[d.ID] = d
	}
	return listed
}

// everythingPromisedIsListed checks that the deliveries hold each acknowledged event once.
// Events whose publisher got no answer may be listed as well.
func (a audit) everythingPromisedIsListed(listed map[string]delivery) {
	a.t.Helper()
	byEvent := map[string]int{}
	for _, d := range listed {
		byEvent[d.EventID]++
	}
	lost := 0
	for seq, receipt := range a.ledger.acknowledged {
		if !a.member.gets(seq) {
			continue
		}
		if byEvent[receipt.ID] != 1 {
			lost++
			a.t.Errorf("%s: event %d (%s) was acknowledged and has %d deliveries", a.member.name, seq, receipt.ID, byEvent[receipt.ID])
		}
		delete(byEvent, receipt.ID)
		if lost > 10 {
			a.t.Fatalf("%s: and more", a.member.name)
		}
	}
	unanswered := int(a.ledger.posted()) - len(a.ledger.acknowledged)
	if len(byEvent) > unanswered {
		a.t.Errorf("%s: %d events are listed that were not acknowledged, though only %d got no answer", a.member.name, len(byEvent), unanswered)
	}
}

// agrees checks a finished delivery as the API lists it against what arrived.
func (m *member) agrees(t *testing.T, id string, d delivery) {
	t.Helper()
	arrived := m.arrived[id]
	switch {
	case d.Status == "delivered" && (arrived == nil || arrived.accepted == 0):
		t.Errorf("%s: delivery %s is listed as delivered and was never answered with 200", m.name, id)
	case d.Status == "failed" && (m.failing == 0 || arrived == nil || d.Attempts < crashAttempts):
		t.Errorf("%s: delivery %s failed after %d attempts: %s", m.name, id, d.Attempts, d.Reason)
	case d.Status != "delivered" && d.Status != "failed":
		t.Errorf("%s: delivery %s is %s in the end", m.name, id, d.Status)
	}
}
