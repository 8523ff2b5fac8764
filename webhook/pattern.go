package webhook

import (
	"fmt"
	"strings"
)

// A pattern of event types is a type's name, "prefix.*" for every type that
// starts with "prefix.", or "*" for all.

// MatchType tells whether a pattern matches the type of an event.
func MatchType(pattern, eventType string) bool {
	if pattern == "*" || pattern == eventType {
		return true
	}
	prefix, wild := strings.CutSuffix(pattern, "*")
	return wild && strings.HasSuffix(prefix, ".") && strings.HasPrefix(eventType, prefix)
}

// AppendPatterns appends every pattern that matches an event type: for "a.b.c"
// that is "a.b.c", "a.b.*", "a.*" and "*".
func AppendPatterns(dst []string, eventType string) []string {
	dst = append(dst, eventType)
	for end := strings.LastIndexByte(eventType, '.'); end > 0; end = strings.LastIndexByte(eventType[:end], '.') {
		dst = append(dst, eventType[:end]+".*")
	}
	return append(dst, "*")
}

// MaxPatternLength bounds a pattern and an event type's name, in characters.
const MaxPatternLength = 128

// ValidateEventType refuses what cannot be the name of an event type: a name is
// one or more segments of letters, digits, "_" and "-", with a dot between, in
// ASCII and at most MaxPatternLength characters. The error is a *FieldError with
// an empty Field.
func ValidateEventType(name string) error {
	switch {
	case name == "":
		return &FieldError{Reason: "is empty"}
	case len(name) > MaxPatternLength:
		return &FieldError{Reason: fmt.Sprintf("is longer than %d characters", MaxPatternLength)}
	}
	for segment := range strings.SplitSeq(name, ".") {
		switch {
		case segment == "":
			return &FieldError{Reason: "begins or ends with a dot, or has two in a row"}
		case strings.ContainsFunc(segment, func(c rune) bool { return !isNameCharacter(c) }):
			return &FieldError{Reason: `may have letters, digits, "_", "-" and dots only`}
		}
	}
	return nil
}

func isNameCharacter(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-'
}

// ValidatePattern refuses what is no pattern: neither the name of an event type,
// nor such a name with ".*" after it, nor "*". The error is a *FieldError with an
// empty Field.
func ValidatePattern(pattern string) error {
	if pattern == "*" {
		return nil
	}
	if len(pattern) > MaxPatternLength {
		return &FieldError{Reason: fmt.Sprintf("is longer than %d characters", MaxPatternLength)}
	}
	name := strings.TrimSuffix(pattern, ".*")
	if strings.Contains(name, "*") {
		return &FieldError{Reason: `may have "*" alone, or at its end after a dot`}
	}
	return ValidateEventType(name)
}
