//go:build !race

package actors

import (
	"testing"
	"time"

	"github.com/corpastro/astrohook/actors/stats"
	"github.com/corpastro/astrohook/webhook"
)

// TestDispatcherAllocations: a delivery of a batch costs some eight allocations from
// Publish to its recorded outcome, without storage and network: its entry, the attempt's
// job, its record and the messages' parts. How many deliveries share a message depends on
// the machine's load, so the bound leaves two.
func TestDispatcherAllocations(t *testing.T) {
	result := testing.Benchmark(BenchmarkDispatcher)
	if perDelivery := float64(result.AllocsPerOp()) / benchBatch; perDelivery > 10 {
		t.Errorf("%.1f allocations per delivery", perDelivery)
	}
}

// TestMetricsAllocations: what is counted for each event, attempt and outcome allocates
// nothing, failures included.
func TestMetricsAllocations(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		m, of := r.d.shared.metrics, new(stats.Hour)
		now := time.Now()
		receipts := []webhook.Receipt{{Disabled: 1}, {Limited: 2}}
		attempts := []webhook.Attempt{{At: now, Duration: time.Second, StatusCode: 200}, {At: now, StatusCode: 500}}
		deliveries := []webhook.Delivery{{Status: webhook.Delivered, Attempts: 1, FinishedAt: now}, {Status: webhook.Delivered, Attempts: 2, FinishedAt: now}, {Status: webhook.Retrying}}
		count := func() {
			m.accepted(receipts)
			for i := range attempts {
				outcome := attempts[i].Outcome()
				m.attempt(&attempts[i], outcome)
				of.Record(&attempts[i], outcome)
				if of.FailedLately(now) {
					r.d.shared.survey.Attempted(7, of.Tally(now), now)
				}
			}
			for i := range deliveries {
				m.recorded(&deliveries[i])
			}
		}
		count()
		if n := testing.AllocsPerRun(100, count); n > 0 {
			t.Errorf("%v allocations", n)
		}
	})
}
