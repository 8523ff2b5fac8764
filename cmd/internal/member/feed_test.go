package member

import (
	"testing"
	"time"

	"github.com/corpastro/astrohook/actors/feed"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/live"
)

// TestFeedOfAllNodes: whoever watches on one node sees what happens on another, once; and
// while nobody watches, no node records anything for another.
func TestFeedOfAllNodes(t *testing.T) {
	url, err := postgres.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var feeds [2]*feed.Feed
	for i := range feeds {
		feeds[i] = feed.New()
		start(t, url, webhook.ClientLimits{}, func(o *Options) { o.Feed = feeds[i] })
	}
	here, there := feeds[0], feeds[1]
	if here.Active() || there.Active() {
		t.Error("nobody watches, and items are recorded")
	}
	reader := here.Subscribe(live.Query{})
	defer reader.Close()
	deadline := time.Now().Add(time.Minute)
	for !there.Active() { // until the first question
		if time.Now().After(deadline) {
			t.Fatal("the other node is not asked")
		}
		time.Sleep(time.Millisecond)
	}
	there.Publish(live.Item{Kind: live.Attempt, Attempt: 1, At: time.Now(), Webhook: webhook.ID{Seq: 1, Endpoint: 7}, ClientID: "acme"})
	there.Publish(live.Item{Kind: live.Breaker, Attempt: 2, Status: live.BreakerOpen})
	here.Publish(live.Item{Kind: live.Webhook, Attempt: 3})
	seen := map[int]int{}
	for len(seen) < 3 {
		b := reader.Next(t.Context(), time.Until(deadline))
		for _, i := range b.Items {
			seen[i.Attempt]++
			if i.Remote == (i.Attempt == 3) || i.Attempt == 1 && (i.ClientID != "acme" || i.Webhook.Endpoint != 7) {
				t.Errorf("%+v", i)
			}
		}
		if len(b.Items) == 0 && time.Now().After(deadline) {
			t.Fatalf("seen %v", seen)
		}
	}
	if seen[1] != 1 || seen[2] != 1 || seen[3] != 1 {
		t.Errorf("seen %v", seen)
	}
}
