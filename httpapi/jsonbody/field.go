package jsonbody

import (
	"bytes"
	"errors"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/canonicaljson"
)

// Whole is the field that an error names when no single member is at fault.
const Whole = "body"

// MaxField bounds the length of a field's path in an answer, in bytes. The caller chooses
// the names of members, so without a bound the answer could be as large as the body.
const MaxField = 256

// IsBlank reports whether a body has nothing except white space.
func IsBlank(body []byte) bool { return len(bytes.Trim(body, " \t\r\n")) == 0 }

// Missing returns the error of a call that needs a body and has none; what names the
// body that the call needs.
func Missing(what string) error {
	return &webhook.FieldError{Field: Whole, Reason: "is missing: the call needs " + what, Cause: canonicaljson.ErrSyntax}
}

// InField returns err as seen from outside of field: if err is a *webhook.FieldError, or
// a *canonicaljson.Error, its path is put behind the field's name. An empty field stands
// for the body.
func InField(err error, field string) error {
	f, ok := errors.AsType[*webhook.FieldError](err)
	if document, is := errors.AsType[*canonicaljson.Error](err); is {
		f, ok = &webhook.FieldError{Field: document.Path, Reason: document.Reason, Cause: document.Cause}, true
	}
	if !ok {
		return err
	}
	if f = f.In(field); f.Field == "" {
		f.Field = Whole
	}
	return f
}

// Clip shortens a text that came from outside to limit bytes, at the start of a
// character, and marks the cut.
func Clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}

// fieldOf writes a JSON pointer as a path: retry_policy.max_attempts, event_types[3].
// A token of digits is taken for an index; no member of the API has such a name.
func fieldOf(p jsontext.Pointer) string {
	var b strings.Builder
	for token := range p.Tokens() {
		switch {
		case token != "" && strings.Trim(token, "0123456789") == "":
			b.WriteString("[" + token + "]")
			continue
		case b.Len() > 0:
			b.WriteByte('.')
		}
		b.WriteString(token)
	}
	if b.Len() == 0 {
		return Whole
	}
	return Clip(b.String(), MaxField)
}

func invalid(field, reason string) error {
	return &webhook.FieldError{Field: field, Reason: reason}
}

// Time writes a time for an answer (RFC 3339, UTC, milliseconds); "" if it is not set, which
// the tag omitzero leaves out.
func Time(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return webhook.FormatTime(t)
}
