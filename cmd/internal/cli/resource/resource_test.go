package resource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/corpastro/astrohook/cmd/internal/apiclient"
	"github.com/corpastro/astrohook/cmd/internal/cli/connection"
	"github.com/corpastro/astrohook/cmd/internal/cli/live"
	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/settings"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// serve starts an API, and returns the flags of a caller of it.
func serve(t *testing.T, handler http.HandlerFunc) caller {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return caller{Flags: connection.Flags{Server: server.URL, Token: "tok"}}
}

// numbers answers with pages of the numbers from 0, of the length that is asked for, but
// with an empty page in front of each page.
func numbers(total int, asked *[]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.URL.RawQuery)
		from, empty := strings.CutSuffix(r.URL.Query().Get("cursor"), "e")
		first, _ := strconv.Atoi(from)
		if !empty {
			fmt.Fprintf(w, `{"data":[],"next_cursor":"%de"}`, first)
			return
		}
		limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
		var data []int
		for n := first; n < min(first+limit, total); n++ {
			data = append(data, n)
		}
		text, _ := json.Marshal(data)
		next := ""
		if first+limit < total {
			next = fmt.Sprintf(`,"next_cursor":"%d"`, first+limit)
		}
		fmt.Fprintf(w, `{"data":%s%s}`, strings.Replace(string(text), "null", "[]", 1), next)
	}
}

