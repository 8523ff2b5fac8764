package guard

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

func hosts(t testing.TB, list ...string) (patterns []HostPattern) {
	t.Helper()
	for _, text := range list {
		p, err := ParseHostPattern(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		patterns = append(patterns, p)
	}
	return patterns
}

func TestHostPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, host string
		want          bool
		why           string
	}{
		{"a.example", "a.example", true, "itself"},
		{"A.Example.", "a.example", true, "case and the root's dot do not matter"},
		{"bücher.example", "xn--bcher-kva.example", true, "names are compared in ASCII"},
		{"a.example", "b.a.example", false, "below it"},
		{"a.example", "aa.example", false, "another name"},
		{"*.example", "a.example", true, "below"},
		{"*.example", "b.a.example", true, "far below"},
		{"*.example", "example", false, "not the domain itself"},
		{"*.example", "notexample", false, "no label's part"},
		{"*.a.example", "ba.example", false, "no label's part"},
		{"*.BÜCHER.example", "x.xn--bcher-kva.example", true, "suffixes are compared in ASCII"},
		{"intranet", "intranet", true, "one label"},
	} {
		if got := hosts(t, c.pattern)[0].Matches(c.host); got != c.want {
			t.Errorf("%s and %s (%s): got %v", c.pattern, c.host, c.why, got)
		}
	}
	if (HostPattern{}).Matches("") {
		t.Error("the zero pattern matches")
	}
	for _, text := range []string{"", "*", "*.", "a.*.example", "*a.example", "a b", "10.0.0.1", "*.0.0.1", "[::1]", "::1", "a.example:80", "http://a.example", "a..b"} {
		if p, err := ParseHostPattern(text); err == nil {
			t.Errorf("%q: got %+v", text, p)
		}
	}
}

func TestPortRanges(t *testing.T) {
	for text, want := range map[string]PortRange{
		"443": {443, 443}, "1-65535": {1, 65535}, "8000-8000": {8000, 8000},
	} {
		if got, err := ParsePortRange(text); err != nil || got != want {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0", "0-1", "65536", "1-65536", "2-1", "-1", "1-", "http", "1-2-3", " 1", "+1"} {
		if got, err := ParsePortRange(text); err == nil {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

// FuzzHostPattern: a pattern equals its canonical form, and matches a name exactly
// where the labels do.
func FuzzHostPattern(f *testing.F) {
	for _, seed := range [][2]string{
		{"a.example", "a.example"},
		{"*.example", "notexample"},
		{"*.BÜCHER.example.", "x.xn--bcher-kva.example"},
		{"*.0.0.1", "10.0.0.1"},
		{"a.*.example", "a.b.example"},
		{"0x7f", "0x7f"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		p, err := ParseHostPattern(text)
		if err != nil {
			return
		}
		written := p.name
		if p.below {
			written = "*." + written
		}
		if again, err := ParseHostPattern(written); err != nil || again != p {
			t.Fatalf("%q is %+v, and that %+v, %v", text, p, again, err)
		}
		host, ok := hostName(name)
		if !ok {
			return
		}
		labels, wanted := strings.Split(host, "."), strings.Split(p.name, ".")
		above := len(labels) - len(wanted)
		want := above >= 0 && p.below == (above > 0) && slices.Equal(labels[max(above, 0):], wanted)
		if got := p.Matches(host); got != want {
			t.Fatalf("%q matches %q: %v", text, host, got)
		}
	})
}

// FuzzPortRange: a range contains the ports between its two numbers, and no others.
func FuzzPortRange(f *testing.F) {
	for _, seed := range []string{"443", "8000-8999", "0", "65535-65536", "9-8", "1-2-3", "+1", "1_0", ""} {
		f.Add(seed, uint16(443))
	}
	f.Fuzz(func(t *testing.T, text string, port uint16) {
		r, err := ParsePortRange(text)
		if err != nil {
			return
		}
		from, to, isRange := strings.Cut(text, "-")
		if !isRange {
			to = from
		}
		first, err := strconv.Atoi(from)
		last, err2 := strconv.Atoi(to)
		if err != nil || err2 != nil || r.contains(port) != (first <= int(port) && int(port) <= last) || r.contains(0) {
			t.Fatalf("%q is %+v", text, r)
		}
	})
}
