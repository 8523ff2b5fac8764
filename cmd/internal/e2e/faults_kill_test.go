//go:build faults

package e2e

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/webhook"
)

// killPoints are the system calls at whose entry the server is killed under load, before
// the call takes effect. The number of calls before the kill is random, and may be more
// than the server makes.
var killPoints = map[string]struct {
	call string
	most int // calls of one thread before the kill, at most
}{
	"before a commit is written":                              {"pwrite64", 120},
	"before a commit is on disk":                              {"fdatasync", 60},
	"before a 202, an attempt or what else is sent":           {"write", 300},
	"before an answer of a receiver, or a request, is read":   {"read", 500},
	"between making a log file and giving it its size":        {"ftruncate", 2},
	"before a file is removed, or an idle connection is shut": {"unlinkat,close", 30},
	"before a file or a socket is opened":                     {"openat,socket", 20},
}

// TestFaultKill kills the server at system calls under load, and at random.
func TestFaultKill(t *testing.T) {
	rounds := faults(t, 4, 34)
	c := startTrial(t)
	random := rand.New(rand.NewPCG(c.ledger.seed, 1))
	reached := map[string]int{}
	for range rounds {
		for _, name := range slices.Sorted(maps.Keys(killPoints)) {
			point := killPoints[name]
			c.kill()
			c.wrap = under(t, fmt.Sprintf("%s:signal=KILL:when=%d+", point.call, 1+random.IntN(point.most)))
			c.start(t)
			c.kills++
			if c.readyOrEnded(t) {
				reached[name]++
				continue
			}
			c.publishUpTo(t, 1+random.Uint64N(4000))
			if c.awaitEnd(100 * time.Millisecond) {
				reached[name]++
			}
		}
	}
	c.kill()
	t.Logf("%d kills, of these at a system call: %v", c.kills, reached)
	for name := range killPoints {
		if reached[name] == 0 {
			t.Errorf("no round reached the kill %s", name)
		}
	}
	c.again(t)
	c.audit(t)
}

// publishUpTo publishes the given number of events, or fewer if the server ends.
func (c *trial) publishUpTo(t *testing.T, events uint64) {
	var publishers sync.WaitGroup
	until := c.ledger.posted() + events
	for i := range singlePublishers {
		publishers.Go(func() {
			answered := true
			for answered && c.ledger.posted() < until {
				answered = c.publisher.post(t, 1+i%2*(crashBatch-1))
			}
		})
	}
	publishers.Wait()
}

// fanOut endpoints get each event: their deliveries take three transactions.
const fanOut = 2*webhook.MaxFanOut + 1000

// TestFaultKillMidFanOut kills the server while one event is stored for, and goes
// out to, more endpoints than a transaction has deliveries. Each event reaches all
// of them or, unacknowledged, none.
func TestFaultKillMidFanOut(t *testing.T) {
	rounds := faults(t, 2, 10)
	s := startServer(t, fmt.Sprintf("ASTROHOOK_CLIENT_MAX_WEBHOOKS=%d", fanOut), fmt.Sprintf("ASTROHOOK_CLIENT_MAX_PATTERNS=%d", fanOut))
	f := &fan{arrived: map[string]map[string]int{}}
	sub := startSubscriber(t, f.receive)
	registerFan(t, s, sub)
	acknowledged := map[string]bool{}
	for round := range rounds {
		want := rand.IntN(fanOut)
		if round%2 == 1 {
			want = 0 // before or around the commit
		}
		published := make(chan accepted, 1)
		go func() {
			got, err := s.publish("user.created", fmt.Appendf(nil, `{"n":%d}`, round))
			if err != nil {
				got = accepted{}
			}
			published <- got
		}()
		f.awaitMore(t, want)
		s.kill()
		if got := <-published; got.ID != "" {
			acknowledged[fmt.Sprint(round)] = true
			if got.Deliveries != fanOut {
				t.Errorf("acknowledged with %d deliveries", got.Deliveries)
			}
		}
		s.start(t)
		s.awaitReady(t)
		f.awaitWhole(t)
	}
	f.audit(t, acknowledged, rounds)
}

// registerFan registers the endpoints, each with a path of its own.
func registerFan(t *testing.T, s *server, sub *subscriber) {
	t.Helper()
	var callers sync.WaitGroup
	for caller := range 40 {
		callers.Go(func() {
			for i := caller; i < fanOut; i += 40 {
				spec := fields{"event_type": "user.created", "target_url": sub.url(fmt.Sprint("/", i)), "secret": standardSecret, "concurrency": 1}
				if err := s.try("POST", "/api/webhooks?client_id=fan", spec, nil); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	callers.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// fan counts what arrives: by the event's number and the endpoint's path.
type fan struct {
	mu      sync.Mutex
	arrived map[string]map[string]int
	total   int
}

func (f *fan) receive(ctx *fasthttp.RequestCtx) {
	_, event, _ := bytes.Cut(ctx.PostBody(), []byte(`"data":{"n":`))
	f.mu.Lock()
	defer f.mu.Unlock()
	n := string(bytes.TrimSuffix(event, []byte("}}")))
	if f.arrived[n] == nil {
		f.arrived[n] = map[string]int{}
	}
	f.arrived[n][string(ctx.Path())]++
	f.total++
}

func (f *fan) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.total
}

// awaitMore waits until so many more have arrived.
func (f *fan) awaitMore(t *testing.T, more int) {
	t.Helper()
	want := f.count() + more
	await(t, "deliveries to arrive", func() error {
		if n := f.count(); n < want {
			return fmt.Errorf("%d, want %d", n, want)
		}
		return nil
	})
}

// awaitWhole waits until each event has arrived everywhere, or nowhere.
func (f *fan) awaitWhole(t *testing.T) {
	t.Helper()
	awaitFor(t, 2*patience, "the rest of the fan-out", func() error {
		f.mu.Lock()
		defer f.mu.Unlock()
		for n, paths := range f.arrived {
			if len(paths) != fanOut {
				return fmt.Errorf("event %s has reached %d endpoints", n, len(paths))
			}
		}
		return nil
	})
}

// audit finds each acknowledged event at every endpoint. Of each endpoint one
// attempt can have been in flight, and two outcomes unsettled, at each kill.
func (f *fan) audit(t *testing.T, acknowledged map[string]bool, kills int) {
	t.Helper()
	for n := range acknowledged {
		if got := len(f.arrived[n]); got != fanOut {
			t.Errorf("event %s was acknowledged and reached %d endpoints", n, got)
		}
	}
	duplicates := 0
	for n, paths := range f.arrived {
		for path, times := range paths {
			duplicates += times - 1
			if times > 1+kills*(1+maxUnsettled) {
				t.Errorf("event %s arrived %d times at %s", n, times, path)
			}
		}
	}
	t.Logf("%d kills, %d events acknowledged, %d arrived, %d duplicates of %d deliveries",
		kills, len(acknowledged), len(f.arrived), duplicates, f.total)
}
