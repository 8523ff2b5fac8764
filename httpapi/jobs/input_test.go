package jobs

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/bulk"
)

// noon is later than the start of a millisecond, as most times are.
var noon = time.Date(2026, 11, 27, 12, 0, 0, 123_456_789, time.UTC)

// nextMillisecond is until when a job at noon selects: what is accepted after it is none of
// its business.
var nextMillisecond = time.Date(2026, 11, 27, 12, 0, 0, 124_000_000, time.UTC)

// asked returns the job that a body asks for at noon.
func asked(t *testing.T, body string) (bulk.Job, error) {
	t.Helper()
	var in input
	if err := jsonbody.Decode([]byte(body), &in); err != nil {
		return bulk.Job{}, err
	}
	return in.job(noon)
}

// TestJobOfInput: what a job selects, with what is left out filled in.
func TestJobOfInput(t *testing.T) {
	hourAgo := noon.Truncate(time.Millisecond).Add(-time.Hour)
	for _, c := range []struct {
		body string
		want bulk.Job
	}{
		{`{"action":"retry"}`, bulk.Job{Action: bulk.Retry, Filter: bulk.Filter{
			Statuses: []webhook.Status{webhook.Failed, webhook.Retrying}, Until: nextMillisecond,
		}}},
		{`{"action":"cancel","filter":{}}`, bulk.Job{Action: bulk.Cancel, Filter: bulk.Filter{
			Statuses: []webhook.Status{webhook.Queued, webhook.Retrying}, Until: nextMillisecond,
		}}},
		{`{"action":"replay","rate_per_second":100000}`, bulk.Job{Action: bulk.Replay, Rate: maxRate, Filter: bulk.Filter{
			Statuses: []webhook.Status{webhook.Failed}, Until: nextMillisecond,
		}}},
		{`{"action":"backfill","rate_per_second":1}`, bulk.Job{Action: bulk.Backfill, Rate: 1, Filter: bulk.Filter{Until: nextMillisecond}}},
		// Each list once, in the order of the input.
		{
			`{"action":"replay","filter":{"status":["delivered","failed","delivered"],"event_types":["b","a","b"]}}`,
			bulk.Job{Action: bulk.Replay, Filter: bulk.Filter{
				Statuses: []webhook.Status{webhook.Delivered, webhook.Failed}, EventTypes: []string{"b", "a"}, Until: nextMillisecond,
			}},
		},
		{
			`{"action":"backfill","filter":{"event_types":["*","user.*","a.b"],"since":"1h"}}`,
			bulk.Job{Action: bulk.Backfill, Filter: bulk.Filter{EventTypes: []string{"*", "user.*", "a.b"}, Since: hourAgo, Until: nextMillisecond}},
		},
		{
			`{"action":"retry","filter":{"reason":"timeout","code":"5xx","min_attempts":2,"since":"2h","until":"1h"}}`,
			bulk.Job{Action: bulk.Retry, Filter: bulk.Filter{
				Statuses: []webhook.Status{webhook.Failed, webhook.Retrying}, Reason: webhook.ReasonTimeout, Code: "5xx", MinAttempts: 2,
				Since: hourAgo.Add(-time.Hour), Until: hourAgo,
			}},
		},
		{`{"action":"retry","filter":{"until":"2026-11-27T13:00:00+02:00"}}`, bulk.Job{Action: bulk.Retry, Filter: bulk.Filter{
			Statuses: []webhook.Status{webhook.Failed, webhook.Retrying}, Until: time.Date(2026, 11, 27, 11, 0, 0, 0, time.UTC),
		}}},
		// A job about the future would never end.
		{`{"action":"retry","filter":{"until":"2036-11-27T13:00:00Z"}}`, bulk.Job{Action: bulk.Retry, Filter: bulk.Filter{
			Statuses: []webhook.Status{webhook.Failed, webhook.Retrying}, Until: nextMillisecond,
		}}},
	} {
		got, err := asked(t, c.body)
		if !got.Filter.Until.Equal(c.want.Filter.Until) || !got.Filter.Since.Equal(c.want.Filter.Since) {
			t.Errorf("%s: from %v to %v", c.body, got.Filter.Since, got.Filter.Until)
		}
		got.Filter.Since, got.Filter.Until = c.want.Filter.Since, c.want.Filter.Until
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v\nwant %+v", c.body, got, err, c.want)
		}
	}
}

