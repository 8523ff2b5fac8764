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
	DisabledAt     string   `json:"disabled_at,omitzero"`
	CreatedAt      string   `json:"created_at"`
	UpdatedAt      string   `json:"updated_at"`
	ExpiresAt      string   `json:"expires_at,omitzero"` // the end of its lease
	// SignatureScheme is that of the newest secret.
	SignatureScheme string `json:"signature_scheme"`
	// PublicKeys are those of the private keys that sign, the newest first.
	PublicKeys []string `json:"public_keys,omitempty"`
	// Secret is shown in the answer of the call that made it only; a private key never.
	Secret string `json:"secret,omitzero"`
	// StandardSecret is the whsec_ form of a secret that is plain text.
	StandardSecret string `json:"standard_secret,omitzero"`
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
		DisabledAt:       showTime(e.DisabledAt),
		CreatedAt:        webhook.FormatTime(e.CreatedAt),
		UpdatedAt:        webhook.FormatTime(e.UpdatedAt),
		ExpiresAt:        showTime(e.ExpiresAt),
		SignatureScheme:  string(e.Scheme()),
		CABundle:         e.CABundle,
		settingsResource: showSettings(e.Settings.Effective(*s.defaults.Load(), *s.ceilings.Load())),
	}
	for _, h := range e.Headers {
		r.HeaderNames = append(r.HeaderNames, h.Name)
	}
	if len(e.EventTypes) == 1 {
		r.EventType = e.EventTypes[0]
	}
	r.showSecrets(e.Secrets, time.Now())
	return r
}

// showSecrets shows what is public of the secrets that are valid now.
func (r *webhookResource) showSecrets(secrets []webhook.Secret, now time.Time) {
	var last time.Time
	for _, secret := range secrets {
		if !secret.Valid(now) {
			continue
		}
		if secret.ExpiresAt.After(last) {
			last = secret.ExpiresAt
		}
		if key := secret.PublicKey(); key != nil {
			r.PublicKeys = append(r.PublicKeys, webhook.FormatPublicKey(key))
		}
	}
	r.PreviousSecretExpiresAt = showTime(last)
}

// reveal shows a new secret, unless the receiver can do without it.
func (r *webhookResource) reveal(secret webhook.Secret) {
	if secret.Scheme() == webhook.SchemeHMAC {
		r.Secret = secret.Value
		if standard := secret.Standard(); standard != secret.Value {
			r.StandardSecret = standard
		}
	}
}

// showTime writes a time; "" if it is not set.
func showTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return webhook.FormatTime(t)
}
