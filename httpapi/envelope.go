package httpapi

import (
	"errors"
	"slices"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/corpastro/astrohook/webhook"
)

// maxKey bounds an idempotency key, in characters.
const maxKey = 255

// envelope is an event as it was posted: the raw values of its members, in the
// request's buffer. A member that is absent is nil.
type envelope struct {
	eventType, data, clientID, key []byte
}

// member gives where a member of that name is kept; nil if there is none.
func (e *envelope) member(name []byte) *[]byte {
	switch string(name) {
	case `"event_type"`:
		return &e.eventType
	case `"data"`:
		return &e.data
	case `"client_id"`:
		return &e.clientID
	case `"idempotency_key"`:
		return &e.key
	}
	return nil
}

// readEnvelope reads a posted event, which must be one JSON object. Only its
// outline is checked; the values are checked as they are used.
func readEnvelope(text []byte) (e envelope, err error) {
	o := outline{text: text}
	err = o.members(func(name, value []byte) error { return e.put(name, value) })
	if errors.Is(err, errOutline) {
		err = explain(text)
	}
	return e, err
}

// put keeps a member.
func (e *envelope) put(name, value []byte) error {
	place := e.member(name)
	if place == nil { // escaped, unknown or broken
		plain, err := jsontext.AppendUnquote(nil, name)
		if err != nil {
			return errOutline
		}
		quoted, _ := jsontext.AppendQuote(nil, plain) // just unquoted: valid
		if place = e.member(quoted); place == nil {
			return invalid(clip(string(plain), maxField), "is not a known field")
		}
		name = quoted
	}
	if *place != nil {
		field := string(name[1 : len(name)-1])
		return &webhook.FieldError{Field: field, Reason: "is a duplicate key", Cause: webhook.ErrDuplicateKey}
	}
	*place = value
	return nil
}

// explain says what is wrong with a text whose outline is not that of an object.
func explain(text []byte) error {
	if isBlank(text) {
		return missingBody("an event, with event_type and data")
	}
	if _, err := webhook.Canonical(nil, text); err != nil {
		return inField(err, "")
	}
	return invalid(wholeBody, "must be a JSON object")
}

// unquote reads a string's raw form. The result is within the raw form if
// nothing is escaped.
func unquote(field string, raw []byte) ([]byte, error) {
	if raw[0] != '"' {
		if _, err := webhook.Canonical(nil, raw); err != nil {
			return nil, inField(err, field)
		}
		return nil, invalid(field, "must be a string")
	}
	if inner := raw[1 : len(raw)-1]; !slices.ContainsFunc(inner, notPlain) {
		return inner, nil
	}
	if _, err := webhook.Canonical(nil, raw); err != nil {
		return nil, inField(err, field)
	}
	text, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		return nil, invalid(field, "is not a valid string")
	}
	return text, nil
}

// notPlain tells whether a byte of a string needs a closer look.
func notPlain(c byte) bool { return c < ' ' || c == '\\' || c >= utf8.RuneSelf }

// null tells whether a member is absent, or null.
func null(raw []byte) bool { return raw == nil || string(raw) == "null" }

// canonicalData gives an event's data in canonical form, in memory of its own.
func canonicalData(raw []byte) ([]byte, error) {
	if raw == nil {
		return nil, invalid("data", "is missing")
	}
	data, err := webhook.Canonical(make([]byte, 0, len(raw)), raw)
	switch {
	case err != nil:
		return nil, inField(err, "data")
	case len(data) > webhook.MaxPayload:
		return nil, tooLarge("data", webhook.MaxPayload)
	case len(data) < cap(data)/2: // mostly white space: do not keep it for as long as the event
		data = slices.Clone(data)
	}
	return data, nil
}

// checkKey refuses what cannot be an idempotency key.
func checkKey(field string, key []byte) error {
	switch {
	case len(key) == 0:
		return invalid(field, "is empty")
	case !utf8.Valid(key):
		return invalid(field, "is not valid UTF-8")
	case utf8.RuneCount(key) > maxKey:
		return invalid(field, "is longer than 255 characters")
	}
	return nil
}
