package webhook

import (
	"reflect"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook/signing"
)

func TestEndpointState(t *testing.T) {
	deleted := time.Unix(1, 0)
	for _, c := range []struct {
		why   string
		e     Endpoint
		sends bool
	}{
		{"active", Endpoint{Status: EndpointActive}, true},
		{"paused holds its deliveries", Endpoint{Status: EndpointPaused}, false},
		{"disabled", Endpoint{Status: EndpointDisabled}, false},
		{"deleted", Endpoint{Status: EndpointActive, DeletedAt: deleted}, false},
		{"deleted while paused", Endpoint{Status: EndpointPaused, DeletedAt: deleted}, false},
	} {
		if c.e.Sends() != c.sends || c.e.Deleted() != !c.e.DeletedAt.IsZero() {
			t.Errorf("%s: sends %v, deleted %v", c.why, c.e.Sends(), c.e.Deleted())
		}
	}
	if n := (&Endpoint{ID: ID{Endpoint: 8}}).Number(); n != 8 {
		t.Errorf("number %d", n)
	}
}

// TestSettingsOr sets one field after the other, so that none is forgotten.
func TestSettingsOr(t *testing.T) {
	defaults := DefaultSettings()
	defaults.Rate = 5
	if got := (Settings{}).Or(defaults); got != defaults {
		t.Errorf("nothing set: got %+v, want %+v", got, defaults)
	}
	for _, field := range leaves(reflect.ValueOf(&defaults).Elem(), nil) {
		var own Settings
		value := reflect.ValueOf(&own).Elem().FieldByIndex(field)
		if value.CanFloat() {
			value.SetFloat(77)
		} else {
			value.SetInt(77)
		}
		want := defaults
		reflect.ValueOf(&want).Elem().FieldByIndex(field).Set(value)
		if got := own.Or(defaults); got != want {
			t.Errorf("field %v set: got %+v, want %+v", field, got, want)
		}
	}
}

// leaves returns the index path of each field that is not a struct.
func leaves(v reflect.Value, at []int) [][]int {
	if v.Kind() != reflect.Struct {
		return [][]int{at}
	}
	var found [][]int
	for i := range v.NumField() {
		found = append(found, leaves(v.Field(i), append(at[:len(at):len(at)], i))...)
	}
	return found
}

// TestFreshGate: a change of the receiver, and a resume, begin with a fresh gate;
// another change does not.
func TestFreshGate(t *testing.T) {
	was := Endpoint{
		Revision: 6, TargetURL: "https://a.example/", CABundle: "c", Status: EndpointActive,
		Headers: []CustomHeader{{"X-Key", "1"}}, Secrets: []signing.Secret{{Value: "new"}, {Value: "old", ExpiresAt: time.Unix(9, 0)}},
		ReceiverSince: 2, GateSince: 3,
	}
	for _, c := range []struct {
		why            string
		change         func(*Endpoint)
		receiver, gate uint64
	}{
		{"nothing", func(*Endpoint) {}, 2, 3},
		{"description", func(e *Endpoint) { e.Description = "d" }, 2, 3},
		{"limits", func(e *Endpoint) { e.Settings.Concurrency = 3 }, 2, 3},
		{"the end of an overlap", func(e *Endpoint) { e.Secrets = e.Secrets[:1] }, 2, 3},
		{"pause", func(e *Endpoint) { e.Status = EndpointPaused }, 2, 3},
		{"target", func(e *Endpoint) { e.TargetURL = "https://b.example/" }, 7, 7},
		{"CA bundle", func(e *Endpoint) { e.CABundle = "" }, 7, 7},
		{"header", func(e *Endpoint) { e.Headers = []CustomHeader{{"X-Key", "2"}} }, 7, 7},
		{"secret", func(e *Endpoint) { e.Secrets = append([]signing.Secret{{Value: "newer"}}, e.Secrets...) }, 7, 7},
		{"resume", (*Endpoint).Resume, 2, 7},
	} {
		e := was
		c.change(&e)
		e.ChangedFrom(&was)
		if e.ReceiverSince != c.receiver || e.GateSince != c.gate {
			t.Errorf("%s: receiver since %d, gate since %d; want %d and %d", c.why, e.ReceiverSince, e.GateSince, c.receiver, c.gate)
		}
	}
}
