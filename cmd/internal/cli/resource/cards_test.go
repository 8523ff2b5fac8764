package resource

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// card returns what people see of an answer, and what is said below it. Times that cannot be
// read are shown as they are, which keeps the age out of the cards here.
func card[T any](t *testing.T, answer string, show func(*output.Printer, T) error) (shown, said string) {
	t.Helper()
	var out, notes strings.Builder
	p := output.Flags{Output: output.Table}.Printer(terminal.Streams{Out: &out, Err: &notes})
	if err := output.One(p, json.RawMessage(answer), show); err != nil {
		t.Fatal(err)
	}
	return out.String(), notes.String()
}

// TestWebhookCard: everything that a webhook has, and nothing that it does not have.
func TestWebhookCard(t *testing.T) {
	const settings = `"timeout_ms":30000,"concurrency":4,"retry_policy":{"max_attempts":8,"initial_delay_ms":500,"multiplier":2.5,"max_delay_ms":3600000,"jitter":0.1},
		"circuit_breaker":{"failures":5,"open_ms":60000,"max_open_ms":1800000}`
	full, _ := card(t, `{"id":"wh_1","client_id":"acme","event_types":["a.b","c.*"],"target_url":"https://a.example/","description":"x\u001b[2J",
		"status":"disabled","disabled_reason":"gone","disabled_at":"t0","created_at":"t1","updated_at":"t2","expires_at":"t3","signature_scheme":"v1a",
		"public_keys":["k1","k2"],"secret":"s1","standard_secret":"whsec_s1","previous_secret_expires_at":"t4","header_names":["A","B"],"ca_bundle":"12345",
		"rate_limit":{"per_second":0.25,"burst":3},`+settings+`}`, showWebhook)
	const want = `id                     wh_1
status                 disabled: gone
disabled at            t0
client                 acme
types                  a.b c.*
target                 https://a.example/
description            x?[2J
created                t1
updated                t2
lease ends             t3
signed with            v1a
public keys            k1 k2
secret                 s1
as whsec_              whsec_s1
previous secret until  t4
own headers            A B
CA bundle              5 bytes
timeout                30s
concurrency            4
rate                   0.25 per second, 3 at once
retries                8 attempts; waits from 500ms, times 2.5, up to 1h, jitter 0.1
circuit breaker        opens after 5 failures for 1m, 30m at most
`
	if full != want {
		t.Errorf("%s\nwant\n%s", full, want)
	}
	least, _ := card(t, `{"id":"wh_1","status":"active",`+settings+`}`, showWebhook)
	const wantLeast = `id               wh_1
status           active
timeout          30s
concurrency      4
rate             no limit
retries          8 attempts; waits from 500ms, times 2.5, up to 1h, jitter 0.1
circuit breaker  opens after 5 failures for 1m, 30m at most
`
	if least != wantLeast {
		t.Errorf("%s\nwant\n%s", least, wantLeast)
	}
}

// TestDeliveryCard: a delivery with its last failure and its attempts, which a delivery that
// was not tried does not have.
func TestDeliveryCard(t *testing.T) {
	tried, _ := card(t, `{"id":"whd_1","webhook_id":"wh_1","event_id":"evt_1","event_type":"a.b","payload":{"z":1.0, "a":"\u202e"},"status":"retrying",
		"queued_at":"t1","next_attempt_at":"t2","waiting_for":"retry_time","until":"t2","attempts":3,"response_code":503,"error_message":"the receiver failed","reason":"http_5xx",
		"attempt_log":[
			{"number":1,"started_at":"t3","duration_ms":12.4,"reason":"connect","error_message":"refused"},
			{"number":2,"started_at":"t4","duration_ms":0.31,"response_code":503,"response_body":"no\u0007","response_truncated":true,"reason":"http_5xx"},
			{"number":3,"started_at":"t5","duration_ms":1500,"response_code":200,"response_encoding":"br"}]}`, showDelivery)
	const want = `id            whd_1
status        retrying
waits for     retry_time, until t2
last failure  http_5xx 503: the receiver failed
webhook       wh_1
event         evt_1
type          a.b
queued        t1
next attempt  t2
attempts      3
payload       {"z":1.0, "a":"\u202e"}

Attempts
#  STARTED  TOOK   CODE  WHY               ANSWER
1  t3       12ms   -     connect: refused  -
2  t4       310µs  503   http_5xx          no?…
3  t5       1.5s   200   -                 encoded: br
`
	if tried != want {
		t.Errorf("%s\nwant\n%s", tried, want)
	}
	fresh, _ := card(t, `{"id":"whd_1","status":"queued","response_code":0,"error_message":"none of a failure"}`, showDelivery)
	if want := "id        whd_1\nstatus    queued\nattempts  0\n"; fresh != want {
		t.Errorf("%s\nwant\n%s", fresh, want)
	}
	if (attempt{}).tone() != output.Good || (attempt{Reason: "timeout"}).tone() != output.Bad {
		t.Error("the colour of an attempt is not that of its outcome")
	}
}

