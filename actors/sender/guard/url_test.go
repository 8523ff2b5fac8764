package guard

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/corpastro/astrohook/webhook"
)

func TestParseTarget(t *testing.T) {
	for _, c := range []struct{ raw, canonical, authority, requestURI, why string }{
		{"http://example.com", "http://example.com/", "example.com", "/", "an empty path is /"},
		{"https://example.com/hook", "https://example.com/hook", "example.com", "/hook", "as it is"},
		{"HTTPS://EXAMPLE.com/Hook", "https://example.com/Hook", "example.com", "/Hook", "scheme and host have no case"},
		{"http://example.com:80/a", "http://example.com/a", "example.com", "/a", "the scheme's own port"},
		{"https://example.com:443/a", "https://example.com/a", "example.com", "/a", "the scheme's own port"},
		{"https://example.com:80/a", "https://example.com:80/a", "example.com:80", "/a", "another scheme's port"},
		{"http://example.com:08080/", "http://example.com:8080/", "example.com:8080", "/", "leading zeros"},
		{"http://example.com./", "http://example.com/", "example.com", "/", "the root's dot"},
		{"http://a_b.example.com/", "http://a_b.example.com/", "a_b.example.com", "/", "an underscore"},
		{"http://r3---sn.example.com/", "http://r3---sn.example.com/", "r3---sn.example.com", "/", "hyphens"},
		{"http://bücher.example/", "http://xn--bcher-kva.example/", "xn--bcher-kva.example", "/", "IDNA"},
		{"http://example。com/", "http://example.com/", "example.com", "/", "an ideographic full stop"},
		{"http://192.0.2.1/", "http://192.0.2.1/", "192.0.2.1", "/", "IPv4"},
		{"http://[2001:DB8:0::1]:8080/", "http://[2001:db8::1]:8080/", "[2001:db8::1]:8080", "/", "IPv6"},
		{"http://[::ffff:1.2.3.4]/", "http://[::ffff:1.2.3.4]/", "[::ffff:1.2.3.4]", "/", "mapped"},
		{"http://example.com?a=b", "http://example.com/?a=b", "example.com", "/?a=b", "query without path"},
		{"http://example.com/?", "http://example.com/?", "example.com", "/?", "empty query"},
		{"http://example.com/a/../b//c", "http://example.com/a/../b//c", "example.com", "/a/../b//c", "paths are the receiver's"},
		{"http://example.com/%2e%2F", "http://example.com/%2e%2F", "example.com", "/%2e%2F", "escapes are kept"},
		{"http://example.com/é?ü=\"<", "http://example.com/%C3%A9?%C3%BC=%22%3C", "example.com", "/%C3%A9?%C3%BC=%22%3C", "escapes are added"},
		{"http://example.com/?a[]=1", "http://example.com/?a[]=1", "example.com", "/?a[]=1", "brackets"},
		{"http://localhost:3000/", "http://localhost:3000/", "localhost:3000", "/", "judged later"},
	} {
		got, err := ParseTarget(c.raw)
		if err != nil {
			t.Errorf("%q (%s): %v", c.raw, c.why, err)
			continue
		}
		if got.Canonical != c.canonical || got.Authority != c.authority || got.RequestURI != c.requestURI {
			t.Errorf("%q (%s): got %+v", c.raw, c.why, got)
		}
	}
}

