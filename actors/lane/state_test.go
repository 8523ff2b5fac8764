package lane

import (
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// What the lane shows of itself, hands over, and finds overlooked. What it decides is in the
// golden scripts.

// ready returns a lane that has read all, which is nothing, of an endpoint that sends.
func ready(now time.Time) *Lane { return readyLane(now) }

// queuedEntry returns an entry of a delivery that was just stored.
func queuedEntry(seq uint64) *Entry {
	d := webhook.Delivery{ID: webhook.ID{Seq: seq, Endpoint: 1}, EventType: "t", Status: webhook.Queued}
	return &Entry{Due: webhook.Due{Delivery: d, Data: []byte("{}")}, Charged: 2}
}

// send offers a delivery and starts its attempt.
func send(t *testing.T, l *Lane, seq uint64, now time.Time) *Entry {
	t.Helper()
	l.Offer(queuedEntry(seq), now)
	e := l.Next(now)
	if e == nil || e.ID().Seq != seq {
		t.Fatalf("delivery %d is not sent", seq)
	}
	return e
}

// TestHandOver: attempts in flight and outcomes on their way to storage go to the next lane,
// without the delivery over which the actor panicked, and without what only waits.
func TestHandOver(t *testing.T) {
	now := time.Now()
	l := ready(now)
	flying, blamed, settling := send(t, l, 1, now), send(t, l, 2, now), send(t, l, 3, now)
	l.Attempted(settling, webhook.Attempt{At: now, StatusCode: 410}, 0, now)
	l.Offer(queuedEntry(4), now)

	left := l.HandOver(blamed.ID())
	if !left.UnderWay() || left.InFlight() != 1 {
		t.Errorf("%d attempts are left", left.InFlight())
	}
	m := NewMemory()
	next := New(&m)
	if bytes := next.TakeOver(left); bytes != 2 {
		t.Errorf("%d bytes go over, want those of the attempt in flight", bytes)
	}
	if !next.Owns(flying) || !next.Owns(settling) || next.Owns(blamed) {
		t.Error("the wrong entries went over")
	}
	if next.InFlight() != 1 || next.Unsettled() != 1 {
		t.Errorf("%d in flight, %d unsettled", next.InFlight(), next.Unsettled())
	}
	if len(next.Out.Settle) != 1 || next.Out.Settle[0] != settling {
		t.Error("an outcome that was not handed to storage is lost")
	}
	if next.Out.Disable == "" {
		t.Error("the endpoint's 410 is lost")
	}
}

// TestHandOverOfAnOutcomeInStorage: an outcome that storage has already is not handed to it
// again, and one that storage could not record is not waited for.
func TestHandOverOfAnOutcomeInStorage(t *testing.T) {
	now := time.Now()
	l := ready(now)
	handed, lost := send(t, l, 1, now), send(t, l, 2, now)
	for i, e := range []*Entry{handed, lost} {
		l.Attempted(e, webhook.Attempt{At: now, StatusCode: 200}, 0, now)
		l.Out.Settle[i] = nil // as the actor does
	}
	l.NotRecorded(lost, false)
	m := NewMemory()
	next := New(&m)
	next.TakeOver(l.HandOver(webhook.ID{}))
	if len(next.Out.Settle) != 0 || next.Unsettled() != 1 {
		t.Errorf("%d outcomes go to storage again, and %d are waited for", len(next.Out.Settle), next.Unsettled())
	}
	if next.Recorded(handed); next.Unsettled() != 0 || next.window[handed.ID()] != nil {
		t.Error("the recorded delivery is in the window still")
	}
	if next.window[lost.ID()] == nil {
		t.Error("a delivery whose outcome is known may be read, and sent, again")
	}
}

// TestNothingToHandOver: a lane at rest leaves nothing.
func TestNothingToHandOver(t *testing.T) {
	if left := ready(time.Now()).HandOver(webhook.ID{}); left.UnderWay() || left.InFlight() != 0 {
		t.Errorf("%+v", left)
	}
}

// TestOverlooked: a lane knows of what is in its window and of what a read that is due or
// under way will bring; of anything else that it could send it does not.
func TestOverlooked(t *testing.T) {
	now := time.Now()
	queued := webhook.ID{Seq: 7, Endpoint: 1}
	slot := webhook.Slot{At: webhook.DueAt(now.Add(-time.Second)), ID: queued}
	for _, c := range []struct {
		reason string
		change func(l *Lane)
		wake   webhook.Wake
		want   Heads
	}{
		{"storage has nothing", func(*Lane) {}, webhook.Wake{}, Heads{}},
		{"a queued one that nobody knows of", func(*Lane) {}, webhook.Wake{Queued: queued}, Heads{Queued: queued}},
		{"it is in the window", func(l *Lane) { l.Offer(queuedEntry(7), now) }, webhook.Wake{Queued: queued}, Heads{}},
		{"a read will bring it", func(l *Lane) { l.NotOffered(webhook.ID{Seq: 5, Endpoint: 1}) }, webhook.Wake{Queued: queued}, Heads{}},
		{"a read begins after it", func(l *Lane) { l.NotOffered(webhook.ID{Seq: 9, Endpoint: 1}) }, webhook.Wake{Queued: queued}, Heads{Queued: queued}},
		{"a read is under way", func(l *Lane) {
			l.NotOffered(webhook.ID{Seq: 9, Endpoint: 1})
			l.ReadQueue(now)
		}, webhook.Wake{Queued: queued}, Heads{}},
		{"a retry that nobody knows of", func(*Lane) {}, webhook.Wake{Scheduled: slot}, Heads{Scheduled: slot}},
		{"a retry that is not due", func(*Lane) {}, webhook.Wake{Scheduled: webhook.Slot{At: webhook.DueAt(now.Add(time.Hour)), ID: queued}}, Heads{}},
		{"a retry that a read will bring", func(l *Lane) { l.schedule.miss(slot) }, webhook.Wake{Scheduled: slot}, Heads{}},
		{"nothing is sent at present", func(l *Lane) { l.gate.open(now) }, webhook.Wake{Queued: queued, Scheduled: slot}, Heads{}},
		{"storage is broken", func(l *Lane) { l.broken = true }, webhook.Wake{Queued: queued, Scheduled: slot}, Heads{}},
	} {
		l := ready(now)
		c.change(l)
		if got := l.Overlooked(&c.wake, now); got != c.want {
			t.Errorf("%s: overlooked are %+v, want %+v", c.reason, got, c.want)
		}
		l.TakeUp(c.want)
		if got := l.Overlooked(&c.wake, now); got != (Heads{}) {
			t.Errorf("%s: after it is taken up: %+v", c.reason, got)
		}
	}
}

// TestProgress: what is in flight, what goes by hand, and what the others wait for.
func TestProgress(t *testing.T) {
	now := time.Now()
	l := ready(now)
	flying := send(t, l, 1, now)
	l.gate.open(now)
	for seq := range uint64(3) {
		e := queuedEntry(2 + seq)
		e.ByHand = seq < 2
		l.Offer(e, now)
	}
	p := l.Progress(now)
	if at, ok := p.Started[flying.ID()]; !ok || !at.Equal(now) || len(p.Started) != 1 {
		t.Errorf("started are %v", p.Started)
	}
	if len(p.ByHand) != 2 || p.Waiting.For != webhook.WaitBreaker || !p.Waiting.Until.Equal(l.gate.state.OpenUntil) {
		t.Errorf("%+v", p)
	}
	l.Attempted(flying, webhook.Attempt{At: now, StatusCode: 200}, 0, now)
	if p := l.Progress(now); len(p.Started) != 1 { // in storage it is queued until then
		t.Errorf("before the outcome is recorded: %+v", p)
	}
	l.Recorded(flying)
	if p := l.Progress(now); len(p.Started) != 0 {
		t.Errorf("once the outcome is recorded: %+v", p)
	}
}

// TestHealth: what the lane knows of how the endpoint is doing.
func TestHealth(t *testing.T) {
	now := time.Now()
	l := ready(now)
	send(t, l, 1, now)
	if h := l.Health(now); h.Breaker != webhook.BreakerClosed || h.InFlight != 1 || h.Allowed != initialAllowed || !h.HoldUntil.IsZero() {
		t.Errorf("%+v", h)
	}
	l.Attempted(send(t, l, 2, now), webhook.Attempt{At: now, StatusCode: 503, RetryAfter: time.Minute}, 0, now)
	h := l.Health(now)
	if !h.HoldUntil.Equal(now.Add(time.Minute)) || h.Allowed != initialAllowed/2 || h.Waiting.For != webhook.WaitHold {
		t.Errorf("during a hold: %+v", h)
	}
	if h := l.Health(now.Add(time.Hour)); !h.HoldUntil.IsZero() || h.Waiting.For != webhook.WaitNone {
		t.Errorf("after it: %+v", h)
	}
}

// TestIdle: when an actor can be stopped, and what the supervisor needs to know then.
func TestIdle(t *testing.T) {
	now := time.Now()
	after := func(d time.Duration) webhook.Slot {
		return webhook.Slot{At: webhook.DueAt(now.Add(d)), ID: webhook.ID{Seq: 3, Endpoint: 1}}
	}
	for _, c := range []struct {
		reason     string
		change     func(l *Lane)
		idle       bool
		wake, hold time.Duration // from now; 0 for none, -1 for never
	}{
		{"nothing is owed", func(*Lane) {}, true, 0, 0},
		{"a delivery waits", func(l *Lane) { l.Offer(queuedEntry(1), now) }, false, 0, 0},
		{"a read of the queue is due", func(l *Lane) { l.NotOffered(webhook.ID{Seq: 1}) }, false, 0, 0},
		{"a read is under way", func(l *Lane) { l.NotOffered(webhook.ID{Seq: 1}); l.ReadQueue(now) }, false, 0, 0},
		{"a retry in an hour", func(l *Lane) { l.schedule.miss(after(time.Hour)) }, true, time.Hour, 0},
		{"a retry in a second", func(l *Lane) { l.schedule.miss(after(time.Second)) }, false, 0, 0},
		{"a hold, and nothing is owed", func(l *Lane) { l.gate.hold = now.Add(time.Minute) }, true, 0, time.Minute},
		{"a hold, and the queue is not read", func(l *Lane) {
			l.gate.hold = now.Add(time.Minute)
			l.NotOffered(webhook.ID{Seq: 1})
		}, true, time.Minute, time.Minute},
		{"a hold, and a retry during it", func(l *Lane) {
			l.gate.hold = now.Add(time.Minute)
			l.schedule.miss(after(time.Second))
		}, true, time.Minute, time.Minute},
		{"a pause", func(l *Lane) { l.sends, l.paused = false, true }, true, 0, -1},
		{"deleted, and something may be pending", func(l *Lane) { l.deleted = true }, false, 0, 0},
		{"deleted, and nothing is", func(l *Lane) { l.deleted, l.nothingPending = true, true }, true, 0, 0},
	} {
		l := ready(now)
		c.change(l)
		got, idle := l.Idle(now)
		from := func(at time.Time) time.Duration {
			switch {
			case at.IsZero():
				return 0
			case at.Equal(Never):
				return -1
			}
			return at.Sub(now).Round(time.Second)
		}
		if idle != c.idle || idle && (from(got.WakeAt) != c.wake || from(got.HoldUntil) != c.hold) {
			t.Errorf("%s: idle %v, wake in %v, hold for %v; want %v, %v, %v", c.reason, idle, from(got.WakeAt), from(got.HoldUntil), c.idle, c.wake, c.hold)
		}
	}
}

// TestDrained: a draining lane starts nothing, and is drained when all is stored.
func TestDrained(t *testing.T) {
	now := time.Now()
	l := ready(now)
	e := send(t, l, 1, now)
	if l.Drain(); !l.Draining() || l.Drained() {
		t.Error("a lane with an attempt in flight is drained")
	}
	if l.Offer(queuedEntry(2), now); l.Wants(now) || l.Next(now) != nil {
		t.Error("a draining lane starts an attempt")
	}
	l.Attempted(e, webhook.Attempt{At: now, StatusCode: 200}, 0, now)
	if l.Drained() || !l.NotifyAtOnce() {
		t.Error("nobody waits for the outcome to be recorded")
	}
	if l.Recorded(e); !l.Drained() {
		t.Error("the lane is not drained")
	}
}

// TestBeyond: retries that are due later than any retry can have been scheduled are searched
// from there on, and from where the last search ended.
func TestBeyond(t *testing.T) {
	now := time.Now()
	l := ready(now)
	l.settings.Retry = webhook.RetryPolicy{MaxDelay: 48 * time.Hour, Jitter: 0.5}
	if got := l.LongestWait(); got != 72*time.Hour+time.Second {
		t.Error("the longest wait is", got)
	}
	if got, want := l.Beyond(now).At, webhook.DueAt(now.Add(72*time.Hour+time.Second)); got != want {
		t.Errorf("searched from %v, want %v", got, want)
	}
	l.settings.Retry.MaxDelay = time.Minute
	if got := l.LongestWait(); got != webhook.MaxRetryAfter+time.Second {
		t.Error("a Retry-After can ask for more than", got)
	}
	found := queuedEntry(9)
	found.Due.Delivery.Status, found.Due.Delivery.NextAttemptAt = webhook.Retrying, webhook.DueAt(now.Add(1000*time.Hour))
	l.ReadSchedule(now)
	l.AheadRead([]*Entry{found}, 0, now)
	if got := l.Beyond(now); got != found.slot().Next() {
		t.Errorf("the search begins again at %v, and has come to %v", got, found.slot())
	}
	if e := l.Next(now); e != found {
		t.Error("what a wrong clock scheduled is not sent")
	}
}

// TestSnapshot: a lane that is only asked shares the pace, and changes nothing that the other
// lane of the endpoint remembers.
func TestSnapshot(t *testing.T) {
	now := time.Now()
	m := NewMemory()
	m.pace.hold = now.Add(time.Minute)
	m.Panicked(webhook.ID{Seq: 1})
	copied := m.Snapshot()
	asked := New(&copied)
	asked.Configure(&webhook.Endpoint{Status: webhook.EndpointActive}, webhook.DefaultSettings(), webhook.GateState{}, now)
	if asked.Health(now).HoldUntil.IsZero() {
		t.Error("the snapshot does not know of the hold")
	}
	asked.Configure(&webhook.Endpoint{Status: webhook.EndpointActive, GateSince: 9}, webhook.DefaultSettings(), webhook.GateState{}, now)
	if m.pace.hold.IsZero() || m.pace.gateSince != 0 || m.Panicked(webhook.ID{Seq: 1}) != 2 {
		t.Error("asking changed what the endpoint remembers")
	}
}

// TestOutcomeOfAnEarlierReceiver: it counts for its delivery, and neither disables the
// endpoint nor changes the ramp.
func TestOutcomeOfAnEarlierReceiver(t *testing.T) {
	now := time.Now()
	l := ready(now)
	late := send(t, l, 1, now)
	l.Configure(&webhook.Endpoint{Status: webhook.EndpointActive, ReceiverSince: 2, GateSince: 2}, webhook.DefaultSettings(), webhook.GateState{}, now)
	if l.SameReceiver(late) || l.ReceiverSince() != 2 {
		t.Error("the attempt counts for the new receiver")
	}
	l.Attempted(late, webhook.Attempt{At: now, StatusCode: 410}, 0, now)
	if l.Out.Disable != "" || l.Health(now).Allowed != initialAllowed {
		t.Errorf("disabled because %q, %d allowed", l.Out.Disable, l.Health(now).Allowed)
	}
	if next := late.Next.Now; next.Status != webhook.Failed || next.Attempts != 1 {
		t.Errorf("the delivery is %s", next.Status)
	}
	l.Attempted(send(t, l, 2, now), webhook.Attempt{At: now, StatusCode: 410}, 0, now)
	if l.Out.Disable == "" {
		t.Error("the new receiver's 410 disables nothing")
	}
}

// TestPostponedChanges: changes of one delivery are carried out one after the other, each
// after the outcome or the change before it is stored; somebody waits for that.
func TestPostponedChanges(t *testing.T) {
	now := time.Now()
	l := ready(now)
	e := send(t, l, 1, now)
	l.Attempted(e, webhook.Attempt{At: now, StatusCode: 500}, 0, now)
	var asked []*Change
	for range 3 {
		c := &Change{Kind: Cancel, ID: e.ID()}
		asked = append(asked, c)
		l.Request(c)
	}
	if len(l.Out.Change) != 0 || !l.NotifyAtOnce() {
		t.Fatalf("%d changes go to storage before the outcome, or nobody waits for it", len(l.Out.Change))
	}
	l.Recorded(e)
	for i, c := range asked {
		if len(l.Out.Change) != i+1 || l.Out.Change[i] != c {
			t.Fatalf("change %d: %d are handed to storage", i, len(l.Out.Change))
		}
		if waits := l.NotifyAtOnce(); waits != (i < 2) {
			t.Errorf("change %d: others wait for it %v", i, waits)
		}
		l.ChangeDone(c, nil, false, now)
	}
	if len(l.window) != 0 {
		t.Error("the cancelled delivery is in the window")
	}
}

// TestPostponedChangesGoOver: the next lane carries out changes that waited for an outcome
// when the actor panicked.
func TestPostponedChangesGoOver(t *testing.T) {
	now := time.Now()
	l := ready(now)
	e := send(t, l, 1, now)
	l.Attempted(e, webhook.Attempt{At: now, StatusCode: 500}, 0, now)
	l.Request(&Change{Kind: Cancel, ID: e.ID()})
	m := NewMemory()
	next := New(&m)
	next.TakeOver(l.HandOver(webhook.ID{}))
	next.Configure(&webhook.Endpoint{Status: webhook.EndpointActive}, webhook.DefaultSettings(), webhook.GateState{}, now)
	if !next.NotifyAtOnce() {
		t.Error("nobody waits for the outcome")
	}
	if next.Recorded(e); len(next.Out.Change) != 1 || next.NotifyAtOnce() {
		t.Errorf("%d changes are handed to storage", len(next.Out.Change))
	}
}

// TestBrokenStorage: an outcome that could not be recorded stays known, others go on; when
// storage is broken for good nothing is sent any more, whatever it says later.
func TestBrokenStorage(t *testing.T) {
	now := time.Now()
	l := ready(now)
	first, second, third := send(t, l, 1, now), send(t, l, 2, now), send(t, l, 3, now)
	for _, e := range []*Entry{first, second, third} {
		l.Attempted(e, webhook.Attempt{At: now, StatusCode: 200}, 0, now)
	}
	if l.NotRecorded(first, false); l.Unsettled() != 2 {
		t.Error("the lane waits for an outcome that comes no more")
	}
	l.Offer(queuedEntry(4), now)
	if !l.Wants(now) {
		t.Error("one outcome that could not be recorded stops the endpoint")
	}
	l.NotRecorded(second, true)
	l.NotRecorded(third, false)
	if l.Wants(now) || l.Next(now) != nil || !l.WakeAt(now).IsZero() {
		t.Error("a lane whose storage is broken sends")
	}
}

// TestDeletedEndpointCancelsAgain: after all that was pending is cancelled, a delivery that
// comes late is cancelled, too.
func TestDeletedEndpointCancelsAgain(t *testing.T) {
	now := time.Now()
	for name, late := range map[string]func(l *Lane){
		"offered":     func(l *Lane) { l.Offer(queuedEntry(9), now) },
		"not offered": func(l *Lane) { l.NotOffered(webhook.ID{Seq: 9, Endpoint: 1}) },
	} {
		l := ready(now)
		l.Configure(&webhook.Endpoint{DeletedAt: now}, webhook.DefaultSettings(), webhook.GateState{}, now)
		for _, cancelled := range []int{1000, 3, 0} {
			if !l.CancelDue() || l.CancelDue() {
				t.Fatal(name, "a call is not due, or two at a time")
			}
			l.CancelDone(cancelled)
		}
		if l.CancelDue() {
			t.Error(name, "a call found none pending, and another one is due")
		}
		if late(l); !l.CancelDue() {
			t.Error(name, "a late delivery is not cancelled")
		}
	}
}

// TestSendNextByHand: a replay sends one delivery through a closed gate; with an open one it
// sends none by hand, and during a pause none at all.
func TestSendNextByHand(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		reason string
		change func(l *Lane)
		reads  int // deliveries
		byHand bool
	}{
		{"an open gate", func(*Lane) {}, windowPerAllowed * initialAllowed, false},
		{"an open breaker", func(l *Lane) { l.gate.open(now) }, 1, true},
		{"a pause", func(l *Lane) { l.sends, l.paused = false, true }, 0, false},
	} {
		l := ready(now)
		c.change(l)
		l.NotOffered(webhook.ID{})
		l.SendNextByHand(now)
		_, limit := l.ReadQueue(now)
		if limit != c.reads {
			t.Errorf("%s: up to %d deliveries are read, want %d", c.reason, limit, c.reads)
		}
		if limit == 0 {
			continue
		}
		l.QueueRead([]*Entry{queuedEntry(1)}, false, now)
		if e := l.Next(now); e == nil || e.ByHand != c.byHand {
			t.Errorf("%s: what is sent is %+v", c.reason, e)
		}
		if _, limit := l.ReadQueue(now); c.byHand && limit != 0 {
			t.Errorf("%s: a second delivery is read to be sent by hand", c.reason)
		}
	}
}

