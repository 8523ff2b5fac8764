package webhook

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"reflect"
	"strings"
	"testing"
)

func TestCheckCustomHeaders(t *testing.T) {
	for _, c := range []struct {
		name, value string
		ok          bool
		why         string
	}{
		{"Authorization", "Bearer abc.def", true, "credentials"},
		{"X-Team", "", true, "empty"},
		{"x_team!", "a \"b\"", true, "every character of a token"},
		{"Cookie", "a=b; c=d", true, "a cookie"},
		{"Hosts", "a", true, "only begins like Host"},
		{"Webhook", "a", true, "only begins like webhook-"},
		{"X-Corp-Astronomy", "a", true, "only begins like the prefix"},
		{"Tea", "a", true, "only begins like TE"},

		{"Host", "evil.example", false, "another host"},
		{"hOsT", "evil.example", false, "in any casing"},
		{"Connection", "close", false, "the connection's"},
		{"Keep-Alive", "timeout=1", false, "the connection's"},
		{"Upgrade", "h2c", false, "the connection's"},
		{"HTTP2-Settings", "AAMAAABkAAQ", false, "an upgrade's"},
		{"TE", "trailers", false, "the connection's"},
		{"Trailer", "X-A", false, "the body's end"},
		{"Transfer-Encoding", "chunked", false, "the body's length"},
		{"Expect", "100-continue", false, "a wait before the body"},
		{"Content-Length", "0", false, "the body's length"},
		{"content-encoding", "gzip", false, "the body's form"},
		{"Content-Anything", "a", false, "all that begin with Content-"},
		{"Proxy-Authorization", "Basic x", false, "a proxy's"},
		{"Proxy-Connection", "close", false, "a proxy's"},
		{"webhook-signature", "v1,x", false, "a signature"},
		{"Webhook-Anything", "a", false, "all that begin with webhook-"},
		{"x-corp-astro-signature", "00", false, "a signature"},
		{"X-Corp-Astro-Anything", "a", false, "all that begin with the prefix"},
		{"User-Agent", "curl", false, "who calls"},

		{"", "a", false, "no name"},
		{"X Team", "a", false, "space"},
		{"X-Team:", "a", false, "colon"},
		{"X-Team\r\nEvil", "a", false, "line end in a name"},
		{"X-T\u00e9am", "a", false, "not ASCII"},
		{"\u212aeep-Alive", "a", false, "the Kelvin sign is no K"},
		{"X-Wor\u212a", "a", false, "the Kelvin sign is no K"},
		{strings.Repeat("a", 129), "a", false, "too long a name"},
		{"X-Team", "a\r\nHost: evil", false, "line end"},
		{"X-Team", "a\nHost: evil", false, "line feed"},
		{"X-Team", "a\rb", false, "carriage return"},
		{"X-Team", "a\x00b", false, "NUL"},
		{"X-Team", "a\tb", false, "tab"},
		{"X-Team", "a\x7f", false, "DEL"},
		{"X-Team", "caf\u00e9", false, "not ASCII"},
		{"X-Team", " a", false, "space before"},
		{"X-Team", "a ", false, "space after"},
	} {
		err := CheckCustomHeaders([]CustomHeader{{Name: c.name, Value: c.value}}, DefaultHeaderPrefix)
		if (err == nil) != c.ok {
			t.Errorf("%q: %q (%s): got %v", c.name, c.value, c.why, err)
		}
		var field *FieldError
		if err != nil && (!errors.As(err, &field) || !strings.HasPrefix(field.Field, "headers")) {
			t.Errorf("%q: %q: error %v", c.name, c.value, err)
		}
	}
	if err := CheckCustomHeaders([]CustomHeader{{Name: "X-Acme-Event"}}, "X-Acme"); err == nil {
		t.Error("the operator's own prefix is not kept clear")
	}
	if err := CheckCustomHeaders([]CustomHeader{{Name: "X-A"}, {Name: "x-a"}}, DefaultHeaderPrefix); err == nil {
		t.Error("one name in two casings is let through")
	}
}

// TestDeliveryHeadersAreReserved: an endpoint cannot set a header of a delivery itself.
func TestDeliveryHeadersAreReserved(t *testing.T) {
	for _, prefix := range []string{DefaultHeaderPrefix, "X-Acme"} {
		names := reflect.ValueOf(HeadersFor(prefix))
		for i := range names.NumField() {
			h := CustomHeader{Name: strings.ToUpper(names.Field(i).String()), Value: "a"}
			if CheckCustomHeaders([]CustomHeader{h}, prefix) == nil {
				t.Errorf("%s may be set", h.Name)
			}
		}
	}
}

func TestCustomHeaderSizes(t *testing.T) {
	var many []CustomHeader
	for n := range MaxCustomHeaders {
		many = append(many, CustomHeader{Name: fmt.Sprintf("X-%02d", n)})
	}
	if err := CheckCustomHeaders(many, DefaultHeaderPrefix); err != nil {
		t.Errorf("%d headers: %v", len(many), err)
	}
	if err := CheckCustomHeaders(append(many, CustomHeader{Name: "X-More"}), DefaultHeaderPrefix); err == nil {
		t.Error("one header more is let through")
	}
	long := []CustomHeader{{Name: "X-A", Value: strings.Repeat("v", MaxCustomHeaderBytes-3)}}
	if err := CheckCustomHeaders(long, DefaultHeaderPrefix); err != nil {
		t.Errorf("%d bytes: %v", MaxCustomHeaderBytes, err)
	}
	long[0].Value += "v"
	if err := CheckCustomHeaders(long, DefaultHeaderPrefix); err == nil {
		t.Error("one byte more is let through")
	}
}

// FuzzCustomHeader writes a header that the check lets through into a request, and reads the
// request as a receiver does: it has that header once, and nothing else has changed.
func FuzzCustomHeader(f *testing.F) {
	for _, seed := range [][2]string{
		{"X-Team", "a"},
		{"Authorization", "Bearer a.b"},
		{"X-A", "a\r\nContent-Length: 7"},
		{"X-A: b\r\nHost", "evil"},
		{"Content-Length", "7"},
		{"Transfer-Encoding", "chunked"},
		{"X_a!", "a: b"},
		{"cookie", "a=b; c=d"},
		{"X-\u212a", "a"},
		{"X-A", " a"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		if CheckCustomHeaders([]CustomHeader{{Name: name, Value: value}}, DefaultHeaderPrefix) != nil {
			return
		}
		text := "POST /hooks HTTP/1.1\r\nHost: receiver.example\r\nContent-Length: 2\r\n" + name + ": " + value + "\r\n\r\n{}"
		request, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
		if err != nil {
			t.Fatalf("%q: %q breaks the request: %v", name, value, err)
		}
		body, err := io.ReadAll(request.Body)
		if err != nil || string(body) != "{}" || request.Host != "receiver.example" || request.URL.Path != "/hooks" {
			t.Fatalf("%q: %q: host %q, body %q, %v", name, value, request.Host, body, err)
		}
		if got := request.Header[textproto.CanonicalMIMEHeaderKey(name)]; len(request.Header) != 2 || len(got) != 1 || got[0] != value {
			t.Fatalf("%q: %q arrives as %q in %v", name, value, got, request.Header)
		}
	})
}
