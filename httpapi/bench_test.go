package httpapi

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/auth/authtest"
	"github.com/corpastro/astrohook/storage/memstore"
	"github.com/corpastro/astrohook/webhook"
)

// idleDispatcher accepts everything at once and keeps nothing.
type idleDispatcher struct{ Dispatcher }

func (idleDispatcher) Publish(_ context.Context, events []webhook.Event) ([]webhook.Receipt, error) {
	receipts := make([]webhook.Receipt, len(events))
	for i := range receipts {
		receipts[i] = webhook.Receipt{EventID: webhook.ID{Seq: 1}, Deliveries: 3}
	}
	return receipts, nil
}

// publisherContext is a server that keeps nothing, and a request to publish to it.
func publisherContext(tb testing.TB, path, body string) (fasthttp.RequestHandler, *fasthttp.RequestCtx) {
	tb.Helper()
	s, ctx := publisher(tb, path, body)
	return s.Handler(), ctx
}

func publisher(tb testing.TB, path, body string) (*Server, *fasthttp.RequestCtx) {
	store := memstore.Open(memstore.Options{})
	tb.Cleanup(func() { _ = store.Close() })
	key, err := auth.SecretKey("", authtest.Secret)
	if err != nil {
		tb.Fatal(err)
	}
	s, err := New(Options{
		Store: store, Dispatcher: idleDispatcher{}, Keys: []auth.Key{key},
		CheckTarget: checkTestTarget, Sequence: &webhook.Sequence{}, EventTypes: testEventTypes, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		tb.Fatal(err)
	}
	ctx := &fasthttp.RequestCtx{}
	ctx.Init(&fasthttp.Request{}, nil, nil)
	ctx.Request.Header.SetMethod("POST")
	ctx.Request.SetRequestURI(path)
	ctx.Request.Header.SetHost("astrohook")
	ctx.Request.Header.Set("Authorization", "Bearer "+authtest.Mint(tb, "backend", "", "events:write:all", time.Now().Add(24*time.Hour)))
	ctx.Request.Header.SetContentType("application/json")
	ctx.Request.SetBodyString(body)
	return s, ctx
}

// typicalEvent is an event of 512 bytes.
func typicalEvent() string {
	const start = `{"event_type":"user.created","data":{"user_id":"usr_01J9Z8","plan":"gold","age":42,"score":12.5,"tags":["a","b","c"],` +
		`"address":{"street":"1 Main St","city":"Springfield","zip":"12345","country":"US"},"active":true,"referrer":null,` +
		`"created":"2025-05-17T10:30:45.123Z","history":[{"at":1747477845,"what":"signup"},{"at":1747477846,"what":"login"}],"note":"`
	const end = `"}}`
	return start + strings.Repeat("x", 512-len(start)-len(end)) + end
}

// maxPublishAllocs bounds the allocations of publishing one event: the slice of
// events, the data, and the dispatcher's receipts.
const maxPublishAllocs = 3

// TestPublishAllocates counts the allocations of the hot path.
func TestPublishAllocates(t *testing.T) {
	handle, ctx := publisherContext(t, "/api/events", typicalEvent())
	publishAllocates(t, handle, ctx)
}

// TestPublishAllocatesWithAPIKey: a key costs no more than a token that is remembered.
func TestPublishAllocatesWithAPIKey(t *testing.T) {
	s, ctx := publisher(t, "/api/events", typicalEvent())
	_, text, err := s.callers.APIKeys().Create(t.Context(), webhook.APIKey{Scopes: []string{auth.ScopePublishAll}})
	if err != nil {
		t.Fatal(err)
	}
	ctx.Request.Header.Set("Authorization", "Bearer "+text)
	publishAllocates(t, s.Handler(), ctx)
}

func publishAllocates(t *testing.T, handle fasthttp.RequestHandler, ctx *fasthttp.RequestCtx) {
	t.Helper()
	allocs := testing.AllocsPerRun(200, func() {
		ctx.Response.Reset()
		handle(ctx)
	})
	if ctx.Response.StatusCode() != 202 {
		t.Fatalf("%d %s", ctx.Response.StatusCode(), ctx.Response.Body())
	}
	if allocs > maxPublishAllocs && !raceDetector {
		t.Errorf("%.0f allocations, at most %d are allowed", allocs, maxPublishAllocs)
	}
}

func BenchmarkPublish(b *testing.B) {
	handle, ctx := publisherContext(b, "/api/events", typicalEvent())
	b.SetBytes(512)
	b.ReportAllocs()
	for b.Loop() {
		ctx.Response.Reset()
		handle(ctx)
	}
	if ctx.Response.StatusCode() != 202 {
		b.Fatalf("%d %s", ctx.Response.StatusCode(), ctx.Response.Body())
	}
}

func BenchmarkPublishBatch(b *testing.B) {
	handle, ctx := publisherContext(b, "/api/events/batch", "["+strings.Repeat(typicalEvent()+",", 99)+typicalEvent()+"]")
	b.SetBytes(51200)
	b.ReportAllocs()
	for b.Loop() {
		ctx.Response.Reset()
		handle(ctx)
	}
	if ctx.Response.StatusCode() != 202 {
		b.Fatalf("%d %s", ctx.Response.StatusCode(), ctx.Response.Body())
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/event")
}
