package survey

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/corpastro/astrohook/webhook"
)

// TestRanked: each order has its endpoints, the worst one first, also those that do not stand
// out. They are bounded and not named; of equal ones the smallest number comes first.
func TestRanked(t *testing.T) {
	const count = webhook.MaxWorst + 5
	s := New(0, noon)
	for n := range webhook.EndpointNumber(count) {
		s.Attempted(n+1, webhook.Tally{Successes: int64(n), Failures: 1}, noon)
		roundOf(s).Look(queued(n+1, time.Duration(n)*time.Millisecond), int64(n/2))
	}
	f := s.mustEnd(t, noon)
	if len(f.Worst) > 0 {
		t.Errorf("%d are named, where none may be", len(f.Worst))
	}
	numbers := func(by webhook.Order) (list []webhook.EndpointNumber) {
		for _, w := range f.Ranked[by] {
			if w.Endpoint != (webhook.ID{Endpoint: w.Endpoint.Endpoint}) || w.ClientID != "" {
				t.Errorf("by %s: %+v has a name", by, w)
			}
			list = append(list, w.Endpoint.Endpoint)
		}
		return list
	}
	for by, first := range map[webhook.Order][]webhook.EndpointNumber{
		webhook.ByAge: {25, 24, 23, 22}, webhook.ByPending: {25, 23, 24, 21, 22}, webhook.ByFailures: {1, 2, 3, 4},
	} {
		if got := numbers(by); len(got) != webhook.MaxWorst || !slices.Equal(got[:len(first)], first) {
			t.Errorf("by %s: %d, beginning with %v; want %v", by, len(got), got[:len(first)], first)
		}
	}
	if w := f.Ranked[webhook.ByAge][0]; w.Pending != 12 || w.Attempts != (webhook.Tally{Successes: 24, Failures: 1}) {
		t.Errorf("%+v", w)
	}
}

// TestFailingIsNamedForMany: from which failures on an endpoint is named for them alone.
func TestFailingIsNamedForMany(t *testing.T) {
	for _, c := range []struct {
		tally webhook.Tally
		named bool
	}{
		{webhook.Tally{Failures: leastFailures - 1}, false},
		{webhook.Tally{Failures: leastFailures}, true},
		{webhook.Tally{Successes: 45, Failures: 5}, true},
		{webhook.Tally{Successes: 46, Failures: 5}, false},
		{webhook.Tally{Successes: 1000}, false},
		{webhook.Tally{}, false},
	} {
		s := New(1, noon)
		s.Registered(1, "", webhook.EndpointPaused)
		s.Attempted(1, c.tally, noon)
		f := s.mustEnd(t, noon)
		if named := len(f.Worst) == 1; named != c.named {
			t.Errorf("%+v: named %t, want %t", c.tally, named, c.named)
		}
		// Nothing is pending: the status comes from the registration, and no time from a delivery.
		if w := f.Ranked[webhook.ByFailures]; len(w) != 1 || w[0].Status != webhook.EndpointPaused || !w[0].OldestAt.IsZero() || w[0].Attempts != c.tally {
			t.Errorf("%+v is ranked as %+v", c.tally, w)
		}
	}
}

// TestInTurn takes from lists of different lengths, which share endpoints.
func TestInTurn(t *testing.T) {
	list := func(numbers ...webhook.EndpointNumber) (l []sight) {
		for _, n := range numbers {
			l = append(l, sight{number: n})
		}
		return l
	}
	for _, c := range []struct {
		most  int
		lists [][]sight
		want  []webhook.EndpointNumber
	}{
		{0, [][]sight{list(1)}, nil},
		{3, nil, nil},
		{9, [][]sight{list(1, 2), list(3, 4, 5)}, []webhook.EndpointNumber{1, 3, 2, 4, 5}},
		{9, [][]sight{list(1, 2, 3), list(1, 2, 3), list(3)}, []webhook.EndpointNumber{1, 3, 2}},
		{2, [][]sight{list(1, 2), list(3), list(4)}, []webhook.EndpointNumber{1, 3}},
		{2, [][]sight{nil, list(7, 8, 9)}, []webhook.EndpointNumber{7, 8}},
	} {
		var got []webhook.EndpointNumber
		for _, s := range inTurn(c.most, c.lists...) {
			got = append(got, s.number)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("up to %d of %v: %v, want %v", c.most, c.lists, got, c.want)
		}
	}
}

