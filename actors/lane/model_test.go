package lane

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// modelSeeds is how many random scripts a run plays; ASTROHOOK_MODEL_SEEDS asks for another number.
func modelSeeds() uint64 {
	if n, err := strconv.ParseUint(os.Getenv("ASTROHOOK_MODEL_SEEDS"), 10, 64); err == nil {
		return n
	}
	if raceEnabled {
		return 60
	}
	return 300
}

// TestLaneAgainstModel plays random scripts against a lane and a model of
// storage. Several nodes, whose clocks differ, accept events, and their commits become
// visible in any order. Offers are lost, doubled and reordered, messages come late, reads
// show what was, actors panic and rest: still no delivery is forgotten, none is sent that
// has finished, none twice at a time, and all memory is given back.
func TestLaneAgainstModel(t *testing.T) {
	reached := make(map[string]int)
	for seed := range modelSeeds() {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newModel(t, seed)
				w.reached = reached
				for range 600 {
					w.step()
				}
				w.finish()
			})
		})
	}
	// The scripts are worth something only if they get everywhere.
	for _, event := range []string{
		"sent", "read overtaken", "offered during a read", "new and in doubt", "new behind a read", "settled and known", "settled and in doubt",
		"lost offer found", "lost offer found at rest", "missed by several", "unknown outcome", "breaker open", "rest", "rest held",
		"crash", "panic", "410", "deleted", "conflict", "requeued", "read failed", "shown while changing",
		"probe", "breaker closed", "message refused", "passed the gate", "test during a pause", "wish", "another receiver", "resumed", "taken over", "one millisecond",
	} {
		if reached[event] == 0 {
			t.Errorf("no script came to %q", event)
		}
	}
	t.Log(reached)
}

// model drives one endpoint's lanes as the actor and the supervisor do. Whatever
// is under way waits in one of its lists, and comes in an order of chance.
type model struct {
	t       *testing.T
	random  *rand.Rand
	store   *modelStore
	reached map[string]int

	lane     *Lane // nil while it rests
	rest     Idle
	memory   Memory
	endpoint webhook.Endpoint
	revision uint64 // that the lane knows
	settings webhook.Settings

	skews   [3]time.Duration    // of the clocks of the nodes that accept events
	nodes   int                 // how many of them do
	offers  []modelHint         // those that were made, for doubling
	losses  int                 // one offer of so many never comes
	lost    map[webhook.ID]bool // these
	hints   []modelHint         // from the supervisor to the mailbox, in any order
	mailbox []modelMail         // to the lane, in order
	early   []func()            // kept until the lane is configured
	unseen  int                 // of them from the supervisor
	marked  webhook.ID          // one of them is about missed deliveries, from this one on; zero if none is
	work    []func()            // reads and changes, in any order
	flying  []*Entry
	sent    map[webhook.ID]int // attempts made
	held    int                // bytes charged and not given back
	retryAt time.Time
	peak    int // the largest capacity so far
	seq     uint64
	quiet   bool // little is disturbed
	calm    bool // the script is over: nothing fails any more
	story   []string
}

// modelHint is a message on its way through the supervisor; of is the delivery that it offers.
type modelHint struct {
	of     webhook.ID
	byHand bool // it starts a lane in any case
	pass   func()
}

type modelMail struct {
	hint bool
	read func()
}

func newModel(t *testing.T, seed uint64) *model {
	random := rand.New(rand.NewPCG(seed, 99))
	m := &model{
		t: t, random: random, store: newModelStore(), memory: NewMemory(),
		endpoint: webhook.Endpoint{ID: webhook.ID{Endpoint: 1}, Status: webhook.EndpointActive, Revision: 1},
		sent:     make(map[webhook.ID]int), lost: make(map[webhook.ID]bool), nodes: 1 + random.IntN(3), quiet: seed%3 == 0, losses: 2 + random.IntN(12),
	}
	for i := range m.skews {
		m.skews[i] = time.Duration(random.IntN(8000)) * time.Millisecond
	}
	m.settings = m.anySettings()
	m.start()
	return m
}

