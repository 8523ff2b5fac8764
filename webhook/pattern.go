package webhook

import (
	"fmt"
	"strings"
)

// EventType is an entry of the registry of event types.
type EventType struct {
	// Name is what publishers put into event_type; see ValidateEventType.
	Name string
	// Description says in words when such events are published.
	Description string
}

// MatchType reports whether a pattern matches the type of an event. A pattern is the
// name of a type, "prefix.*" for every type that starts with "prefix.", or "*" for all.
func MatchType(pattern, eventType string) bool {
	if pattern == "*" || pattern == eventType {
		return true
	}
	prefix, wild := strings.CutSuffix(pattern, "*")
	return wild && strings.HasSuffix(prefix, ".") && strings.HasPrefix(eventType, prefix)
}

// AppendPatterns appends every pattern that matches an event type: "a.b.c", "a.b.*",
// "a.*" and "*" for the type "a.b.c". An index of patterns is asked for each of them,
// rather than all patterns for the type: a type has few, and all clients together may
// have millions.
func AppendPatterns(dst []string, eventType string) []string {
	dst = append(dst, eventType)
	for end := strings.LastIndexByte(eventType, '.'); end > 0; end = strings.LastIndexByte(eventType[:end], '.') {
		dst = append(dst, eventType[:end]+".*")
	}
	return append(dst, "*")
}

// MaxPatternLength bounds a pattern and an event type's name, in characters.
const MaxPatternLength = 128

// ValidateEventType refuses a text that cannot be the name of an event type. A name
// has one or more segments of ASCII letters, digits, "_" and "-", with a dot between
// them, and at most MaxPatternLength characters. The error is a *FieldError with an
// empty Field.
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

// isNameCharacter reports whether a segment of a name may contain the character.
func isNameCharacter(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-'
}

// ValidatePattern refuses a text that is neither the name of an event type, nor such a
// name with ".*" after it, nor "*". The error is a *FieldError with an empty Field.
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
