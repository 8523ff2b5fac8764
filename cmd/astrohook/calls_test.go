package main

import (
	"slices"
	"strings"
	"testing"
)

// TestCalls: what each command sends, with every filter and every setting that the API has.
func TestCalls(t *testing.T) {
	server := startFixture(t)
	secret, bundle := writeFile(t, "secret", "a plain text of sixteen\n"), writeFile(t, "ca.pem", "-----BEGIN")
	data := writeFile(t, "data.json", `{"n": 12345678901234567890}`)
	t.Setenv("ASTROHOOK_SERVER", server.URL)
	t.Setenv("ASTROHOOK_TOKEN", "tok")
	for _, c := range []struct {
		args string
		want []string
	}{
		{"webhooks list --limit 0 --client acme", []string{"GET /api/webhooks?client_id=acme&limit=250"}},
		{"webhooks list --limit 300", []string{"GET /api/webhooks?limit=250"}},
		{"webhooks get wh_1 -o json", []string{"GET /api/webhooks/wh_1"}},
		{"webhooks get wh_1", []string{"GET /api/webhooks/wh_1", "GET /api/webhooks/wh_1/health"}},
		{"webhooks add https://example.com/", []string{`POST /api/webhooks {"event_types":["*"],"target_url":"https://example.com/"}`}},
		{
			"webhooks add https://example.com/ -t user.* -t content.published --client acme --paused --description=CRM --lease 1m --secret-file " + secret + " --scheme v1 --ca-bundle " + bundle +
				" --header Authorization:x,y --header X-Team:crm --timeout 5s --concurrency 8 --rate 0.5 --burst 3 --max-attempts 9 --retry-initial 1500ms --retry-multiplier 3 --retry-max 7d --retry-jitter 0" +
				" --breaker-failures 4 --breaker-open 1m --breaker-max 1h",
			[]string{`POST /api/webhooks?client_id=acme {"ca_bundle":"-----BEGIN","circuit_breaker":{"failures":4,"max_open_ms":3600000,"open_ms":60000},"client_id":"acme","concurrency":8,"description":"CRM","event_types":["user.*","content.published"],` +
				`"headers":{"Authorization":"x,y","X-Team":"crm"},"lease_seconds":60,"rate_limit":{"burst":3,"per_second":0.5},` +
				`"retry_policy":{"initial_delay_ms":1500,"jitter":0,"max_attempts":9,"max_delay_ms":604800000,"multiplier":3},"secret":"a plain text of sixteen","signature_scheme":"v1","status":"paused","target_url":"https://example.com/","timeout_ms":5000}`},
		},
		{"webhooks set wh_1 --target https://example.com/b -t a,b --header X-Team: --burst 2", []string{`PATCH /api/webhooks/wh_1 {"event_types":["a","b"],"headers":{"X-Team":null},"rate_limit":{"burst":2},"target_url":"https://example.com/b"}`}},
		{"webhooks set wh_1 --reset rate,retry,breaker,timeout,concurrency,headers,ca-bundle,lease,description", []string{
			`PATCH /api/webhooks/wh_1 {"ca_bundle":null,"circuit_breaker":null,"concurrency":null,"description":null,"headers":null,"lease_seconds":null,"rate_limit":null,"retry_policy":null,"timeout_ms":null}`,
		}},
		{"webhooks pause wh_1 --client acme", []string{"POST /api/webhooks/wh_1/pause?client_id=acme"}},
		{"webhooks resume wh_1", []string{"POST /api/webhooks/wh_1/resume"}},
		{"webhooks rotate wh_1", []string{"POST /api/webhooks/wh_1/rotate-secret {}"}},
		{"webhooks rotate wh_1 --overlap 0s --scheme v1a --secret-file " + secret, []string{`POST /api/webhooks/wh_1/rotate-secret {"overlap_seconds":0,"secret":"a plain text of sixteen","signature_scheme":"v1a"}`}},
		{"webhooks rotate wh_1 --end", []string{"POST /api/webhooks/wh_1/end-rotation"}},
		{"webhooks test wh_1", []string{"POST /api/webhooks/wh_1/test?wait=10s {}"}},
		{"webhooks test wh_1 --wait 0s -t user.created --data @" + data, []string{`POST /api/webhooks/wh_1/test {"data":{"n":12345678901234567890},"event_type":"user.created"}`}},
		{"webhooks remove --yes wh_1", []string{"DELETE /api/webhooks/wh_1"}},
		{
			"webhooks list --status paused --health failing -t user.created -q crm --sort backlog --limit 7",
			[]string{"GET /api/webhooks?event_type=user.created&health=failing&limit=7&q=crm&sort=backlog&status=paused"},
		},
		{"deliveries list", []string{"GET /api/deliveries?limit=50"}},
		{
			"deliveries list --status failed -t user.created --since 1h --until 2026-01-02T03:04:05+01:00 --client acme --limit 7",
			[]string{"GET /api/deliveries?client_id=acme&event_type=user.created&limit=7&since=1h&status=failed&until=2026-01-02T03%3A04%3A05%2B01%3A00"},
		},
		{"deliveries list --webhook wh_1", []string{"GET /api/webhooks/wh_1/deliveries?limit=50"}},
		{"deliveries get whd_1 --client acme", []string{"GET /api/deliveries/whd_1?client_id=acme"}},
		{"deliveries get whd_1 --attempt 2", []string{"GET /api/deliveries/whd_1/attempts/2"}},
		{"deliveries retry whd_1 whd_1", []string{"POST /api/deliveries/whd_1/retry", "POST /api/deliveries/whd_1/retry"}},
		{"deliveries cancel whd_1", []string{"DELETE /api/deliveries/whd_1"}},
		{
			"deliveries list --reason http_5xx --code 5xx --min-attempts 3",
			[]string{"GET /api/deliveries?code=5xx&limit=50&min_attempts=3&reason=http_5xx"},
		},
		{
			"events list -t user.created --matched false --since 1h --until 5m --limit 7",
			[]string{"GET /api/events?event_type=user.created&limit=7&matched=false&since=1h&until=5m"},
		},
		{"events get evt_1 --limit 7 --cursor c1", []string{"GET /api/events/evt_1?cursor=c1&limit=7"}},
		{"audit --since 1h --action webhook.update --by key:k --resource wh_1 --client acme --limit 7", []string{
			"GET /api/audit?action=webhook.update&by=key%3Ak&client_id=acme&limit=7&resource=wh_1&since=1h",
		}},
		{"types", []string{"GET /api/event-types?limit=50"}},
		{"types add invoice.paid --description Paid.", []string{`POST /api/event-types {"name":"invoice.paid","description":"Paid."}`}},
		{"types set invoice.paid Paid.", []string{`PUT /api/event-types/invoice.paid {"name":"invoice.paid","description":"Paid."}`}},
		{"types remove -y invoice.paid", []string{"DELETE /api/event-types/invoice.paid"}},
		{"replay wh_1 -n --status delivered -t user.created --since 7d --until 1h", []string{
			`POST /api/jobs {"action":"replay","dry_run":true,"filter":{"event_types":["user.created"],"since":"7d","status":["delivered"],"until":"1h"},"webhook_id":"wh_1"}`,
		}},
		{"replay wh_1 --yes --client acme", []string{
			`POST /api/jobs?client_id=acme {"action":"replay","dry_run":true,"filter":{"status":["failed"]},"webhook_id":"wh_1"}`,
			`POST /api/jobs?client_id=acme {"action":"replay","filter":{"status":["failed"]},"webhook_id":"wh_1"}`, "GET /api/jobs/job_1?client_id=acme",
		}},
		{"replay wh_1 --missing --yes --detach --rate 5 -t user.*", []string{
			`POST /api/jobs {"action":"backfill","dry_run":true,"filter":{"event_types":["user.*"]},"rate_per_second":5,"webhook_id":"wh_1"}`,
			`POST /api/jobs {"action":"backfill","filter":{"event_types":["user.*"]},"rate_per_second":5,"webhook_id":"wh_1"}`,
		}},
		{"deliveries retry --webhook wh_1 --yes -s failed --reason timeout --code none --min-attempts 3", []string{
			`POST /api/jobs {"action":"retry","dry_run":true,"filter":{"code":"none","min_attempts":3,"reason":"timeout","status":["failed"]},"webhook_id":"wh_1"}`,
			`POST /api/jobs {"action":"retry","filter":{"code":"none","min_attempts":3,"reason":"timeout","status":["failed"]},"webhook_id":"wh_1"}`, "GET /api/jobs/job_1",
		}},
		{"deliveries cancel --webhook wh_1 -n", []string{`POST /api/jobs {"action":"cancel","dry_run":true,"webhook_id":"wh_1"}`}},
		{"jobs list --status running --webhook wh_1 --limit 3", []string{"GET /api/jobs?limit=3&status=running&webhook_id=wh_1"}},
		{"top --sort failures --filter acme", []string{"GET /api/overview?sort=failures"}},
		{"jobs get job_1", []string{"GET /api/jobs/job_1"}},
		{"jobs pause job_1", []string{"POST /api/jobs/job_1/pause"}},
		{"jobs resume job_1 --client acme", []string{"POST /api/jobs/job_1/resume?client_id=acme"}},
		{"jobs cancel job_1 job_1", []string{"POST /api/jobs/job_1/cancel", "POST /api/jobs/job_1/cancel"}},
	} {
		got := runCommand(t, "", strings.Fields(c.args)...)
		if calls := server.taken(); got.code != 0 || !slices.Equal(calls, c.want) {
			t.Errorf("%s: exit code %d, %s\nsent %q\nwant %q", c.args, got.code, got.err, calls, c.want)
		}
	}
}

