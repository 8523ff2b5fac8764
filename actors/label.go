package actors

import (
	"log/slog"
	"net/url"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// label is what every log line about an endpoint says of it. Its seat has it from
// when an actor first read the endpoint.
type label struct {
	id        webhook.ID
	clientID  string
	targetURL string
}

func labelOf(e *webhook.Endpoint) label { return label{e.ID, e.ClientID, e.TargetURL} }

// log returns a logger for lines about the seat's endpoint. It is made when it is
// needed: few endpoints have anything to tell.
func (s *seat) log(log *slog.Logger) *slog.Logger {
	if s.label.id == (webhook.ID{}) { // not read yet, and so not known
		return log.With("webhook_id", "", "webhook_number", uint32(s.number))
	}
	host := ""
	if target, err := url.Parse(s.label.targetURL); err == nil {
		host = target.Host
	}
	return log.With("webhook_id", webhook.EndpointID.Format(s.label.id), "client_id", s.label.clientID, "target_host", host)
}

// failuresApart is how far apart an endpoint's log lines about failed deliveries are.
const failuresApart = time.Minute

// failures are an endpoint's deliveries that failed for good and that no log line has named yet.
type failures struct {
	count  int
	reason webhook.Reason // of the last one
	last   webhook.ID
	next   time.Time // when the next line may be written
}

func (f *failures) note(d *webhook.Delivery) {
	if d.Status == webhook.Failed {
		f.count++
		f.reason, f.last = d.Reason, d.ID
	}
}

// report writes a line about the deliveries that failed.
func (f *failures) report(log *slog.Logger, now time.Time) {
	log.Warn("delivery failed for good", "count", f.count, "delivery_id", webhook.DeliveryID.Format(f.last), "reason", f.reason)
	*f = failures{next: now.Add(failuresApart)}
}
