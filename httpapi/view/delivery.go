package view

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/webhook"
)

// Delivery is a delivery as the API shows it. Lists leave out the payload and the attempts,
// which make a page of 250 deliveries as large as 64 MiB.
type Delivery struct {
	ID        string `json:"id"`
	WebhookID string `json:"webhook_id"`
	EventID   string `json:"event_id"`
	EventType string `json:"event_type"`
	// Payload is the event's data, in single reads only; absent when the event has expired.
	Payload  jsontext.Value `json:"payload,omitzero"`
	Status   string         `json:"status"`
	QueuedAt string         `json:"queued_at"`
	// ProcessingStartedAt is when the latest attempt began.
	ProcessingStartedAt string `json:"processing_started_at,omitzero"`
	// At most one of the next three is present: when the delivery finished, by its status.
	DeliveredAt string `json:"delivered_at,omitzero"`
	FailedAt    string `json:"failed_at,omitzero"`
	CancelledAt string `json:"cancelled_at,omitzero"`
	// NextAttemptAt is when the next attempt is due; absent if none is scheduled.
	NextAttemptAt string `json:"next_attempt_at,omitzero"`
	Waiting
	// Attempts counts all attempts, also those that are no longer kept.
	Attempts int `json:"attempts"`
	// What the receiver answered to the latest attempt. Lists show only the first bytes of
	// the body. ResponseTruncated reports that the body was longer, ResponseEncoding names the
	// encoding of one that is not shown for that reason, Location is where a 3xx leads.
	ResponseCode      int    `json:"response_code,omitzero"`
	ResponseBody      string `json:"response_body,omitzero"`
	ResponseTruncated bool   `json:"response_truncated,omitzero"`
	ResponseEncoding  string `json:"response_encoding,omitzero"`
	Location          string `json:"location,omitzero"`
	// ErrorMessage is Reason in words. Both are absent from a delivery that succeeded, even
	// if earlier attempts failed.
	ErrorMessage string `json:"error_message,omitzero"`
	Reason       string `json:"reason,omitzero"`
	// AttemptLog lists the latest attempts, in single reads only.
	AttemptLog []Attempt `json:"attempt_log,omitzero"`
}

// NewDelivery returns a delivery as lists show it; endpoint is the ID of its endpoint. What
// the delivery waits for, and whether it is in flight, is not known here: the caller sets
// Waiting and calls SetProcessing.
func NewDelivery(d *webhook.Delivery, endpoint webhook.ID) Delivery {
	r := Delivery{
		ID:            webhook.DeliveryID.Format(d.ID),
		WebhookID:     webhook.EndpointID.Format(endpoint),
		EventID:       webhook.EventID.Format(d.ID.Event()),
		EventType:     d.EventType,
		Status:        string(d.Status),
		QueuedAt:      webhook.FormatTime(d.QueuedAt()),
		NextAttemptAt: jsonbody.Time(d.NextAttemptAt.Time()),
		Attempts:      d.Attempts,
	}
	switch d.Status {
	case webhook.Delivered:
		r.DeliveredAt = jsonbody.Time(d.FinishedAt)
	case webhook.Failed:
		r.FailedAt = jsonbody.Time(d.FinishedAt)
	case webhook.Cancelled:
		r.CancelledAt = jsonbody.Time(d.FinishedAt)
	}
	if d.Status != webhook.Delivered {
		r.Reason, r.ErrorMessage = string(d.Reason), d.Message()
	}
	if last := d.LastAttempt(); last != nil {
		r.ProcessingStartedAt = webhook.FormatTime(last.At)
		r.ResponseCode, r.ResponseBody = last.StatusCode, excerpt(last)
		r.ResponseTruncated, r.ResponseEncoding, r.Location = last.ResponseTruncated, last.ResponseEncoding, last.Location
	}
	return r
}

// SetProcessing shows that an attempt is in flight since then. Only the dispatcher knows
// that, so the status overlays the stored one. The time of the next attempt disappears: the
// attempt in flight is the one that was scheduled.
func (r *Delivery) SetProcessing(since time.Time) {
	r.Status = string(webhook.Processing)
	r.ProcessingStartedAt = webhook.FormatTime(since)
	r.NextAttemptAt = ""
}

// HideAnswer removes what the receiver answered, except the status code: the answer belongs
// to the client that owns the endpoint, not to the publisher. The message is replaced by that
// of the reason, because it may quote the answer.
func (r *Delivery) HideAnswer() {
	r.ResponseBody, r.ResponseTruncated, r.ResponseEncoding, r.Location = "", false, "", ""
	r.ErrorMessage = webhook.Reason(r.Reason).MessageFor(r.ResponseCode)
}

// excerpt returns a response's first bytes as text. A character that the cut divided is left
// out; bytes that are no UTF-8 become U+FFFD, since JSON has no other place for them.
func excerpt(a *webhook.Attempt) string {
	text := a.Response
	if a.ResponseTruncated {
		// The last character starts within the last four bytes.
		for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
			if tail := text[len(text)-n:]; utf8.RuneStart(tail[0]) {
				if !utf8.FullRune(tail) {
					text = text[:len(text)-n]
				}
				break
			}
		}
	}
	return strings.ToValidUTF8(string(text), "\uFFFD")
}