// TestAbandon: an attempt that was cut off leaves nothing behind, neither memory nor an
// outcome: storage has its delivery as pending.
func TestAbandon(t *testing.T) {
	now := time.Now()
	l := ready(now)
	e := send(t, l, 1, now)
	if l.Abandon(e); l.InFlight() != 0 || len(l.window) != 0 || len(l.Out.Settle) != 0 || l.Out.Release != 2 {
		t.Errorf("%d in flight, %d in the window, %d to settle, %d bytes released", l.InFlight(), len(l.window), len(l.Out.Settle), l.Out.Release)
	}
}

// TestByHandIsBounded: beyond so many that wait in memory a retry changes nothing for a
// delivery that waits; it keeps its turn.
func TestByHandIsBounded(t *testing.T) {
	now := time.Now()
	l := ready(now)
	l.settings.Concurrency, l.inFlight = 1, 1 // so that all wait
	for seq := range uint64(MaxByHand + 10) {
		l.Offer(queuedEntry(1+seq), now)
		l.Request(&Change{Kind: Retry, ID: webhook.ID{Seq: 1 + seq, Endpoint: 1}})
	}
	if len(l.Out.Answered) != MaxByHand+10 || l.byHandWaiting != MaxByHand || len(l.Progress(now).ByHand) != MaxByHand {
		t.Errorf("%d answers, %d wait by hand", len(l.Out.Answered), l.byHandWaiting)
	}
}

