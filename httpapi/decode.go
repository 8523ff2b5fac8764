package httpapi

import (
	"bytes"
	"fmt"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/jsonbody"
)

// wholeBody is the field that is named when no single one is at fault.
const wholeBody = jsonbody.Whole

// optional is a member of a JSON body that may be absent or null.
type optional[T any] = jsonbody.Optional[T]

// bodyOf returns a request's body. The buffer belongs to the request: whatever is kept
// after the handler returns must be copied.
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

// decode reads a request's body, which must be one JSON object, into v, strictly.
func decode(ctx *fasthttp.RequestCtx, v any) error {
	body, err := bodyOf(ctx)
	if err != nil {
		return err
	}
	return jsonbody.Decode(body, v)
}

// decodeOptional is decode for calls whose body may be absent; v is then left as it is.
func decodeOptional(ctx *fasthttp.RequestCtx, v any) error {
	if jsonbody.IsBlank(ctx.Request.Body()) {
		return nil
	}
	return decode(ctx, v)
}

// clip shortens a text that came from outside.
func clip(text string, limit int) string { return jsonbody.Clip(text, limit) }