// TestOldestHead: the older of the two heads counts, and either may be absent.
func TestOldestHead(t *testing.T) {
	slot := func(before time.Duration) webhook.Slot { return webhook.Slot{ID: idAt(1, before)} }
	for _, c := range []struct {
		reason string
		wake   webhook.Wake
		want   time.Duration
	}{
		{"only the queue", webhook.Wake{Queued: idAt(1, time.Hour)}, time.Hour},
		{"only the schedule", webhook.Wake{Scheduled: slot(time.Hour)}, time.Hour},
		{"the queue is older", webhook.Wake{Queued: idAt(1, 2*time.Hour), Scheduled: slot(time.Hour)}, 2 * time.Hour},
		{"the schedule is older", webhook.Wake{Queued: idAt(1, time.Hour), Scheduled: slot(2 * time.Hour)}, 2 * time.Hour},
		{"both are of one moment", webhook.Wake{Queued: idAt(1, time.Hour), Scheduled: slot(time.Hour)}, time.Hour},
	} {
		if got := noon.Sub(oldestHead(&c.wake)); got != c.want {
			t.Errorf("%s: %s, want %s", c.reason, got, c.want)
		}
	}
}

func TestAge(t *testing.T) {
	for at, want := range map[time.Time]float64{{}: 0, noon: 0, noon.Add(time.Hour): 0, noon.Add(-1500 * time.Millisecond): 1.5} {
		if got := age(at, noon); got != want {
			t.Errorf("%v: %v s, want %v", at, got, want)
		}
	}
}

// TestSeriesEnd: a series ends when its endpoint no longer stands out. The figures keep to the
// conventions for names and help texts.
func TestSeriesEnd(t *testing.T) {
	s := New(5, noon)
	if !s.StartedAt().Equal(noon) {
		t.Error("started at", s.StartedAt())
	}
	roundOf(s).Look(queued(1, time.Hour), 3)
	s.mustEnd(t, noon)
	const pending = "astrohook_webhook_deliveries_pending"
	if err := testutil.CollectAndCompare(s, strings.NewReader(`
# HELP `+pending+` Queued and retrying deliveries of a webhook that stands out.
# TYPE `+pending+` gauge
`+pending+`{client_id="client-1",webhook_id="wh_0000000020000000000g000000"} 3
`), pending); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.CollectAndLint(s); err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
	described := make(chan *prometheus.Desc, 100)
	if s.Describe(described); len(described) != 8 {
		t.Errorf("%d figures are described", len(described))
	}
	s.mustEnd(t, noon.Add(time.Minute))
	if n := testutil.CollectAndCount(s, pending); n != 0 {
		t.Errorf("%d series of endpoints that no longer stand out", n)
	}
}

// TestSamplesAreSpaced: the counts are read no more often than they are kept.
func TestSamplesAreSpaced(t *testing.T) {
	s := New(0, noon)
	reads := 0
	for i := range 60 {
		s.Sample(noon.Add(time.Duration(i)*time.Second), func() Counts { reads++; return Counts{} }, 0)
	}
	if reads != 5 || len(s.samples) != 6 {
		t.Errorf("%d reads, %d samples in a minute", reads, len(s.samples))
	}
	// A clock that was set back adds none, and the rates are none that are negative or endless.
	s.Sample(noon.Add(-time.Hour), func() Counts { t.Error("read"); return Counts{} }, 0)
	for _, r := range s.Rates(noon.Add(-time.Hour), Counts{Accepted: 7}) {
		if r.Accepted != 7 {
			t.Errorf("%+v", r)
		}
	}
}

// TestConcurrentUse: what is promised to be safe beside the watchdog is used beside it. The
// race detector judges; in the end every endpoint is counted once.
func TestConcurrentUse(t *testing.T) {
	s := New(3, noon)
	var using sync.WaitGroup
	for part := range webhook.EndpointNumber(4) {
		using.Go(func() {
			for i := range webhook.EndpointNumber(200) {
				n := 4*i + part + 1
				s.Registered(n, "", webhook.EndpointActive)
				s.Attempted(n, webhook.Tally{Failures: 9}, noon)
				s.Registered(n, webhook.EndpointActive, webhook.EndpointPaused)
				s.Forget(n)
				s.Sample(noon.Add(time.Duration(i)*time.Minute), func() Counts { return Counts{} }, 0)
				s.Rates(noon, Counts{})
				testutil.CollectAndCount(s)
			}
		})
	}
	for range 50 {
		for n := range webhook.EndpointNumber(20) {
			roundOf(s).Look(queued(n+1, time.Hour), 1)
		}
		s.mustEnd(t, noon)
	}
	using.Wait()
	if a, p := s.Webhooks(webhook.EndpointActive), s.Webhooks(webhook.EndpointPaused); a != 0 || p != 800 || len(s.failing) > 0 {
		t.Errorf("%d active, %d paused, %d failing", a, p, len(s.failing))
	}
}
