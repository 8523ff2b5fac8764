package registration

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/signing"
)

// testTypes is a registry of two types.
type testTypes struct{}

func (testTypes) CheckPattern(field, pattern string) error {
	switch pattern {
	case "user.created", "user.updated", "user.*", "*":
		return nil
	}
	return invalid(field, "is unknown")
}

// now is the time of all tests.
var now = time.Date(2025, 5, 17, 10, 30, 45, 0, time.UTC)

func testRules() *Rules {
	return &Rules{Types: testTypes{}, Defaults: webhook.DefaultSettings(), Ceilings: &webhook.Ceilings{}, HeaderPrefix: "X-Corp-Astro"}
}

// testSecret is the secret of the endpoint in the tests.
const testSecret = "0123456789abcdef0123456789abcdef"

// registered is an endpoint that sets only what is required.
func registered() *webhook.Endpoint {
	return &webhook.Endpoint{
		ClientID: "acme", Status: webhook.EndpointActive, CreatedAt: now, UpdatedAt: now,
		EventTypes: []string{"user.created"}, TargetURL: "https://example.com/",
		Secrets: []signing.Secret{{Value: testSecret}},
	}
}

// required is what PUT needs at the least.
const required = `"event_type":"user.created","target_url":"https://example.com/"`

// change applies a body to an endpoint, as PUT (replace) or PATCH.
func change(e *webhook.Endpoint, r *Rules, body string, replace bool) error {
	c, err := DecodeChange([]byte(body), replace)
	if err != nil {
		return err
	}
	var f jsonbody.Faults
	c.Check(r, e.EventTypes, &f)
	if err := f.Err(); err != nil {
		return err
	}
	return c.Apply(e, r, c.TargetURL.Value, now)
}

// resourceOf returns an endpoint as the API shows it, in JSON.
func resourceOf(t *testing.T, e *webhook.Endpoint) string {
	t.Helper()
	text, err := json.Marshal(Show(e, testRules(), now))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// shown returns one member of it; "absent" if there is none.
func shown(t *testing.T, e *webhook.Endpoint, member string) string {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(resourceOf(t, e)), &members); err != nil {
		t.Fatal(err)
	}
	if value, ok := members[member]; ok {
		return string(value)
	}
	return "absent"
}

// stays and refused stand for what a call does not change, and does not allow.
const stays, refused = "stays", "refused"

// fields has an example for each member of Input. null and put are what the API shows
// after PATCH with null, and after PUT without the member.
var fields = []struct {
	member, value string
	shownAs, want string
	null, put     string
}{
	{"client_id", `"acme"`, "client_id", `"acme"`, refused, stays},
	{"event_type", `"user.*"`, "event_types", `["user.*"]`, refused, refused},
	{"event_types", `["user.created","user.updated"]`, "event_types", `["user.created","user.updated"]`, refused, refused},
	{"target_url", `"https://example.org/"`, "target_url", `"https://example.org/"`, refused, refused},
	{"description", `"CRM"`, "description", `"CRM"`, `""`, `""`},
	{"status", `"paused"`, "status", `"paused"`, refused, stays},
	{"lease_seconds", `60`, "expires_at", `"2025-05-17T10:31:45.000Z"`, "absent", stays},
	{"secret", `"` + testSecret + `"`, "secret", "absent", refused, stays},
	{"signature_scheme", `"v1"`, "signature_scheme", `"v1"`, refused, stays},
	{"headers", `{"X-Team":"crm"}`, "header_names", `["X-Team"]`, "absent", "absent"},
	{"ca_bundle", jsonOf(testBundle), "ca_bundle", jsonOf(testBundle), "absent", "absent"},
	{"timeout_ms", `5000`, "timeout_ms", `5000`, `10000`, `10000`},
	{"concurrency", `8`, "concurrency", `8`, `64`, `64`},
	{"rate_limit", `{"per_second":2.5,"burst":3}`, "rate_limit", `{"per_second":2.5,"burst":3}`, "null", "null"},
	{
		"retry_policy", `{"max_attempts":3,"initial_delay_ms":1000,"multiplier":1.5,"max_delay_ms":2000,"jitter":0}`,
		"retry_policy", `{"max_attempts":3,"initial_delay_ms":1000,"multiplier":1.5,"max_delay_ms":2000,"jitter":0}`,
		`{"max_attempts":5,"initial_delay_ms":30000,"multiplier":2,"max_delay_ms":86400000,"jitter":0.1}`,
		`{"max_attempts":5,"initial_delay_ms":30000,"multiplier":2,"max_delay_ms":86400000,"jitter":0.1}`,
	},
	{
		"circuit_breaker", `{"failures":2,"open_ms":1000,"max_open_ms":2000}`, "circuit_breaker", `{"failures":2,"open_ms":1000,"max_open_ms":2000}`,
		`{"failures":10,"open_ms":30000,"max_open_ms":900000}`, `{"failures":10,"open_ms":30000,"max_open_ms":900000}`,
	},
}

