package apiclient

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// Problem is what people need of a problem document (RFC 9457). Members that are missing
// are empty.
type Problem struct {
	Title       string   `json:"title"`       // what kind of problem it is
	Detail      string   `json:"detail"`      // what is wrong this time
	Field       string   `json:"field"`       // the member of the request, as in retry.max_attempts
	Suggestions []string `json:"suggestions"` // names that may have been meant
}

// refusedError is an answer of the server's that is no success.
type refusedError struct {
	status int    // the HTTP status
	line   string // with the reason, for people
}

// Error is one line for people.
func (e *refusedError) Error() string { return e.line }

// IsNotFound reports whether the server answered 404.
func IsNotFound(err error) bool {
	refused, ok := errors.AsType[*refusedError](err)
	return ok && refused.status == http.StatusNotFound
}

// IsFinal reports whether the server refused a call in a way that does not pass by itself.
func IsFinal(err error) bool {
	refused, ok := errors.AsType[*refusedError](err)
	return ok && refused.status < http.StatusInternalServerError && refused.status != http.StatusTooManyRequests
}

// Refusal returns the error of an answer other than 2xx, whose reason is one line.
func Refusal(status int, text []byte) error {
	var p Problem
	if err := json.Unmarshal(text, &p); err != nil {
		p = Problem{} // not from Astrohook: the status has to do
	}
	line := fmt.Sprintf("the server answered %d %s", status, http.StatusText(status))
	if reason := p.String(); reason != "" {
		line += ": " + reason
	}
	return &refusedError{status, line}
}

// String returns one line without control characters.
func (p Problem) String() string {
	field := p.Field
	if strings.HasPrefix(p.Detail, field[strings.LastIndexByte(field, '.')+1:]) {
		field = "" // the detail begins with it
	}
	var parts []string
	for _, part := range []string{p.Title, field, p.Detail} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	line := strings.Join(parts, ": ")
	if len(p.Suggestions) > 0 {
		line += " (perhaps " + strings.Join(p.Suggestions, ", ") + ")"
	}
	return terminal.Printable(line)
}
