package lane

import (
	"slices"
	"testing"

	"github.com/corpastro/astrohook/webhook"
)

// lineOf returns a line with entries of these sequence numbers.
func lineOf(seqs ...uint64) (*line, []*Entry) {
	l, all := new(line), make([]*Entry, 0, len(seqs))
	for _, seq := range seqs {
		e := &Entry{Due: webhook.Due{Delivery: webhook.Delivery{ID: webhook.ID{Seq: seq, Endpoint: 1}}}}
		l.push(e)
		all = append(all, e)
	}
	return l, all
}

// sequence drains a line, and returns the sequence numbers of its entries.
func sequence(l *line) (seqs []uint64) {
	for _, e := range l.drain() {
		seqs = append(seqs, e.ID().Seq)
	}
	return seqs
}

// TestLinePassesOver: entries that no longer wait, were removed, or wait in another line now
// are passed over; the others keep their order.
func TestLinePassesOver(t *testing.T) {
	for _, c := range []struct {
		reason string
		change func(l *line, all []*Entry)
		want   []uint64
	}{
		{"all wait", func(*line, []*Entry) {}, []uint64{1, 2, 3, 4}},
		{"one is in flight", func(_ *line, all []*Entry) { all[1].state = entryInFlight }, []uint64{1, 3, 4}},
		{"the first is gone", func(_ *line, all []*Entry) { all[0].state = entryGone }, []uint64{2, 3, 4}},
		{"one was moved to another line", func(_ *line, all []*Entry) { new(line).push(all[2]) }, []uint64{1, 2, 4}},
		{"one was removed", func(l *line, all []*Entry) { l.remove(all[3]) }, []uint64{1, 2, 3}},
		{"one that is not in the line is removed", func(l *line, _ []*Entry) { l.remove(new(Entry)) }, []uint64{1, 2, 3, 4}},
		{"the first was popped", func(l *line, _ []*Entry) { l.peek(); l.pop() }, []uint64{2, 3, 4}},
		{"one came back", func(l *line, all []*Entry) { l.peek(); l.pop(); l.push(all[0]) }, []uint64{2, 3, 4, 1}},
		{"none waits", func(_ *line, all []*Entry) {
			for _, e := range all {
				e.state = entrySettling
			}
		}, nil},
	} {
		l, all := lineOf(1, 2, 3, 4)
		c.change(l, all)
		if got := sequence(l); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.reason, got, c.want)
		}
		if l.peek() != nil || len(l.entries) != 0 {
			t.Errorf("%s: a drained line holds entries", c.reason)
		}
	}
}

// TestLineLeast: the first by an order, among equals the one that waits longest; entries
// that do not wait do not count.
func TestLineLeast(t *testing.T) {
	l, all := lineOf(5, 3, 8, 3)
	bySeq := func(a, b *Entry) int { return int(a.ID().Seq) - int(b.ID().Seq) }
	if got := l.least(bySeq); got != all[1] {
		t.Error("the least is", got.ID().Seq)
	}
	all[1].state = entryInFlight
	if got := l.least(bySeq); got != all[3] {
		t.Error("the least is", got.ID().Seq)
	}
	l.remove(all[3])
	if got := l.least(bySeq); got != all[0] {
		t.Error("the least is", got.ID().Seq)
	}
	if empty, _ := lineOf(); empty.least(bySeq) != nil {
		t.Error("an empty line has a least entry")
	}
}

// TestLineDoesNotGrow: a line that is pushed and popped for ever needs room for what waits
// only.
func TestLineDoesNotGrow(t *testing.T) {
	l, _ := lineOf(1, 2, 3)
	for range 100_000 {
		e := l.peek()
		l.pop()
		l.push(e)
	}
	if len(l.entries) > 200 {
		t.Errorf("%d places for three entries", len(l.entries))
	}
	if got := sequence(l); len(got) != 3 {
		t.Errorf("%v wait", got)
	}
}

// TestOvertaken: what a read shows is old news if the delivery is in the window, or was
// settled while that read was under way.
func TestOvertaken(t *testing.T) {
	for _, c := range []struct {
		reason string
		known  Entry
		read   webhook.Status
		want   bool
	}{
		{"it waits already", Entry{state: entryWaiting}, webhook.Queued, true},
		{"it is in flight", Entry{state: entryInFlight}, webhook.Queued, true},
		{"it was settled during the read of the queue", Entry{state: entryGone, staleQueue: true}, webhook.Queued, true},
		{"the read of the queue began after it was settled", Entry{state: entryGone, staleSchedule: true}, webhook.Queued, false},
		{"it was settled during the read of the schedule", Entry{state: entryGone, staleSchedule: true}, webhook.Retrying, true},
		{"the read of the schedule began after it was settled", Entry{state: entryGone, staleQueue: true}, webhook.Retrying, false},
	} {
		read := Entry{Due: webhook.Due{Delivery: webhook.Delivery{Status: c.read}}}
		if got := c.known.overtaken(&read); got != c.want {
			t.Errorf("%s: overtaken %v, want %v", c.reason, got, c.want)
		}
	}
}
