package httpapi

import (
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// webhookResource is an endpoint as the API shows it.
type webhookResource struct {
	ID             string   `json:"id"`
	ClientID       string   `json:"client_id"`
	EventType      string   `json:"event_type,omitzero"` // when it is exactly one
	EventTypes     []string `json:"event_types"`
	TargetURL      string   `json:"target_url"`
	Description    string   `json:"description"`
	Status         string   `json:"status"`
	DisabledReason string   `json:"disabled_reason,omitzero"`
	CreatedAt      string   `json:"created_at"`
	UpdatedAt      string   `json:"updated_at"`
	// Secret is shown in the answer of the call that made it only.
	Secret string `json:"secret,omitzero"`
	// PreviousSecretExpiresAt is when the last of the rotated secrets stops to sign.
	PreviousSecretExpiresAt string `json:"previous_secret_expires_at,omitzero"`
	// HeaderNames are those of the endpoint's own headers. Their values may be
	// credentials, and are never shown.
	HeaderNames []string `json:"header_names,omitempty"`
	CABundle    string   `json:"ca_bundle,omitzero"`
	settingsResource
}

func (s *Server) showWebhook(e *webhook.Endpoint) webhookResource {
	r := webhookResource{
		ID:               webhook.EndpointID.Format(e.ID),
		ClientID:         e.ClientID,
		EventTypes:       e.EventTypes,
		TargetURL:        e.TargetURL,
		Description:      e.Description,
		Status:           string(e.Status),
		DisabledReason:   e.DisabledReason,
		CreatedAt:        webhook.FormatTime(e.CreatedAt),
		UpdatedAt:        webhook.FormatTime(e.UpdatedAt),
		CABundle:         e.CABundle,
		settingsResource: showSettings(e.Settings.Or(s.defaults)),
	}
	for _, h := range e.Headers {
		r.HeaderNames = append(r.HeaderNames, h.Name)
	}
	if len(e.EventTypes) == 1 {
		r.EventType = e.EventTypes[0]
	}
	var last time.Time
	for _, secret := range e.Secrets {
		if secret.ExpiresAt.After(last) {
			last = secret.ExpiresAt
		}
	}
	if time.Now().Before(last) {
		r.PreviousSecretExpiresAt = webhook.FormatTime(last)
	}
	return r
}

// showTime writes a time; "" if it is not set.
func showTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return webhook.FormatTime(t)
}
