package exchange

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/paging"
	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/webhook"
)

// request returns a call with a query and a body.
func request(query, body string) *fasthttp.RequestCtx {
	var ctx fasthttp.RequestCtx
	ctx.Request.SetRequestURI("/x?" + query)
	ctx.Request.SetBodyString(body)
	return &ctx
}

// TestLimit: a page has 50 entries, or as many as are asked for, up to 250.
func TestLimit(t *testing.T) {
	for query, want := range map[string]int{"": DefaultLimit, "limit=1": 1, "limit=250": MaxLimit, "limit=0": 0, "limit=251": 0, "limit=": 0, "limit=1.5": 0} {
		n, err := Limit(request(query, ""))
		if field, bad := errors.AsType[*webhook.FieldError](err); n != want || bad != (want == 0) || bad && field.Field != "limit" {
			t.Errorf("%q: %d, %v", query, n, err)
		}
	}
}

// TestTime: an offset's + that was not escaped is read as it was meant.
func TestTime(t *testing.T) {
	want := time.Date(2026, 5, 17, 8, 30, 45, 0, time.UTC)
	for _, text := range []string{"2026-05-17T08:30:45Z", "2026-05-17T10:30:45+02:00", "2026-05-17T10:30:45%2B02:00"} {
		got, err := ParseTime("since", TimeParameter(request("since="+text, ""), "since"))
		if err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	if got, err := ParseTime("since", ""); err != nil || !got.IsZero() {
		t.Error(got, err)
	}
	_, err := ParseTime("since", "yesterday")
	if field, bad := errors.AsType[*webhook.FieldError](err); !bad || field.Field != "since" {
		t.Error(err)
	}
}

// TestDecode: one object, strictly; nothing at all where a body may be absent.
func TestDecode(t *testing.T) {
	var in struct {
		Name string `json:"name"`
	}
	if err := Decode(request("", `{"name":"a"}`), &in); err != nil || in.Name != "a" {
		t.Error(in, err)
	}
	for _, body := range []string{"", "[]", `{"nam":"b"}`, `{"name":"b"} x`} {
		if err := Decode(request("", body), &in); err == nil {
			t.Errorf("%q was read", body)
		}
	}
	if err := DecodeOptional(request("", " \n"), &in); err != nil || in.Name != "a" {
		t.Error(in, err)
	}
	zipped := request("", "x")
	zipped.Request.Header.Set("Content-Encoding", "gzip")
	err := Decode(zipped, &in)
	if p, is := errors.AsType[*problem.Problem](err); !is || p.Status != fasthttp.StatusUnsupportedMediaType {
		t.Error(err)
	}
}

// TestAnswer: JSON with a line end, which no cache keeps.
func TestAnswer(t *testing.T) {
	ctx := request("", "")
	if err := Answer(ctx, 201, Page[int]{Data: []int{1}}); err != nil {
		t.Fatal(err)
	}
	if body := string(ctx.Response.Body()); body != "{\"data\":[1]}\n" || ctx.Response.StatusCode() != 201 ||
		string(ctx.Response.Header.Peek("Cache-Control")) != "no-store" {
		t.Errorf("%s", ctx.Response.String())
	}
	if err := Answer(ctx, 200, math.NaN()); err == nil {
		t.Error("a value that is no JSON was answered")
	}
}

// TestListing: two callers, or two filters, have different lists.
func TestListing(t *testing.T) {
	one := &auth.Principal{Publisher: "client:a", ClientID: "a"}
	seen := map[string]bool{}
	for _, who := range []*auth.Principal{one, {Publisher: "client:b", ClientID: "b"}} {
		for _, of := range []string{"x", "y"} {
			l := Listing(paging.Webhooks, who, of)
			key := ""
			for _, part := range l.Of {
				key += part + "|"
			}
			seen[key] = true
		}
	}
	if len(seen) != 4 {
		t.Error(seen)
	}
}

// TestPath: a path parameter, or nothing.
func TestPath(t *testing.T) {
	ctx := request("a=1", "")
	ctx.SetUserValue("id", "wh_1")
	if Path(ctx, "id") != "wh_1" || Path(ctx, "name") != "" || Parameter(ctx, "a") != "1" || Parameter(ctx, "b") != "" {
		t.Error("parameters are lost")
	}
}
