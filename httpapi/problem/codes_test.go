package problem

import (
	"maps"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// TestCodesOfTheAPI: programs compare the codes and their statuses, so none of them changes.
func TestCodesOfTheAPI(t *testing.T) {
	want := map[Code]int{
		"malformed": 400, "unauthenticated": 401, "forbidden": 403, "not-found": 404, "method-not-allowed": 405, "request-timeout": 408,
		"already-exists": 409, "conflict": 409, "client-limit": 409, "too-large": 413, "unsupported-encoding": 415, "expectation-failed": 417,
		"invalid": 422, "unknown-event-type": 422, "idempotency-key-reused": 422, "too-many-webhooks": 422,
		"too-many-pending": 429, "too-many-requests": 429, "header-too-large": 431,
		"internal": 500, "unavailable": 503, "shutting-down": 503, "disk-reserve": 503,
	}
	got := map[Code]int{}
	for code := range kinds {
		got[code] = New(code, "").Status
	}
	if !maps.Equal(got, want) {
		t.Errorf("%v\nwant %v", got, want)
	}
}

// TestText: the document to the byte. Invalid UTF-8 becomes a replacement character, and what
// is for the log or a header stays out.
func TestText(t *testing.T) {
	for _, c := range []struct {
		problem Problem
		want    string
	}{
		{*New(NotFound, ""), `{"type":"urn:astrohook:problem:not-found","title":"Not found","status":404}`},
		{
			Problem{Type: "a", Title: "b", Status: 422, Detail: "say \"x\"\n", Field: "f\xff", Suggestions: []string{"g"}, EventID: "evt_1"},
			`{"type":"a","title":"b","status":422,"detail":"say \"x\"\n","field":"f` + "\ufffd" + `","suggestions":["g"],"event_id":"evt_1"}`,
		},
		{
			*InConflict("it is paused"),
			`{"type":"urn:astrohook:problem:conflict","title":"Conflict with the present state","status":409,"detail":"it is paused"}`,
		},
		{Problem{RetryAfter: time.Second, Challenge: "Bearer", Errors: []Field{}}, `{"type":"","title":"","status":0,"errors":[]}`},
	} {
		if got := string(c.problem.Text()); got != c.want {
			t.Errorf("%s\nwant %s", got, c.want)
		}
		var ctx fasthttp.RequestCtx
		ctx.Response.SetBodyString("the beginning of another answer")
		if c.problem.Write(&ctx); string(ctx.Response.Body()) != c.want+"\n" {
			t.Errorf("%s", ctx.Response.Body())
		}
	}
}