// TestEventCard: an event with its deliveries; where there are more, the note has the cursor.
func TestEventCard(t *testing.T) {
	const head = `{"id":"evt_1","event_type":"a.b","client_id":"acme","data":[1.0],"accepted_at":"t1"`
	const top = "id          evt_1\ntype        a.b\nclient      acme\naccepted    t1\ndeliveries  "
	for rest, want := range map[string][2]string{
		`,"deliveries":0}`: {top + "0\ndata        [1.0]\n", ""},
		`,"deliveries":1,"delivery_log":[{"id":"whd_1","status":"delivered","attempts":1,"webhook_id":"wh_1"}]}`: {
			top + "1\ndata        [1.0]\n\nDeliveries\nID     STATUS     AGE  #  TYPE  WHY  WEBHOOK  ERROR\nwhd_1  delivered  -    1  -     -    wh_1     -\n", "",
		},
		`,"deliveries":7,"delivery_log":[{"id":"whd_1","status":"queued"}],"next_cursor":"c\u001b1"}`: {
			top + "7\ndata        [1.0]\n\nDeliveries\nID     STATUS  AGE  #  TYPE  WHY  WEBHOOK  ERROR\nwhd_1  queued  -    0  -     -    -        -\n",
			"1 delivery of 7; continue with --cursor c?1\n",
		},
	} {
		if shown, said := card(t, head+rest, showEvent); shown != want[0] || said != want[1] {
			t.Errorf("%s\nwant\n%s\nsaid %q", shown, want[0], said)
		}
	}
}

// TestJobCard: what a job changes, and how far it is.
func TestJobCard(t *testing.T) {
	full, _ := card(t, `{"id":"job_1","action":"retry","webhook_id":"wh_1","client_id":"acme","status":"paused","done":50,"total":1204,"looked_at":70,
		"created_at":"t1","created_by":"ops","finished_at":"t2","error":"e","rate_per_second":10,
		"filter":{"status":["failed","retrying"],"event_types":["a.b"],"reason":"timeout","code":"5xx","min_attempts":3,"since":"t3","until":"t4"}}`, showJob)
	const want = `id         job_1
action     retry
status     paused
webhook    wh_1
client     acme
done       50 of 1204
looked at  70
created    t1
by         ops
finished   t2
error      e
of status  failed, retrying
of type    a.b
of reason  timeout
answered   5xx
attempts   at least 3
since      t3
until      t4
rate       10 a second
`
	if full != want {
		t.Errorf("%s\nwant\n%s", full, want)
	}
	if least, _ := card(t, `{"id":"job_1","status":"running"}`, showJob); least != "id         job_1\nstatus     running\ndone       0\nlooked at  0\n" {
		t.Errorf("%s", least)
	}
	for status, want := range map[string]output.Tone{
		"done": output.Good, "running": output.Warn, "paused": output.Warn, "failed": output.Bad, "cancelled": output.Quiet, "unheard-of": output.Plain,
	} {
		if got := (job{Status: status}).tone(); got != want {
			t.Errorf("%s has the tone %d, want %d", status, got, want)
		}
		if over := (job{Status: status}).finished(); over != (status != "running" && status != "paused") {
			t.Errorf("%s is over: %t", status, over)
		}
	}
}

// TestTopCard: the sums, the rates, and the webhooks with what they lack shown as a dash.
func TestTopCard(t *testing.T) {
	shown, _ := card(t, `{"pending":1,"pending_limit":100,"oldest_pending_age_ms":125000,"in_flight":2,"breakers_open":2,"webhooks":{"active":1,"paused":2,"disabled":3},
		"rates":[{"over_seconds":60,"events_accepted":1.25,"deliveries_delivered":10,"deliveries_failed":0.04}],
		"worst":[{"webhook_id":"wh_1","client_id":"acme","status":"active","pending":1,"oldest_pending_age_ms":125000,"circuit_breaker":{"state":"open"},
			"last_hour":{"successes":1,"failures":2,"success_ratio":0.3333}},
			{"webhook_id":"wh_2","status":"paused"}]}`, func(p *output.Printer, o overview) error { return showTop(p, &o, "") })
	const want = `1 delivery pending of 100, oldest 2m; 2 in flight
1 webhook active, 2 paused, 3 disabled; 2 breakers open
A second over 1m: 1.2 accepted, 10.0 delivered, 0.0 failed
WEBHOOK  STATUS  PENDING  OLDEST  BREAKER  OK      FAILED  CLIENT
wh_1     active  1        2m      open     33.3 %  2       acme
wh_2     paused  0        -       -        -       0       -
`
	if shown != want {
		t.Errorf("%s\nwant\n%s", shown, want)
	}
	idle, _ := card(t, `{"pending_limit":100}`, func(p *output.Printer, o overview) error { return showTop(p, &o, "") })
	if want := "No deliveries pending of 100, oldest -; 0 in flight\n0 webhooks active, 0 paused, 0 disabled; 0 breakers open\nNo webhook stands out.\n"; idle != want {
		t.Errorf("%s\nwant\n%s", idle, want)
	}
}
