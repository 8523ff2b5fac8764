package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// expectation is what the receiver is told of a run before it begins.
type expectation struct {
	Run uint32 `json:"run"`
	// Endpoints is how many there are.
	Endpoints uint64 `json:"endpoints"`
	// FanOut: each event goes to every endpoint. Otherwise the event seq goes to
	// the endpoint seq mod Endpoints alone.
	FanOut bool `json:"fan_out"`
	// Holes is how many endpoints, from 0, take requests and never answer: no delivery
	// of theirs counts.
	Holes uint64 `json:"holes"`
	// Secret is what signatures are checked with, on every SampleEvery-th delivery; "" for none.
	Secret      string `json:"secret"`
	SampleEvery uint64 `json:"sample_every"`
}

// deliveries counts what must arrive of so many events.
func (e expectation) deliveries(events uint64) uint64 {
	if e.FanOut {
		return events * (e.Endpoints - e.Holes)
	}
	rounds, rest := events/e.Endpoints, events%e.Endpoints
	return rounds*(e.Endpoints-e.Holes) + rest - min(rest, e.Holes)
}

// perEvent is how many places in the ledger an event has.
func (e expectation) perEvent() uint64 {
	if e.FanOut {
		return e.Endpoints
	}
	return 1
}

// excused tells whether a place in the ledger is a black hole's.
func (e expectation) excused(n uint64) bool { return n%e.Endpoints < e.Holes }

// tally checks and counts the deliveries of one run. It is safe for concurrent use.
type tally struct {
	expectation
	ledger     ledger
	meter      *meter
	distinct   atomic.Uint64
	duplicates atomic.Uint64
	corrupt    atomic.Uint64
	foreign    atomic.Uint64
	sampled    atomic.Uint64
	unsigned   atomic.Uint64
	firstAt    atomic.Int64 // Unix nanoseconds
	lastAt     atomic.Int64 // Unix nanoseconds
	// seconds counts arrivals in each second since begin; the last one takes all later ones.
	begin   time.Time
	seconds [maxSeconds]atomic.Uint32

	mu sync.Mutex // held while a window is taken
	// windowed is what all windows so far held.
	windowed *hdrhistogram.Histogram
}

// maxSeconds is how long a run can be for its seconds to be told apart.
const maxSeconds = 2 * 60 * 60

func newTally(e expectation) *tally {
	return &tally{expectation: e, meter: newMeter(), begin: time.Now(), windowed: newHistogram()}
}

// counts is how far a run has come.
type counts struct {
	Distinct   uint64 `json:"distinct"`
	Duplicates uint64 `json:"duplicates"`
	// Corrupt are deliveries whose body is not what was published.
	Corrupt uint64 `json:"corrupt"`
	// Foreign are deliveries of another run, or to an endpoint that is not theirs.
	Foreign uint64 `json:"foreign"`
	// Sampled are those whose signatures were checked, Unsigned those that failed it.
	Sampled  uint64    `json:"sampled"`
	Unsigned uint64    `json:"unsigned"`
	FirstAt  time.Time `json:"first_at"`
	LastAt   time.Time `json:"last_at"`
}

func (t *tally) counts() counts {
	return counts{
		Distinct: t.distinct.Load(), Duplicates: t.duplicates.Load(), Corrupt: t.corrupt.Load(),
		Foreign: t.foreign.Load(), Sampled: t.sampled.Load(), Unsigned: t.unsigned.Load(),
		FirstAt: time.Unix(0, t.firstAt.Load()), LastAt: time.Unix(0, t.lastAt.Load()),
	}
}

// receive checks one delivery to an endpoint, from 0. signatures gives the
// headers that sign it; it is called for the sampled deliveries only.
func (t *tally) receive(endpoint uint64, body []byte, now time.Time, signatures func() signatures) {
	s, err := readStamp(body)
	if err != nil {
		t.corrupt.Add(1)
		return
	}
	n, ok := t.place(s, endpoint)
	if !ok {
		t.foreign.Add(1)
		return
	}
	first, err := t.ledger.mark(n)
	if err != nil {
		t.corrupt.Add(1)
		return
	}
	if !first {
		t.duplicates.Add(1)
		return
	}
	if t.Secret != "" && n%t.SampleEvery == 0 {
		t.sampled.Add(1)
		if signatures().verify(t.Secret, body) != nil {
			t.unsigned.Add(1)
		}
	}
	t.meter.record(n, now.Sub(time.Unix(0, s.sent)))
	t.firstAt.CompareAndSwap(0, now.UnixNano())
	t.lastAt.Store(now.UnixNano())
	t.seconds[min(max(int(now.Sub(t.begin)/time.Second), 0), maxSeconds-1)].Add(1)
	t.distinct.Add(1)
}

// window sums up what arrived since it was last called.
func (t *tally) window() latencies {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.meter.merged()
	since := subtract(now, t.windowed)
	t.windowed = now
	return summarise(since)
}

// place gives a delivery's number in the ledger; false if the run has none such.
func (t *tally) place(s stamp, endpoint uint64) (uint64, bool) {
	if s.run != t.Run || endpoint >= t.Endpoints {
		return 0, false
	}
	if t.FanOut {
		return s.seq*t.Endpoints + endpoint, true
	}
	return s.seq, s.seq%t.Endpoints == endpoint
}

// signatures are the headers that sign a delivery.
type signatures struct{ body, id, timestamp, standard string }

var errSignature = errors.New("signature does not match")

// verify computes both signatures anew. It does not use package webhook, so that
// one mistake cannot hide in both places.
func (s signatures) verify(secret string, body []byte) error {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	if s.body != hex.EncodeToString(mac.Sum(nil)) {
		return fmt.Errorf("X-Corp-Astro-Signature: %w", errSignature)
	}
	mac.Reset()
	fmt.Fprintf(mac, "%s.%s.%s", s.id, s.timestamp, body)
	if s.standard != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
		return fmt.Errorf("webhook-signature: %w", errSignature)
	}
	return nil
}
