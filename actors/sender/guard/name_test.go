package guard

import (
	"strings"
	"testing"
)

// TestHostName: the one form of each name, and the names that have none.
func TestHostName(t *testing.T) {
	for _, c := range []struct {
		name, want string // "" if it has no form
		why        string
	}{
		{"example.com", "example.com", "as it is"},
		{"EXAMPLE.Com", "example.com", "names have no case"},
		{"example.com.", "example.com", "the root's dot"},
		{"a_b.example", "a_b.example", "DNS takes underscores"},
		{"-a.example", "-a.example", "and hyphens at an edge"},
		{"bücher.example", "xn--bcher-kva.example", "IDNA"},
		{"BÜCHER.example", "xn--bcher-kva.example", "IDNA maps capitals"},
		{"ｅxample.com", "example.com", "a full-width letter"},
		{"a\u00adb.example", "ab.example", "a soft hyphen is dropped"},
		{strings.Repeat("a", 63) + ".example", strings.Repeat("a", 63) + ".example", "the longest label"},
		{strings.Repeat("a", 64) + ".example", "", "a longer one"},
		{strings.Repeat("abc.", 63) + "a", strings.Repeat("abc.", 63) + "a", "the longest name"},
		{strings.Repeat("abc.", 63) + "ab", "", "a longer one"},
		{"", "", "empty"},
		{".", "", "the root"},
		{"a..example", "", "an empty label"},
		{".example", "", "an empty label"},
		{"a b.example", "", "a space"},
		{"a/b.example", "", "a slash"},
		{"a:80", "", "a colon"},
		{"*.example", "", "a pattern"},
		{"a\x00.example", "", "a control byte"},
		{"\xff.example", "", "not UTF-8"},
		{"xn--a.example", "", "not punycode"},
	} {
		got, ok := hostName(c.name)
		if ok != (c.want != "") || ok && got != c.want {
			t.Errorf("%q (%s): got %q, %v, want %q", c.name, c.why, got, ok, c.want)
		}
	}
}

// TestEndsInNumber: what the resolvers of some systems read as an IPv4 address.
func TestEndsInNumber(t *testing.T) {
	for name, want := range map[string]bool{
		"127.0.0.1": true, "127.1": true, "2130706433": true, "0x7f000001": true, "0x7f.1": true, "1.0x": true,
		"example.1": true, "example.0x1f": true,
		"example.com": false, "1.example": false, "0x7f.example": false, "1a": false, "0xfg": false, "example.x1": false,
	} {
		if endsInNumber(name) != want {
			t.Errorf("%s: got %v", name, !want)
		}
	}
}

// TestLocal: names that a private network may have, and public ones that look alike.
func TestLocal(t *testing.T) {
	for host, want := range map[string]bool{
		"db": true, "localhost": true, "nas.local": true, "a.b.internal": true, "router.home.arpa": true,
		"example.com": false, "local.example": false, "notlocal": true, "a.notlocal": false, "internal.example": false,
		"home.arpa.example": false, "x.arpa": false, "10.0.0.5": false, "[fd00::1]": false,
	} {
		if got := target(t, "http://"+host+"/").Local(); got != want {
			t.Errorf("%s: got %v", host, got)
		}
	}
}