// TestPages: a list is read to its end or its limit, over pages that are empty, in pages as
// long as the server makes them, and knows whether there is more.
func TestPages(t *testing.T) {
	for _, c := range []struct {
		total, limit, want int
		more               bool
		calls              int
	}{
		{0, 50, 0, false, 2},
		{3, 50, 3, false, 2},
		{50, 50, 50, false, 2},
		{51, 50, 50, true, 2},
		{600, 0, 600, false, 6},
		{600, 300, 300, true, 4},
		{300, 300, 300, false, 4},
		{5, 1, 1, true, 2},
	} {
		var asked []string
		from := serve(t, numbers(c.total, &asked))
		err := from.with(func(a *api) error {
			l, err := (&bound{Limit: c.limit}).list(a, "/list", url.Values{"status": {"failed"}})
			if err != nil {
				return err
			}
			n := 0
			for value, err := range l.values(t.Context()) {
				if err != nil || string(value) != strconv.Itoa(n) {
					t.Errorf("%+v: value %d is %s, %v", c, n, value, err)
				}
				n++
			}
			if n != c.want || l.more != c.more || len(asked) != c.calls {
				t.Errorf("%+v: %d values, more %t, in %d calls", c, n, l.more, len(asked))
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		for _, query := range asked {
			if !strings.Contains(query, "status=failed") {
				t.Errorf("a page without the filter: %s", query)
			}
		}
	}
}

// TestPagesEnd: who has seen enough causes no further call, and an error ends the list.
func TestPagesEnd(t *testing.T) {
	var asked []string
	from := serve(t, numbers(1000, &asked))
	err := from.with(func(a *api) error {
		l := &listing{api: a, path: "/list"}
		for range l.values(t.Context()) {
			break
		}
		if len(asked) != 2 {
			t.Errorf("%d calls", len(asked))
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var failed error
		for _, err := range l.values(ctx) {
			cancel() // the first page was read
			failed = err
		}
		if !errors.Is(failed, context.Canceled) {
			t.Error(failed)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	broken := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `[]`) })
	err = broken.with(func(a *api) error {
		_, err := (&listing{api: a, path: "/list"}).page(t.Context(), "", 0)
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "not what was expected") {
		t.Error(err)
	}
}

// TestEach: what was done before the first error is printed, the error names the thing, and
// nothing is done after it.
func TestEach(t *testing.T) {
	var called []string
	from := serve(t, func(w http.ResponseWriter, r *http.Request) {
		called = append(called, r.Method+" "+r.URL.EscapedPath())
		if strings.Contains(r.URL.Path, "bad") {
			w.WriteHeader(http.StatusConflict)
			_, _ = io.WriteString(w, `{"title":"Conflict","detail":"an attempt is in flight"}`)
			return
		}
		_, _ = io.WriteString(w, `{"id":"whd_1","status":"queued"}`)
	})
	var out strings.Builder
	c := deliveriesRetry{caller: from, Flags: output.Flags{Output: output.NDJSON}, IDs: []string{"a/b", "bad", "c"}}
	err := c.Run(t.Context(), terminal.Streams{Out: &out, Err: &out})
	if err == nil || !strings.Contains(err.Error(), "bad: the server answered 409 Conflict: Conflict: an attempt is in flight") {
		t.Error(err)
	}
	if want := []string{"POST /api/deliveries/a%2Fb/retry", "POST /api/deliveries/bad/retry"}; !slices.Equal(called, want) {
		t.Errorf("called %q", called)
	}
	if out.String() != `{"id":"whd_1","status":"queued"}`+"\n" {
		t.Errorf("printed %q", out.String())
	}
}

// TestJobIsFollowed: a job is counted first, created, and looked at until it has finished.
func TestJobIsFollowed(t *testing.T) {
	var calls []string
	from := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		calls = append(calls, r.Method+" "+r.URL.Path+" "+string(body))
		switch {
		case strings.Contains(string(body), "dry_run"):
			_, _ = io.WriteString(w, `{"count":100000,"count_is_exact":false,"bytes":1,"estimated_seconds":1,"first":[]}`)
		case len(calls) < 4:
			_, _ = io.WriteString(w, `{"id":"job_1","status":"running","done":7}`)
		default:
			_, _ = io.WriteString(w, `{"id":"job_1","status":"done","done":100204}`)
		}
	})
	var out strings.Builder
	c := Replay{
		caller: from, Flags: output.Flags{Output: output.Table}, Status: "cancelled", Webhook: "wh_1",
		selection: selection{Consent: live.Consent{Yes: true}, period: period{Since: "7d"}},
	}
	if err := c.Run(t.Context(), terminal.Streams{Out: &out, Err: io.Discard}); err != nil || out.String() != "100204 cancelled deliveries sent again.\n" {
		t.Errorf("%v, %s", err, out.String())
	}
	want := []string{
		`POST /api/jobs {"action":"replay","dry_run":true,"filter":{"since":"7d","status":["cancelled"]},"webhook_id":"wh_1"}`,
		`POST /api/jobs {"action":"replay","filter":{"since":"7d","status":["cancelled"]},"webhook_id":"wh_1"}`,
		"GET /api/jobs/job_1 ", "GET /api/jobs/job_1 ",
	}
	if !slices.Equal(calls, want) {
		t.Errorf("called %q", calls)
	}
}

// TestJobEnds: what ends the wait for a job, and what is said then.
func TestJobEnds(t *testing.T) {
	for _, c := range []struct{ reason, answer, out, err string }{
		{"it fails", `{"id":"job_1","status":"failed","done":7,"error":"the webhook was disabled\u001b[2J"}`, "", "the job failed after 7: the webhook was disabled?[2J"},
		{"somebody pauses it", `{"id":"job_1","status":"paused","done":7,"total":9}`, "7 of 9", ""},
		{"somebody cancels it", `{"id":"job_1","status":"cancelled","done":7}`, "cancelled", ""},
	} {
		calls := 0
		from := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			switch calls++; calls {
			case 1:
				_, _ = io.WriteString(w, `{"count":9,"count_is_exact":true,"first":[]}`)
			case 2:
				_, _ = io.WriteString(w, `{"id":"job_1","status":"running"}`)
			default:
				_, _ = io.WriteString(w, c.answer)
			}
		})
		var out strings.Builder
		one := Replay{caller: from, Flags: output.Flags{Output: output.Table}, Status: "failed", Webhook: "wh_1", selection: selection{Consent: live.Consent{Yes: true}}}
		err := one.Run(t.Context(), terminal.Streams{Out: &out, Err: io.Discard})
		if (err == nil) != (c.err == "") || err != nil && err.Error() != c.err || !strings.Contains(out.String(), c.out) || calls != 3 {
			t.Errorf("%s: %v, %q, %d calls", c.reason, err, out.String(), calls)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	from := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if calls++; calls == 1 {
			_, _ = io.WriteString(w, `{"count":9,"count_is_exact":true,"first":[]}`)
			return
		}
		cancel() // an interrupt while it runs
		_, _ = io.WriteString(w, `{"id":"job_1","status":"running"}`)
	})
	one := Replay{caller: from, Flags: output.Flags{Output: output.Table}, Webhook: "wh_1", selection: selection{Consent: live.Consent{Yes: true}}}
	if err := one.Run(ctx, terminal.Streams{Out: io.Discard, Err: io.Discard}); err == nil {
		t.Error("an interrupt is no error")
	}
}

// TestNothingToChange: where there is nothing to do, nobody is asked and no job is created.
func TestNothingToChange(t *testing.T) {
	calls := 0
	from := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		calls++
		_, _ = io.WriteString(w, `{"count":0,"count_is_exact":true,"first":[]}`)
	})
	var out strings.Builder
	c := deliveriesCancel{caller: from, Flags: output.Flags{Output: output.Table}, Webhook: "wh_1"}
	if err := c.Run(t.Context(), terminal.Streams{Out: &out, Err: io.Discard}); err != nil || calls != 1 || out.String() != "No deliveries to be cancelled.\n" {
		t.Errorf("%v, %q, %d calls", err, out.String(), calls)
	}
}

