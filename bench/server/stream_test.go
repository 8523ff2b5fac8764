package server

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/bench/benchtest"
)

// A stream is read until its reader has seen enough; one that is refused, or ends by itself,
// is an error.
func TestStream(t *testing.T) {
	address := benchtest.Serve(t, func(ctx *fasthttp.RequestCtx) {
		if string(ctx.Request.Header.Peek("Authorization")) != "Bearer t" {
			ctx.SetStatusCode(fasthttp.StatusUnauthorized)
			return
		}
		ctx.SetContentType("text/event-stream")
		ctx.SetBodyString("retry: 2000\nid: a-1\nevent: hello\ndata: {}\n\n:\nid: a-2\n\nid: a-3\nevent: attempt\ndata: {\"event: x\":1}\n\n")
	})
	var kinds []string
	ctx, cancel := context.WithCancel(t.Context())
	a := API{Base: "http://" + address, Token: "t"}
	err := a.Stream(ctx, func(kind string) {
		if kinds = append(kinds, kind); kind == "attempt" {
			cancel()
		}
	})
	if err != nil || !slices.Equal(kinds, []string{"hello", "attempt"}) {
		t.Errorf("%q, %v", kinds, err)
	}
	if err := a.Stream(t.Context(), func(string) {}); err == nil || !strings.Contains(err.Error(), "has ended") {
		t.Errorf("a stream that ends: %v", err)
	}
	a.Token = ""
	if err := a.Stream(t.Context(), func(string) { t.Error("seen") }); !errors.Is(err, errStatus) {
		t.Errorf("a stream that is refused: %v", err)
	}
}
