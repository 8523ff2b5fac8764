package resource

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/cmd/internal/cli/live"
	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/settings"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// command is one of the commands here.
type command interface {
	Run(ctx context.Context, std terminal.Streams) error
}

// outcome is what became of a command: the calls that it made, and what it printed and said.
type outcome struct {
	calls     []string
	out, said string
	err       error
}

// recorded returns the flags of a caller of an API that gives one answer, and a function that
// runs a command there with a standard input.
func recorded(t *testing.T, answer string) (from caller, run func(c command, stdin string) outcome) {
	t.Helper()
	var calls []string
	from = serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		calls = append(calls, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+string(body)))
		_, _ = io.WriteString(w, answer)
	})
	return from, func(c command, stdin string) outcome {
		calls = nil
		var out, said strings.Builder
		err := c.Run(t.Context(), terminal.Streams{In: strings.NewReader(stdin), Out: &out, Err: &said})
		return outcome{calls, out.String(), said.String(), err}
	}
}

var (
	asTable  = output.Flags{Output: output.Table}
	asNDJSON = output.Flags{Output: output.NDJSON}
)

// file writes a file, and returns its path.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRequests: what each command asks the server for, in one call.
func TestRequests(t *testing.T) {
	from, run := recorded(t, `{"id":"x","status":"delivered"}`)
	of, ndjson := from, asNDJSON
	of.Client = "a&b"
	list := paged{caller: of, bound: bound{Limit: 7}, Watch: live.Watch{Flags: asNDJSON}}
	one := single{caller: from, Watch: live.Watch{Flags: asNDJSON}}
	failed, paused, target, hour, none := "failed", "paused", "https://b.example/", time.Hour, time.Duration(0)
	secret, bundle, data := file(t, "s3cret\r\n"), file(t, "PEM\n"), file(t, " [1.0] ")
	for want, c := range map[string]command{
		`GET /api/webhooks?client_id=a%26b&limit=7`: &webhooksList{paged: list},
		`GET /api/webhooks/wh%2F1/deliveries?client_id=a%26b&event_type=a.b&limit=7&since=1h&status=failed&until=2h`: &deliveriesList{
			paged: list, period: period{Since: "1h", Until: "2h"}, Webhook: "wh/1", Status: &failed, EventType: "a.b",
		},
		`GET /api/jobs?client_id=a%26b&limit=7&status=paused&webhook_id=wh_1`: &jobsList{paged: list, Webhook: "wh_1", Status: &paused},
		`GET /api/events/evt_1?cursor=c&limit=100`:                            &eventsGet{single: one, ID: "evt_1", Limit: 100, Cursor: "c"},
		`GET /api/webhooks/wh_1`:                                              &webhooksGet{single: one, ID: "wh_1"},
		`POST /api/webhooks?client_id=a%26b {"client_id":"a\u0026b","event_types":["a.b"],"secret":"s3cret","signature_scheme":"v1","status":"paused","target_url":"https://b.example/"}`: &webhooksAdd{
			caller: of, Flags: ndjson, EventType: []string{"a.b"}, Target: target, Paused: true, secretFlags: secretFlags{SecretFile: secret, Scheme: "v1"},
		},
		`PATCH /api/webhooks/wh_1 {"ca_bundle":"PEM\n","event_types":["a.b"],"retry_policy":null,"target_url":"https://b.example/"}`: &webhooksSet{
			caller: from, Flags: ndjson, ID: "wh_1", Target: &target, EventType: []string{"a.b"}, Reset: []string{"retry"}, webhookSettings: webhookSettings{CABundle: bundle},
		},
		`POST /api/webhooks/wh_1/rotate-secret {}`:                         &webhooksRotate{caller: from, Flags: ndjson, ID: "wh_1"},
		`POST /api/webhooks/wh_1/rotate-secret {"overlap_seconds":0}`:      &webhooksRotate{caller: from, Flags: ndjson, ID: "wh_1", Overlap: &none},
		`POST /api/webhooks/wh_1/rotate-secret {"overlap_seconds":3600}`:   &webhooksRotate{caller: from, Flags: ndjson, ID: "wh_1", Overlap: &hour},
		`POST /api/webhooks/wh_1/rotate-secret {"secret":"typed"}`:         &webhooksRotate{caller: from, Flags: ndjson, ID: "wh_1", secretFlags: secretFlags{SecretFile: "-"}},
		`POST /api/webhooks/wh_1/end-rotation`:                             &webhooksRotate{caller: from, Flags: ndjson, ID: "wh_1", End: true},
		`POST /api/webhooks/wh_1/test {}`:                                  &webhooksTest{caller: from, Flags: ndjson, ID: "wh_1"},
		`POST /api/webhooks/wh_1/test?wait=1m0s {"data":{"a":1.0}}`:        &webhooksTest{caller: from, Flags: ndjson, ID: "wh_1", Data: `{"a":1.0}`, Wait: time.Minute},
		`POST /api/webhooks/wh_1/test {"data":[1.0],"event_type":"a.b"}`:   &webhooksTest{caller: from, Flags: ndjson, ID: "wh_1", Data: "@" + data, EventType: "a.b"},
		`POST /api/webhooks/wh_1/pause`:                                    &webhooksPause{caller: from, Flags: ndjson, IDs: []string{"wh_1"}},
		`DELETE /api/webhooks/wh_1`:                                        &webhooksRemove{caller: from, Consent: live.Consent{Yes: true}, IDs: []string{"wh_1"}},
		`DELETE /api/deliveries/whd_1`:                                     &deliveriesCancel{caller: from, Flags: ndjson, IDs: []string{"whd_1"}},
		`POST /api/jobs/job_1/resume`:                                      &jobsResume{jobChange{caller: from, Flags: ndjson, IDs: []string{"job_1"}}},
		`POST /api/event-types {"name":"a.b","description":"A thing."}`:    &typesAdd{caller: from, Flags: ndjson, Name: "a.b", Description: "A thing."},
		`PUT /api/event-types/a%2Fb {"name":"a/b","description":"Other."}`: &typesSet{caller: from, Flags: ndjson, Name: "a/b", Description: "Other."},
		`DELETE /api/event-types/a.b`:                                      &typesRemove{caller: from, Consent: live.Consent{Yes: true}, Names: []string{"a.b"}},
	} {
		got := run(c, "typed\n")
		if got.err != nil || !slices.Equal(got.calls, []string{want}) {
			t.Errorf("%T called %q, want %s, %v", c, got.calls, want, got.err)
		}
		if strings.Contains(got.said, "s3cret") || strings.Contains(got.out, "s3cret") {
			t.Errorf("%T shows the secret that it was given", c)
		}
	}
}