func (m *model) anySettings() webhook.Settings {
	s := webhook.DefaultSettings()
	s.Concurrency = 1 + m.random.IntN(12)
	s.Retry = webhook.RetryPolicy{
		MaxAttempts: 1 + m.random.IntN(5), Initial: time.Duration(1+m.random.IntN(80)) * 100 * time.Millisecond,
		Multiplier: 1.5, MaxDelay: time.Minute,
	}
	s.Breaker = webhook.BreakerPolicy{Failures: 2 + m.random.IntN(6), Open: 10 * time.Second, MaxOpen: time.Minute}
	if m.random.IntN(3) == 0 {
		s.Rate, s.Burst = float64(1+m.random.IntN(20)), 1+m.random.IntN(3)
	}
	return s
}

// start makes a lane. It gets to know its endpoint later.
func (m *model) start() {
	m.lane, m.rest = New(&m.memory), Idle{}
	m.mailbox, m.early, m.unseen, m.marked, m.retryAt, m.peak = nil, nil, 0, webhook.ID{}, time.Time{}, 0
	m.background(func() func() {
		e, s, g := m.endpoint, m.settings, m.store.gate
		return func() {
			m.revision = e.Revision
			m.lane.Configure(&e, s, g, time.Now())
			early := m.early
			m.early = nil
			for _, read := range early {
				read()
			}
		}
	})
}

// background does work at some time, and hands its result to the lane at some later time.
func (m *model) background(work func() (tell func())) {
	of := m.lane
	m.work = append(m.work, func() {
		tell := work()
		m.work = append(m.work, func() { m.mail(of, tell) })
	})
}

// mail puts a message to a lane into its mailbox, unless the lane is gone.
func (m *model) mail(to *Lane, read func()) {
	if m.lane == to {
		m.mailbox = append(m.mailbox, modelMail{read: read})
	}
}

// hint passes a supervisor's message on, as it would: it starts a lane, unless there
// is reason to wait and nobody asked by hand.
func (m *model) hint(byHand bool, read func()) {
	if m.lane == nil {
		if hold := m.rest.HoldUntil; hold.After(time.Now()) && !byHand {
			if hold.Before(Never) && (m.rest.WakeAt.IsZero() || hold.Before(m.rest.WakeAt)) {
				m.rest.WakeAt = hold
			}
			return
		}
		m.start()
	}
	m.unseen++
	m.mailbox = append(m.mailbox, modelMail{hint: true, read: read})
}

func (m *model) charge(n int) int {
	m.held += n
	return n
}

// entryOf makes an entry of what a read gave.
func (m *model) entryOf(d webhook.Delivery) *Entry {
	return &Entry{Due: webhook.Due{Delivery: d, Data: []byte("{}")}, Charged: m.charge(2)}
}

// step lets one thing happen.
func (m *model) step() {
	now := time.Now()
	m.checkCalm(now)
	switch pick := m.random.IntN(100); {
	case pick < 12:
		m.publish()
	case pick < 28:
		m.handOn()
	case pick < 45:
		m.readMail()
	case pick < 57:
		m.commit()
	case pick < 70:
		m.doWork()
	case pick < 84:
		m.endAttempt(now)
	case pick < 87:
		m.ask()
	case pick < 88:
		m.double()
	case pick < 96:
		time.Sleep(time.Duration(m.random.IntN(4000)) * time.Millisecond)
	case !m.quiet || m.random.IntN(12) == 0:
		m.disturb()
	}
	m.advance()
}

// publish stores deliveries, or a test, on one of the nodes; the endpoint's node hears of
// each after its commit, late, twice, or not at all.
func (m *model) publish() {
	test, count := m.random.IntN(6) == 0, 1
	if !test {
		count += m.random.IntN(8)
	}
	skew := m.skews[m.random.IntN(m.nodes)]
	for range count {
		m.seq++
		id := webhook.ID{Seq: webhook.SeqAt(time.Now().Add(skew)) + m.seq, Endpoint: 1}
		fresh := webhook.Delivery{ID: id, EventType: "t", Status: webhook.Queued}
		fit := m.random.IntN(10) > 0
		offer := modelHint{id, test, func() { m.offer(fresh, fit, test) }}
		m.store.accept(modelWrite{
			id: id, apply: func(webhook.Delivery) webhook.Delivery { return fresh },
			done: func(webhook.Delivery) {
				if m.lost[id] = m.random.IntN(m.losses) == 0; !m.lost[id] {
					m.hints, m.offers = append(m.hints, offer), append(m.offers, offer)
				}
			},
		})
	}
}

