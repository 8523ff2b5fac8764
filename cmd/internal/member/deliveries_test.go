package member

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// TestDeliveriesEverywhere: both nodes accept events for the same webhooks at the same time,
// while the second one takes its share of these over. Each delivery is sent once.
func TestDeliveriesEverywhere(t *testing.T) {
	a, b := two(t, webhook.ClientLimits{})
	a.publishAndCount(b, 8, 150, a, b)
}

// TestDeliveriesWithoutHints: the nodes have no address, so that no hint reaches an owner.
// Audits find every delivery.
func TestDeliveriesWithoutHints(t *testing.T) {
	a, b := two(t, webhook.ClientLimits{}, func(o *Options) { o.Info.Address = "" })
	a.publishAndCount(b, 8, 20, b)
	if found := a.unhinted() + b.unhinted(); found == 0 {
		t.Error("no audit has found anything: what was tested?")
	}
}

// unhinted returns how many queues this node's audits have found.
func (n *node) unhinted() (found float64) {
	families, err := n.metrics.Gather()
	n.must(err)
	for _, f := range families {
		if f.GetName() == "astrohook_unhinted_total" {
			found = f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	return found
}

// publishAndCount publishes some events through each of the publishers, to some webhooks,
// and checks that the two nodes send each delivery once, within half a minute.
func (n *node) publishAndCount(other *node, webhooks, events int, publishers ...*node) {
	n.Helper()
	for range webhooks {
		n.call(201, acme, "POST", "/api/webhooks", register)
	}
	var publishing sync.WaitGroup
	for _, through := range publishers {
		publishing.Go(func() {
			for i := range events {
				if status, text := through.do(publisher, "POST", "/api/events", fmt.Sprintf(`{"event_type":"user.created","data":%d}`, i)); status != 202 {
					n.Errorf("publish: %d %s", status, text)
				}
			}
		})
	}
	publishing.Wait()
	want, sent, late := len(publishers)*events*webhooks, map[webhook.ID]bool{}, time.After(30*time.Second)
	for range want {
		select {
		case id := <-n.sent:
			sent[id] = true
		case id := <-other.sent:
			sent[id] = true
		case <-late:
			n.Fatalf("%d deliveries are sent, of %d", len(sent), want)
		}
	}
	if more := len(n.sent) + len(other.sent); len(sent) != want || more > 0 {
		n.Errorf("%d attempts were made for %d deliveries of %d", want+more, len(sent), want)
	}
}
