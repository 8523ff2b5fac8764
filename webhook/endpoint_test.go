package webhook

import (
	"reflect"
	"testing"
	"time"
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

// leaves gives the index path of each field that is not a struct.
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
