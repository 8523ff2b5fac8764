package actors

import (
	"log/slog"
	"net/url"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// label identifies an endpoint in every log line about it. It is empty until an actor
// has read the endpoint.
type label struct {
	id        webhook.ID
	clientID  string
	targetURL string
}

func labelOf(e *webhook.Endpoint) label { return label{e.ID, e.ClientID, e.TargetURL} }

// log returns a logger for lines about the seat's endpoint. It is made for each use:
// few endpoints log anything, and all of them would keep one in memory.
func (s *seat) log(log *slog.Logger) *slog.Logger {
	if s.label.id == (webhook.ID{}) { // the ID is not known before the endpoint is read
		return log.With("webhook_id", "", "webhook_number", uint32(s.number))
	}
	host := ""
	if target, err := url.Parse(s.label.targetURL); err == nil {
		host = target.Host
	}
	return log.With("webhook_id", webhook.EndpointID.Format(s.label.id), "client_id", s.label.clientID, "target_host", host)
}

// failuresApart is the least time between two log lines about an endpoint's failed
// deliveries, so that a receiver that refuses everything does not fill the log.
const failuresApart = time.Minute

// failures counts an endpoint's deliveries that failed for good, since the last log
// line about them.
type failures struct {
	count  int
	reason webhook.Reason // of the last one
	last   webhook.ID
	next   time.Time // when the next line may be written
}

// note counts a delivery if it has failed for good.
func (f *failures) note(d *webhook.Delivery) {
	if d.Status == webhook.Failed {
		f.count++
		f.reason, f.last = d.Reason, d.ID
	}
}

// report writes the log line, which counts the deliveries and names the last one.
func (f *failures) report(log *slog.Logger, now time.Time) {
	log.Warn("delivery failed for good", "count", f.count, "delivery_id", webhook.DeliveryID.Format(f.last), "reason", f.reason)
	*f = failures{next: now.Add(failuresApart)}
}