func jsonOf(text string) string {
	quoted, _ := json.Marshal(text)
	return string(quoted)
}

// TestEveryField takes each field through its life: set by PATCH, sent back by PUT as it is
// shown, set back by null, set back by PUT. It fails for a field without an example above.
func TestEveryField(t *testing.T) {
	examples := map[string]bool{}
	for _, c := range fields {
		examples[c.member] = true
		r := testRules()
		set := func() *webhook.Endpoint {
			e := registered()
			if err := change(e, r, `{"`+c.member+`":`+c.value+`}`, false); err != nil {
				t.Errorf("%s: set: %v", c.member, err)
			}
			return e
		}
		e := set()
		if got := shown(t, e, c.shownAs); got != c.want {
			t.Errorf("%s: set: %s is %s, want %s", c.member, c.shownAs, got, c.want)
		}
		before := resourceOf(t, e)
		if err := change(e, r, before, true); err != nil || resourceOf(t, e) != before {
			t.Errorf("%s: sent back as shown: %v\nnow    %s\nbefore %s", c.member, err, resourceOf(t, e), before)
		}
		e = set()
		check(t, c.member+": null", change(e, r, `{"`+c.member+`":null}`, false), shown(t, e, c.shownAs), c.null, c.want)
		e = set()
		body := `{` + required + `}`
		if c.put == refused {
			body = strings.ReplaceAll(body, `"`+strings.TrimSuffix(c.member, "s")+`":`, `"description":`)
		}
		check(t, c.member+": PUT without it", change(e, r, body, true), shown(t, e, c.shownAs), c.put, c.want)
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Input]()) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name != "" && !examples[name] {
			t.Errorf("the field %s has no example", name)
		}
	}
}

// check compares the result of a call with what fields says about it.
func check(t *testing.T, what string, err error, got, want, before string) {
	t.Helper()
	switch {
	case want == refused:
		if err == nil {
			t.Errorf("%s: is not refused", what)
		}
	case want == stays:
		want = before
		fallthrough
	default:
		if err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", what, got, err, want)
		}
	}
}

// TestCheckNew registers with the least, and says everything that is missing.
func TestCheckNew(t *testing.T) {
	for body, want := range map[string]string{
		`{` + required + `}`: "",
		`{"event_types":["user.created","*"],"target_url":"https://example.com/"}`: "",
		`{}`:                                     "event_type is missing, and so is event_types; target_url is missing",
		`{"event_type":null,"target_url":"x"}`:   "event_type is missing, and so is event_types; event_type cannot be null",
		`{` + required + `,"event_types":["*"]}`: "event_types cannot stand beside event_type, unless it is the same",
		`{` + required + `,"event_types":["user.created"]}`:                                    "",
		`{"event_types":[],"target_url":"x"}`:                                                  "event_types is empty",
		`{"event_types":["*","*"],"target_url":"x"}`:                                           "event_types[1] repeats an earlier entry",
		`{"event_types":["*","user.x"],"target_url":"x"}`:                                      "event_types[1] is unknown",
		`{"event_types":["*"` + strings.Repeat(`,"a"`, maxPatterns) + `],"target_url":"x"}`:    "event_types has more than 100 entries",
		`{` + required + `,"description":"` + strings.Repeat("ä", maxDescription) + `"}`:       "",
		`{` + required + `,"description":"` + strings.Repeat("ä", maxDescription+1) + `"}`:     "description is longer than 1000 characters",
		`{` + required + `,"signature_scheme":"v2"}`:                                           "signature_scheme must be ",
		`{` + required + `,"secret":"short"}`:                                                  "secret ",
		`{` + required + `,"secret":"` + testSecret + `","signature_scheme":"v1a"}`:            "secret is for the signature_scheme v1, not v1a",
		`{` + required + `,"headers":{"X-Corp-Astro-Event":"x"}}`:                              "headers",
		`{` + required + `,"ca_bundle":"no certificate"}`:                                      "ca_bundle ",
		`{` + required + `,"event_type_":"x"}`:                                                 "event_type_ is not a known field",
		`{` + required + `,"signature_scheme":"v1a","secret":null,"headers":null,"status":""}`: "",
	} {
		var in Input
		err := jsonbody.Decode([]byte(body), &in)
		if err == nil {
			var f jsonbody.Faults
			in.CheckNew(testRules(), &f)
			err = f.Err()
		}
		if got := texts(err); !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%.200s\ngot  %s\nwant %s", body, got, want)
		}
	}
}

