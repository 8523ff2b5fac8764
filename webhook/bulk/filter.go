package bulk

import (
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// Filter selects deliveries of the job's webhook, or events for Backfill.
type Filter struct {
	// Statuses of deliveries; at least one, except for Backfill.
	Statuses []webhook.Status
	// EventTypes are names of types; for Backfill patterns too. None means all, and for
	// Backfill those that the webhook has subscribed to.
	EventTypes []string
	// Reason of the latest failure; "" for any.
	Reason webhook.Reason
	// Code is what the latest attempt was answered with; "" for anything.
	Code webhook.CodeFilter
	// MinAttempts is how many attempts a delivery has had at least.
	MinAttempts int
	// Since and Until bound the time of acceptance: Since ≤ t < Until; zero means no bound.
	Since, Until time.Time
}

// Queries returns the lists that the filter selects, one after the other: for each status
// and each event type one. No delivery is in two of them at the same time.
func (f *Filter) Queries(n webhook.EndpointNumber) []webhook.DeliveryQuery {
	types := f.EventTypes
	if len(types) == 0 {
		types = []string{""}
	}
	out := make([]webhook.DeliveryQuery, 0, len(f.Statuses)*len(types))
	for _, status := range f.Statuses {
		for _, name := range types {
			out = append(out, webhook.DeliveryQuery{
				Endpoint: n, Status: status, EventType: name, Since: f.Since, Until: f.Until,
				Reason: f.Reason, Code: f.Code, MinAttempts: f.MinAttempts,
			})
		}
	}
	return out
}
