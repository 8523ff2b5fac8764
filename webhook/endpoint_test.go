package webhook

import (
	"crypto/rand"
	"fmt"
	"reflect"
	"strings"
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

// fullEndpoint is one with everything that Delete and WithoutSecrets are about.
func fullEndpoint() Endpoint {
	return Endpoint{
		ID: ID{Seq: 1, Endpoint: 3}, Status: EndpointActive, Revision: 4, TargetURL: "https://a.example/",
		Secrets: []signing.Secret{{Value: "the newest secret"}, {Value: "the older secret", ExpiresAt: time.Unix(9, 0)}},
		Headers: []CustomHeader{{"Authorization", "Bearer abc"}},
	}
}

// TestStatusChanges: each change leaves the endpoint in a state without leftovers of another.
func TestStatusChanges(t *testing.T) {
	at := time.Unix(1_750_000_000, 0)
	e := fullEndpoint()
	e.Disable("gone", at)
	if e.Status != EndpointDisabled || e.DisabledReason != "gone" || !e.DisabledAt.Equal(at) || e.Sends() {
		t.Errorf("disabled: %+v", e)
	}
	e.Resume()
	if e.Status != EndpointActive || e.DisabledReason != "" || !e.DisabledAt.IsZero() || !e.Sends() || e.GateSince != e.Revision+1 {
		t.Errorf("resumed: %+v", e)
	}
	e.Delete(at)
	if !e.Deleted() || e.Sends() || e.Secrets != nil || e.Headers != nil || e.TargetURL == "" {
		t.Errorf("deleted: %+v", e)
	}
}

func TestEndpointScheme(t *testing.T) {
	private, err := signing.SchemeEd25519.Generate(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	shared := signing.Secret{Value: "a plain secret of some length"}
	for _, c := range []struct {
		why     string
		secrets []signing.Secret
		want    signing.Scheme
	}{
		{"without secrets", nil, signing.DefaultScheme},
		{"shared", []signing.Secret{shared}, signing.SchemeHMAC},
		{"private", []signing.Secret{{Value: private}}, signing.SchemeEd25519},
		{"the newest counts", []signing.Secret{{Value: private}, shared}, signing.SchemeEd25519},
		{"the newest counts, the other way", []signing.Secret{shared, {Value: private}}, signing.SchemeHMAC},
	} {
		e := Endpoint{Secrets: c.secrets}
		if got := e.Scheme(); got != c.want {
			t.Errorf("%s: %s, want %s", c.why, got, c.want)
		}
	}
}

// TestWithoutSecrets: the copy shows which secrets and headers there are, and none of their
// values; the endpoint keeps them.
func TestWithoutSecrets(t *testing.T) {
	e := fullEndpoint()
	bare := e.WithoutSecrets()
	text := fmt.Sprintf("%+v", bare)
	for _, value := range []string{"the newest secret", "the older secret", "Bearer abc"} {
		if strings.Contains(text, value) {
			t.Errorf("the copy has %q", value)
		}
	}
	if len(bare.Secrets) != 2 || !bare.Secrets[1].ExpiresAt.Equal(time.Unix(9, 0)) || len(bare.Headers) != 1 || bare.Headers[0].Name != "Authorization" {
		t.Errorf("the copy is %s", text)
	}
	if want := fullEndpoint(); !reflect.DeepEqual(e, want) {
		t.Errorf("the endpoint became %+v", e)
	}
}

// TestFreshGateWithoutSecrets: an endpoint whose last secret goes has another receiver, too.
func TestFreshGateWithoutSecrets(t *testing.T) {
	was := fullEndpoint()
	now := was
	now.Secrets = nil
	now.ChangedFrom(&was)
	if now.GateSince != was.Revision+1 || now.ReceiverSince != was.Revision+1 {
		t.Errorf("gate since %d, receiver since %d", now.GateSince, now.ReceiverSince)
	}
}
