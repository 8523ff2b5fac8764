package httpapi

import (
	"fmt"
	"strings"
	"testing"

	"github.com/corpastro/astrohook/webhook"
)

const testBundle = `-----BEGIN CERTIFICATE-----
MIIBQzCB6aADAgECAgEBMAoGCCqGSM49BAMCMBAxDjAMBgNVBAMTBW90aGVyMCAX
DTAwMDEwMTAwMDAwMFoYDzIwOTkwMTAxMDAwMDAwWjAQMQ4wDAYDVQQDEwVvdGhl
cjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJZGERzFijMEXBu/BSJwzIh0N+XU
4V/5LDmrB0WVT9JMBTP9Adyy0dfWMr8P6empJWFr98O3rOLpcSoil64c/LqjMjAw
MA8GA1UdEwEB/wQFMAMBAf8wHQYDVR0OBBYEFPg5zsUOilw8UWUDinFuHheBc+0T
MAoGCCqGSM49BAMCA0kAMEYCIQCl7vENkLZurbaG6l+lAR9uS9Cs6SfVKNaXVq8s
1ORw7AIhAOLhluv2oPoXQJTpk02bmMlK3QncgDeGPlRHdagoHXe1
-----END CERTIFICATE-----
`

// TestOwnHeaders follows a webhook's headers through changes; each row builds on those before.
func TestOwnHeaders(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.HeaderPrefix = "X-Acme" })
	const secret = "Bearer s3cret"
	r := f.want(t, 201, acme, "POST", "/api/webhooks",
		`{"event_type":"*","target_url":"https://example.com/","headers":{"authorization":"`+secret+`","X-Team":"crm"}}`)
	path := "/api/webhooks/" + r.text(t, "id")
	for _, c := range []struct{ method, body, names, sent string }{
		{"PATCH", `{}`, "[X-Team authorization]", "[{X-Team crm} {authorization Bearer s3cret}]"},
		{"PATCH", `{"headers":{}}`, "[X-Team authorization]", "[{X-Team crm} {authorization Bearer s3cret}]"},
		{"PATCH", `{"headers":{"x-team":"sales"}}`, "[authorization x-team]", "[{authorization Bearer s3cret} {x-team sales}]"},
		{"PATCH", `{"headers":{"X-TEAM":null,"X-More":""}}`, "[X-More authorization]", "[{X-More } {authorization Bearer s3cret}]"},
		{"PATCH", `{"headers":null}`, "<nil>", "[]"},
		{"PATCH", `{"headers":{"X-A":"1"}}`, "[X-A]", "[{X-A 1}]"},
		{"PUT", `{"event_type":"*","target_url":"https://example.com/","headers":{"X-B":"2"}}`, "[X-B]", "[{X-B 2}]"},
		{"PUT", `{"event_type":"*","target_url":"https://example.com/"}`, "<nil>", "[]"},
	} {
		r := f.want(t, 200, acme, c.method, path, c.body)
		if got := fmt.Sprint(r.object(t)["header_names"]); got != c.names {
			t.Errorf("%s %s: shown are %s, want %s", c.method, c.body, got, c.names)
		}
		if got := fmt.Sprint(f.dispatcher.lastChange().Headers); got != c.sent {
			t.Errorf("%s %s: the dispatcher was told %s, want %s", c.method, c.body, got, c.sent)
		}
		for _, shown := range []string{string(r.body), string(f.want(t, 200, acme, "GET", path, "").body), string(f.want(t, 200, acme, "GET", "/api/webhooks", "").body)} {
			if strings.Contains(shown, "s3cret") {
				t.Errorf("%s %s: a value is shown: %s", c.method, c.body, shown)
			}
		}
	}
}

// TestOwnHeadersAreChecked, also together with those that are there already.
func TestOwnHeadersAreChecked(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.HeaderPrefix = "X-Acme" })
	path := "/api/webhooks/" + f.register(t, acme)
	var twenty []string
	for n := range webhook.MaxCustomHeaders {
		twenty = append(twenty, fmt.Sprintf(`"X-%02d":"v"`, n))
	}
	f.want(t, 200, acme, "PATCH", path, `{"headers":{`+strings.Join(twenty, ",")+`}}`)
	for _, c := range []struct{ headers, field string }{
		{`{"Host":"evil.example"}`, "headers.Host"},
		{`{"X-Acme-Signature":"00"}`, "headers.X-Acme-Signature"},
		{`{"X-A":"1\r\nHost: evil"}`, "headers.X-A"},
		{`{"X-A\r\nHost":"evil"}`, "headers"},
		{`{"X-A":"1","x-a":"2"}`, "headers.x-a"},
		{`{"X-A":1}`, "headers.X-A"},
		{`["X-A"]`, "headers"},
		{`{"X-More":"v"}`, "headers"},
		{`{"X-00":"` + strings.Repeat("v", webhook.MaxCustomHeaderBytes) + `"}`, "headers"},
	} {
		r := f.want(t, 422, acme, "PATCH", path, `{"headers":`+c.headers+`}`)
		if got := r.text(t, "field"); got != c.field {
			t.Errorf("%.80s: field %q, want %q", c.headers, got, c.field)
		}
	}
	f.want(t, 422, acme, "POST", "/api/webhooks", `{"event_type":"*","target_url":"https://example.com/","headers":{"TE":"trailers"}}`)
	f.want(t, 200, acme, "PATCH", path, `{"headers":{"X-00":null,"X-More":"v"}}`)
}

// TestCABundle: a bundle is checked, shown with its webhook and not in lists, and removed by null.
func TestCABundle(t *testing.T) {
	f := newFixture(t)
	path := "/api/webhooks/" + f.register(t, acme)
	quoted := strings.ReplaceAll(testBundle, "\n", `\n`)
	r := f.want(t, 200, acme, "PATCH", path, `{"ca_bundle":"`+quoted+`"}`)
	if r.text(t, "ca_bundle") != testBundle || f.dispatcher.lastChange().CABundle != testBundle {
		t.Errorf("got %s", r.body)
	}
	if list := f.want(t, 200, acme, "GET", "/api/webhooks", ""); strings.Contains(string(list.body), "CERTIFICATE") {
		t.Errorf("listed: %s", list.body)
	}
	for _, text := range []string{`""`, `"no PEM"`, `7`, `"` + strings.ReplaceAll(quoted, "CERTIFICATE", "PRIVATE KEY") + `"`} {
		r := f.want(t, 422, acme, "PATCH", path, `{"ca_bundle":`+text+`}`)
		if got := r.text(t, "field"); got != "ca_bundle" {
			t.Errorf("%s: field %q", text, got)
		}
	}
	f.want(t, 200, acme, "PATCH", path, `{"description":"same certificates"}`)
	if f.dispatcher.lastChange().CABundle != testBundle {
		t.Error("a change of something else lost the certificates")
	}
	f.want(t, 200, acme, "PATCH", path, `{"ca_bundle":null}`)
	if f.dispatcher.lastChange().CABundle != "" {
		t.Error("null did not remove the certificates")
	}
}
