package badgerstore

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// TestWakesBothWays holds the wakes by count against those by scan, with queues
// and schedules that have gone through everything.
func TestWakesBothWays(t *testing.T) {
	s := openTest(t, t.TempDir())
	<-s.counted
	random := rand.New(rand.NewPCG(7, 7))
	policy := webhook.RetryPolicy{MaxAttempts: 5, Initial: time.Second, Multiplier: 1, MaxDelay: time.Second}
	for range 40 {
		n := webhook.EndpointNumber(1 + random.IntN(30))
		for _, id := range acceptMany(t, s, 1+random.IntN(4), n, n+40) {
			was, err := s.Delivery(t.Context(), id.For(n))
			if err != nil {
				t.Fatal(err)
			}
			code := []int{200, 500}[random.IntN(2)]
			if random.IntN(4) > 0 {
				a := webhook.Attempt{At: time.Now(), StatusCode: code}
				settle(t, s, webhook.Settlement{Was: was.Place(), Now: was.Attempted(a, policy, random.Float64())})
			}
		}
		for _, from := range []webhook.EndpointNumber{0, 1, 17, 69, 71} {
			var counted, scanned []webhook.Wake
			collect := func(to *[]webhook.Wake) func(webhook.Wake) error {
				return func(w webhook.Wake) error { *to = append(*to, w); return nil }
			}
			if err := s.countedWakes(webhook.AllParts(), from, collect(&counted)); err != nil {
				t.Fatal(err)
			}
			if err := s.scannedWakes(webhook.AllParts(), from, collect(&scanned)); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(counted, scanned) {
				t.Fatalf("from %d\ncounted %+v\nscanned %+v", from, counted, scanned)
			}
		}
	}
}
