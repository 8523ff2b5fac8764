package resource

import (
	"encoding/json"
	"strconv"

	"github.com/corpastro/astrohook/cmd/internal/cli/output"
)

// delivery is what a table shows of a delivery.
type delivery struct {
	ID           string          `json:"id"`
	WebhookID    string          `json:"webhook_id"`
	EventID      string          `json:"event_id"`
	EventType    string          `json:"event_type"`
	Payload      json.RawMessage `json:"payload"` // in single reads only
	Status       string          `json:"status"`
	QueuedAt     string          `json:"queued_at"`
	DeliveredAt  string          `json:"delivered_at"`
	FailedAt     string          `json:"failed_at"`
	CancelledAt  string          `json:"cancelled_at"`
	NextAt       string          `json:"next_attempt_at"`
	WaitingFor   string          `json:"waiting_for"`
	Until        string          `json:"until"`
	Attempts     int             `json:"attempts"`
	ResponseCode int             `json:"response_code"`
	ErrorMessage string          `json:"error_message"`
	Reason       string          `json:"reason"`

	Log []attempt `json:"attempt_log"` // in single reads only
}

// attempt is one attempt of a delivery.
type attempt struct {
	Number       int     `json:"number"`
	StartedAt    string  `json:"started_at"`
	DurationMS   float64 `json:"duration_ms"`
	ResponseCode int     `json:"response_code"`
	ResponseBody string  `json:"response_body"`
	Truncated    bool    `json:"response_truncated"`
	Encoding     string  `json:"response_encoding"`
	Location     string  `json:"location"`
	Reason       string  `json:"reason"`
	ErrorMessage string  `json:"error_message"`
}

// deliveryColumns are the columns of a list of deliveries.
var deliveryColumns = []output.Column[delivery]{
	{Title: "ID", Text: func(d delivery) string { return d.ID }},
	{Title: "STATUS", Text: func(d delivery) string { return d.Status }, Tone: func(d delivery) output.Tone { return output.StatusTone(d.Status) }},
	{Title: "AGE", Text: func(d delivery) string { return output.Age(d.QueuedAt) }},
	{Title: "#", Text: func(d delivery) string { return strconv.Itoa(d.Attempts) }},
	{Title: "TYPE", Text: func(d delivery) string { return d.EventType }, Least: 10},
	{Title: "WHY", Text: delivery.why, Least: 10},
	{Title: "WEBHOOK", Text: func(d delivery) string { return d.WebhookID }, Drop: 1},
	{Title: "ERROR", Text: func(d delivery) string { return d.ErrorMessage }, Drop: 2, Least: 15},
}

// why returns in a word or two why a delivery has not arrived: what it waits for, or the
// reason and the code of the last failure.
func (d delivery) why() string {
	if d.Reason == "" {
		return d.WaitingFor
	}
	return why(d.Reason, d.ResponseCode, "")
}

// failure returns the last failure with its words; "" if there was none.
func (d delivery) failure() string {
	if d.Reason == "" {
		return ""
	}
	return why(d.Reason, d.ResponseCode, d.ErrorMessage)
}

// fields returns the lines of a delivery's card.
func (d delivery) fields() []output.Field {
	return []output.Field{
		{Title: "id", Text: d.ID},
		{Title: "status", Text: d.Status, Tone: output.StatusTone(d.Status)},
		{Title: "waits for", Text: untilWords(d.WaitingFor, d.Until), Tone: output.Warn},
		{Title: "last failure", Text: d.failure(), Tone: output.Bad},
		{Title: "webhook", Text: d.WebhookID},
		{Title: "event", Text: d.EventID},
		{Title: "type", Text: d.EventType},
		{Title: "queued", Text: output.When(d.QueuedAt)},
		{Title: "delivered", Text: output.When(d.DeliveredAt)},
		{Title: "failed", Text: output.When(d.FailedAt)},
		{Title: "cancelled", Text: output.When(d.CancelledAt)},
		{Title: "next attempt", Text: output.When(d.NextAt)},
		{Title: "attempts", Text: strconv.Itoa(d.Attempts)},
		{Title: "payload", Text: string(d.Payload)},
	}
}

// attemptColumns are the columns of the attempts of one delivery.
var attemptColumns = []output.Column[attempt]{
	{Title: "#", Text: func(a attempt) string { return strconv.Itoa(a.Number) }},
	{Title: "STARTED", Text: func(a attempt) string { return a.StartedAt }},
	{Title: "TOOK", Text: func(a attempt) string { return output.Milliseconds(a.DurationMS) }},
	{Title: "CODE", Text: func(a attempt) string { return output.Number(a.ResponseCode) }},
	{Title: "WHY", Text: func(a attempt) string { return why(a.Reason, 0, a.ErrorMessage) }, Tone: attempt.tone, Least: 15},
	{Title: "ANSWER", Text: attempt.answer, Drop: 1, Least: 15},
}

// tone returns the colour of an attempt's outcome.
func (a attempt) tone() output.Tone {
	if a.Reason == "" {
		return output.Good
	}
	return output.Bad
}

// answer returns what is known of the answer beyond its code.
func (a attempt) answer() string {
	switch {
	case a.Location != "":
		return "to " + a.Location
	case a.Encoding != "":
		return "encoded: " + a.Encoding
	case a.Truncated:
		return a.ResponseBody + "…"
	}
	return a.ResponseBody
}

// showDelivery prints a delivery's card, and its attempts below it.
func showDelivery(p *output.Printer, d delivery) error {
	if err := p.Card(d.fields()); err != nil || len(d.Log) == 0 {
		return err
	}
	if err := p.Section("Attempts"); err != nil {
		return err
	}
	return output.Rows(p, d.Log, attemptColumns)
}