// texts returns all faults of an error.
func texts(err error) string {
	list, ok := errors.AsType[jsonbody.Faults](err)
	switch {
	case err == nil:
		return ""
	case !ok:
		return err.Error()
	}
	var all []string
	for _, fault := range list {
		all = append(all, fault.Error())
	}
	return strings.Join(all, "; ")
}

// TestSettingsAreBounded: each number has two bounds, and the operator can narrow them.
func TestSettingsAreBounded(t *testing.T) {
	ceilings := webhook.Ceilings{
		Timeout: 20 * time.Second, Concurrency: 16, Rate: 10, Burst: 20, Attempts: 7, MinRetry: 1500 * time.Microsecond,
		MaxRetry: time.Hour, BreakerFailures: 30, BreakerOpen: 10 * time.Minute, Headers: 1,
	}
	for _, c := range []struct{ body, own, operators string }{
		{`{"timeout_ms":99}`, "timeout_ms must be a whole number from 100 to 60000", "timeout_ms must be a whole number from 100 to 20000; the operator sets this bound (max-webhook-timeout)"},
		{`{"timeout_ms":20001}`, "", "timeout_ms must be a whole number from 100 to 20000; the operator sets"},
		{`{"timeout_ms":20000}`, "", ""},
		{`{"concurrency":0}`, "concurrency must be a whole number from 1 to 1024", "concurrency must be a whole number from 1 to 16"},
		{`{"rate_limit":{"per_second":0}}`, "rate_limit.per_second must be a number from 0.001 to 1e+06", "rate_limit.per_second must be a number from 0.001 to 10"},
		{`{"rate_limit":{"burst":5}}`, "rate_limit.per_second is missing", "rate_limit.per_second is missing"},
		{`{"retry_policy":{"max_attempts":8}}`, "", "retry_policy.max_attempts must be a whole number from 1 to 7; the operator sets this bound (max-webhook-attempts)"},
		{`{"retry_policy":{"initial_delay_ms":1}}`, "", "retry_policy.initial_delay_ms must be a whole number from 2 to 3600000; the operator sets this bound (min-webhook-retry, max-webhook-retry)"},
		{`{"retry_policy":{"multiplier":0.5}}`, "retry_policy.multiplier must be a number from 1 to 10", "retry_policy.multiplier must be a number from 1 to 10"},
		{`{"retry_policy":{"jitter":1.1}}`, "retry_policy.jitter must be a number from 0 to 1", "retry_policy.jitter must be a number from 0 to 1"},
		{`{"retry_policy":{"max_delay_ms":5000}}`, "retry_policy.max_delay_ms is less than initial_delay_ms", "retry_policy.max_delay_ms is less than initial_delay_ms"},
		{`{"circuit_breaker":{"open_ms":1000000}}`, "circuit_breaker.max_open_ms is less than open_ms", "circuit_breaker.open_ms must be a whole number from 2 to 600000"},
		{`{"circuit_breaker":{"failures":31}}`, "", "circuit_breaker.failures must be a whole number from 1 to 30"},
		{`{"headers":{"X-A":"1","X-B":"2"}}`, "", "headers has more than 1 members; the operator sets this bound (max-webhook-headers)"},
		{`{"lease_seconds":29}`, "lease_seconds must be a whole number from 30 to 3600", "lease_seconds must be a whole number from 30 to 3600"},
	} {
		for _, most := range []*webhook.Ceilings{{}, &ceilings} {
			r, want := testRules(), c.own
			if r.Ceilings = most; most == &ceilings {
				want = c.operators
			}
			if got := texts(change(registered(), r, c.body, false)); !strings.HasPrefix(got, want) || want == "" && got != "" {
				t.Errorf("%s, operator's bounds %t:\ngot  %s\nwant %s", c.body, most == &ceilings, got, want)
			}
		}
	}
}

