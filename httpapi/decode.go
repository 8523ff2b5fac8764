package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/webhook"
)

// wholeBody is the field that is named when no single one is at fault.
const wholeBody = "body"

// bodyOf gives a request's body, in a buffer that is the request's.
func bodyOf(ctx *fasthttp.RequestCtx) ([]byte, error) {
	if e := ctx.Request.Header.Peek(fasthttp.HeaderContentEncoding); len(e) > 0 && !bytes.EqualFold(e, []byte("identity")) {
		p := newProblem(codeEncoding, "Content-Encoding is not supported: send the body as it is")
		p.Field = fasthttp.HeaderContentEncoding
		return nil, p
	}
	return ctx.Request.Body(), nil
}

func tooLarge(field string, limit int) error {
	p := newProblem(codeTooLarge, fmt.Sprintf("%s is larger than %d KiB", field, limit>>10))
	p.Field = field
	return p
}

// decode reads a request's body, a JSON object, into v. It is strict: what v
// does not know is refused, and so is all that webhook.Canonical refuses.
func decode(ctx *fasthttp.RequestCtx, v any) error {
	body, err := checkedObject(ctx)
	if err != nil {
		return err
	}
	return unmarshalStrict(body, v)
}

// checkedObject returns a request's body, which is a JSON object that
// webhook.Canonical takes.
func checkedObject(ctx *fasthttp.RequestCtx) ([]byte, error) {
	body, err := bodyOf(ctx)
	if err != nil {
		return nil, err
	}
	if isBlank(body) {
		return nil, missingBody("a JSON object")
	}
	scratch := scratches.Get().(*[]byte)
	defer scratches.Put(scratch)
	*scratch, err = webhook.Canonical((*scratch)[:0], body)
	if err != nil {
		return nil, inField(err, "")
	}
	if (*scratch)[0] != '{' {
		return nil, invalid(wholeBody, "must be a JSON object")
	}
	return body, nil
}

// unmarshalStrict reads a JSON object that checkedObject let through into v.
func unmarshalStrict(body []byte, v any) error {
	if err := json.Unmarshal(body, v, json.RejectUnknownMembers(true)); err != nil {
		return mismatch(err)
	}
	return nil
}

// isBlank reports whether a body has nothing but white space.
func isBlank(body []byte) bool { return len(bytes.Trim(body, " \t\r\n")) == 0 }

// missingBody is the error of a call that needs a body and has none.
func missingBody(what string) error {
	return &webhook.FieldError{Field: wholeBody, Reason: "is missing: the call needs " + what, Cause: webhook.ErrSyntax}
}

// decodeOptional is decode, for calls whose body may be absent.
func decodeOptional(ctx *fasthttp.RequestCtx, v any) error {
	if isBlank(ctx.Request.Body()) {
		return nil
	}
	return decode(ctx, v)
}

// scratches holds buffers for documents that are checked and then forgotten.
var scratches = sync.Pool{New: func() any { return new([]byte) }}

// inField places an error of webhook.Canonical inside of a field; "" is the body.
func inField(err error, field string) error {
	f, ok := errors.AsType[*webhook.FieldError](err)
	if !ok {
		return err
	}
	if f = f.In(field); f.Field == "" {
		f.Field = wholeBody
	}
	return f
}

// mismatch explains why a well-formed document does not fit.
func mismatch(err error) error {
	s, ok := errors.AsType[*json.SemanticError](err)
	if !ok {
		return fmt.Errorf("decode the body: %w", err)
	}
	field := fieldOf(s.JSONPointer)
	switch {
	case errors.Is(err, json.ErrUnknownName):
		return invalid(field, "is not a known field")
	case s.GoType == nil:
		return invalid(field, "has the wrong type")
	case errors.Is(s.Err, jsontext.ErrDuplicateName):
		return invalid(field, "is given twice")
	}
	return invalid(field, "must be "+typeName(s.GoType))
}

// typeName says what JSON a Go type is decoded from.
func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "an array"
	}
	return "an object"
}

// maxField bounds the length of a field's path in an answer, in bytes.
const maxField = 256

// fieldOf writes a JSON pointer as a path: retry_policy.max_attempts, event_types[3].
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
		return wholeBody
	}
	return clip(b.String(), maxField)
}

// clip shortens a text that came from outside, at a character's start.
func clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}

// optional is a member of an object that may be absent, or null.
type optional[T any] struct {
	Value T
	// Set: the member is there; Null: it is null, and Value is zero.
	Set, Null bool
}

// UnmarshalJSONFrom reads the member's value.
func (o *optional[T]) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	o.Set = true
	if d.PeekKind() == jsontext.KindNull {
		o.Null = true
		return d.SkipValue()
	}
	return json.UnmarshalDecode(d, &o.Value)
}

// given tells whether there is a value.
func (o *optional[T]) given() bool { return o.Set && !o.Null }
