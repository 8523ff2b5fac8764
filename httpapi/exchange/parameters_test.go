package exchange

import (
	"errors"
	"testing"

	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/webhook"
)

// TestTimeParameter: a space is read as + in the place of an offset's sign, and nowhere else.
func TestTimeParameter(t *testing.T) {
	for query, want := range map[string]string{
		"":                                  "",
		"since=":                            "",
		"since=7d":                          "7d",
		"since=2026-05-17T10:30:45+02:00":   "2026-05-17T10:30:45+02:00",
		"since=2026-05-17T10:30:45-02:00":   "2026-05-17T10:30:45-02:00",
		"since=2026-05-17T10:30:45%20%3002": "2026-05-17T10:30:45 002",
		"since=2026-05-17+10:30:45Z":        "2026-05-17 10:30:45Z",
		"since=+02:00":                      " 02:00", // there is no time before it
		"until=2026-05-17T10:30:45+02:00":   "",
	} {
		if got := TimeParameter(request(query, ""), "since"); got != want {
			t.Errorf("%q: %q, want %q", query, got, want)
		}
	}
}

// TestLimitTexts: a limit is a plain decimal number.
func TestLimitTexts(t *testing.T) {
	for _, text := range []string{"-1", "0x10", "1e2", "99999999999999999999", "%20", "1%00", "a", "1_0"} {
		n, err := Limit(request("limit="+text, ""))
		if f, ok := errors.AsType[*webhook.FieldError](err); n != 0 || !ok || f.Reason != "must be a whole number from 1 to 250" {
			t.Errorf("%q: %d, %v", text, n, err)
		}
	}
}

// TestBodyEncodings: a body that says how it is encoded is refused, unless it is not.
func TestBodyEncodings(t *testing.T) {
	for encoding, good := range map[string]bool{"": true, "identity": true, "Identity": true, "gzip": false, "br": false, "identity, gzip": false} {
		ctx := request("", "{}")
		ctx.Request.Header.Set("Content-Encoding", encoding)
		body, err := Body(ctx)
		p, is := errors.AsType[*problem.Problem](err)
		if good && (err != nil || string(body) != "{}") || !good && (!is || p.Status != 415 || p.Field != "Content-Encoding" || body != nil) {
			t.Errorf("%q: %q, %v", encoding, body, err)
		}
	}
}

// TestPages: a list is never null, and the last page has no cursor.
func TestPages(t *testing.T) {
	for want, page := range map[string]Page[string]{
		`{"data":[]}` + "\n":                           {},
		`{"data":["<a>"],"next_cursor":"c"}` + "\n":    {Data: []string{"<a>"}, NextCursor: "c"},
		`{"data":["a\"b","\u0001"]}` + "\n":            {Data: []string{`a"b`, "\x01"}},
		`{"data":["ü"],"next_cursor":"\u001f"}` + "\n": {Data: []string{"ü"}, NextCursor: "\x1f"},
	} {
		ctx := request("", "")
		if err := Answer(ctx, 200, page); err != nil || string(ctx.Response.Body()) != want {
			t.Errorf("%s, %v, want %s", ctx.Response.Body(), err, want)
		}
		if got := string(ctx.Response.Header.ContentType()); got != "application/json" {
			t.Error(got)
		}
	}
}
