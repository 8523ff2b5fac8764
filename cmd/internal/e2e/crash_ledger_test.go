package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/valyala/fasthttp"
)

func raw(text []byte) json.RawMessage { return text }

// eventTypeOf returns the type of the event seq. Types differ, so that not every endpoint
// gets every event.
func eventTypeOf(seq uint64) string {
	return []string{"user.created", "user.updated", "report.generated"}[seq%3]
}

// crashLedger records which events were posted and how they were answered. An event's data
// follows from the seed and the event's number, so it keeps only numbers.
type crashLedger struct {
	seed  uint64
	kinds []kind // of the subscribers that the events are for
	least int    // how long the data of each event is at the least

	mu           sync.Mutex
	next         uint64
	acknowledged map[uint64]accepted
}

func newCrashLedger(seed uint64, kinds []kind) *crashLedger {
	return &crashLedger{seed: seed, kinds: kinds, acknowledged: map[uint64]accepted{}}
}

// issue reserves numbers for events that are about to be posted, and returns the first.
func (l *crashLedger) issue(size int) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := l.next
	l.next += uint64(size)
	return first
}

func (l *crashLedger) posted() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next
}

func (l *crashLedger) acknowledge(t *testing.T, seq uint64, a accepted) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acknowledged[seq] = a
	want := 0
	for _, kind := range l.kinds {
		if kind.gets(seq) {
			want++
		}
	}
	if a.Deliveries != want {
		t.Errorf("event %d was acknowledged with %d deliveries, want %d", seq, a.Deliveries, want)
	}
}

// data returns the data of the event seq, in canonical form.
func (l *crashLedger) data(seq uint64) []byte {
	random := rand.New(rand.NewPCG(l.seed, seq+1))
	size := random.IntN(400)
	if random.IntN(100) == 0 {
		size = random.IntN(20_000)
	}
	text := make([]byte, l.least+size)
	for i := range text {
		text[i] = byte('a' + random.IntN(26))
	}
	return fmt.Appendf(nil, `{"seq":%d,"text":"%s"}`, seq, text)
}

// kind is one of the subscribers in the crash test.
type kind struct {
	name     string
	patterns []string
	// failing of 100 attempts are answered with 500; delay is the time until an answer.
	failing int
	delay   time.Duration
}

var fleetKinds = []kind{
	{name: "steady", patterns: []string{"user.*"}},
	{name: "everything", patterns: []string{"*"}},
	{name: "flaky", patterns: []string{"*"}, failing: 20},
	{name: "slow", patterns: []string{"user.created", "report.generated"}, delay: 5 * time.Millisecond},
}

// gets reports whether the subscriber is owed the event seq.
func (k kind) gets(seq uint64) bool {
	switch k.name {
	case "steady":
		return seq%3 != 2
	case "slow":
		return seq%3 != 1
	}
	return true
}

const (
	// crashConcurrency bounds the attempts in flight of each endpoint.
	crashConcurrency = 16
	// crashAttempts is the number of attempts after which a delivery fails.
	crashAttempts = 3
)

// member is a subscriber of the fleet, with the deliveries that it received.
type member struct {
	kind
	id       string
	ledger   *crashLedger
	verifier *standardwebhooks.Webhook
	// beforeAnswer, if any, is called when a delivery has arrived; changed only
	// while nothing is sent.
	beforeAnswer func()

	mu     sync.Mutex
	random *rand.Rand
	// arrived are the deliveries by their id.
	arrived map[string]*arrival
	faults  []string
}

type arrival struct {
	seq      uint64
	tried    int // how often it came
	accepted int // how often it was answered with 200
}

// startFleet registers an endpoint of each kind.
func startFleet(t *testing.T, s *server, l *crashLedger) []*member {
	t.Helper()
	verifier, err := standardwebhooks.NewWebhook(standardSecret)
	if err != nil {
		t.Fatal(err)
	}
	var fleet []*member
	for i, k := range l.kinds {
		m := &member{kind: k, ledger: l, verifier: verifier, random: rand.New(rand.NewPCG(l.seed, uint64(i))), arrived: map[string]*arrival{}}
		sub := startSubscriber(t, m.receive)
		m.id = s.register(t, "fleet", fields{
			"event_types": k.patterns, "target_url": sub.url("/"), "secret": standardSecret, "concurrency": crashConcurrency,
			"retry_policy":    fields{"max_attempts": crashAttempts, "initial_delay_ms": 100, "multiplier": 1, "max_delay_ms": 100},
			"circuit_breaker": fields{"failures": 1000},
		})
		fleet = append(fleet, m)
	}
	return fleet
}

// receive checks a delivery against what was posted, notes it and answers.
func (m *member) receive(ctx *fasthttp.RequestCtx) {
	seq, err := m.check(ctx)
	if m.beforeAnswer != nil {
		m.beforeAnswer()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		m.faults = append(m.faults, err.Error())
		ctx.SetStatusCode(fasthttp.StatusBadRequest)
		return
	}
	id := string(ctx.Request.Header.Peek("X-Corp-Astro-Webhook-ID"))
	a := m.arrived[id]
	if a == nil {
		a = &arrival{seq: seq}
		m.arrived[id] = a
	}
	if a.seq != seq {
		m.faults = append(m.faults, fmt.Sprintf("delivery %s carries event %d, and before it %d", id, seq, a.seq))
	}
	a.tried++
	if m.random.IntN(100) < m.failing {
		ctx.SetStatusCode(fasthttp.StatusInternalServerError)
		return
	}
	a.accepted++
	if m.delay > 0 {
		m.mu.Unlock()
		time.Sleep(m.delay) // this subscriber is slow
		m.mu.Lock()
	}
}

// check returns the number of the event that a delivery carries, and an error if data,
// type, id or signature are not as they must be.
func (m *member) check(ctx *fasthttp.RequestCtx) (uint64, error) {
	body, header := ctx.PostBody(), &ctx.Request.Header
	_, data, _ := bytes.Cut(body, []byte(`"data":`))
	digits, _, _ := bytes.Cut(bytes.TrimPrefix(data, []byte(`{"seq":`)), []byte(","))
	seq, err := strconv.ParseUint(string(digits), 10, 64)
	if err != nil || seq >= m.ledger.posted() || !m.gets(seq) {
		return 0, fmt.Errorf("a foreign body: %.300q", body)
	}
	if string(data) != string(m.ledger.data(seq))+"}" {
		return 0, fmt.Errorf("event %d arrived changed: %.300q", seq, body)
	}
	if got := string(header.Peek("X-Corp-Astro-Event")); got != eventTypeOf(seq) {
		return 0, fmt.Errorf("event %d arrived as %s", seq, got)
	}
	if !bytes.HasPrefix(body, []byte(`{"id":"`+string(header.Peek("X-Corp-Astro-Webhook-ID"))+`",`)) {
		return 0, fmt.Errorf("event %d: the body's id is not the header's", seq)
	}
	signed := map[string][]string{}
	for _, name := range []string{"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"} {
		signed[name] = []string{string(header.Peek(name))}
	}
	if err := m.verifier.VerifyIgnoringTimestamp(body, signed); err != nil {
		return 0, fmt.Errorf("event %d: %w", seq, err)
	}
	return seq, nil
}