func TestParseTargetRefuses(t *testing.T) {
	long := "http://example.com/" + strings.Repeat("a", MaxURL)
	for raw, why := range map[string]string{
		"":                                              "empty",
		"example.com":                                   "no scheme",
		"//example.com/":                                "no scheme",
		"/hook":                                         "no host",
		"http:example.com":                              "opaque",
		"http://":                                       "no host",
		"http:///hook":                                  "no host",
		"http://:80/":                                   "no host",
		"http://./":                                     "no host",
		"ftp://example.com/":                            "scheme",
		"file:///etc/passwd":                            "scheme",
		"gopher://example.com/":                         "scheme",
		"javascript:alert(1)":                           "scheme",
		"http://user@example.com/":                      "user information",
		"http://user:pw@example.com/":                   "user information",
		"http://@example.com/":                          "user information",
		"http://example.com/#a":                         "fragment",
		"http://example.com/#":                          "fragment",
		"http://example.com/a b":                        "space",
		" http://example.com/":                          "space",
		"http://example.com/\n":                         "control byte",
		"http://example.com/\r\nHost: x":                "control bytes",
		"http://example.com/\x00":                       "control byte",
		"http://example.com/\x7f":                       "control byte",
		"http://example.com/\xff":                       "not UTF-8",
		"http://example.com\\@evil.test/":               "backslash",
		"http://example.com/%zz":                        "escape",
		"http://ex%41mple.com/":                         "escape in the host",
		"http://example.com:/":                          "empty port",
		"http://example.com:0/":                         "port",
		"http://example.com:65536/":                     "port",
		"http://example.com:-1/":                        "port",
		"http://example.com:http/":                      "port",
		"http://0x7f.1/":                                "hexadecimal",
		"http://0x7f000001/":                            "hexadecimal",
		"http://0X7F000001/":                            "hexadecimal",
		"http://2130706433/":                            "one number",
		"http://127.1/":                                 "two numbers",
		"http://127.0.1/":                               "three numbers",
		"http://010.0.0.1/":                             "octal",
		"http://0177.0.0.1/":                            "octal",
		"http://127.0.0.1.1/":                           "five numbers",
		"http://127.0.0.256/":                           "out of range",
		"http://127.0.0.0x1/":                           "hexadecimal",
		"http://foo.0x/":                                "ends in a number",
		"http://1.2.3.4:99999/":                         "port",
		"http://\uff11\uff12\uff17.1/":                  "full-width digits",
		"http://127。1/":                                 "ideographic full stop",
		"http://[127.0.0.1]/":                           "IPv4 in brackets",
		"http://[fe80::1%25eth0]/":                      "zone",
		"http://[fe80::1%eth0]/":                        "zone",
		"http://[::1/":                                  "bracket",
		"http://::1/":                                   "no brackets",
		"http://[::g]/":                                 "not IPv6",
		"http://a..b/":                                  "empty label",
		"http://.a/":                                    "empty label",
		"http://a,b/":                                   "character",
		"http://a!b.example/":                           "character",
		"http://ex%ffmple/":                             "not UTF-8 once unescaped",
		"http://xn-%8000000000/":                        "not UTF-8 once unescaped",
		"http://xn--a/":                                 "not punycode",
		"http://" + strings.Repeat("a", 64) + ".com/":   "label too long",
		"http://" + strings.Repeat("abc.", 64) + "com/": "name too long",
		long: "too long",
		"http://example.com/" + strings.Repeat("é", 1000): "too long once escaped",
	} {
		got, err := ParseTarget(raw)
		var field *webhook.FieldError
		if !errors.As(err, &field) || field.Field != "target_url" {
			t.Errorf("%q (%s): got %+v, %v", raw, why, got, err)
		}
	}
}

// TestReasonsOfRefusedTargets: the words that a client of the API reads, one for each
// rule.
func TestReasonsOfRefusedTargets(t *testing.T) {
	for raw, reason := range map[string]string{
		"": "is empty",
		"http://a/" + strings.Repeat("a", MaxURL):           "is longer than 2048 characters",
		"http://a.example/" + strings.Repeat("é", MaxURL/4): "is longer than 2048 characters",
		"http://a.example/\xff":                             "is not valid UTF-8",
		"http://a.example/ ":                                "contains white space or control characters",
		"http://a.example/#":                                "has a fragment",
		"http://a.example\\":                                "contains a backslash",
		"http://a.example/%zz":                              "is not a valid URL: a % is not followed by two hexadecimal digits",
		"http://a{b.example/":                               "is not a valid URL: its host has a character that is not allowed there",
		"http://a.example:x/":                               "has a port that is not within 1 to 65535",
		"http://a.example:65536/":                           "has a port that is not within 1 to 65535",
		":a.example":                                        "is not a valid URL: it does not begin with http:// or https://",
		"http://[::1":                                       "is not a valid URL",
		"ws://a.example/":                                   "is not an http or https URL",
		"http://u:p@a.example/":                             "has user information",
		"http:///":                                          "has no host",
		"http://a.example:/":                                "has an empty port",
		"http://[::1%25eth0]/":                              "has a host that is not an IPv6 address",
		"http://a..example/":                                "has an invalid host name",
		"http://127.1/":                                     "has a numeric host that is not an IP address in its usual form",
	} {
		_, err := ParseTarget(raw)
		if field, ok := errors.AsType[*webhook.FieldError](err); !ok || field.Reason != reason {
			t.Errorf("%.40q: got %v, want %q", raw, err, reason)
		}
		if hasUser := errors.Is(err, ErrUserInfo); hasUser != (reason == "has user information") {
			t.Errorf("%.40q: ErrUserInfo %v", raw, hasUser)
		}
	}
}

// FuzzParseTarget: an accepted URL is stable, and net/http reads it in the same way.
func FuzzParseTarget(f *testing.F) {
	for _, seed := range []string{
		"http://example.com", "https://[2001:db8::1]:8443/a?b=c", "http://bücher.example/é?ü", "http://127.1/", "http://a%25b/", "http://xn--bcher-kva/",
		"http://xn-%8000000000",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		first, err := ParseTarget(raw)
		if err != nil {
			return
		}
		again, err := ParseTarget(first.Canonical)
		if err != nil || again != first {
			t.Fatalf("%q gives %+v, and that %+v, %v", raw, first, again, err)
		}
		for _, c := range []byte(first.Canonical) {
			if c <= ' ' || c >= 0x7f {
				t.Fatalf("%q gives %q", raw, first.Canonical)
			}
		}
		r, err := http.NewRequest(http.MethodPost, first.Canonical, nil)
		if err != nil || r.URL.RequestURI() != first.RequestURI || r.URL.Hostname() != first.Host {
			t.Fatalf("%q: net/http reads %q as %v, %v", raw, first.Canonical, r, err)
		}
	})
}
