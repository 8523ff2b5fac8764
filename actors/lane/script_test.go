package lane

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/corpastro/astrohook/webhook"
)

// TestLane runs the golden scripts: each block is an input to the lane, and what
// the lane wants done then. `go test ./actors/lane -run TestLane -rewrite` writes the
// answers again; read the difference before you commit it.
func TestLane(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, path := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript()
				datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string { return s.run(t, d) })
			})
		})
	}
}

// script drives one lane as its actor would, and writes down what the lane wants.
type script struct {
	lane    *Lane
	start   time.Time
	e       webhook.Endpoint
	entries map[string]*Entry
	out     strings.Builder
}

func newScript() *script {
	remembered := NewMemory()
	return &script{
		lane: New(&remembered), start: time.Now(), entries: make(map[string]*Entry),
		e: webhook.Endpoint{ID: webhook.ID{Endpoint: 1}, Status: webhook.EndpointActive},
	}
}

// id makes the ID of the delivery that a script calls d7.
func (s *script) id(t *testing.T, name string) webhook.ID {
	n, err := strconv.Atoi(strings.TrimPrefix(name, "d"))
	if err != nil {
		t.Fatalf("%q names no delivery", name)
	}
	return webhook.ID{Seq: uint64(n), Endpoint: 1}
}

func name(id webhook.ID) string {
	if id.Seq == 0 {
		return "the head"
	}
	if id.Nonce > 0 {
		return fmt.Sprintf("after d%d", id.Seq)
	}
	return fmt.Sprintf("d%d", id.Seq)
}

func (s *script) at(at time.Time) string {
	switch {
	case at.IsZero():
		return "-"
	case at.Equal(Never):
		return "never"
	}
	return "+" + at.Sub(s.start).String()
}

func (s *script) say(format string, args ...any) { fmt.Fprintf(&s.out, format+"\n", args...) }

func (s *script) fresh(t *testing.T, name string) *Entry {
	d := webhook.Delivery{ID: s.id(t, name), EventType: "t", Status: webhook.Queued}
	return &Entry{Due: webhook.Due{Delivery: d, Data: []byte("{}")}, Charged: 2}
}

// names returns the deliveries that a command names without a key.
func names(d *datadriven.TestData) []string {
	var all []string
	for _, arg := range d.CmdArgs {
		if len(arg.Vals) == 0 && strings.HasPrefix(arg.Key, "d") {
			all = append(all, arg.Key)
		}
	}
	return all
}

