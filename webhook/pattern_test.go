package webhook

import (
	"errors"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestMatchType(t *testing.T) {
	for _, c := range []struct {
		why, pattern, eventType string
		match                   bool
	}{
		{"everything", "*", "a.b", true},
		{"the same name", "user.created", "user.created", true},
		{"another name", "user.created", "user.updated", false},
		{"casing counts", "User.created", "user.created", false},
		{"a prefix", "user.*", "user.created", true},
		{"a prefix of several segments", "a.b.*", "a.b.c.d", true},
		{"a prefix ends at a dot", "user.*", "users.created", false},
		{"the prefix alone is another name", "user.*", "user", false},
		{"a star elsewhere is no pattern", "us*", "user", false},
		{"nor one in front", "*.created", "user.created", false},
	} {
		if got := MatchType(c.pattern, c.eventType); got != c.match {
			t.Errorf("%s: MatchType(%q, %q) is %v", c.why, c.pattern, c.eventType, got)
		}
	}
}

// TestAppendPatterns: of all patterns there are, exactly the listed ones match.
func TestAppendPatterns(t *testing.T) {
	if got, want := AppendPatterns([]string{"x"}, "a.b.c"), []string{"x", "a.b.c", "a.b.*", "a.*", "*"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	random := rand.New(rand.NewPCG(1, 2))
	segments := []string{"a", "b", "ab", "a-b", "_", "A"}
	name := func() string {
		parts := make([]string, 1+random.IntN(4))
		for i := range parts {
			parts[i] = segments[random.IntN(len(segments))]
		}
		return strings.Join(parts, ".")
	}
	patterns := []string{"*"}
	for range 2000 {
		n := name()
		patterns = append(patterns, n, n+".*")
	}
	for range 300 {
		eventType := name()
		listed := AppendPatterns(nil, eventType)
		for _, p := range patterns {
			if match := MatchType(p, eventType); match != slices.Contains(listed, p) {
				t.Fatalf("%q matches %q: %v; listed: %q", p, eventType, match, listed)
			}
		}
		for _, p := range listed {
			if !MatchType(p, eventType) || ValidatePattern(p) != nil {
				t.Fatalf("%q is listed for %q: %v, %v", p, eventType, MatchType(p, eventType), ValidatePattern(p))
			}
		}
	}
}

func TestValidatePattern(t *testing.T) {
	long := strings.Repeat("x", MaxPatternLength)
	for _, c := range []struct {
		why, text       string
		isType, pattern string // the refusal as a type and as a pattern; "" if it is one
	}{
		{"two segments", "user.created", "", ""},
		{"one segment", "user", "", ""},
		{"all that is allowed", "A-z_09.B", "", ""},
		{"the longest", long, "", ""},
		{"everything", "*", "letters", ""},
		{"a prefix", "user.*", "letters", ""},
		{"a long prefix", "a.b.c.*", "letters", ""},
		{"nothing", "", "is empty", "is empty"},
		{"one too long", long + "x", "longer than 128", "longer than 128"},
		{"a prefix too long", long[1:] + ".*", "longer than 128", "longer than 128"},
		{"a dot in front", ".a", "dot", "dot"},
		{"a dot behind", "a.", "dot", "dot"},
		{"two dots", "a..b", "dot", "dot"},
		{"a dot alone", ".", "dot", "dot"},
		{"no prefix", ".*", "dot", "is empty"},
		{"a star without a dot", "user*", "letters", "at its end after a dot"},
		{"a star in front", "*.created", "letters", "at its end after a dot"},
		{"two stars", "user.*.*", "letters", "at its end after a dot"},
		{"a space", "user created", "letters", "letters"},
		{"a line's end", "user\n", "letters", "letters"},
		{"not ASCII", "üser", "letters", "letters"},
		{"not UTF-8", "u\xff", "letters", "letters"},
	} {
		checkRefusal(t, c.why+", as a type", ValidateEventType(c.text), c.isType)
		checkRefusal(t, c.why+", as a pattern", ValidatePattern(c.text), c.pattern)
	}
}

func checkRefusal(t *testing.T, why string, err error, want string) {
	t.Helper()
	var field *FieldError
	switch {
	case want == "" && err != nil:
		t.Errorf("%s: %v", why, err)
	case want != "" && (!errors.As(err, &field) || !strings.Contains(field.Reason, want) || field.Field != ""):
		t.Errorf("%s: got %v, want %q", why, err, want)
	}
}

// FuzzPattern: what is valid is what the rule in words says, and of the valid
// patterns exactly those match that AppendPatterns lists.
func FuzzPattern(f *testing.F) {
	for _, seed := range [][2]string{
		{"*", "a.b"},
		{"user.*", "user.created"},
		{"user.*", "user"},
		{"a.b.*", "a.bc.d"},
		{"A-z_09.B", "A-z_09.B"},
		{".*", "."},
		{"a.**", "a.b"},
		{"é.*", "é.a"},
		{strings.Repeat("x", MaxPatternLength), strings.Repeat("x.", MaxPatternLength/2)},
	} {
		f.Add(seed[0], seed[1])
	}
	name := regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)
	isName := func(text string) bool { return len(text) <= MaxPatternLength && name.MatchString(text) }
	f.Fuzz(func(t *testing.T, pattern, eventType string) {
		isPattern := pattern == "*" || isName(strings.TrimSuffix(pattern, ".*")) && len(pattern) <= MaxPatternLength
		if valid := ValidatePattern(pattern) == nil; valid != isPattern {
			t.Fatalf("pattern %q is valid: %v", pattern, valid)
		}
		if valid := ValidateEventType(eventType) == nil; valid != isName(eventType) {
			t.Fatalf("event type %q is valid: %v", eventType, valid)
		}
		if !isPattern || !isName(eventType) {
			return
		}
		if match := MatchType(pattern, eventType); match != slices.Contains(AppendPatterns(nil, eventType), pattern) {
			t.Fatalf("%q matches %q: %v", pattern, eventType, match)
		}
	})
}
