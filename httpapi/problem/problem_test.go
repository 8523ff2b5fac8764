package problem

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/webhook"
)

// TestEveryCodeHasAStatus: a code without one would be answered with status 0.
func TestEveryCodeHasAStatus(t *testing.T) {
	for code, k := range kinds {
		p := New(code, "why")
		if k.status < 400 || k.title == "" || p.Status != k.status || p.Type != TypePrefix+string(code) || p.Detail != "why" {
			t.Errorf("%s: %+v", code, p)
		}
	}
}

// TestWrite: the document, and the headers that belong to it.
func TestWrite(t *testing.T) {
	var ctx fasthttp.RequestCtx
	p := New(TooMany, "too many \xff")
	p.Field, p.RetryAfter, p.Challenge, p.Cause = "body", 1500*time.Millisecond, "Bearer", errors.New("internal text")
	p.Errors = []Field{{Field: "a", Detail: "is b"}}
	p.Write(&ctx)
	h, body := &ctx.Response.Header, string(ctx.Response.Body())
	if ctx.Response.StatusCode() != 429 || string(h.ContentType()) != MediaType || string(h.Peek("Retry-After")) != "2" ||
		string(h.Peek("WWW-Authenticate")) != "Bearer" {
		t.Errorf("%s", ctx.Response.String())
	}
	if !strings.Contains(body, `"field":"body","errors":[{"field":"a","detail":"is b"}]`) || strings.Contains(body, "internal") ||
		!strings.HasSuffix(body, "}\n") {
		t.Error(body)
	}
	ctx.Response.Reset()
	New(NotFound, "").Write(&ctx)
	if h := &ctx.Response.Header; len(h.Peek("Retry-After"))+len(h.Peek("WWW-Authenticate")) > 0 {
		t.Errorf("%s", ctx.Response.String())
	}
}

// TestErrors: the log gets the cause, and callers can look for it.
func TestErrors(t *testing.T) {
	if err := InConflict("it is paused"); err.Error() != webhook.ErrConflict.Error() || !errors.Is(err, webhook.ErrConflict) || err.Detail != "it is paused" {
		t.Error(err)
	}
	if err := New(Forbidden, "not yours"); err.Error() != "not yours" || errors.Unwrap(err) != nil {
		t.Error(err)
	}
	var field *webhook.FieldError
	if err := OfField("name", "is missing"); !errors.As(err, &field) || field.Field != "name" {
		t.Error(err)
	}
}

// TestRetrySeconds: whole seconds, rounded up, and never none.
func TestRetrySeconds(t *testing.T) {
	for d, want := range map[time.Duration]int{0: 1, time.Millisecond: 1, time.Second: 1, 1001 * time.Millisecond: 2, time.Minute: 60} {
		if got := RetrySeconds(d); got != want {
			t.Errorf("%v: %d, want %d", d, got, want)
		}
	}
}
