package eventtypes

import (
	"fmt"
	"slices"

	"github.com/agext/levenshtein"
)

// maxSuggestions bounds the similar names of an UnknownError.
const maxSuggestions = 3

// UnknownError reports an event type that the registry does not have.
type UnknownError struct {
	// Field is the member of the input that names the type.
	Field string
	Name  string
	// Suggestions are registered names that may have been meant, the most similar first.
	Suggestions []string
}

// Error names the field and the type. What the caller can do about it is said in httpapi,
// which knows the calls.
func (e *UnknownError) Error() string {
	return fmt.Sprintf("%s %q is not in the registry of event types", e.Field, e.Name)
}

// unknown returns the error of a type that the registry does not have.
func (s *state) unknown(field, name string, suggest bool) error {
	err := &UnknownError{Field: field, Name: name}
	if suggest {
		err.Suggestions = s.similar(name)
	}
	return err
}

// similar returns the names that are spelt most like name, the most similar first: up to
// maxSuggestions, each of which differs in a third of the characters at most. Names of very
// different lengths are not compared, since comparing takes the product of the lengths.
func (s *state) similar(name string) []string {
	type candidate struct {
		name     string
		distance int
	}
	bound := max(2, len(name)/3)
	var found []candidate
	for _, t := range s.sorted {
		if d := len(t.Name) - len(name); d > bound || -d > bound {
			continue
		}
		if d := levenshtein.Distance(name, t.Name, nil); d <= bound {
			found = append(found, candidate{t.Name, d})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return a.distance - b.distance })
	var names []string
	for _, c := range found[:min(len(found), maxSuggestions)] {
		names = append(names, c.name)
	}
	return names
}
