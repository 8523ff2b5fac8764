package badgerstore

import (
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// TestListSkipsNoneThatMoved lists deliveries that have left so many removed keys
// behind that pages end at these. Each delivery must be listed, once.
func TestListSkipsNoneThatMoved(t *testing.T) {
	const events = 1500 // more than the allowance of a small page
	s := openTest(t, t.TempDir())
	ids := acceptMany(t, s, events, 1)
	moved := func(was, now webhook.Delivery) { settle(t, s, webhook.Settlement{Was: was.Place(), Now: now}) }
	for i, id := range ids {
		queued := webhook.Delivery{ID: id.For(1), EventType: "user.created", Status: webhook.Queued}
		attempt := webhook.Attempt{At: time.Now(), StatusCode: 500}
		retrying := queued.Attempted(attempt, webhook.DefaultSettings().Retry, 0)
		switch i % 3 {
		case 0:
			attempt.StatusCode = 200
			moved(queued, queued.Attempted(attempt, webhook.DefaultSettings().Retry, 0))
		case 1:
			moved(queued, retrying)
			moved(retrying, retrying.Fail(webhook.ReasonPanic, time.Now()))
		case 2:
			moved(queued, queued.Fail(webhook.ReasonPanic, time.Now()))
		}
	}
	for _, limit := range []int{1, 7, 50} {
		listed := map[webhook.ID]int{}
		q := webhook.DeliveryQuery{Endpoint: 1, Limit: limit}
		for {
			page, err := s.ListDeliveries(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range page.Deliveries {
				listed[d.ID]++
			}
			if page.Next == (webhook.ID{}) {
				break
			}
			q.Before = page.Next
		}
		wrong := 0
		for _, id := range ids {
			if listed[id.For(1)] != 1 {
				wrong++
			}
		}
		if wrong > 0 || len(listed) != events {
			t.Errorf("pages of %d: %d deliveries listed, %d of %d not once", limit, len(listed), wrong, events)
		}
	}
}
