package registration

import (
	"fmt"
	"slices"

	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/webhook"
)

// maxPatterns bounds the patterns of one endpoint. The router looks at each of them when
// the endpoint changes.
const maxPatterns = 100

// Types is the registry of event types.
type Types interface {
	// CheckPattern refuses what is no pattern, and what names one unknown type. The error
	// names the field.
	CheckPattern(field, pattern string) error
}

// typesInput are the patterns of event types that an endpoint receives: a single one or a
// list. Both may be given if they say the same, since Resource shows both.
type typesInput struct {
	EventType  optional[string]   `json:"event_type"`
	EventTypes optional[[]string] `json:"event_types"`
}

// typesResource shows them; EventType is there if it is exactly one.
type typesResource struct {
	EventType  string   `json:"event_type,omitzero"`
	EventTypes []string `json:"event_types"`
}

// showTypes returns an endpoint's patterns as the API shows them.
func showTypes(patterns []string) typesResource {
	r := typesResource{EventTypes: patterns}
	if len(patterns) == 1 {
		r.EventType = patterns[0]
	}
	return r
}

// checkTypes refuses patterns that are not allowed; now are the endpoint's present ones.
func (in *typesInput) checkTypes(r *Rules, now []string, f *jsonbody.Faults) {
	single := []string{in.EventType.Value}
	switch {
	case in.EventType.Given() && in.EventTypes.Given() && !slices.Equal(in.EventTypes.Value, single):
		f.Add(invalid("event_types", "cannot stand beside event_type, unless it is the same"))
	case in.EventType.Given() && !slices.Equal(now, single):
		f.Add(r.Types.CheckPattern("event_type", in.EventType.Value))
	case len(now) > 0 && slices.Equal(now, in.EventTypes.Value):
		// unchanged
	case in.EventTypes.Given():
		in.checkList(r, f)
	}
}

// checkList refuses a list of patterns that is empty, too long, or has a bad entry.
func (in *typesInput) checkList(r *Rules, f *jsonbody.Faults) {
	patterns := in.EventTypes.Value
	most := r.Ceilings.Patterns
	switch {
	case len(patterns) == 0:
		f.Add(invalid("event_types", "is empty"))
		return
	case len(patterns) > maxPatterns:
		f.Add(invalid("event_types", fmt.Sprintf("has more than %d entries", maxPatterns)))
		return
	case most > 0 && len(patterns) > most:
		f.Add(tooMany("event_types", "entries", most, "max-webhook-patterns"))
		return
	}
	for i, pattern := range patterns {
		field := fmt.Sprintf("event_types[%d]", i)
		if slices.Contains(patterns[:i], pattern) {
			f.Add(invalid(field, "repeats an earlier entry"))
			continue
		}
		f.Add(r.Types.CheckPattern(field, pattern))
	}
}

// Patterns returns how many patterns an endpoint has after the change, for the limit of
// its client.
func (in *typesInput) Patterns(e *webhook.Endpoint) int {
	switch {
	case in.EventType.Given():
		return 1
	case in.EventTypes.Given():
		return len(in.EventTypes.Value)
	}
	return len(e.EventTypes)
}

// applyTypes sets the patterns. checkTypes has made sure that both members agree.
func (in *typesInput) applyTypes(e *webhook.Endpoint) {
	if in.EventType.Given() {
		e.EventTypes = []string{in.EventType.Value}
	}
	if in.EventTypes.Given() {
		e.EventTypes = in.EventTypes.Value
	}
}
