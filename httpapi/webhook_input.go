package httpapi

import (
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/corpastro/astrohook/webhook"
)

// Bounds of an endpoint's registration.
const (
	maxPatterns    = 100
	maxDescription = 1000 // characters
	minLease       = 30 * time.Second
	maxLease       = time.Hour
)

// webhookInput registers, replaces or changes an endpoint.
type webhookInput struct {
	ClientID    optional[string]   `json:"client_id"`
	EventType   optional[string]   `json:"event_type"`
	EventTypes  optional[[]string] `json:"event_types"`
	TargetURL   optional[string]   `json:"target_url"`
	Description optional[string]   `json:"description"`
	Status      optional[string]   `json:"status"`
	// LeaseSeconds, if it is set, is how long the endpoint lives from now on. null
	// makes it stay.
	LeaseSeconds optional[int64] `json:"lease_seconds"`
	secretInput
	connectionInput
	settingsInput
}

// required refuses an input that does not say what and where to deliver.
func (in *webhookInput) required(f *faults) {
	if !in.EventType.Given() && !in.EventTypes.Given() {
		f.add(invalid("event_type", "is missing, and so is event_types"))
	}
	if !in.TargetURL.Given() {
		f.add(invalid("target_url", "is missing"))
	}
}

// check refuses what can be judged without knowing the endpoint, except its
// patterns as they are: those can stay, whatever the registry has now.
func (in *webhookInput) check(types *registry, most *webhook.Ceilings, patterns []string, f *faults) {
	for _, member := range []struct {
		field string
		null  bool
	}{{"event_type", in.EventType.Null}, {"event_types", in.EventTypes.Null}, {"target_url", in.TargetURL.Null}} {
		if member.null {
			f.add(invalid(member.field, "cannot be null"))
		}
	}
	if utf8.RuneCountInString(in.Description.Value) > maxDescription {
		f.add(invalid("description", fmt.Sprintf("is longer than %d characters", maxDescription)))
	}
	single := []string{in.EventType.Value}
	switch {
	case in.EventType.Given() && in.EventTypes.Given() && !slices.Equal(in.EventTypes.Value, single):
		f.add(invalid("event_types", "cannot stand beside event_type, unless it is the same"))
		return
	case in.EventType.Given() && !slices.Equal(patterns, single):
		f.add(types.checkPattern("event_type", in.EventType.Value))
		return
	case len(patterns) > 0 && slices.Equal(patterns, in.EventTypes.Value):
		return
	}
	in.checkPatterns(types, most, f)
}

// patterns is how many patterns an endpoint has after the change.
func (in *webhookInput) patterns(e *webhook.Endpoint) int {
	switch {
	case in.EventType.Given():
		return 1
	case in.EventTypes.Given():
		return len(in.EventTypes.Value)
	}
	return len(e.EventTypes)
}

func (in *webhookInput) checkPatterns(types *registry, most *webhook.Ceilings, f *faults) {
	patterns := in.EventTypes.Value
	switch {
	case !in.EventTypes.Given():
		return
	case len(patterns) == 0:
		f.add(invalid("event_types", "is empty"))
		return
	case len(patterns) > maxPatterns:
		f.add(invalid("event_types", fmt.Sprintf("has more than %d entries", maxPatterns)))
		return
	case most.Patterns > 0 && len(patterns) > most.Patterns:
		f.add(tooMany("event_types", "entries", most.Patterns, "max-webhook-patterns"))
		return
	}
	for i, pattern := range patterns {
		field := fmt.Sprintf("event_types[%d]", i)
		if slices.Contains(patterns[:i], pattern) {
			f.add(invalid(field, "repeats an earlier entry"))
			continue
		}
		f.add(types.checkPattern(field, pattern))
	}
}

// change makes the input's changes to an endpoint. The target URL, which takes
// time to judge, is not among them.
func (in *webhookInput) change(e *webhook.Endpoint, defaults webhook.Settings, most *webhook.Ceilings, f *faults) {
	if in.ClientID.Set && in.ClientID.Value != e.ClientID {
		f.add(invalid("client_id", "cannot be changed"))
	}
	if in.Status.Set {
		f.add(setStatus(e, in.Status.Value))
	}
	if in.LeaseSeconds.Set {
		in.applyLease(e, time.Now(), f)
	}
	in.connectionInput.apply(e, most, f)
	in.settingsInput.apply(&e.Settings, defaults, most, f)
	if in.EventType.Given() {
		e.EventTypes = []string{in.EventType.Value}
	}
	if in.EventTypes.Given() {
		e.EventTypes = in.EventTypes.Value
	}
	if in.Description.Set {
		e.Description = in.Description.Value
	}
}

// applyLease sets when the endpoint is deleted, unless it is renewed before.
func (in *webhookInput) applyLease(e *webhook.Endpoint, now time.Time, f *faults) {
	var seconds int
	whole(f, in.LeaseSeconds, bounds[int64]{field: "lease_seconds", low: int64(minLease / time.Second), high: int64(maxLease / time.Second)}, &seconds)
	e.ExpiresAt = time.Time{}
	if seconds > 0 {
		e.ExpiresAt = now.UTC().Truncate(time.Millisecond).Add(time.Duration(seconds) * time.Second)
	}
}

// setStatus pauses an endpoint or makes it active, also one that was disabled. One
// that is active already stays as it is: only a call of resume gives it a fresh gate.
func setStatus(e *webhook.Endpoint, status string) error {
	switch webhook.EndpointStatus(status) {
	case e.Status:
		return nil
	case webhook.EndpointActive:
		e.Resume()
		return nil
	case webhook.EndpointPaused:
		if e.Status == webhook.EndpointDisabled {
			return conflict("the webhook is disabled: resume it before it can be paused")
		}
	default:
		return invalid("status", "must be active or paused")
	}
	e.Status = webhook.EndpointStatus(status)
	return nil
}
