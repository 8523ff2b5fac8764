package jobs

import (
	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/bulk"
)

// resource is a job as the API shows it.
type resource struct {
	ID         string         `json:"id"`
	Action     string         `json:"action"`
	WebhookID  string         `json:"webhook_id"`
	ClientID   string         `json:"client_id"`
	Filter     filterResource `json:"filter"`
	Rate       int            `json:"rate_per_second,omitzero"`
	Status     string         `json:"status"`
	CreatedAt  string         `json:"created_at"`
	CreatedBy  string         `json:"created_by"`
	FinishedAt string         `json:"finished_at,omitzero"`
	LookedAt   int64          `json:"looked_at"`
	Done       int64          `json:"done"`
	// Total is absent if nobody knows it.
	Total *int64 `json:"total,omitzero"`
	Error string `json:"error,omitzero"`
}

// filterResource is what a job selects.
type filterResource struct {
	Status      []webhook.Status `json:"status,omitzero"`
	EventTypes  []string         `json:"event_types,omitzero"`
	Reason      string           `json:"reason,omitzero"`
	Code        string           `json:"code,omitzero"`
	MinAttempts int              `json:"min_attempts,omitzero"`
	Since       string           `json:"since,omitzero"`
	Until       string           `json:"until,omitzero"`
}

// show returns a job as the API shows it; of is the ID of its webhook.
func show(j *bulk.Job, of webhook.ID) resource {
	out := resource{
		ID: bulk.IDKind.Format(j.ID), Action: string(j.Action), WebhookID: webhook.EndpointID.Format(of), ClientID: j.ClientID,
		Rate: j.Rate, Status: string(j.Status), CreatedAt: jsonbody.Time(j.CreatedAt()), CreatedBy: j.CreatedBy,
		FinishedAt: jsonbody.Time(j.FinishedAt), LookedAt: j.Looked, Done: j.Changed, Error: j.Error,
		Filter: filterResource{
			Status: j.Filter.Statuses, EventTypes: j.Filter.EventTypes, Reason: string(j.Filter.Reason), Code: string(j.Filter.Code),
			MinAttempts: j.Filter.MinAttempts, Since: jsonbody.Time(j.Filter.Since), Until: jsonbody.Time(j.Filter.Until),
		},
	}
	if j.Total >= 0 {
		out.Total = &j.Total
	}
	return out
}