func duration(t *testing.T, d *datadriven.TestData, key string) time.Duration {
	if !d.HasArg(key) {
		return 0
	}
	var text string
	d.ScanArgs(t, key, &text)
	value, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func number(t *testing.T, d *datadriven.TestData, key string, otherwise int) int {
	if d.HasArg(key) {
		d.ScanArgs(t, key, &otherwise)
	}
	return otherwise
}

// run carries one command out and returns what the lane wanted after it.
func (s *script) run(t *testing.T, d *datadriven.TestData) string {
	s.out.Reset()
	now := time.Now()
	switch d.Cmd {
	case "endpoint":
		s.configure(t, d, now)
	case "offer":
		for _, n := range names(d) {
			e := s.fresh(t, n)
			e.ByHand, e.Test = d.HasArg("test"), d.HasArg("test")
			s.lane.Offer(e, now)
		}
	case "missed":
		s.lane.NotOffered(s.id(t, names(d)[0]))
		if d.HasArg("byhand") {
			s.lane.SendNextByHand(now)
		}
	case "advance":
		for _, arg := range d.CmdArgs {
			by, err := time.ParseDuration(arg.Key)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(by)
		}
		now = time.Now()
	case "finish", "panic", "settled":
		s.end(t, d, now)
	case "queue", "schedule":
		s.read(t, d, now)
	case "failed":
		s.lane.ReadFailed(d.HasArg("schedule"), now)
	case "retry", "cancel", "changed":
		s.change(t, d, now)
	case "cancelled":
		s.lane.CancelDone(number(t, d, "n", 0))
	case "drain":
		s.lane.draining = true
	default:
		t.Fatalf("unknown command %q", d.Cmd)
	}
	s.advance(now)
	return s.out.String()
}

func (s *script) configure(t *testing.T, d *datadriven.TestData, now time.Time) {
	settings := webhook.DefaultSettings()
	settings.Concurrency = number(t, d, "concurrency", settings.Concurrency)
	settings.Rate = float64(number(t, d, "rate", 0))
	settings.Retry.MaxAttempts = number(t, d, "attempts", settings.Retry.MaxAttempts)
	settings.Breaker.Failures = number(t, d, "failures", settings.Breaker.Failures)
	s.e.Status = webhook.EndpointActive
	if d.HasArg("paused") {
		s.e.Status = webhook.EndpointPaused
	}
	if d.HasArg("deleted") {
		s.e.DeletedAt = now
	}
	s.e.Revision++
	if d.HasArg("target") {
		s.e.ReceiverSince, s.e.GateSince = s.e.Revision, s.e.Revision
	}
	if d.HasArg("resume") {
		s.e.GateSince = s.e.Revision
	}
	var saved webhook.GateState
	if open := duration(t, d, "open"); open > 0 {
		saved = webhook.GateState{OpenUntil: now.Add(open), Openings: number(t, d, "openings", 1), Since: uint64(number(t, d, "since", 0))}
	}
	s.lane.Configure(&s.e, settings, saved, now)
}

func (s *script) end(t *testing.T, d *datadriven.TestData, now time.Time) {
	for _, n := range names(d) {
		e := s.entries[n]
		if e == nil || (e.state == entryInFlight) == (d.Cmd == "settled") {
			t.Fatalf("%s: %s is not in that state", d.Pos, n)
		}
		switch d.Cmd {
		case "panic":
			s.lane.Panicked(e, now)
		case "settled":
			s.lane.Recorded(e)
		default:
			a := webhook.Attempt{At: now, StatusCode: number(t, d, "status", 0), RetryAfter: duration(t, d, "after")}
			if a.StatusCode == 0 {
				a.Failure = webhook.ReasonTimeout
			}
			s.lane.Attempted(e, a, 0, now)
		}
	}
}

func (s *script) read(t *testing.T, d *datadriven.TestData, now time.Time) {
	var due []*Entry
	for _, n := range names(d) {
		e := s.fresh(t, n)
		switch recorded := s.entries[n]; {
		case d.Cmd == "schedule" && recorded != nil:
			e.Due.Delivery = recorded.Next.Now
		case d.Cmd == "schedule": // tried before the script began
			e.Due.Delivery.Status, e.Due.Delivery.NextAttemptAt, e.Due.Delivery.Attempts = webhook.Retrying, webhook.DueAt(now), 1
		}
		if d.HasArg("empty") {
			e.Due.Data = nil
		}
		e.Due.Delivery.Attempts += number(t, d, "attempts", 0) // requeued after so many
		due = append(due, e)
	}
	if d.Cmd == "queue" {
		s.lane.QueueRead(due, d.HasArg("end"), now)
		return
	}
	var next webhook.DueTime
	if in := duration(t, d, "next"); in > 0 {
		next = webhook.DueAt(now.Add(in))
	}
	s.lane.ScheduleRead(due, next, now)
}

func (s *script) change(t *testing.T, d *datadriven.TestData, now time.Time) {
	n := names(d)[0]
	kind := Cancel
	if d.Cmd == "retry" {
		kind = Retry
	}
	if d.Cmd != "changed" {
		c := &Change{Kind: kind, ID: s.id(t, n), Reply: make(chan Answer, 1)}
		s.lane.Request(c)
		return
	}
	var requeued *Entry
	if d.HasArg("requeued") {
		requeued = s.fresh(t, n)
		if recorded := s.entries[n]; recorded != nil && recorded.Next.Now.ID != (webhook.ID{}) {
			requeued.Due.Delivery = recorded.Next.Now.Requeue()
		}
	}
	s.lane.ChangeDone(&Change{ID: s.id(t, n), entry: s.lane.window[s.id(t, n)]}, requeued, d.HasArg("failed"), now)
}

// advance does what the actor does after each message, and writes it down.
func (s *script) advance(now time.Time) {
	l := s.lane
	for _, c := range l.Out.Answered {
		s.say("answer %s: %v", name(c.ID), c.Answer.Err)
	}
	for e := l.Next(now); e != nil; e = l.Next(now) {
		s.entries[name(e.ID())] = e
		s.say("send %s", name(e.ID()))
	}
	for _, e := range l.Out.Settle {
		s.entries[name(e.ID())] = e
		s.say("settle %s as %s, was %s; attempts %d, next %s, reason %q", name(e.ID()), e.Next.Now.Status,
			e.Next.Was.Status, e.Next.Now.Attempts, s.at(e.Next.Now.NextAttemptAt.Time()), e.Next.Now.Reason)
	}
	for _, c := range l.Out.Change {
		s.say("change %s in storage", name(c.ID))
	}
	if l.Out.Disable != "" {
		s.say("disable: %s", l.Out.Disable)
	}
	if l.Out.Release > 0 {
		s.say("release %d bytes", l.Out.Release)
	}
	l.Out = Effects{}
	if state, dirty := l.TakeGate(); dirty {
		s.say("save breaker: open until %s, openings %d", s.at(state.OpenUntil), state.Openings)
	}
	if w := l.Waits(now); w.For != webhook.WaitNone {
		s.say("waits for %s until %s", w.For, s.at(w.Until))
	}
	if from, limit := l.ReadQueue(now); limit > 0 {
		s.say("read queue from %s, limit %d", name(from), limit)
	}
	if from, limit := l.ReadSchedule(now); limit > 0 {
		s.say("read schedule from %s, limit %d", name(from.ID), limit)
	}
	if l.CancelDue() {
		s.say("cancel pending")
	}
	if r, ok := l.Idle(now); ok {
		s.say("rest: wake %s, hold until %s", s.at(r.WakeAt), s.at(r.HoldUntil))
	} else if at := l.WakeAt(now); !at.IsZero() {
		s.say("wake at %s", s.at(at))
	}
}
