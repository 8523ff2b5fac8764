package app

import (
	"testing"

	"github.com/corpastro/astrohook/webhook"
)

// TestDefaultEventTypes checks the default event types by the rules of the API, which they
// do not pass through.
func TestDefaultEventTypes(t *testing.T) {
	names := map[string]bool{}
	for _, event := range defaultEventTypes {
		if err := webhook.ValidateEventType(event.Name); err != nil || event.Description == "" || names[event.Name] {
			t.Errorf("%+v: %v, twice: %v", event, err, names[event.Name])
		}
		names[event.Name] = true
	}
}
