package webhook

import (
	"testing"
	"time"
)

// TestAllocations: what runs for every event, delivery or attempt allocates nothing, except what
// it returns.
func TestAllocations(t *testing.T) {
	id := ID{Seq: 1 << 60, Endpoint: 7, Nonce: 99}
	now := time.Unix(1_750_000_000, 0)
	text, patterns := make([]byte, 0, 64), make([]string, 0, 8)
	settings, most := DefaultSettings(), Ceilings{Timeout: time.Second}
	progress := &Progress{Started: map[ID]time.Time{id: now}}
	delivery := &Delivery{ID: id, Status: Queued}
	event := &Event{Endpoints: []EndpointNumber{1, 2, 3}}
	a := &Attempt{StatusCode: 503}
	shares := NewShares(100)
	if err := shares.Take("other", 1); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		most float64
		run  func()
	}{
		{"the text of an ID", 0, func() { DeliveryID.Append(text, id) }},
		{"the text of a time", 0, func() { AppendTime(text, now) }},
		{"a match", 0, func() { _ = MatchType("user.*", "user.created") }},
		{"patterns, one for each but the first and the last", 1, func() { AppendPatterns(patterns, "user.created") }},
		{"a due time", 0, func() { DueAt(now).After(now) }},
		{"a position", 0, func() { (Slot{At: 1, ID: id}).Next().Before(Slot{At: 1, ID: id}) }},
		{"settings", 0, func() { _ = Settings{}.Effective(settings, most) }},
		{"a cause of waiting", 0, func() { progress.Of(delivery, EndpointActive, now) }},
		{"recipients of an event that nothing withholds", 0, func() { event.Recipients() }},
		{"an outcome", 0, func() { _ = a.Outcome() }},
		{"an attempt, its log", 1, func() { delivery.Attempted(*a, settings.Retry, 0) }},
		{"a share", 0, func() {
			if shares.Take("other", 1) == nil {
				shares.Give("other", 1)
			}
		}},
	} {
		if got := testing.AllocsPerRun(100, c.run); got > c.most {
			t.Errorf("%s: %v allocations, at most %v are right", c.name, got, c.most)
		}
	}
}
