package http1

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
)

// TestRequestHead: net/http reads what the pieces make.
func TestRequestHead(t *testing.T) {
	for _, c := range []struct{ method, target, host, uri string }{
		{"POST", "/hook?a=b", "example.com:8080", "/hook?a=b"},
		{"GET", "/", "[2001:db8::1]", "/"},
		{"CONNECT", "example.com:443", "example.com:443", "example.com:443"},
	} {
		text := RequestStart(c.method, c.target, c.host) + FieldStart("User-Agent") + "Astrohook/1" + FieldStart("X-Empty") + HeadEnd
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if r.Method != c.method || r.RequestURI != c.uri || r.Host != c.host || r.ProtoMinor != 1 {
			t.Errorf("%q is read as %s %s for %s", text, r.Method, r.RequestURI, r.Host)
		}
		if len(r.Header) != 2 || r.UserAgent() != "Astrohook/1" {
			t.Errorf("%q has the fields %v", text, r.Header)
		}
	}
}

// TestAppendValue: no value ends its field.
func TestAppendValue(t *testing.T) {
	for value, want := range map[string]string{
		"":                       "",
		"user.created":           "user.created",
		"a b":                    "a b",
		"a\r\nX-Admin: true":     "aX-Admin: true",
		"a\nb\x00c\td\x7fe":      "abcde",
		"größe":                  "größe", // UTF-8 is opaque data (RFC 9110, section 5.5)
		"\r\n\r\nGET / HTTP/1.1": "GET / HTTP/1.1",
	} {
		if got := string(AppendValue([]byte("X: "), value)); got != "X: "+want {
			t.Errorf("%q: got %q", value, got)
		}
	}
}

// FuzzAppendValue: a field stays one field, whatever its value.
func FuzzAppendValue(f *testing.F) {
	for _, seed := range []string{"a", "a\r\nb: c", "\x00", "\r\n\r\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		head := AppendValue([]byte(RequestStart("POST", "/", "h")+FieldStart("X-Value")), value)
		if n := strings.Count(string(head), "\n"); n != 2 || strings.Count(string(head), "\r") != 2 {
			t.Fatalf("%q has %d ends of lines", head, n)
		}
	})
}