// TestMisuse: what contradicts itself, cannot be read or says nothing is a usage error, and
// the server is not called.
func TestMisuse(t *testing.T) {
	from, run := recorded(t, `{}`)
	hour, missing, long := time.Hour, filepath.Join(t.TempDir(), "missing"), file(t, strings.Repeat("x", maxSecret+1))
	ids := []string{"whd_1"}
	for _, c := range []struct {
		want    string
		command command
	}{
		{"--end makes no secret", &webhooksRotate{caller: from, ID: "wh_1", End: true, Overlap: &hour}},
		{"--end makes no secret", &webhooksRotate{caller: from, ID: "wh_1", End: true, secretFlags: secretFlags{Scheme: "v1"}}},
		{"--end makes no secret", &webhooksRotate{caller: from, ID: "wh_1", End: true, secretFlags: secretFlags{SecretFile: "-"}}},
		{"read the secret: open ", &webhooksRotate{caller: from, ID: "wh_1", secretFlags: secretFlags{SecretFile: missing}}},
		{"read the secret: open ", &webhooksAdd{caller: from, secretFlags: secretFlags{SecretFile: missing}}},
		{"is longer than 4096 bytes", &webhooksAdd{caller: from, secretFlags: secretFlags{SecretFile: long}}},
		{"read the CA bundle: open ", &webhooksAdd{caller: from, webhookSettings: webhookSettings{CABundle: missing}}},
		{"read the CA bundle: open ", &webhooksSet{caller: from, webhookSettings: webhookSettings{CABundle: missing}}},
		{"--header is not of the form", &webhooksSet{caller: from, webhookSettings: webhookSettings{Header: []string{":v"}}}},
		{"nothing to change", &webhooksSet{caller: from, ID: "wh_1"}},
		{"--reset timeout, and a value for it", &webhooksSet{caller: from, Reset: []string{"timeout"}, webhookSettings: webhookSettings{Timeout: &hour}}},
		{"--reset rate, and a value for it", &webhooksSet{caller: from, Reset: []string{"rate", "rate"}}},
		{"the event's data is not JSON", &webhooksTest{caller: from, Data: "{"}},
		{"the event's data is not JSON", &webhooksTest{caller: from, Data: "-"}},
		{"the event's data is not JSON", &webhooksTest{caller: from, Data: "@"}},
		{"read the data: open ", &webhooksTest{caller: from, Data: "@" + missing}},
		{"--limit is not from 1 to 100", &eventsGet{single: single{caller: from}}},
		{"--limit is not from 1 to 100", &eventsGet{single: single{caller: from}, Limit: 101}},
		{"--limit is negative", &typesList{paged{caller: from, bound: bound{Limit: -1}, Watch: live.Watch{Flags: asTable}}}},
		{"name deliveries, or a webhook", &deliveriesRetry{caller: from}},
		{"name deliveries, or a webhook", &deliveriesCancel{caller: from, selection: selection{Reason: "timeout"}}},
		{"leave --webhook and the filters out", &deliveriesRetry{caller: from, IDs: ids, Webhook: "wh_1"}},
		{"leave --webhook and the filters out", &deliveriesCancel{caller: from, IDs: ids, selection: selection{MinAttempts: 1}}},
		{"leave --webhook and the filters out", &deliveriesCancel{caller: from, IDs: ids, selection: selection{EventType: []string{"a.b"}}}},
		{"leave --dry-run, --rate and --detach out", &deliveriesCancel{caller: from, IDs: ids, selection: selection{DryRun: true}}},
		{"leave --dry-run, --rate and --detach out", &deliveriesRetry{caller: from, IDs: ids, selection: selection{Rate: 1}}},
		{"--missing is about events that were never sent", &Replay{caller: from, Missing: true, selection: selection{Code: "5xx"}}},
		{"--missing is about events that were never sent", &Replay{caller: from, Missing: true, selection: selection{MinAttempts: 2}}},
	} {
		got := run(c.command, "no JSON")
		_, usage := errors.AsType[*settings.UsageError](got.err)
		if got.err == nil || !strings.Contains(got.err.Error(), c.want) || !usage || len(got.calls) > 0 || got.out != "" {
			t.Errorf("%T: %v, want %s; called %q", c.command, got.err, c.want, got.calls)
		}
	}
}

