package receiver

import "testing"

// Deliveries is what the ledger can count one by one.
func TestDeliveriesMatchTheLedgersPlaces(t *testing.T) {
	for _, e := range []Expectation{
		{Endpoints: 1},
		{Endpoints: 1, FanOut: true},
		{Endpoints: 7},
		{Endpoints: 7, FanOut: true},
		{Endpoints: 7, BlackHoles: 3},
		{Endpoints: 7, BlackHoles: 3, FanOut: true},
		{Endpoints: 7, BlackHoles: 7},
	} {
		for events := range uint64(30) {
			var want uint64
			for n := range events * e.perEvent() {
				if !e.excused(n) {
					want++
				}
			}
			if got := e.Deliveries(events); got != want {
				t.Errorf("%+v: %d events become %d deliveries, want %d", e, events, got, want)
			}
		}
	}
}
