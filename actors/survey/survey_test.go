package survey

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/corpastro/astrohook/webhook"
)

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// idAt returns the ID of a delivery that was accepted so long before noon.
func idAt(n webhook.EndpointNumber, before time.Duration) webhook.ID {
	return webhook.ID{Seq: uint64(noon.Add(-before).UnixMilli()) << 20, Endpoint: n, Nonce: 7}
}

// queued returns the heads of an endpoint whose queue is so old.
func queued(n webhook.EndpointNumber, before time.Duration) *webhook.Wake {
	return &webhook.Wake{Endpoint: n, Queued: idAt(n, before)}
}

// named names every endpoint, by a client of its own.
func named(n webhook.EndpointNumber) (webhook.ID, string, error) {
	return webhook.ID{Seq: 1 << 20, Endpoint: n}, fmt.Sprint("client-", n), nil
}

// rounds has the round under way of each survey under test.
var rounds sync.Map

func roundOf(s *Survey) *Round {
	r, _ := rounds.LoadOrStore(s, s.NewRound())
	return r.(*Round)
}

func (s *Survey) mustEnd(t *testing.T, now time.Time) *Findings {
	t.Helper()
	if err := roundOf(s).End(now, named); err != nil {
		t.Fatal(err)
	}
	return s.Findings()
}

// numbers returns the numbers of the endpoints that are named, in their order.
func (f *Findings) numbers() (n []webhook.EndpointNumber) {
	for _, w := range f.Worst {
		n = append(n, w.Endpoint.Endpoint)
	}
	return n
}

func TestRegistered(t *testing.T) {
	const active, paused, disabled = webhook.EndpointActive, webhook.EndpointPaused, webhook.EndpointDisabled
	s := New(3, noon)
	for _, step := range []struct {
		reason                   string
		n                        webhook.EndpointNumber
		was, is                  webhook.EndpointStatus
		active, paused, disabled int
	}{
		{"the first", 1, "", active, 1, 0, 0},
		{"another", 2, "", paused, 1, 1, 0},
		{"nothing changes", 1, active, active, 1, 1, 0},
		{"paused", 1, active, paused, 0, 2, 0},
		{"its receiver is gone", 1, paused, disabled, 0, 1, 1},
		{"resumed", 2, paused, active, 1, 0, 1},
		{"deleted", 1, disabled, "", 1, 0, 0},
		{"deleted", 2, active, "", 0, 0, 0},
	} {
		s.Registered(step.n, step.was, step.is)
		if a, p, d := s.Webhooks(active), s.Webhooks(paused), s.Webhooks(disabled); a != step.active || p != step.paused || d != step.disabled {
			t.Errorf("%s: %d active, %d paused, %d disabled", step.reason, a, p, d)
		}
	}
	if len(s.held) > 0 {
		t.Error("deleted endpoints are kept:", s.held)
	}
}

// TestRound: oldest heads by status, open breakers and the endpoints that stand out.
func TestRound(t *testing.T) {
	s := New(4, noon)
	if f := s.Findings(); !f.At.Equal(noon) || len(f.Worst) > 0 {
		t.Errorf("before the first round: %+v", f)
	}
	for _, n := range []webhook.EndpointNumber{1, 2, 3, 5, 6, 7} {
		s.Registered(n, "", webhook.EndpointActive)
	}
	s.Registered(4, "", webhook.EndpointPaused)
	open := webhook.GateState{OpenUntil: noon.Add(time.Minute), Openings: 2}
	retrying := &webhook.Wake{Endpoint: 3, Queued: idAt(3, time.Hour), Scheduled: webhook.Slot{ID: idAt(3, 2*time.Hour)}, Gate: open}
	paused := queued(4, 48*time.Hour)
	paused.Gate = open
	for _, see := range []struct {
		wake    *webhook.Wake
		pending int64
	}{
		{queued(1, time.Second), 1_000_000}, // at work: it has much, and nothing old
		{queued(2, 3*time.Minute), 9},
		{retrying, 5},
		{paused, 2},
		{queued(5, 61*time.Second), 7000},
		{&webhook.Wake{Endpoint: 6, Scheduled: webhook.Slot{ID: idAt(6, 5*time.Minute)}}, 1},
		{queued(7, 59*time.Second), 100},
	} {
		roundOf(s).Look(see.wake, see.pending)
	}
	f := s.mustEnd(t, noon)
	if f.BreakersOpen != 1 {
		t.Error(f.BreakersOpen, "breakers are open: the one of the paused endpoint holds nothing back")
	}
	for status, want := range map[webhook.EndpointStatus]time.Duration{webhook.EndpointActive: 2 * time.Hour, webhook.EndpointPaused: 48 * time.Hour} {
		if got := noon.Sub(f.Oldest[status]); got != want {
			t.Errorf("the oldest of those that are %s is %s old, want %s", status, got, want)
		}
	}
	if _, there := f.Oldest[webhook.EndpointDisabled]; there {
		t.Error("an age without a delivery")
	}
	if got, want := f.numbers(), []webhook.EndpointNumber{4, 5, 3, 2}; !slices.Equal(got, want) {
		t.Errorf("named are %v, want %v: in turn the oldest and the largest backlog, and nobody below a minute", got, want)
	}
	want := webhook.Summary{
		Endpoint: webhook.ID{Seq: 1 << 20, Endpoint: 3}, ClientID: "client-3", Status: webhook.EndpointActive,
		Pending: 5, OldestAt: noon.Add(-2 * time.Hour), OpenUntil: open.OpenUntil,
	}
	if got := f.Worst[2]; got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if f = s.mustEnd(t, noon.Add(time.Second)); len(f.Worst) > 0 || f.BreakersOpen > 0 || len(f.Oldest) > 0 {
		t.Errorf("a round that saw nothing: %+v", f)
	}
}

