//go:build !race

package actors

import "testing"

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