// TestCallsRefused: what is refused before anything is sent, with the reason.
func TestCallsRefused(t *testing.T) {
	server := startFixture(t)
	t.Setenv("ASTROHOOK_SERVER", server.URL)
	t.Setenv("ASTROHOOK_TOKEN", "tok")
	for args, want := range map[string]string{
		"webhooks list --limit=-1":                                        "--limit is negative",
		"webhooks set wh_1":                                               "nothing to change",
		"webhooks set wh_1 --reset everything":                            "--reset everything is none of breaker, ca-bundle,",
		"webhooks set wh_1 --reset rate --rate 1":                         "--reset rate, and a value for it",
		"webhooks add https://x.example/ --header secret":                 "--header is not of the form NAME:VALUE",
		"webhooks add https://x.example/ --header :x":                     "--header is not of the form NAME:VALUE",
		"webhooks add https://x.example/ --secret-file /no/such":          "read the secret: open /no/such",
		"webhooks add https://x.example/ --ca-bundle /no/such":            "read the CA bundle: open /no/such",
		"webhooks add https://x.example/ --secret-file testdata/api.json": "is longer than 4096 bytes",
		"webhooks rotate wh_1 --end --overlap 1h":                         "--end makes no secret",
		"webhooks test wh_1 --data {":                                     "the event's data is not JSON",
		"webhooks test wh_1 --data @/no/such":                             "read the data: open /no/such",
		"webhooks test wh_1 --wait=-1s":                                   "--wait is negative",
		"webhooks remove":                                                 `expected "<id> ..."`,
		"types remove a":                                                  "--yes is missing: nobody can be asked here",
		"deliveries list --status lost":                                   `but got "lost"`,
		"deliveries list --watch --every 1ms":                             "--every 1ms is less than 100ms",
		"events list --matched maybe":                                     `but got "maybe"`,
		"events get evt_1 --limit 101":                                    "--limit is not from 1 to 100",
		"replay wh_1 --status queued":                                     `but got "queued"`,
		"replay wh_1 --missing --code 404":                                "--missing is about events that were never sent",
		"deliveries retry":                                                "name deliveries, or a webhook with --webhook",
		"deliveries retry whd_1 --webhook wh_1":                           "ids choose single deliveries",
		"deliveries cancel whd_1 --since 1h":                              "ids choose single deliveries",
		"deliveries retry whd_1 --status failed":                          "ids choose single deliveries",
		"deliveries cancel -s queued whd_1":                               "ids choose single deliveries",
		"webhooks rotate wh_1 --overlap 500ms":                            "--overlap 500ms is no multiple of 1s",
		"webhooks add https://x.example/ --lease 30.5s":                   "--lease 30.5s is no multiple of 1s",
		"webhooks set wh_1 --timeout 500us":                               "--timeout 500µs is no multiple of 1ms",
		"webhooks set wh_1 --retry-initial 1.0005s":                       "--retry-initial 1.0005s is no multiple of 1ms",
		"webhooks set wh_1 --retry-max 1ns":                               "--retry-max 1ns is no multiple of 1ms",
		"webhooks set wh_1 --breaker-open 1us":                            "--breaker-open 1µs is no multiple of 1ms",
		"webhooks set wh_1 --breaker-max 1us":                             "--breaker-max 1µs is no multiple of 1ms",
		"deliveries retry --webhook wh_1 --status delivered":              `but got "delivered"`,
		"jobs list --status retrying":                                     `but got "retrying"`,
		"top --sort name":                                                 `but got "name"`,
		"deliveries get whd_1 -o xml":                                     `but got "xml"`,
		"deliveries lst":                                                  `did you mean one of "list"`,
	} {
		got := runCommand(t, "", strings.Fields(args)...)
		if got.code != exitUsage || !strings.Contains(got.err, want) || strings.Count(got.err, "\n") != 1 || got.out != "" {
			t.Errorf("%s: %+v, want an error with %q", args, got, want)
		}
		if calls := server.taken(); len(calls) > 0 {
			t.Errorf("%s: sent %q", args, calls)
		}
	}
}