// TestJobInputFaults: the first fault of an input, and the field that has it.
func TestJobInputFaults(t *testing.T) {
	many := strings.TrimSuffix(strings.Repeat(`"a",`, maxTypes+1), ",")
	for _, c := range []struct{ body, field string }{
		{`{}`, "action"},
		{`{"action":""}`, "action"},
		{`{"action":"Retry"}`, "action"},
		{`{"action":"retry","rate_per_second":0}`, "rate_per_second"},
		{`{"action":"retry","rate_per_second":-1}`, "rate_per_second"},
		{`{"action":"retry","rate_per_second":100001}`, "rate_per_second"},
		{`{"action":"retry","rate_per_second":1.5}`, "rate_per_second"},
		{`{"action":"retry","filters":{}}`, "filters"},
		{`{"action":"retry","filter":{"statuses":[]}}`, "filter.statuses"},
		{`{"action":"retry","filter":{"status":"failed"}}`, "filter.status"},
		{`{"action":"retry","filter":{"status":["failed","queued"]}}`, "filter.status"},
		{`{"action":"cancel","filter":{"status":["processing"]}}`, "filter.status"},
		{`{"action":"replay","filter":{"status":[]}}`, "filter.status"},
		{`{"action":"replay","filter":{"reason":"Timeout"}}`, "filter.reason"},
		{`{"action":"replay","filter":{"code":"099"}}`, "filter.code"},
		{`{"action":"replay","filter":{"code":"1xx"}}`, "filter.code"},
		{`{"action":"replay","filter":{"code":"+200"}}`, "filter.code"},
		{`{"action":"replay","filter":{"min_attempts":-1}}`, "filter.min_attempts"},
		{`{"action":"replay","filter":{"event_types":[` + many + `]}}`, "filter.event_types"},
		{`{"action":"replay","filter":{"event_types":["a",""]}}`, "filter.event_types[1]"},
		{`{"action":"replay","filter":{"event_types":["*"]}}`, "filter.event_types[0]"},
		{`{"action":"backfill","filter":{"event_types":["a","a*"]}}`, "filter.event_types[1]"},
		{`{"action":"backfill","filter":{"status":["failed"]}}`, "filter.status"},
		{`{"action":"backfill","filter":{"reason":"timeout"}}`, "filter.reason"},
		{`{"action":"backfill","filter":{"code":"500"}}`, "filter.code"},
		{`{"action":"backfill","filter":{"min_attempts":0}}`, "filter.min_attempts"},
		{`{"action":"backfill","filter":{"since":"tomorrow"}}`, "filter.since"},
		{`{"action":"backfill","filter":{"until":"-1h"}}`, "filter.until"},
		{`{"action":"retry","filter":{"since":"1h","until":"1h"}}`, "filter.until"},
	} {
		_, err := asked(t, c.body)
		if f, ok := errors.AsType[*webhook.FieldError](err); !ok || f.Field != c.field {
			t.Errorf("%s: %v, want a fault of %s", c.body, err, c.field)
		}
	}
}

// TestMostTypes: as many event types as there may be are taken.
func TestMostTypes(t *testing.T) {
	names := make([]string, maxTypes)
	for i := range names {
		names[i] = fmt.Sprintf("type.%d", i)
	}
	list, err := json.Marshal(names)
	if err != nil {
		t.Fatal(err)
	}
	j, err := asked(t, `{"action":"replay","filter":{"event_types":`+string(list)+`}}`)
	if err != nil || !reflect.DeepEqual(j.Filter.EventTypes, names) {
		t.Errorf("%v, %v", j.Filter.EventTypes, err)
	}
}

// TestResource: a job as the API shows it; what is not known or not set is left out.
func TestResource(t *testing.T) {
	made := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	of := webhook.ID{Seq: webhook.SeqAt(made), Endpoint: 7, Nonce: 1}
	id := webhook.ID{Seq: webhook.SeqAt(made), Endpoint: 7, Nonce: 2}
	names := `"id":"` + bulk.IDKind.Format(id) + `","action":"%s","webhook_id":"` + webhook.EndpointID.Format(of) + `","client_id":"acme",`
	for _, c := range []struct {
		job  bulk.Job
		want string
	}{
		{
			bulk.Job{Action: bulk.Backfill, Status: bulk.Running, Total: -1},
			`"filter":{},"status":"running","created_at":"2026-11-27T12:00:00.000Z","created_by":"","looked_at":0,"done":0`,
		},
		{
			bulk.Job{Action: bulk.Retry, Status: bulk.Paused, CreatedBy: "client:acme", Error: "the webhook is disabled", Looked: 3, Changed: 2},
			`"filter":{},"status":"paused","created_at":"2026-11-27T12:00:00.000Z","created_by":"client:acme","looked_at":3,"done":2,` +
				`"total":0,"error":"the webhook is disabled"`,
		},
		{
			bulk.Job{
				Action: bulk.Replay, Status: bulk.Done, Rate: 5, Total: 9, FinishedAt: made.Add(time.Second), Filter: bulk.Filter{
					Statuses: []webhook.Status{webhook.Failed}, EventTypes: []string{"a"}, Reason: webhook.ReasonTimeout, Code: webhook.NoCode,
					MinAttempts: 2, Since: made.Add(-time.Hour), Until: made,
				},
			},
			`"filter":{"status":["failed"],"event_types":["a"],"reason":"timeout","code":"none","min_attempts":2,` +
				`"since":"2026-11-27T11:00:00.000Z","until":"2026-11-27T12:00:00.000Z"},"rate_per_second":5,"status":"done",` +
				`"created_at":"2026-11-27T12:00:00.000Z","created_by":"","finished_at":"2026-11-27T12:00:01.000Z","looked_at":0,"done":0,"total":9`,
		},
	} {
		c.job.ID, c.job.ClientID = id, "acme"
		want := "{" + fmt.Sprintf(names, c.job.Action) + c.want + "}\n"
		if got := answer(t, show(&c.job, of)); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}
