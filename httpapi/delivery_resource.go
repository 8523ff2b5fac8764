package httpapi

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/webhook"
)

// deliveryResource is a delivery as the API shows it.
type deliveryResource struct {
	ID        string `json:"id"`
	WebhookID string `json:"webhook_id"`
	EventID   string `json:"event_id"`
	EventType string `json:"event_type"`
	// Payload is the event's data, in single reads only; absent when it has expired.
	Payload  jsontext.Value `json:"payload,omitzero"`
	Status   string         `json:"status"`
	QueuedAt string         `json:"queued_at"`
	// ProcessingStartedAt is when the latest attempt began.
	ProcessingStartedAt string `json:"processing_started_at,omitzero"`
	DeliveredAt         string `json:"delivered_at,omitzero"`
	FailedAt            string `json:"failed_at,omitzero"`
	CancelledAt         string `json:"cancelled_at,omitzero"`
	NextAttemptAt       string `json:"next_attempt_at,omitzero"`
	waitingResource
	Attempts int `json:"attempts"`
	// Of the latest attempt. Lists show the first bytes of the body.
	ResponseCode      int    `json:"response_code,omitzero"`
	ResponseBody      string `json:"response_body,omitzero"`
	ResponseTruncated bool   `json:"response_truncated,omitzero"`
	ResponseEncoding  string `json:"response_encoding,omitzero"`
	Location          string `json:"location,omitzero"`
	ErrorMessage      string `json:"error_message,omitzero"`
	Reason            string `json:"reason,omitzero"`
	// AttemptLog lists the latest attempts, in single reads only.
	AttemptLog []attemptResource `json:"attempt_log,omitzero"`
}

// attemptResource is an attempt as the API shows it.
type attemptResource struct {
	Number     int     `json:"number"`
	StartedAt  string  `json:"started_at"`
	DurationMS float64 `json:"duration_ms"`
	// LatencyMS is the time to the response's status line.
	LatencyMS float64 `json:"latency_ms,omitzero"`
	// Requests counts the HTTP requests that were written.
	Requests          int    `json:"requests"`
	ResponseCode      int    `json:"response_code,omitzero"`
	ResponseBody      string `json:"response_body,omitzero"`
	ResponseTruncated bool   `json:"response_truncated,omitzero"`
	ResponseEncoding  string `json:"response_encoding,omitzero"`
	Location          string `json:"location,omitzero"`
	Reason            string `json:"reason,omitzero"`
	ErrorMessage      string `json:"error_message,omitzero"`
	Detail            string `json:"detail,omitzero"`
	RetryAfterMS      int64  `json:"retry_after_ms,omitzero"`
}

// showDelivery shows a delivery as lists have it; endpoint is the ID of its endpoint.
func showDelivery(d *webhook.Delivery, endpoint webhook.ID) deliveryResource {
	r := deliveryResource{
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

// processing shows that an attempt is in flight since then.
func (r *deliveryResource) processing(since time.Time) {
	r.Status = string(webhook.Processing)
	r.ProcessingStartedAt = webhook.FormatTime(since)
	r.NextAttemptAt = ""
}

// hideAnswer leaves out what the receiver answered, except the status code.
func (r *deliveryResource) hideAnswer() {
	r.ResponseBody, r.ResponseTruncated, r.ResponseEncoding, r.Location = "", false, "", ""
	r.ErrorMessage = webhook.Reason(r.Reason).MessageFor(r.ResponseCode)
}

// excerpt makes a text of a response's first bytes. A character that was cut in two
// is left out.
func excerpt(a *webhook.Attempt) string {
	text := a.Response
	if a.ResponseTruncated {
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

func showAttempts(log []webhook.Attempt) []attemptResource {
	list := make([]attemptResource, 0, len(log))
	for i := range log {
		a := &log[i]
		list = append(list, attemptResource{
			Number:            a.Number,
			StartedAt:         webhook.FormatTime(a.At),
			DurationMS:        milliseconds(a.Duration),
			LatencyMS:         milliseconds(a.Latency),
			Requests:          a.Requests,
			ResponseCode:      a.StatusCode,
			ResponseBody:      excerpt(a),
			ResponseTruncated: a.ResponseTruncated,
			ResponseEncoding:  a.ResponseEncoding,
			Location:          a.Location,
			Reason:            string(a.Outcome().Reason),
			ErrorMessage:      a.Message(),
			Detail:            a.Detail,
			RetryAfterMS:      a.RetryAfter.Milliseconds(),
		})
	}
	return list
}

// fullDelivery shows a delivery as single reads have it.
func (s *Server) fullDelivery(d *webhook.Delivery) (deliveryResource, error) {
	known, err := s.progressOf([]webhook.Delivery{*d})
	if err != nil {
		return deliveryResource{}, err
	}
	shown, err := s.showDeliveries([]webhook.Delivery{*d}, known)
	if err != nil {
		return deliveryResource{}, err
	}
	if len(shown) == 0 {
		return deliveryResource{}, fmt.Errorf("the delivery's webhook: %w", webhook.ErrNotFound)
	}
	r := shown[0]
	r.AttemptLog = showAttempts(d.AttemptLog)
	event, err := s.store.Event(d.ID.Event())
	switch {
	case errors.Is(err, webhook.ErrNotFound): // it has expired
	case err != nil:
		return r, fmt.Errorf("read the delivery's event: %w", err)
	default:
		r.Payload = jsontext.Value(event.Data)
	}
	return r, nil
}
