package httpapi

import (
	"fmt"
	"slices"
	"testing"

	"github.com/corpastro/astrohook/webhook"
)

// testEventTypes are the types that the server of a test starts with.
var testEventTypes = []webhook.EventType{
	{Name: "user.created", Description: "A user has signed up."},
	{Name: "user.updated", Description: "A user's profile or settings have changed."},
	{Name: "user.subscription_changed", Description: "A user's subscription has started, changed or ended."},
	{Name: "content.published", Description: "A piece of content has been published."},
	{Name: "content.updated", Description: "A published piece of content has changed."},
	{Name: "report.generated", Description: "A report that was asked for is ready."},
	{Name: "business.created", Description: "A business has been added."},
	{Name: "business.updated", Description: "A business's details have changed."},
	{Name: "business.analysis_completed", Description: "The analysis of a business is complete."},
	{Name: "astro_engine.chart_generated", Description: "The astrology engine has calculated a chart."},
	{Name: "astro_ratan.interaction_completed", Description: "A conversation with Astro Ratan has ended."},
}

// TestRegistryChanges publishes before and after changes of the registry.
func TestRegistryChanges(t *testing.T) {
	f := newFixture(t)
	event := `{"event_type":"invoice.paid","data":1}`
	f.want(t, 422, backend, "POST", "/api/events", event)
	r := f.want(t, 201, admin, "POST", "/api/event-types", `{"name":"invoice.paid","description":"Paid."}`)
	if got := r.header.Get("Location"); got != "/api/event-types/invoice.paid" {
		t.Errorf("Location %q", got)
	}
	f.want(t, 202, backend, "POST", "/api/events", event)
	f.want(t, 409, admin, "POST", "/api/event-types", `{"name":"invoice.paid"}`)
	f.want(t, 200, admin, "PUT", "/api/event-types/invoice.paid", `{"name":"invoice.paid","description":"An invoice."}`)
	if got := f.want(t, 200, acme, "GET", "/api/event-types/invoice.paid", "").text(t, "description"); got != "An invoice." {
		t.Errorf("description %q", got)
	}
	stored, err := f.store.EventTypes(t.Context())
	if err != nil || !slices.Contains(stored, webhook.EventType{Name: "invoice.paid", Description: "An invoice."}) {
		t.Errorf("stored: %v, %v", stored, err)
	}
	f.want(t, 204, admin, "DELETE", "/api/event-types/invoice.paid", "")
	f.want(t, 404, acme, "GET", "/api/event-types/invoice.paid", "")
	f.want(t, 422, backend, "POST", "/api/events", event)
}

// TestRegistryPages pages through event types, also when the last one seen goes away.
func TestRegistryPages(t *testing.T) {
	f := newFixture(t)
	var listed []string
	for cursor := ""; ; {
		r := f.want(t, 200, acme, "GET", "/api/event-types?limit=4"+cursor, "")
		for _, entry := range r.data(t) {
			listed = append(listed, fmt.Sprint(entry["name"]))
		}
		next := r.text(t, "next_cursor")
		if next == "" {
			break
		}
		cursor = "&cursor=" + next
		if len(listed) == 4 {
			f.want(t, 204, admin, "DELETE", "/api/event-types/"+listed[3], "")
		}
	}
	if len(listed) != 11 || !slices.IsSorted(listed) {
		t.Errorf("listed %q", listed)
	}
}
