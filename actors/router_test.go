package actors

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/corpastro/astrohook/webhook"
)

// TestSplit: a publication of any shape is divided into calls that storage can
// take, in order and without a loss.
func TestSplit(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		events := make([]webhook.Event, 1+random.IntN(1000))
		for i := range events {
			events[i].ID.Seq = uint64(i + 1)
			events[i].Endpoints = make([]webhook.EndpointNumber, random.IntN(1+random.IntN(webhook.MaxFanOut+1)))
		}
		var joined []webhook.Event
		for _, chunk := range split(events) {
			keys := 0
			for i := range chunk {
				keys += 2 + len(chunk[i].Endpoints)
			}
			if len(chunk) == 0 || keys > maxAcceptKeys {
				t.Fatal("a chunk of", len(chunk), "events and", keys, "keys")
			}
			joined = append(joined, chunk...)
		}
		if !slices.EqualFunc(joined, events, func(a, b webhook.Event) bool { return a.ID == b.ID }) {
			t.Fatal("events were lost or moved")
		}
	}
}