// TestBrokenRound: a read failed in the middle of a round, and the next round begins again.
func TestBrokenRound(t *testing.T) {
	s := New(4, noon)
	for _, n := range []webhook.EndpointNumber{1, 2, 1, 2, 3} {
		roundOf(s).Look(queued(n, time.Hour), 1)
	}
	if got := s.mustEnd(t, noon).numbers(); !slices.Equal(got, []webhook.EndpointNumber{1, 2, 3}) {
		t.Errorf("named are %v", got)
	}
}

// TestFailing: endpoints whose attempts fail are named, pending or not, the largest part
// first; a single failure is no reason, and after an hour it is forgotten.
func TestFailing(t *testing.T) {
	s := New(5, noon)
	for n, tally := range []webhook.Tally{
		1: {Successes: 0, Failures: 1},
		2: {Successes: 50, Failures: 50},
		3: {Successes: 0, Failures: 40},
		4: {Successes: 100_000, Failures: 900},
		5: {Successes: 0, Failures: 6},
	} {
		if n > 0 {
			s.Attempted(webhook.EndpointNumber(n), tally, noon)
		}
	}
	roundOf(s).Look(queued(2, time.Second), 12)
	f := s.mustEnd(t, noon)
	if got, want := f.numbers(), []webhook.EndpointNumber{3, 2, 5}; !slices.Equal(got, want) {
		t.Fatalf("named are %v, want %v", got, want)
	}
	if two := f.Worst[1]; two.Pending != 12 || two.Attempts.FailureRatio() != 0.5 || !two.OldestAt.Equal(noon.Add(-time.Second)) {
		t.Errorf("%+v", two)
	}
	s.Forget(3)
	s.Registered(5, webhook.EndpointActive, "")
	s.Attempted(2, webhook.Tally{Successes: 5, Failures: 95}, noon.Add(30*time.Minute))
	later := noon.Add(time.Hour)
	if got := s.mustEnd(t, later).numbers(); !slices.Equal(got, []webhook.EndpointNumber{2}) {
		t.Errorf("named are %v after another receiver, a deletion and an hour", got)
	}
	if len(s.failing) != 1 {
		t.Error(len(s.failing), "are kept")
	}
}

// TestFailingIsBounded: beyond the bound further endpoints are left out, and known ones stay
// up to date.
func TestFailingIsBounded(t *testing.T) {
	s := New(2, noon)
	for n := range webhook.EndpointNumber(maxFailing + 10) {
		s.Attempted(n+1, webhook.Tally{Failures: 5}, noon)
	}
	s.Attempted(1, webhook.Tally{Failures: 500}, noon)
	if len(s.failing) != maxFailing || s.failing[1].Failures != 500 {
		t.Errorf("%d are kept, the first with %d failures", len(s.failing), s.failing[1].Failures)
	}
}