// TestNotes: a secret that is shown once is said to be, beside the result; the end of an
// overlap has none.
func TestNotes(t *testing.T) {
	from, run := recorded(t, `{"id":"wh_1","secret":"s1"}`)
	for _, c := range []struct {
		command command
		out     string
		said    string
	}{
		{&webhooksAdd{caller: from, Flags: asTable}, "secret", "Keep the secret: it is not shown again.\n"},
		{&webhooksRotate{caller: from, Flags: asTable}, "secret", "Keep the new secret: it is not shown again. `astrohook webhooks rotate --end` ends the overlap.\n"},
		{&webhooksRotate{caller: from, Flags: asNDJSON, End: true}, `{"id":"wh_1","secret":"s1"}`, ""},
		{&typesRemove{caller: from, Consent: live.Consent{Yes: true}, Names: []string{"a\x1b", "b"}}, "", "Removed a?.\nRemoved b.\n"},
		{&webhooksRemove{caller: from, Consent: live.Consent{Yes: true}, IDs: []string{"wh_1"}}, "", "Deleted wh_1.\n"},
		{&typesList{paged{caller: from, Watch: live.Watch{Flags: asTable}}}, "", "No event types.\n"},
		{&typesList{paged{caller: from, Watch: live.Watch{Flags: asNDJSON}}}, "", ""},
	} {
		if got := run(c.command, ""); got.err != nil || !strings.Contains(got.out, c.out) || got.said != c.said {
			t.Errorf("%T: %v, printed %q, said %q", c.command, got.err, got.out, got.said)
		}
	}
}

// TestOutcomeOfATest: who waits for a test learns from the exit code that it did not arrive,
// and sees the delivery all the same.
func TestOutcomeOfATest(t *testing.T) {
	for status, fails := range map[string]bool{"delivered": false, "retrying": true, "failed": true, "queued": true} {
		from, run := recorded(t, `{"id":"whd_1","status":"`+status+`"}`)
		for wait, want := range map[time.Duration]bool{0: false, time.Second: fails} {
			got := run(&webhooksTest{caller: from, Flags: asTable, ID: "wh_1", Wait: wait}, "")
			if errors.Is(got.err, errNotDelivered) != want || got.err != nil && !want || !strings.Contains(got.out, "status    "+status) {
				t.Errorf("%s after %s: %v\n%s", status, wait, got.err, got.out)
			}
		}
	}
}

