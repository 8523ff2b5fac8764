package actors

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/corpastro/astrohook/actors/feed"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/bulk"
	"github.com/corpastro/astrohook/webhook/live"
)

// happened returns what waits for a reader, in words.
func happened(r *rig, reader *feed.Reader) (list []string) {
	for _, i := range reader.Next(r.t.Context(), 0).Items {
		switch text := fmt.Sprint(i.Kind, " ", i.Status); i.Kind {
		case live.Attempt:
			next := time.Duration(0)
			if !i.Until.IsZero() {
				next = i.Until.Sub(i.At).Round(time.Second)
			}
			list = append(list, fmt.Sprint(text, " ", i.Attempt, " ", i.Code, " ", i.Reason, " ", next))
		case live.Webhook:
			list = append(list, fmt.Sprint(text, " ", i.Change))
		default:
			list = append(list, fmt.Sprint(text, " ", i.Attempt, " ", i.Reason))
		}
	}
	return list
}

// TestFeed: whoever watches sees attempts, what has finished, and breakers, each once and in
// order, with the names that the API shows.
func TestFeed(t *testing.T) {
	inRig(t, func(o *Options) { o.Feed = feed.New() }, func(r *rig) {
		t, watched := r.t, r.options.Feed
		s := regular(10*time.Second, 3)
		s.Breaker = webhook.BreakerPolicy{Failures: 2, Open: 5 * time.Second, MaxOpen: time.Hour}
		n := r.register(s)
		r.publishOne(n)
		time.Sleep(time.Second)
		reader := watched.Subscribe(live.Query{})
		defer reader.Close()
		id := r.publishOne(n).For(n)
		time.Sleep(time.Second)
		items := reader.Next(t.Context(), 0).Items
		if len(items) != 2 {
			t.Fatalf("%d items", len(items))
		}
		e, err := r.store.Endpoint(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range items {
			if i.Webhook != e.ID || i.ClientID != e.ClientID || i.Delivery != id || i.EventType != r.delivery(id).EventType || i.At.IsZero() {
				t.Errorf("%+v", i)
			}
		}
		r.receiver.does(n, answers(503, time.Millisecond))
		bad := r.publishOne(n).For(n)
		time.Sleep(time.Minute)
		want := []string{
			"attempt failed 1 503 http_5xx 10s", "attempt failed 2 503 http_5xx 10s", "breaker open 0 ",
			"attempt failed 3 503 http_5xx 0s", "breaker open 0 ", "delivery failed 3 http_5xx",
		}
		if got := happened(r, reader); !slices.Equal(got, want) {
			t.Errorf("a delivery that fails:\n%q\nwant\n%q", got, want)
		}
		r.receiver.does(n, answers(200, time.Millisecond))
		if _, err := r.d.Retry(t.Context(), bad); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		want = []string{"delivery queued 3 http_5xx", "attempt delivered 4 200  0s", "breaker closed 0 ", "delivery delivered 4 "}
		if got := happened(r, reader); !slices.Equal(got, want) {
			t.Errorf("sent again by hand:\n%q\nwant\n%q", got, want)
		}
	})
}

// TestFeedOfChanges: a delivery that is cancelled by hand, and a receiver that wants no more.
func TestFeedOfChanges(t *testing.T) {
	inRig(t, func(o *Options) { o.Feed = feed.New() }, func(r *rig) {
		t, watched := r.t, r.options.Feed
		reader := watched.Subscribe(live.Query{})
		defer reader.Close()
		n := r.register(regular(time.Hour, 3))
		r.receiver.does(n, answers(500, time.Millisecond))
		id := r.publishOne(n).For(n)
		time.Sleep(time.Second)
		if _, err := r.d.Cancel(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		r.receiver.does(n, answers(410, time.Millisecond))
		r.publishOne(n)
		time.Sleep(time.Second)
		want := []string{"attempt failed 1 500 http_5xx 1h0m0s", "delivery cancelled 1 cancelled", "attempt failed 1 410 gone 0s", "delivery failed 1 gone", "webhook disabled disabled"}
		got := happened(r, reader)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("\n%q\nwant\n%q", got, want)
		}
	})
}

// TestFeedOfJobs: a step of a job shows each delivery that it queues again, by its type, before
// the attempt. A step that is refused shows nothing.
func TestFeedOfJobs(t *testing.T) {
	inRig(t, func(o *Options) { o.Feed = feed.New() }, func(r *rig) {
		t, watched := r.t, r.options.Feed
		n := r.register(regular(time.Second, 1))
		r.receiver.does(n, answers(500, time.Millisecond))
		step := bulk.Step{Requeue: []webhook.ID{r.publishOne(n).For(n), r.publishOne(n).For(n)}}
		time.Sleep(time.Second)
		r.receiver.does(n, answers(200, time.Millisecond))
		reader := watched.Subscribe(live.Query{Kinds: []live.Kind{live.Delivery}})
		defer reader.Close()
		r.d.SetDiskReserve(true)
		wantError(t, r.advance(n, step), webhook.ErrDiskReserve)
		if got := happened(r, reader); len(got) > 0 {
			t.Errorf("a refused step: %q", got)
		}
		r.d.SetDiskReserve(false)
		if err := r.advance(n, step); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		items := reader.Next(t.Context(), 0).Items
		shown := map[string]int{}
		for _, i := range items {
			if i.EventType != r.delivery(i.Delivery).EventType || i.ClientID == "" || i.Webhook.Seq == 0 {
				t.Errorf("%+v", i)
			}
			shown[fmt.Sprint(i.Status, " ", i.Reason, " ", i.Delivery == step.Requeue[0])]++
		}
		want := map[string]int{"queued  true": 1, "queued  false": 1, "delivered  true": 1, "delivered  false": 1}
		if !maps.Equal(shown, want) {
			t.Errorf("%v, want %v", shown, want)
		}
	})
}