// TestReadsAreWorthTheirCost: the lane reads when half of its window is free, and not
// before; then as much as fits.
func TestReadsAreWorthTheirCost(t *testing.T) {
	now := time.Now()
	window := windowPerAllowed * initialAllowed
	for waiting, want := range map[int]int{0: window, window / 2: window / 2, window/2 + 1: 0, window: 0} {
		l := ready(now)
		for seq := range uint64(waiting) {
			l.Offer(queuedEntry(1+seq), now)
		}
		l.NotOffered(webhook.ID{Seq: 1000, Endpoint: 1})
		if _, limit := l.ReadQueue(now); limit != want {
			t.Errorf("with %d of %d waiting it reads %d, want %d", waiting, window, limit, want)
		}
	}
}

// TestNextLaneDoubts: an earlier lane of the endpoint has dealt with a delivery, or had one
// in its hands when its actor panicked or a change of it was on its way to storage. An offer
// that repeats it is not sent by the next lane: a read decides. A new one is sent.
func TestNextLaneDoubts(t *testing.T) {
	now := time.Now()
	m := NewMemory()
	l := New(&m)
	l.Configure(&webhook.Endpoint{Status: webhook.EndpointActive}, webhook.DefaultSettings(), webhook.GateState{}, now)
	l.ReadQueue(now)
	l.QueueRead(nil, true, now)
	recorded, handled := send(t, l, 1, now), send(t, l, 2, now)
	l.Attempted(recorded, webhook.Attempt{At: now, StatusCode: 200}, 0, now)
	l.Recorded(recorded)
	l.Offer(queuedEntry(3), now)
	l.Request(&Change{Kind: Cancel, ID: queuedEntry(3).ID()})
	l.HandOver(handled.ID())

	for seq := uint64(1); seq <= 3; seq++ {
		next := New(&m)
		next.Offer(queuedEntry(seq), now)
		if len(next.window) > 0 || next.Out.Release != 2 || !next.queue.knows(queuedEntry(seq).ID()) {
			t.Errorf("delivery %d, offered again: %d in the window, position %+v", seq, len(next.window), next.queue)
		}
	}
	next := New(&m)
	if next.Offer(queuedEntry(4), now); len(next.window) != 1 {
		t.Error("a new delivery is not taken")
	}
}

// TestChangeOfUnknownOutcome: storage could not say whether it requeued a delivery. The lane
// reads it, and believes no offer of it.
func TestChangeOfUnknownOutcome(t *testing.T) {
	now := time.Now()
	l := ready(now)
	c := &Change{Kind: Retry, ID: queuedEntry(1).ID()}
	l.Request(c)
	l.ChangeDone(c, nil, true, now)
	if l.Offer(queuedEntry(1), now); l.waiting != 0 {
		t.Error("an offer of it is believed")
	}
	if from, limit := l.ReadQueue(now); limit == 0 || from != c.ID {
		t.Errorf("the next read is of %d from %s", limit, name(from))
	}
}