// TestRemoveLooksFirst: a webhook is shown with what would be lost, and one that is not known
// is an error before any question.
func TestRemoveLooksFirst(t *testing.T) {
	from := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.Method + " " + r.URL.Path {
		case "GET /api/webhooks/wh_1":
			_, _ = io.WriteString(w, `{"target_url":"https://a.example/\u001b[2J"}`)
		case "GET /api/webhooks/wh_1/health":
			_, _ = io.WriteString(w, `{"queued":1,"retrying":2,"in_flight":3}`)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
	err := from.with(func(a *api) error {
		question, err := lossOf(t.Context(), a, "wh_1")
		if want := "Delete wh_1 to https://a.example/?[2J, and cancel what is pending: 6 deliveries?"; question != want {
			t.Errorf("%q, want %q", question, want)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	c := webhooksRemove{caller: from, IDs: []string{"wh_2"}}
	if err := c.Run(t.Context(), terminal.Streams{In: strings.NewReader(""), Err: io.Discard}); !apiclient.IsNotFound(err) {
		t.Error(err)
	}
	c = webhooksRemove{caller: from, IDs: []string{"wh_1"}}
	err = c.Run(t.Context(), terminal.Streams{In: strings.NewReader(""), Err: io.Discard})
	if _, usage := errors.AsType[*settings.UsageError](err); !usage {
		t.Error(err)
	}
}

// TestKnown: what completes a command line comes from the server that the line names, for the
// client that it names.
func TestKnown(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	var asked []string
	from := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.String())
		switch r.URL.Path {
		case "/api/webhooks":
			_, _ = io.WriteString(w, `{"data":[{"id":"wh_1","status":"paused","target_url":"https://a.example/"},{"nothing":1},7]}`)
		case "/api/deliveries":
			_, _ = io.WriteString(w, `{"data":[{"id":"whd_1","status":"failed","event_type":"a.b"}]}`)
		case "/api/event-types":
			_, _ = io.WriteString(w, `{"data":[{"name":"a.b","description":"A thing."}]}`)
		}
	})
	flags := map[string]string{"server": from.Server, "token": "tok", "client": "acme"}
	for kind, want := range map[string]string{
		"webhook": "[{wh_1 paused, https://a.example/}]", "delivery": "[{whd_1 failed, a.b}]", "type": "[{a.b A thing.}]", "profile": "[]", "planet": "[]",
	} {
		if got := fmt.Sprint(Known(t.Context(), kind, flags)); got != want {
			t.Errorf("%s: %s, want %s", kind, got, want)
		}
	}
	for _, path := range asked {
		if !strings.HasSuffix(path, "?client_id=acme&limit=250") {
			t.Errorf("asked for %s", path)
		}
	}
	if got := Known(t.Context(), "webhook", map[string]string{"server": from.Server}); got != nil {
		t.Errorf("%v without a token", got)
	}
}

// TestWhy: a failure in one line, whatever is known of it.
func TestWhy(t *testing.T) {
	for _, c := range []struct {
		reason string
		code   int
		words  string
		want   string
	}{
		{"", 0, "", ""},
		{"connect", 0, "", "connect"},
		{"http_5xx", 503, "the receiver failed", "http_5xx 503: the receiver failed"},
		{"tls", 0, "no certificate", "tls: no certificate"},
		{"", 0, "words", "words"},
	} {
		if got := why(c.reason, c.code, c.words); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	for d, want := range map[*delivery]string{
		{WaitingFor: "breaker"}: "breaker", {WaitingFor: "retry_time", Reason: "connect"}: "connect", {ResponseCode: 200}: "", {Reason: "http_4xx", ResponseCode: 404}: "http_4xx 404",
	} {
		if got := d.why(); got != want {
			t.Errorf("%+v: %q, want %q", d, got, want)
		}
	}
	for a, want := range map[*attempt]string{
		{ResponseBody: "ok"}: "ok", {ResponseBody: "begin", Truncated: true}: "begin…", {Encoding: "gzip"}: "encoded: gzip", {Location: "/b", ResponseBody: "moved"}: "to /b",
	} {
		if got := a.answer(); got != want {
			t.Errorf("%+v: %q, want %q", a, got, want)
		}
	}
}
