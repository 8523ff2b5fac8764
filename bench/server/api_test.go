package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/bench/benchtest"
)

// The calls are those of the public API: method, path, token, and body if there is one.
func TestCalls(t *testing.T) {
	var got string
	address := benchtest.Serve(t, func(ctx *fasthttp.RequestCtx) {
		got = fmt.Sprintf("%s %s %s %s", ctx.Method(), ctx.RequestURI(), ctx.Request.Header.Peek("Authorization"), ctx.PostBody())
		if ctx.IsPost() {
			ctx.SetStatusCode(fasthttp.StatusCreated)
			ctx.SetBodyString(`{"id":"wh_1","target_url":"http://h"}`)
		} else {
			ctx.SetStatusCode(fasthttp.StatusNoContent)
		}
	})
	a := API{Base: "http://" + address, Token: "t"}
	for _, c := range []struct {
		call func() error
		want string
	}{
		{func() error { return a.Pause(t.Context(), "wh_1") }, "POST /api/webhooks/wh_1/pause Bearer t "},
		{func() error { return a.Resume(t.Context(), "wh_1") }, "POST /api/webhooks/wh_1/resume Bearer t "},
		{func() error { return a.Delete(t.Context(), "wh_1") }, "DELETE /api/webhooks/wh_1 Bearer t "},
		{func() error { return API{Base: a.Base}.Call(t.Context(), "POST", "/x", []int{1}, nil) }, "POST /x  [1]"},
	} {
		if err := c.call(); err != nil || got != c.want {
			t.Errorf("%q, %v; want %q", got, err, c.want)
		}
	}
	id, err := a.Register(t.Context(), "a client", Registration{EventType: "e", TargetURL: "http://h", Secret: "s"})
	if id != "wh_1" || err != nil {
		t.Errorf("registered as %q, %v", id, err)
	}
	if want := `POST /api/webhooks?client_id=a+client Bearer t {"event_type":"e","target_url":"http://h","secret":"s"}`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// What the server says is part of the error; a redirect is not followed, for the token
// is not for others.
func TestCallFailures(t *testing.T) {
	address := benchtest.Serve(t, func(ctx *fasthttp.RequestCtx) {
		switch string(ctx.Path()) {
		case "/refused":
			ctx.SetStatusCode(fasthttp.StatusUnprocessableEntity)
			ctx.SetBodyString(`{"title":"no such type"}` + strings.Repeat(" ", 1000))
		case "/moved":
			ctx.Redirect("/fine", fasthttp.StatusTemporaryRedirect)
		case "/garbled":
			ctx.SetBodyString("{")
		}
	})
	a := API{Base: "http://" + address}
	err := a.Call(t.Context(), "GET", "/refused", nil, nil)
	if !errors.Is(err, errStatus) || !strings.Contains(err.Error(), "GET /refused") || !strings.Contains(err.Error(), "no such type") || len(err.Error()) > 500 {
		t.Errorf("refused: %v", err)
	}
	if err := a.Call(t.Context(), "GET", "/moved", nil, nil); !errors.Is(err, errStatus) {
		t.Errorf("moved: %v", err)
	}
	var out map[string]any
	var syntax *json.SyntaxError
	if err := a.Call(t.Context(), "GET", "/garbled", nil, &out); !errors.As(err, &syntax) {
		t.Errorf("garbled: %v", err)
	}
	if err := a.Call(t.Context(), "GET", "/garbled", nil, nil); err != nil {
		t.Errorf("an answer that nobody reads: %v", err)
	}
	if err := a.Call(t.Context(), "POST", "/", func() {}, nil); err == nil {
		t.Error("a function was sent as JSON")
	}
	if err := (API{Base: "http://\x00"}).Call(t.Context(), "GET", "/", nil, nil); err == nil {
		t.Error("called an address that is none")
	}
}

func TestAwaitReady(t *testing.T) {
	asked := 0
	address := benchtest.Serve(t, func(ctx *fasthttp.RequestCtx) {
		if asked++; asked < 3 || string(ctx.Path()) != "/readyz" {
			ctx.SetStatusCode(fasthttp.StatusServiceUnavailable)
		}
	})
	if err := (API{Base: "http://" + address}).awaitReady(t.Context(), nil); err != nil || asked != 3 {
		t.Errorf("ready after %d questions, %v", asked, err)
	}
	nobody, exited := API{Base: "http://127.0.0.1:1"}, make(chan struct{})
	close(exited)
	if err := nobody.awaitReady(t.Context(), exited); err == nil || !strings.Contains(err.Error(), "has exited") {
		t.Errorf("of a process that has exited: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := nobody.awaitReady(ctx, nil); err == nil || !strings.Contains(err.Error(), "did not become ready") {
		t.Errorf("when the time is over: %v", err)
	}
}
