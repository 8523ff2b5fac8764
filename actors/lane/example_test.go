package lane_test

import (
	"fmt"
	"time"

	"github.com/corpastro/astrohook/actors/lane"
	"github.com/corpastro/astrohook/webhook"
)

// An actor drives a lane: each method takes an input with its time, and what the lane wants
// done is in Out afterwards. Here a delivery is offered, sent, and answered.
func Example() {
	now := time.Unix(1_750_000_000, 0)
	memory := lane.NewMemory()
	l := lane.New(&memory)
	endpoint := webhook.Endpoint{Status: webhook.EndpointActive}
	l.Configure(&endpoint, webhook.DefaultSettings(), webhook.GateState{}, now)

	// The first reads show that storage holds nothing.
	l.ReadQueue(now)
	l.QueueRead(nil, true, now)
	l.ReadSchedule(now)
	l.ScheduleRead(nil, 0, now)

	delivery := webhook.Delivery{ID: webhook.ID{Seq: 1, Endpoint: 1}, Status: webhook.Queued}
	l.Offer(&lane.Entry{Due: webhook.Due{Delivery: delivery, Data: []byte(`{}`)}, Charged: 2}, now)
	fmt.Println("wants to send:", l.Wants(now))

	e := l.Next(now)
	fmt.Println("in flight:", l.InFlight())
	now = now.Add(50 * time.Millisecond)
	l.Attempted(e, webhook.Attempt{At: now, StatusCode: 503, RetryAfter: time.Minute}, 0, now)

	settled := l.Out.Settle[0].Next.Now
	fmt.Println("to be recorded:", settled.Status, "after", settled.Attempts, "attempt")
	fmt.Println("bytes to release:", l.Out.Release)
	fmt.Println("others wait for:", l.Waits(now).For)
	l.Out = lane.Effects{} // carried out

	l.Recorded(e) // storage has it
	idle, ok := l.Idle(now)
	fmt.Println("the actor can be stopped:", ok, "until", idle.HoldUntil.Sub(now).Round(time.Second), "from now")
	// Output:
	// wants to send: true
	// in flight: 1
	// to be recorded: retrying after 1 attempt
	// bytes to release: 2
	// others wait for: hold
	// the actor can be stopped: true until 1m0s from now
}

// A lane that panicked hands over what it had under way to the endpoint's next one.
func ExampleLane_HandOver() {
	now := time.Unix(1_750_000_000, 0)
	memory := lane.NewMemory()
	first := lane.New(&memory)
	for seq := range uint64(2) {
		delivery := webhook.Delivery{ID: webhook.ID{Seq: 1 + seq, Endpoint: 1}, Status: webhook.Queued}
		first.Offer(&lane.Entry{Due: webhook.Due{Delivery: delivery, Data: []byte(`{}`)}, Charged: 2}, now)
	}
	endpoint := webhook.Endpoint{Status: webhook.EndpointActive}
	first.Configure(&endpoint, webhook.DefaultSettings(), webhook.GateState{}, now)
	sent := first.Next(now)

	next := lane.New(&memory)
	fmt.Println("bytes that go over:", next.TakeOver(first.HandOver(webhook.ID{})))
	fmt.Println("in flight:", next.InFlight(), "of the next lane:", next.Owns(sent))
	// Output:
	// bytes that go over: 2
	// in flight: 1 of the next lane: true
}
