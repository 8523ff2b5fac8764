package actors

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
// the lane wants done then. `go test ./actors -run TestLane -rewrite` writes the
// answers anew; read the difference before you commit it.
func TestLane(t *testing.T) {
	scripts, err := filepath.Glob("testdata/lane/*.txt")
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
	lane    *lane
	start   time.Time
	e       webhook.Endpoint
	entries map[string]*entry
	out     strings.Builder
}

func newScript() *script {
	remembered := newMemory()
	return &script{
		lane: newLane(&remembered), start: time.Now(), entries: make(map[string]*entry),
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
	case at.Equal(never):
		return "never"
	}
	return "+" + at.Sub(s.start).String()
}

func (s *script) say(format string, args ...any) { fmt.Fprintf(&s.out, format+"\n", args...) }

func (s *script) fresh(t *testing.T, name string) *entry {
	d := webhook.Delivery{ID: s.id(t, name), EventType: "t", Status: webhook.Queued}
	return &entry{due: webhook.Due{Delivery: d, Data: []byte("{}")}, charged: 2}
}

// names gives the deliveries that a command names without a key.
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

// run carries one command out and gives what the lane wanted after it.
func (s *script) run(t *testing.T, d *datadriven.TestData) string {
	s.out.Reset()
	now := time.Now()
	switch d.Cmd {
	case "endpoint":
		s.configure(t, d, now)
	case "offer":
		for _, n := range names(d) {
			e := s.fresh(t, n)
			e.byHand, e.test = d.HasArg("test"), d.HasArg("test")
			s.lane.offer(e, now)
		}
	case "missed":
		s.lane.missed(s.id(t, names(d)[0]))
		if d.HasArg("byhand") {
			s.lane.wish(now)
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
		s.lane.readFailed(d.HasArg("schedule"), now)
	case "retry", "cancel", "changed":
		s.change(t, d, now)
	case "cancelled":
		s.lane.cancelDone(number(t, d, "n", 0))
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
	s.lane.configure(&s.e, settings, saved, now)
}

func (s *script) end(t *testing.T, d *datadriven.TestData, now time.Time) {
	for _, n := range names(d) {
		e := s.entries[n]
		if e == nil || (e.state == entryInFlight) == (d.Cmd == "settled") {
			t.Fatalf("%s: %s is not in that state", d.Pos, n)
		}
		switch d.Cmd {
		case "panic":
			s.lane.panicked(e, now)
		case "settled":
			s.lane.settled(e)
		default:
			a := webhook.Attempt{At: now, StatusCode: number(t, d, "status", 0), RetryAfter: duration(t, d, "after")}
			if a.StatusCode == 0 {
				a.Failure = webhook.ReasonTimeout
			}
			s.lane.attempted(e, a, 0, now)
		}
	}
}

func (s *script) read(t *testing.T, d *datadriven.TestData, now time.Time) {
	var due []*entry
	for _, n := range names(d) {
		e := s.fresh(t, n)
		switch recorded := s.entries[n]; {
		case d.Cmd == "schedule" && recorded != nil:
			e.due.Delivery = recorded.next.Now
		case d.Cmd == "schedule": // tried before the script began
			e.due.Delivery.Status, e.due.Delivery.NextAttemptAt, e.due.Delivery.Attempts = webhook.Retrying, webhook.DueAt(now), 1
		}
		if d.HasArg("empty") {
			e.due.Data = nil
		}
		e.due.Delivery.Attempts += number(t, d, "attempts", 0) // requeued after so many
		due = append(due, e)
	}
	if d.Cmd == "queue" {
		s.lane.queueRead(due, d.HasArg("end"), now)
		return
	}
	var next webhook.DueTime
	if in := duration(t, d, "next"); in > 0 {
		next = webhook.DueAt(now.Add(in))
	}
	s.lane.scheduleRead(due, next, now)
}

func (s *script) change(t *testing.T, d *datadriven.TestData, now time.Time) {
	n := names(d)[0]
	kind := changeCancel
	if d.Cmd == "retry" {
		kind = changeRetry
	}
	if d.Cmd != "changed" {
		c := &change{kind: kind, id: s.id(t, n), reply: make(chan changed, 1)}
		s.lane.request(c)
		s.answer(n, c)
		return
	}
	var requeued *entry
	if d.HasArg("requeued") {
		requeued = s.fresh(t, n)
		if recorded := s.entries[n]; recorded != nil && recorded.next.Now.ID != (webhook.ID{}) {
			requeued.due.Delivery = recorded.next.Now.Requeue()
		}
	}
	s.lane.carriedOut(&change{id: s.id(t, n), entry: s.lane.window[s.id(t, n)]}, requeued, d.HasArg("failed"), now)
}

func (s *script) answer(n string, c *change) {
	select {
	case answer := <-c.reply:
		s.say("answer %s: %v", n, answer.err)
	default:
	}
}

// advance does what the actor does after each message, and writes it down.
func (s *script) advance(now time.Time) {
	l := s.lane
	for e := l.next(now); e != nil; e = l.next(now) {
		s.entries[name(e.id())] = e
		s.say("send %s", name(e.id()))
	}
	for _, e := range l.out.settle {
		s.entries[name(e.id())] = e
		s.say("settle %s as %s, was %s; attempts %d, next %s, reason %q", name(e.id()), e.next.Now.Status,
			e.next.Was.Status, e.next.Now.Attempts, s.at(e.next.Now.NextAttemptAt.Time()), e.next.Now.Reason)
	}
	for _, c := range l.out.change {
		s.say("change %s in storage", name(c.id))
	}
	if l.out.disable != "" {
		s.say("disable: %s", l.out.disable)
	}
	if l.out.release > 0 {
		s.say("release %d bytes", l.out.release)
	}
	l.out = effects{}
	if l.configured {
		if state, dirty := l.gate.takeDirty(); dirty {
			s.say("save breaker: open until %s, openings %d", s.at(state.OpenUntil), state.Openings)
		}
	}
	if w := l.waits(now); w.For != webhook.WaitNone {
		s.say("waits for %s until %s", w.For, s.at(w.Until))
	}
	if from, limit := l.readQueue(now); limit > 0 {
		s.say("read queue from %s, limit %d", name(from), limit)
	}
	if from, limit := l.readSchedule(now); limit > 0 {
		s.say("read schedule from %s, limit %d", name(from.ID), limit)
	}
	if l.cancelDue() {
		s.say("cancel pending")
	}
	if r, ok := l.resting(now, restWhile); ok {
		s.say("rest: wake %s, hold until %s", s.at(r.WakeAt), s.at(r.HoldUntil))
	} else if at := l.wakeAt(now); !at.IsZero() {
		s.say("wake at %s", s.at(at))
	}
}