// TestNames: a name is asked for once, one that is not found is left out, and an error is
// returned without keeping the others from being shown.
func TestNames(t *testing.T) {
	s := New(4, noon)
	broken := errors.New("the disk does not answer")
	var asked []webhook.EndpointNumber
	name := func(n webhook.EndpointNumber) (webhook.ID, string, error) {
		asked = append(asked, n)
		switch n {
		case 2:
			return webhook.ID{}, "", webhook.ErrNotFound
		case 3:
			return webhook.ID{}, "", broken
		}
		return named(n)
	}
	round := func() error {
		for n := range webhook.EndpointNumber(4) {
			roundOf(s).Look(queued(n+1, time.Hour), int64(n))
		}
		asked = nil
		return roundOf(s).End(noon, name)
	}
	if err := round(); !errors.Is(err, broken) || len(asked) != 4 {
		t.Errorf("%v, asked %v", err, asked)
	}
	if got := s.Findings().numbers(); len(got) != 2 {
		t.Errorf("named are %v", got)
	}
	if err := round(); !errors.Is(err, broken) || len(asked) != 2 {
		t.Errorf("%v, asked %v: want those without a name", err, asked)
	}
}

// TestRanking compares the few that are kept with those that sorting everything finds.
func TestRanking(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		most, count := chance.IntN(6), chance.IntN(40)
		r := ranking{most: most}
		var all []sight
		for _, n := range chance.Perm(count) {
			s := sight{webhook.EndpointNumber(n), webhook.Summary{Pending: int64(chance.IntN(10))}}
			all = append(all, s)
			r.put(float64(s.Pending), &s)
		}
		slices.SortFunc(all, func(a, b sight) int {
			return cmp.Or(cmp.Compare(b.Pending, a.Pending), cmp.Compare(a.number, b.number))
		})
		if want := all[:min(most, count)]; !slices.Equal(r.best, want) {
			t.Fatalf("most %d: %v, want %v", most, r.best, want)
		}
	}
}

// TestSeries: every figure, and no more series than were asked for however many endpoints
// are behind.
func TestSeries(t *testing.T) {
	s := New(2, noon)
	for n := range webhook.EndpointNumber(1000) {
		s.Registered(n+1, "", webhook.EndpointActive)
		w := queued(n+1, time.Hour)
		w.Gate.OpenUntil = noon.Add(-time.Second) // half-open
		s.Attempted(n+1, webhook.Tally{Successes: 10, Failures: 30}, noon)
		roundOf(s).Look(w, int64(n))
	}
	s.mustEnd(t, time.Now().Add(time.Hour)) // the clock is set back after that
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(s)
	for name, want := range map[string]int{
		"astrohook_webhooks": 3, "astrohook_oldest_pending_age_seconds": 3, "astrohook_breakers_open": 1,
		"astrohook_webhook_deliveries_pending": 2, "astrohook_webhook_oldest_pending_age_seconds": 2,
	} {
		if got, err := testutil.GatherAndCount(r, name); err != nil || got != want {
			t.Errorf("%d series of %s, want %d; %v", got, name, want, err)
		}
	}
	if err := testutil.GatherAndCompare(r, strings.NewReader(`
# HELP astrohook_breakers_open Active webhooks with pending deliveries whose breaker is open or half-open.
# TYPE astrohook_breakers_open gauge
astrohook_breakers_open 1000
# HELP astrohook_webhook_breaker_open 1 if the breaker of a webhook that stands out is open or half-open, else 0.
# TYPE astrohook_webhook_breaker_open gauge
astrohook_webhook_breaker_open{client_id="client-1",webhook_id="wh_0000000020000000000g000000"} 1
astrohook_webhook_breaker_open{client_id="client-1000",webhook_id="wh_00000000200000000fm0000000"} 1
# HELP astrohook_webhook_failure_ratio Part of the attempts of the last hour that failed, 0 to 1, of a webhook that stands out.
# TYPE astrohook_webhook_failure_ratio gauge
astrohook_webhook_failure_ratio{client_id="client-1",webhook_id="wh_0000000020000000000g000000"} 0.75
astrohook_webhook_failure_ratio{client_id="client-1000",webhook_id="wh_00000000200000000fm0000000"} 0.75
# HELP astrohook_watchdog_age_seconds Time since the watchdog last finished a look at all webhooks with pending deliveries; what it saw is that old.
# TYPE astrohook_watchdog_age_seconds gauge
astrohook_watchdog_age_seconds 0
`), "astrohook_breakers_open", "astrohook_webhook_breaker_open", "astrohook_webhook_failure_ratio", "astrohook_watchdog_age_seconds"); err != nil {
		t.Error(err)
	}
}
