package resource

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/cmd/internal/cli/live"
	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// TestRefusals: every command that is refused says what it could not do, and why, and prints
// nothing as a result.
func TestRefusals(t *testing.T) {
	from := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"title":"Not allowed","detail":"needs the scope admin\u001b[2J"}`)
	})
	table := output.Flags{Output: output.Table}
	once := live.Watch{Flags: table}
	yes := live.Consent{Yes: true}
	type command interface {
		Run(ctx context.Context, std terminal.Streams) error
	}
	target := "https://a.example/"
	for begin, c := range map[string]command{
		"list webhooks: ":           &webhooksList{paged: paged{caller: from, Watch: once}},
		"show the webhook: ":        &webhooksGet{single: single{caller: from, Watch: once}, ID: "wh_1"},
		"show the health: ":         &webhooksHealth{single: single{caller: from, Watch: once}, ID: "wh_1"},
		"register the webhook: ":    &webhooksAdd{caller: from, Flags: table, Target: target},
		"change the webhook: ":      &webhooksSet{caller: from, Flags: table, ID: "wh_1", Target: &target},
		"wh_1: ":                    &webhooksPause{caller: from, Flags: table, IDs: []string{"wh_1"}},
		"wh_2: ":                    &webhooksResume{caller: from, Flags: table, IDs: []string{"wh_2"}},
		"rotate the secret: ":       &webhooksRotate{caller: from, Flags: table, ID: "wh_1"},
		"test the webhook: ":        &webhooksTest{caller: from, Flags: table, ID: "wh_1"},
		"delete wh_1: ":             &webhooksRemove{caller: from, Consent: yes, IDs: []string{"wh_1"}},
		"list deliveries: ":         &deliveriesList{paged: paged{caller: from, Watch: once}},
		"show the delivery: ":       &deliveriesGet{single: single{caller: from, Watch: once}, ID: "whd_1"},
		"whd_1: ":                   &deliveriesRetry{caller: from, Flags: table, IDs: []string{"whd_1"}},
		"whd_2: ":                   &deliveriesCancel{caller: from, Flags: table, IDs: []string{"whd_2"}},
		"list events: ":             &eventsList{paged: paged{caller: from, Watch: once}},
		"show the event: ":          &eventsGet{single: single{caller: from, Watch: once}, Limit: 1, ID: "evt_1"},
		"list event types: ":        &typesList{paged: paged{caller: from, Watch: once}},
		"register the event type: ": &typesAdd{caller: from, Flags: table, Name: "a.b"},
		"change the event type: ":   &typesSet{caller: from, Flags: table, Name: "a.b"},
		"show the overview: ":       &Top{single: single{caller: from, Watch: once}},
		"list jobs: ":               &jobsList{paged: paged{caller: from, Watch: once}},
		"show the job: ":            &jobsGet{single: single{caller: from, Watch: once}, ID: "job_1"},
		"job_1: ":                   &jobsPause{jobChange{caller: from, Flags: table, IDs: []string{"job_1"}}},
		"job_2: ":                   &jobsResume{jobChange{caller: from, Flags: table, IDs: []string{"job_2"}}},
		"job_3: ":                   &jobsCancel{jobChange{caller: from, Flags: table, IDs: []string{"job_3"}}},
		"remove a.b: ":              &typesRemove{caller: from, Consent: yes, Names: []string{"a.b"}},
		"count the deliveries: ":    &Replay{caller: from, Flags: table, Webhook: "wh_1", Status: "failed"},
	} {
		var out strings.Builder
		err := c.Run(t.Context(), terminal.Streams{In: strings.NewReader(""), Out: &out, Err: io.Discard})
		want := begin + "the server answered 403 Forbidden: Not allowed: needs the scope admin?[2J"
		if err == nil || err.Error() != want || out.Len() > 0 {
			t.Errorf("%T: %v, want %s; printed %q", c, err, want, out.String())
		}
	}
}

// TestMembers: a flag that is given becomes one member, in the API's units, and one that is
// not given none: a zero is a value, nothing is not.
func TestMembers(t *testing.T) {
	long, none, zero, half := 90*time.Minute, time.Duration(0), 0, 0.5
	text := ""
	for want, s := range map[string]webhookSettings{
		`{}`:                                {},
		`{"timeout_ms":5400000}`:            {Timeout: &long},
		`{"timeout_ms":0}`:                  {Timeout: &none},
		`{"lease_seconds":5400}`:            {Lease: &long},
		`{"concurrency":0}`:                 {Concurrency: &zero},
		`{"description":""}`:                {Description: &text},
		`{"rate_limit":{"burst":0}}`:        {Burst: &zero},
		`{"rate_limit":{"per_second":0.5}}`: {Rate: &half},
		`{"retry_policy":{"jitter":0.5,"max_attempts":0}}`:        {RetryJitter: &half, MaxAttempts: &zero},
		`{"retry_policy":{"initial_delay_ms":5400000}}`:           {RetryInitial: &long},
		`{"retry_policy":{"max_delay_ms":5400000}}`:               {RetryMax: &long},
		`{"retry_policy":{"multiplier":0.5}}`:                     {RetryMultiplier: &half},
		`{"circuit_breaker":{"failures":0}}`:                      {BreakerFailures: &zero},
		`{"circuit_breaker":{"max_open_ms":0,"open_ms":5400000}}`: {BreakerOpen: &long, BreakerMax: &none},
		`{"headers":{"A":"b:c","D":null}}`:                        {Header: []string{"A: b:c", "D:"}},
	} {
		members, err := s.members(terminal.Streams{})
		if err != nil {
			t.Error(err)
		}
		got, err := json.Marshal(members)
		if err != nil || string(got) != want {
			t.Errorf("%s, want %s, %v", got, want, err)
		}
	}
}

// TestSecretIsNotShown: a text that stands in a wrong place may be a secret.
func TestSecretIsNotShown(t *testing.T) {
	s := webhookSettings{Header: []string{"Bearer seecret"}}
	if _, err := s.members(terminal.Streams{}); err == nil || strings.Contains(err.Error(), "seecret") {
		t.Error(err)
	}
}

// TestReset: each name sets back the member that it stands for, and nothing else.
func TestReset(t *testing.T) {
	for name, member := range resettable {
		members := map[string]any{"target_url": "https://a.example/"}
		if err := reset(members, []string{name}); err != nil {
			t.Error(err)
		}
		if value, there := members[member]; !there || value != nil || len(members) != 2 {
			t.Errorf("%s became %v", name, members)
		}
	}
	if err := reset(map[string]any{}, []string{"retry", "all"}); err == nil || !strings.Contains(err.Error(), "none of breaker, ca-bundle, concurrency, description, headers, lease, rate, retry, timeout") {
		t.Error(err)
	}
}

// TestHealthWords: what a card says of a webhook's health.
func TestHealthWords(t *testing.T) {
	card := func(text string) string {
		var h health
		if err := json.Unmarshal([]byte(text), &h); err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		if err := showHealth(output.Flags{Output: output.Table}.Printer(terminal.Streams{Out: &out}), h); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	for text, want := range map[string][]string{
		`{"status":"active"}`:                                                         {"status     active", "in flight  0 of 0", "pending    none", "last hour  no attempts"},
		`{"queued":1,"oldest_pending_age_ms":61000}`:                                  {"1 queued, 0 retrying; the oldest for 1m1s"},
		`{"last_hour":{"successes":1,"failures":2}}`:                                  {"3 attempts, 33.3 % succeeded\n"},
		`{"last_hour":{"successes":3,"latency_p50_ms":0.5,"latency_p99_ms":1500}}`:    {"3 attempts, 100.0 % succeeded; answers after 500µs in the median, 0s at p95, 1.5s at p99"},
		`{"waiting_for":"hold","hold_until":"soon"}`:                                  {"waits for", "hold\n", "held until", "soon\n"},
		`{"last_error":{"reason":"http_4xx","response_code":404,"message":"\u0007"}}`: {"http_4xx 404: ?\n"},
		`{"circuit_breaker":{"state":"half_open"},"restarts":2}`:                      {"circuit breaker  half_open\n", "restarts         2\n"},
	} {
		got := card(text)
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: no %q in\n%s", text, w, got)
			}
		}
	}
}

// TestWatchedList: a list that is watched is read again for each look, and survives a server
// that is away for one of them.
func TestWatchedList(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	looks := 0
	from := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		switch looks++; looks {
		case 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 4:
			cancel()
		default:
			_, _ = io.WriteString(w, `{"data":[{"name":"a.b","description":"A thing."}]}`)
		}
	})
	var out, said strings.Builder
	c := typesList{paged{caller: from, bound: bound{Limit: 50}, Watch: live.Watch{Flags: output.Flags{Output: output.NDJSON}, Watch: true, Every: 100 * time.Millisecond}}}
	if err := c.Run(ctx, terminal.Streams{In: strings.NewReader(""), Out: &out, Err: &said}); err != nil {
		t.Error(err)
	}
	if strings.Count(out.String(), `{"name":"a.b","description":"A thing."}`+"\n") != 2 || said.String() != "astrohook: list event types: the server answered 503 Service Unavailable\n" {
		t.Errorf("%q, %q", out.String(), said.String())
	}
}
