package webhook

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestParseTime reads times by the letter of RFC 3339, section 5.6.
func TestParseTime(t *testing.T) {
	for _, c := range []struct{ text, want string }{ // "" for refused
		{"2025-05-17T10:30:45Z", "2025-05-17T10:30:45Z"},
		{"2025-05-17t10:30:45z", "2025-05-17T10:30:45Z"},
		{"2025-05-17T10:30:45.5Z", "2025-05-17T10:30:45.5Z"},
		{"2025-05-17T10:30:45.1234567899Z", "2025-05-17T10:30:45.123456789Z"},
		{"2025-05-17T10:30:45+02:00", "2025-05-17T08:30:45Z"},
		{"2025-05-17T10:30:45-07:00", "2025-05-17T17:30:45Z"},
		{"2025-05-17T10:30:45+23:59", "2025-05-16T10:31:45Z"},
		{"2025-05-17T10:30:45-23:59", "2025-05-18T10:29:45Z"},
		{"2025-05-17T10:30:45-00:00", "2025-05-17T10:30:45Z"},
		{"2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"},
		{"0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"},

		{"1990-12-31T23:59:60Z", "1991-01-01T00:00:00Z"},
		{"1990-12-31T15:59:60-08:00", "1991-01-01T00:00:00Z"},
		{"1990-12-31t23:59:60.75z", "1991-01-01T00:00:00Z"},
		{"2015-06-30T23:59:60Z", "2015-07-01T00:00:00Z"},
		{"2015-07-01T01:59:60+02:00", "2015-07-01T00:00:00Z"},
		{"2025-05-17T10:30:60Z", ""},
		{"2025-05-31T23:59:60Z", ""},
		{"1990-12-31T22:59:60Z", ""},
		{"1990-12-31T23:59:60-08:00", ""},
		{"1990-12-30T23:59:60Z", ""},
		{"1990-12-31T23:59:61Z", ""},

		{"2025-05-17T10:30:45,5Z", ""},
		{"2025-05-17T10:30:45.Z", ""},
		{"2025-05-17T10:30:45", ""},
		{"2025-05-17 10:30:45Z", ""},
		{"2025-05-17T10:30Z", ""},
		{"2025-05-17T1:30:45Z", ""},
		{"2025-5-17T10:30:45Z", ""},
		{"2025-05-17T24:00:00Z", ""},
		{"2025-05-17T10:60:45Z", ""},
		{"2025-02-29T10:30:45Z", ""},
		{"2025-05-17T10:30:45+24:00", ""},
		{"2025-05-17T10:30:45+02:60", ""},
		{"2025-05-17T10:30:45+2:00", ""},
		{"2025-05-17T10:30:45+0200", ""},
		{"2025-05-17T10:30:45+02", ""},
		{"2025-05-17T10:30:45 02:00", ""},
		{"2025-05-17T10:30:45Zx", ""},
		{"+2025-05-17T10:30:45Z", ""},
		{"12025-05-17T10:30:45Z", ""},
		{"2025-05-17", ""},
		{"", ""},
		{"ſſſſ-05-17T10:30:45Z", ""},
		{"٢025-05-17T10:30:45Z", ""},
	} {
		got, err := ParseTime(c.text)
		switch {
		case c.want == "" && err == nil:
			t.Errorf("%s: taken as %v", c.text, got)
		case c.want != "" && (err != nil || got.Format(time.RFC3339Nano) != c.want || got.Location() != time.UTC):
			t.Errorf("%s: %v, %v; want %s", c.text, got, err, c.want)
		}
	}
}

// rfc3339 is the grammar without leap seconds and lower case; which days a month
// has it leaves to time.Parse.
var rfc3339 = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9](\.[0-9]+)?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$`)

// FuzzParseTime compares with time.Parse, which knows neither leap seconds nor
// lower case, and takes more than the grammar has.
func FuzzParseTime(f *testing.F) {
	for _, text := range []string{
		"2025-05-17T10:30:45Z", "2025-05-17t10:30:45.123z", "1990-12-31T15:59:60-08:00", "2025-05-17T10:30:45,5Z", "2025-05-17T1:30:45+24:00",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseTime(text)
		if len(text) > 19 && text[17:19] == "60" {
			if err == nil && !got.Equal(got.Truncate(24*time.Hour)) {
				t.Errorf("%q: %v", text, got)
			}
			return
		}
		upper := strings.NewReplacer("t", "T", "z", "Z").Replace(text)
		want, plain := time.Parse(time.RFC3339, upper)
		switch good := plain == nil && rfc3339.MatchString(upper); {
		case (err == nil) != good:
			t.Errorf("%q: %v, by the grammar: %v", text, err, good)
		case good && !got.Equal(want):
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	})
}
