package actors

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/corpastro/astrohook/webhook"
)

// TestPublishGivesUp: when the publisher's context ends, events that the router has
// not begun are never stored, and events that it has begun are answered with the truth.
func TestPublishGivesUp(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		for range 500 {
			r.registerFor("crowd", webhook.EndpointDisabled, "*")
		}
		r.store.Hold()
		type answer struct {
			receipts []webhook.Receipt
			err      error
		}
		ctx, cancel := context.WithCancel(context.Background())
		first, second := make500(), make500() // each has more keys than may be under way
		publish := func(events []webhook.Event) chan answer {
			done := make(chan answer, 1)
			go func() {
				receipts, err := r.d.Publish(ctx, events)
				done <- answer{receipts, err}
			}()
			synctest.Wait()
			return done
		}
		begun, waiting := publish(first), publish(second)
		cancel()
		wantError(t, (<-waiting).err, context.Canceled)
		r.store.Release()
		if got := <-begun; got.err != nil || len(got.receipts) != 500 || got.receipts[499].Disabled != 500 {
			t.Errorf("the publication that was begun: %d receipts, %v", len(got.receipts), got.err)
		}
		synctest.Wait()
		for _, e := range second {
			if e.ID != (webhook.ID{}) {
				t.Fatal("an event of the publication that was given up was numbered")
			}
		}
		r.wantPublished()
	})
}
