package auth

import (
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"
)

// claims are the members of a token that mean something here.
type claims struct {
	jwt.RegisteredClaims
	ClientID string `json:"client_id,omitempty"`
	Scope    string `json:"scope,omitempty"`
}

// UnmarshalJSON reads claims under their exact names, once each (RFC 7519, section
// 4). encoding/json, with which the jwt library decodes, would accept "EXP" for
// "exp", and the last of two. A claim that looks like one of these and is not
// exactly it is an error: if it counted as absent, the token would mean something
// other than its issuer intended.
func (c *claims) UnmarshalJSON(text []byte) error {
	var members map[string]jsontext.Value
	if err := json.Unmarshal(text, &members); err != nil {
		return err
	}
	for name, value := range members {
		if err := checkClaim(name, value); err != nil {
			return err
		}
	}
	type plain claims // without this method
	return json.Unmarshal(text, (*plain)(c))
}

// claimForm is the form that a claim's value must have: rule states it for people,
// good checks it.
type claimForm struct {
	rule string
	good func(jsontext.Value) bool
}

// The forms of claims.
var (
	textForm     = claimForm{"a string that is not empty", isText}
	dateForm     = claimForm{"a number of seconds since 1970, up to the year 9999", isDate}
	audienceForm = claimForm{"a string, or an array of strings, that is not empty", isAudience}
	clientForm   = claimForm{"a string of 1 to 128 printable ASCII characters without spaces", isClient}
	scopeForm    = claimForm{"names of printable ASCII characters, with one space between two", isScope}
)

// claimForms lists the claims that mean something here, in the order of their names.
var claimForms = map[string]claimForm{
	"aud": audienceForm, "client_id": clientForm, "exp": dateForm, "iat": dateForm,
	"iss": textForm, "jti": textForm, "nbf": dateForm, "scope": scopeForm, "sub": textForm,
}

// claimError says which claim is wrong; the claim is part of the metric's label.
type claimError struct{ name, reason string }

func (e *claimError) Error() string { return "claim " + e.name + " " + e.reason }

// checkClaim returns an error for a claim of claimForms in another case, or with a
// value of another form. Claims of other names are ignored.
func checkClaim(name string, value jsontext.Value) error {
	if form, known := claimForms[name]; known {
		if !form.good(value) {
			return &claimError{name, "is not " + form.rule}
		}
		return nil
	}
	for known := range claimForms {
		if strings.EqualFold(name, known) {
			return &claimError{known, "is in another case"}
		}
	}
	return nil
}

// textOf returns the text of a value that is a string.
func textOf(value jsontext.Value) (text string, ok bool) {
	if value.Kind() != jsontext.KindString {
		return "", false
	}
	return text, json.Unmarshal(value, &text) == nil
}

func isText(value jsontext.Value) bool {
	text, ok := textOf(value)
	return ok && text != ""
}

func isClient(value jsontext.Value) bool {
	text, ok := textOf(value)
	return ok && ValidClientID(text)
}

// maxDate is the end of the year 9999 in seconds since 1970. A later date is most
// likely in milliseconds, and would keep a token valid for thousands of years.
const maxDate = 253402300799

func isDate(value jsontext.Value) bool {
	var seconds float64
	return value.Kind() == jsontext.KindNumber && json.Unmarshal(value, &seconds) == nil && seconds >= 0 && seconds <= maxDate
}

func isAudience(value jsontext.Value) bool {
	if value.Kind() != jsontext.KindBeginArray {
		return isText(value)
	}
	var list []jsontext.Value
	if json.Unmarshal(value, &list) != nil {
		return false
	}
	for _, entry := range list {
		if !isText(entry) {
			return false
		}
	}
	return len(list) > 0
}

func isScope(value jsontext.Value) bool {
	text, ok := textOf(value)
	if !ok {
		return false
	}
	for scope := range strings.SplitSeq(text, " ") {
		if !ValidScope(scope) {
			return false
		}
	}
	return true
}

// ValidScope reports whether a text can be a scope's name: printable ASCII without
// spaces, quotes and backslashes (RFC 6749, section 3.3).
func ValidScope(scope string) bool {
	return scope != "" && !strings.ContainsFunc(scope, func(r rune) bool { return r <= ' ' || r == '"' || r == '\\' || r >= 0x7f })
}