// TestHeadersAreMerged: PATCH changes the headers that it names, whatever their case.
func TestHeadersAreMerged(t *testing.T) {
	e := registered()
	for _, c := range []struct {
		body    string
		replace bool
		want    string
	}{
		{`{"headers":{"X-Team":"crm","authorization":"Bearer x"}}`, false, "[{X-Team crm} {authorization Bearer x}]"},
		{`{"headers":{}}`, false, "[{X-Team crm} {authorization Bearer x}]"},
		{`{"headers":{"x-team":"sales","Authorization":null}}`, false, "[{x-team sales}]"},
		{`{` + required + `,"header_names":["x-team"]}`, true, "[{x-team sales}]"},
		{`{` + required + `,"header_names":["x-team"],"headers":{"X-A":"1"}}`, true, "[{X-A 1} {x-team sales}]"},
		{`{` + required + `,"headers":{"X-B":"2"}}`, true, "[{X-B 2}]"},
		{`{` + required + `}`, true, "[]"},
	} {
		if err := change(e, testRules(), c.body, c.replace); err != nil || fmt.Sprint(e.Headers) != c.want {
			t.Errorf("%s: %v, %v; want %s", c.body, e.Headers, err, c.want)
		}
	}
}

// TestSecretStays: an edit changes no secret and no scheme. The newest secret may be sent
// back, with everything that the answer of its making showed.
func TestSecretStays(t *testing.T) {
	e := registered()
	made := Show(e, testRules(), now)
	made.Reveal(e.Secrets[0])
	text, err := json.Marshal(made)
	if err != nil || !strings.Contains(string(text), testSecret) {
		t.Fatalf("%s, %v", text, err)
	}
	if err := change(e, testRules(), string(text), true); err != nil {
		t.Errorf("sent back as it was made: %v", err)
	}
	for body, want := range map[string]string{
		`{"secret":"another-secret-of-enough-length"}`: "secret is changed by rotate-secret only",
		`{"secret":null}`:             "secret is changed by rotate-secret only",
		`{"signature_scheme":"v1a"}`:  "signature_scheme is changed by rotate-secret only",
		`{"standard_secret":"whsec"}`: "standard_secret is read-only, and is not the present value",
	} {
		if got := texts(change(e, testRules(), body, false)); got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
}

// TestPrivateKeysAreNeverShown: the API shows the public key in place of a private one.
func TestPrivateKeysAreNeverShown(t *testing.T) {
	in := SecretInput{SignatureScheme: optional[string]{Value: "v1a", Set: true}}
	secret, err := in.NewSecret(signing.DefaultScheme)
	if err != nil {
		t.Fatal(err)
	}
	e := registered()
	e.Secrets = append([]signing.Secret{secret}, e.Secrets...)
	e.Secrets[1].ExpiresAt = now.Add(time.Hour)
	r := Show(e, testRules(), now)
	r.Reveal(secret)
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), secret.Value) || len(r.PublicKeys) != 1 || r.SignatureScheme != "v1a" || r.PreviousSecretExpiresAt != "2025-05-17T11:30:45.000Z" {
		t.Errorf("%s", text)
	}
}

// TestSetStatus walks through the states of an endpoint.
func TestSetStatus(t *testing.T) {
	for _, c := range []struct {
		from webhook.EndpointStatus
		to   string
		want webhook.EndpointStatus
		err  string
	}{
		{webhook.EndpointActive, "paused", webhook.EndpointPaused, ""},
		{webhook.EndpointPaused, "paused", webhook.EndpointPaused, ""},
		{webhook.EndpointPaused, "active", webhook.EndpointActive, ""},
		{webhook.EndpointDisabled, "active", webhook.EndpointActive, ""},
		{webhook.EndpointDisabled, "disabled", webhook.EndpointDisabled, ""},
		{webhook.EndpointDisabled, "paused", webhook.EndpointDisabled, ErrDisabled.Error()},
		{webhook.EndpointActive, "disabled", webhook.EndpointActive, "status must be active or paused"},
		{webhook.EndpointActive, "", webhook.EndpointActive, "status must be active or paused"},
	} {
		e := registered()
		e.Status = c.from
		if got := texts(SetStatus(e, c.to)); got != c.err || e.Status != c.want {
			t.Errorf("%s to %q: %s, %q; want %s, %q", c.from, c.to, e.Status, got, c.want, c.err)
		}
	}
}

func ExampleChange_Apply() {
	e := registered()
	c, err := DecodeChange([]byte(`{"description":"CRM","timeout_ms":5000}`), false)
	if err != nil {
		panic(err)
	}
	fmt.Println(c.Apply(e, testRules(), "", now), e.Description, e.Settings.Timeout)
	c, _ = DecodeChange([]byte(`{"timeout_ms":1,"status":"disabled"}`), false)
	fmt.Println(texts(c.Apply(e, testRules(), "", now)))
	// Output:
	// <nil> CRM 5s
	// status must be active or paused; timeout_ms must be a whole number from 100 to 60000
}