// TestFiltersAreNoSettings: a variable or a file cannot change what a list shows.
func TestFiltersAreNoSettings(t *testing.T) {
	server := startFixture(t)
	t.Setenv("ASTROHOOK_SERVER", server.URL)
	t.Setenv("ASTROHOOK_TOKEN", "tok")
	t.Setenv("ASTROHOOK_STATUS", "204") // for listen
	t.Setenv("ASTROHOOK_LIMIT", "1")
	if got := runCommand(t, "", "deliveries", "list"); got.code != 0 {
		t.Errorf("%+v", got)
	}
	if calls := server.taken(); !slices.Equal(calls, []string{"GET /api/deliveries?limit=50"}) {
		t.Errorf("sent %q", calls)
	}
	file := writeFile(t, "settings.yaml", "limit: 1\n")
	if got := runCommand(t, "", "--config", file, "deliveries", "list"); got.code != exitUsage || !strings.Contains(got.err, "limit is not a setting") {
		t.Errorf("%+v", got)
	}
	file = writeFile(t, "listen.yaml", "status: 200\noutput: ndjson\n")
	if got := runCommand(t, "", "--config", file, "deliveries", "list"); got.code != 0 || !strings.HasPrefix(got.out, `{"id":"whd_`) {
		t.Errorf("%+v", got)
	}
}
