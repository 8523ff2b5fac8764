package app

import (
	"testing"

	"github.com/corpastro/astrohook/webhook"
)

// TestDefaultEventTypes checks by the rules of the API what the API does not see.
func TestDefaultEventTypes(t *testing.T) {
	names := map[string]bool{}
	for _, event := range defaultEventTypes {
		if err := webhook.ValidateEventType(event.Name); err != nil || event.Description == "" || names[event.Name] {
			t.Errorf("%+v: %v, twice: %v", event, err, names[event.Name])
		}
		names[event.Name] = true
	}
}