// TestDryRun: a trial run counts, shows the first, and asks for nothing else.
func TestDryRun(t *testing.T) {
	const many = `{"count":1204,"count_is_exact":false,"bytes":617000,"estimated_seconds":90,"first":[{"id":"whd_1","status":"failed","attempts":8}]}`
	const missing = `{"count":1,"count_is_exact":true,"bytes":10,"first":[{"id":"evt_1","event_type":"a.b","client_id":"acme","size_bytes":10}]}`
	const none = `{"count":0,"count_is_exact":true,"first":[]}`
	dry := selection{DryRun: true, Rate: 5, MinAttempts: 2, EventType: []string{"a.b"}, Reason: "timeout", Code: "none"}
	only := selection{DryRun: true}
	for _, c := range []struct {
		answer    string
		command   func(from caller) command
		call, out string
	}{
		{
			many, func(from caller) command {
				return &deliveriesRetry{caller: from, Flags: asTable, Webhook: "wh_1", Status: []string{"failed"}, selection: dry}
			},
			`{"action":"retry","dry_run":true,"filter":{"code":"none","event_types":["a.b"],"min_attempts":2,"reason":"timeout","status":["failed"]},"rate_per_second":5,"webhook_id":"wh_1"}`,
			"At least 1204 failed deliveries would be sent again: 617 KB, in about 1m30s.\n" +
				"ID     STATUS  AGE  #  TYPE  WHY  WEBHOOK  ERROR\nwhd_1  failed  -    8  -     -    -        -\n",
		},
		{
			missing, func(from caller) command {
				return &Replay{caller: from, Flags: asTable, Webhook: "wh_1", Status: "failed", Missing: true, selection: only}
			},
			`{"action":"backfill","dry_run":true,"webhook_id":"wh_1"}`,
			"1 missing event would be sent: 10 B, in about 0s.\nEVENT  AGE  SIZE  TYPE  CLIENT\nevt_1  -    10 B  a.b   acme\n",
		},
		{
			none, func(from caller) command {
				return &deliveriesCancel{caller: from, Flags: asTable, Webhook: "wh_1", selection: only}
			},
			`{"action":"cancel","dry_run":true,"webhook_id":"wh_1"}`, "No deliveries would be cancelled.\n",
		},
		{
			none, func(from caller) command {
				return &deliveriesCancel{caller: from, Flags: asNDJSON, Webhook: "wh_1", selection: only}
			},
			`{"action":"cancel","dry_run":true,"webhook_id":"wh_1"}`, none + "\n",
		},
	} {
		from, run := recorded(t, c.answer)
		got := run(c.command(from), "")
		if got.err != nil || got.out != c.out || !slices.Equal(got.calls, []string{"POST /api/jobs " + c.call}) {
			t.Errorf("%v, called %q, printed\n%s\nwant\n%s", got.err, got.calls, got.out, c.out)
		}
	}
}

// TestManyAreAskedFor: where nobody can be asked, nothing is changed without --yes; a job
// that is left to itself is shown and not looked at again.
func TestManyAreAskedFor(t *testing.T) {
	from, run := recorded(t, `{"count":2,"count_is_exact":true,"first":[],"id":"job_1","status":"running"}`)
	got := run(&deliveriesCancel{caller: from, Flags: asTable, Webhook: "wh_1"}, "y\n")
	if _, usage := errors.AsType[*settings.UsageError](got.err); !usage || len(got.calls) != 1 || !strings.Contains(got.calls[0], `"dry_run":true`) {
		t.Errorf("%v, called %q", got.err, got.calls)
	}
	many := selection{Consent: live.Consent{Yes: true}, Detach: true}
	got = run(&deliveriesCancel{caller: from, Flags: asTable, Webhook: "wh_1", Status: []string{"queued"}, selection: many}, "")
	if got.err != nil || len(got.calls) != 2 || !strings.Contains(got.out, "status     running\n") {
		t.Errorf("%v, called %q, printed %s", got.err, got.calls, got.out)
	}
	if want := `POST /api/jobs {"action":"cancel","filter":{"status":["queued"]},"webhook_id":"wh_1"}`; got.calls[1] != want {
		t.Errorf("%s, want %s", got.calls[1], want)
	}
}

// TestReadFile: a file of the longest length is read whole, and one byte more is refused
// without a look at the rest.
func TestReadFile(t *testing.T) {
	std := terminal.Streams{In: strings.NewReader("12345 and more")}
	for _, c := range []struct {
		limit int64
		want  string
		fails bool
	}{{5, "12345", false}, {4, "", true}, {6, "12345", false}} {
		if got, err := readFile(file(t, "12345"), std, c.limit); got != c.want || (err != nil) != c.fails {
			t.Errorf("%d bytes: %q, %v", c.limit, got, err)
		}
	}
	if _, err := readFile("-", std, 5); err == nil || err.Error() != "- is longer than 5 bytes" {
		t.Error(err)
	}
	if _, err := readFile(t.TempDir(), std, 5); err == nil || !strings.HasPrefix(err.Error(), "read /") {
		t.Errorf("a directory: %v", err)
	}
}