// double passes on an offer once more, at any later time.
func (m *model) double() {
	if len(m.offers) > 0 {
		m.hints = append(m.hints, m.offers[m.random.IntN(len(m.offers))])
	}
}

func (m *model) offer(d webhook.Delivery, fit, test bool) {
	switch {
	case fit:
		m.hint(test, func() {
			m.tell("offer %s, test %v", name(d.ID), test)
			switch l := m.lane; {
			case l.window[d.ID] != nil:
			case m.store.promised[d.ID].Status == webhook.Queued && l.dealt.mayHave(d.ID):
				m.note("new and in doubt")
			case m.store.promised[d.ID].Status == webhook.Queued && d.ID.Compare(l.queue.from) < 0:
				m.note("new behind a read")
			case l.dealt.has(d.ID):
				m.note("settled and known")
			case l.dealt.mayHave(d.ID):
				m.note("settled and in doubt")
			}
			e := m.entryOf(d)
			e.ByHand, e.Test = test, test
			m.lane.Offer(e, time.Now())
		})
	case m.marked == webhook.ID{} || m.lane == nil || d.ID.Compare(m.marked) < 0:
		if m.marked != (webhook.ID{}) && m.lane != nil {
			m.note("missed by several")
		}
		m.hint(test, func() {
			m.marked = webhook.ID{}
			m.lane.NotOffered(d.ID)
		})
		if m.lane != nil {
			m.marked = d.ID
		}
	}
}

func (m *model) handOn() {
	if len(m.hints) > 0 {
		i := m.random.IntN(min(len(m.hints), 6))
		hint := m.hints[i]
		m.hints = append(m.hints[:i], m.hints[i+1:]...)
		hint.pass()
	}
}

func (m *model) readMail() {
	if len(m.mailbox) == 0 {
		return
	}
	mail := m.mailbox[0]
	m.mailbox = m.mailbox[1:]
	if mail.hint {
		m.unseen--
	}
	mail.read()
}

// commit commits the oldest write of the endpoint's own node, or any event of any node.
func (m *model) commit() {
	if n := len(m.store.accepts); n > 0 && (len(m.store.writes) == 0 || m.random.IntN(2) == 0) {
		m.store.commitAccept(m.random.IntN(n))
	} else if len(m.store.writes) > 0 {
		m.store.commit()
	}
}

func (m *model) doWork() {
	if len(m.work) > 0 {
		i := m.random.IntN(len(m.work))
		work := m.work[i]
		m.work = append(m.work[:i], m.work[i+1:]...)
		work()
	}
}

func (m *model) note(event string) { m.reached[event]++ }

// tell adds a line to the story, the last part of which a failure shows.
func (m *model) tell(format string, args ...any) {
	m.story = append(m.story, fmt.Sprintf(format, args...))
	m.story = m.story[max(0, len(m.story)-250):]
}

func (m *model) fail(format string, args ...any) {
	m.t.Helper()
	m.t.Fatalf(format+"\n%s", append(args, strings.Join(m.story, "\n"))...)
}

// land ends an attempt.
func (m *model) endAttempt(now time.Time) {
	if len(m.flying) == 0 || !m.lane.configured {
		return
	}
	i := m.random.IntN(len(m.flying))
	e := m.flying[i]
	m.flying = append(m.flying[:i], m.flying[i+1:]...)
	// Attempts end at different nanoseconds of one millisecond.
	a := webhook.Attempt{At: now, StatusCode: 200, Duration: time.Duration(m.random.IntN(1e6))}
	if !m.calm {
		switch m.random.IntN(13) {
		case 0, 1, 2:
			a.StatusCode = 500
		case 3:
			a.StatusCode, a.Failure = 0, webhook.ReasonTimeout
		case 4:
			a.StatusCode, a.RetryAfter = 503, time.Duration(m.random.IntN(20))*time.Second
		case 5:
			if m.random.IntN(10) == 0 {
				a.StatusCode = 410
				m.note("410")
			}
		case 6:
			m.note("message refused")
			a.StatusCode = 422
		case 7:
			m.note("panic")
			m.lane.Panicked(e, now)
			return
		}
	}
	m.sent[e.ID()]++
	openings := m.lane.gate.state.Openings
	m.lane.Attempted(e, a, 0, now)
	if openings > 0 && m.lane.gate.state.Openings == 0 {
		m.note("breaker closed")
	}
}
