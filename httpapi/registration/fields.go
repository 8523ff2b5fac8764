package registration

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/webhook"
)

// Bounds of an endpoint's plain fields.
const (
	maxDescription = 1000 // characters
	minLease       = 30 * time.Second
	maxLease       = time.Hour
)

// Rules are what an input is judged by besides itself.
type Rules struct {
	Types Types
	// Defaults are the server's settings, for what an endpoint does not set.
	Defaults webhook.Settings
	// Ceilings are the operator's bounds. They hold for administrators, too.
	Ceilings *webhook.Ceilings
	// HeaderPrefix begins the names of the headers that are Astrohook's own.
	HeaderPrefix string
}

// optional is a member of an input that may be absent or null.
type optional[T any] = jsonbody.Optional[T]

// Input is an endpoint as it is posted.
type Input struct {
	ClientID    optional[string] `json:"client_id"`
	TargetURL   optional[string] `json:"target_url"`
	Description optional[string] `json:"description"`
	Status      optional[string] `json:"status"`
	// LeaseSeconds is how long the endpoint lives from now on, unless it is renewed. null
	// removes the lease: the endpoint stays.
	LeaseSeconds optional[int64] `json:"lease_seconds"`
	typesInput
	SecretInput
	receiverInput
	settingsInput
}

// Resource is an endpoint as the API shows it. The order of its members is the order in
// the answer.
type Resource struct {
	ID       string `json:"id"`
	ClientID string `json:"client_id"`
	typesResource
	TargetURL      string `json:"target_url"`
	Description    string `json:"description"`
	Status         string `json:"status"`
	DisabledReason string `json:"disabled_reason,omitzero"`
	DisabledAt     string `json:"disabled_at,omitzero"`
	CreatedAt      string `json:"created_at"`
	UpdatedAt      string `json:"updated_at"`
	// ExpiresAt is the end of the lease; absent if there is none.
	ExpiresAt string `json:"expires_at,omitzero"`
	secretResource
	receiverResource
	Settings
}

// Show returns an endpoint as the API shows it, without secrets: Reveal adds one.
func Show(e *webhook.Endpoint, r *Rules, now time.Time) Resource {
	return Resource{
		ID:               webhook.EndpointID.Format(e.ID),
		ClientID:         e.ClientID,
		typesResource:    showTypes(e.EventTypes),
		TargetURL:        e.TargetURL,
		Description:      e.Description,
		Status:           string(e.Status),
		DisabledReason:   e.DisabledReason,
		DisabledAt:       jsonbody.Time(e.DisabledAt),
		CreatedAt:        webhook.FormatTime(e.CreatedAt),
		UpdatedAt:        webhook.FormatTime(e.UpdatedAt),
		ExpiresAt:        jsonbody.Time(e.ExpiresAt),
		secretResource:   showSecrets(e, now),
		receiverResource: showReceiver(e),
		Settings:         ShowSettings(e.Settings.Effective(r.Defaults, *r.Ceilings)),
	}
}

// CheckNew refuses an input that cannot register an endpoint. It judges everything except
// the client, the target URL's address, and the settings, which Apply judges.
func (in *Input) CheckNew(r *Rules, f *jsonbody.Faults) {
	in.required(f)
	in.check(r, nil, f)
	in.CheckSecret(f)
}

// required refuses an input that does not say what to deliver, and where to.
func (in *Input) required(f *jsonbody.Faults) {
	if !in.EventType.Given() && !in.EventTypes.Given() {
		f.Add(invalid("event_type", "is missing, and so is event_types"))
	}
	if !in.TargetURL.Given() {
		f.Add(invalid("target_url", "is missing"))
	}
}

// check refuses what can be judged without the endpoint. patterns are its event types as
// they are: those can stay, whatever the registry has now.
func (in *Input) check(r *Rules, patterns []string, f *jsonbody.Faults) {
	for _, member := range []struct {
		field string
		null  bool
	}{{"event_type", in.EventType.Null}, {"event_types", in.EventTypes.Null}, {"target_url", in.TargetURL.Null}} {
		if member.null {
			f.Add(invalid(member.field, "cannot be null"))
		}
	}
	if utf8.RuneCountInString(in.Description.Value) > maxDescription {
		f.Add(invalid("description", fmt.Sprintf("is longer than %d characters", maxDescription)))
	}
	in.checkTypes(r, patterns, f)
	in.checkReceiver(r, f)
}

// Apply makes the input's changes to an endpoint. The target URL is not among them:
// judging its address takes a name lookup, which must not happen inside a transaction.
func (in *Input) Apply(e *webhook.Endpoint, r *Rules, now time.Time, f *jsonbody.Faults) {
	if in.ClientID.Set && in.ClientID.Value != e.ClientID {
		f.Add(invalid("client_id", "cannot be changed"))
	}
	if in.Status.Set {
		f.Add(SetStatus(e, in.Status.Value))
	}
	if in.LeaseSeconds.Set {
		in.applyLease(e, now, f)
	}
	in.applyReceiver(e, r.Ceilings, f)
	in.applySettings(&e.Settings, r, f)
	in.applyTypes(e)
	if in.Description.Set {
		e.Description = in.Description.Value
	}
}

// reset sets back what PUT replaces when it is absent. The client and the secrets are not
// the client's to replace; status and lease stay, so that what GET shows can be put back;
// event types and target are required.
func reset(e *webhook.Endpoint) {
	e.Settings = webhook.Settings{}
	e.Description = ""
	resetReceiver(e)
}

// applyLease sets when the endpoint is deleted, unless its lease is renewed before.
func (in *Input) applyLease(e *webhook.Endpoint, now time.Time, f *jsonbody.Faults) {
	var seconds int
	whole(f, in.LeaseSeconds, bounds[int64]{field: "lease_seconds", low: int64(minLease / time.Second), high: int64(maxLease / time.Second)}, &seconds)
	e.ExpiresAt = time.Time{}
	if seconds > 0 {
		e.ExpiresAt = now.UTC().Truncate(time.Millisecond).Add(time.Duration(seconds) * time.Second)
	}
}

// ErrDisabled reports that a disabled endpoint cannot be paused: a pause would hide that
// the receiver answered 410.
var ErrDisabled = errors.New("the webhook is disabled: resume it before it can be paused")

// SetStatus pauses an endpoint or makes it active, also one that was disabled. An endpoint
// that is active already stays as it is: only the call resume resets its breaker.
func SetStatus(e *webhook.Endpoint, status string) error {
	switch webhook.EndpointStatus(status) {
	case e.Status:
		return nil
	case webhook.EndpointActive:
		e.Resume()
		return nil
	case webhook.EndpointPaused:
		if e.Status == webhook.EndpointDisabled {
			return ErrDisabled
		}
	default:
		return invalid("status", "must be active or paused")
	}
	e.Status = webhook.EndpointStatus(status)
	return nil
}

// invalid is the error of a well-formed value that is not allowed.
func invalid(field, reason string) error {
	return &webhook.FieldError{Field: field, Reason: reason}
}
