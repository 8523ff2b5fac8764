package eventinput

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/canonicaljson"
)

// MaxKey bounds an idempotency key, in characters.
const MaxKey = 255

// ErrTooLarge is the cause of an error about data of more than webhook.MaxPayload.
var ErrTooLarge = errors.New("too large")

// Input is an event as it was posted: the raw values of its members, in the buffer that
// was parsed. A member that is absent is nil. The methods check the members, so an event
// is good when all of them have returned without an error.
type Input struct {
	eventType, data, clientID, key []byte
	// shape is that of data.
	shape canonicaljson.Shape
}

// Parse reads a posted event, which must be one JSON object of known members, each at
// most once. It does not look at the members' values.
func Parse(text []byte) (in Input, err error) {
	s := scanner{text: text}
	err = in.scan(&s)
	if err == nil && !s.end() {
		err = errStructure
	}
	return in, explain(err, text)
}

// scan takes the object that comes next.
func (in *Input) scan(s *scanner) error {
	if !s.take('{') {
		return errStructure
	}
	for first := true; !s.take('}'); first = false {
		name, err := s.name(first)
		if err != nil {
			return err
		}
		value, shape, err := s.value()
		if err != nil {
			return err
		}
		if err := in.put(name, value, shape); err != nil {
			return err
		}
	}
	return nil
}

// member returns the field that holds a member's value; nil if the name is unknown.
func (in *Input) member(name []byte) *[]byte {
	switch string(name) {
	case `"event_type"`:
		return &in.eventType
	case `"data"`:
		return &in.data
	case `"client_id"`:
		return &in.clientID
	case `"idempotency_key"`:
		return &in.key
	}
	return nil
}

// put keeps a member. A name with escapes is compared by what it stands for, since that
// is what makes two names equal (RFC 8259, section 8.3).
func (in *Input) put(name, value []byte, shape canonicaljson.Shape) error {
	field := in.member(name)
	if field == nil { // escaped, unknown or not a string
		plain, err := jsontext.AppendUnquote(nil, name)
		if err != nil {
			return errStructure
		}
		quoted, _ := jsontext.AppendQuote(nil, plain) // cannot fail: plain is valid UTF-8
		if field = in.member(quoted); field == nil {
			return invalid(jsonbody.Clip(string(plain), jsonbody.MaxField), "is not a known field")
		}
		name = quoted
	}
	if *field != nil {
		path := string(name[1 : len(name)-1])
		return &webhook.FieldError{Field: path, Reason: "is a duplicate key", Cause: canonicaljson.ErrDuplicateKey}
	}
	*field = value
	if field == &in.data {
		in.shape = shape
	}
	return nil
}

// explain replaces errStructure by what is wrong with the text. It reads the text again
// with a full parser, which only broken events pay for.
func explain(err error, text []byte) error {
	if !errors.Is(err, errStructure) {
		return err
	}
	if jsonbody.IsBlank(text) {
		return jsonbody.Missing("an event, with event_type and data")
	}
	if _, err := canonicaljson.Append(nil, text); err != nil {
		return jsonbody.InField(err, "")
	}
	return invalid(jsonbody.Whole, "must be a JSON object")
}

// EventType returns the name of the event's type. It may be a part of the parsed buffer.
func (in *Input) EventType() ([]byte, error) {
	if in.eventType == nil {
		return nil, invalid("event_type", "is missing")
	}
	return unquote("event_type", in.eventType)
}

// ClientID returns the client that the event names, and whether it names one: null is
// like absent. The text may be a part of the parsed buffer; its form is not checked.
func (in *Input) ClientID() (id []byte, named bool, err error) {
	if isNull(in.clientID) {
		return nil, false, nil
	}
	id, err = unquote("client_id", in.clientID)
	return id, err == nil, err
}

// Key returns the idempotency key, in memory of its own; "" if the event has none.
func (in *Input) Key() (string, error) {
	const field = "idempotency_key"
	if isNull(in.key) {
		return "", nil
	}
	key, err := unquote(field, in.key)
	if err == nil {
		err = CheckKey(field, key)
	}
	if err != nil {
		return "", err
	}
	return string(key), nil
}

// Data returns the event's data in canonical form, in memory of its own.
func (in *Input) Data() ([]byte, error) {
	if in.data == nil {
		return nil, invalid("data", "is missing")
	}
	return ownData(canonicaljson.AppendShaped(make([]byte, 0, len(in.data)), in.data, in.shape))
}

// CanonicalData returns the canonical form of raw, which is the value of the member data of
// another call, as Data does.
func CanonicalData(raw []byte) ([]byte, error) {
	return ownData(canonicaljson.Append(make([]byte, 0, len(raw)), raw))
}

// ownData checks data in canonical form, for the caller to keep as long as the event. Data
// of more than webhook.MaxPayload bytes is ErrTooLarge.
func ownData(data []byte, err error) ([]byte, error) {
	switch {
	case err != nil:
		return nil, jsonbody.InField(err, "data")
	case len(data) > webhook.MaxPayload:
		return nil, &webhook.FieldError{
			Field: "data", Reason: fmt.Sprintf("is larger than %d KiB", webhook.MaxPayload>>10), Cause: ErrTooLarge,
		}
	case len(data) < cap(data)/2: // mostly white space: do not keep the room for it as long as the event
		return slices.Clone(data), nil
	}
	return data, nil
}

// CheckKey refuses what cannot be an idempotency key; field is where the key was.
func CheckKey(field string, key []byte) error {
	switch {
	case len(key) == 0:
		return invalid(field, "is empty")
	case !utf8.Valid(key):
		return invalid(field, "is not valid UTF-8")
	case utf8.RuneCount(key) > MaxKey:
		return invalid(field, fmt.Sprintf("is longer than %d characters", MaxKey))
	}
	return nil
}

// unquote returns what a member's raw value stands for, which must be a string. The
// result is a part of raw if nothing in it is escaped: the usual case allocates nothing.
func unquote(field string, raw []byte) ([]byte, error) {
	if raw[0] == '"' {
		if inner := raw[1 : len(raw)-1]; !slices.ContainsFunc(inner, needsCheck) {
			return inner, nil
		}
	}
	if _, err := canonicaljson.Append(nil, raw); err != nil {
		return nil, jsonbody.InField(err, field)
	}
	if raw[0] != '"' {
		return nil, invalid(field, "must be a string")
	}
	text, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		return nil, invalid(field, "is not a valid string")
	}
	return text, nil
}

// needsCheck reports whether a byte of a string is a control character, begins an
// escape, or belongs to a character beyond ASCII. All others stand for themselves.
func needsCheck(c byte) bool { return c < ' ' || c == '\\' || c >= utf8.RuneSelf }

// isNull reports whether a member is absent or null.
func isNull(raw []byte) bool { return raw == nil || string(raw) == "null" }

// invalid is the error of a well-formed value that is not allowed.
func invalid(field, reason string) error {
	return &webhook.FieldError{Field: field, Reason: reason}
}
