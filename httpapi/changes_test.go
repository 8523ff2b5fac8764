package httpapi

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/audit"
	"github.com/corpastro/astrohook/webhook/signing"
)

// TestEveryChangeIsAudited: a call with a method that changes something is in the table of
// the audit, or in that of the exceptions; and neither names a call that there is not.
func TestEveryChangeIsAudited(t *testing.T) {
	served := map[string]bool{}
	for _, r := range new(Server).routes() {
		call := r.method + " " + r.path
		served[call] = true
		changes := r.method != http.MethodGet
		_, excepted := unaudited[call]
		switch action := actions[call]; {
		case changes && action == "" && !excepted:
			t.Errorf("%s is in neither table", call)
		case action != "" && excepted:
			t.Errorf("%s is in both tables", call)
		case action != "" && strings.Count(action, ".") != 1:
			t.Errorf("%s is called %q, not noun.verb", call, action)
		}
	}
	for call := range actions {
		if !served[call] {
			t.Errorf("there is no call %s", call)
		}
	}
	for call := range unaudited {
		if !served[call] {
			t.Errorf("there is no call %s", call)
		}
	}
}

// TestChangesAreRecorded makes every call of the table, and finds its entry: stored by the
// time of the answer, and logged in one line; with no secret in either.
func TestChangesAreRecorded(t *testing.T) {
	for i := range visits {
		v := &visits[i]
		action := actions[v.route]
		if action == "" {
			continue
		}
		t.Run(v.route, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			method, path := v.split()
			body, caller := s.body(v.body), acme
			if v.client >= 300 {
				caller = admin
			}
			switch v.route { // the body of the table changes nothing
			case "POST /api/webhooks/{id}/replay":
				body = `{"status":"delivered"}`
			case "POST /api/webhooks/{id}/end-rotation":
				s.want(t, 200, acme, "POST", "/api/webhooks/"+s.webhook+"/rotate-secret", "")
			}
			line := "msg=\"changed by request\" component=httpapi action=" + action
			before, lines := len(s.changes(t)), strings.Count(s.log.String(), line)
			r := s.want(t, v.status(caller), caller, method, s.path(path), body)
			entries := s.changes(t)
			if v.route == "POST /api/secret-keys/reencrypt" || r.status >= 300 || strings.Contains(body, "dry_run") { // nothing to do in memory; refused
				if len(entries) != before {
					t.Errorf("%+v", entries)
				}
				return
			}
			if len(entries) != before+1 {
				t.Fatalf("%d entries, there were %d", len(entries), before)
			}
			e := entries[0]
			by := map[string]string{acme: "client:acme", admin: "subject:root"}[caller]
			if e.Action != action || e.By != by || e.Operator != (caller == admin) {
				t.Errorf("%+v", e)
			}
			if v.route != "GET /api/backup" && e.Resource == "" {
				t.Errorf("of nothing: %+v", e)
			}
			if n := strings.Count(s.log.String(), line) - lines; n != 1 {
				t.Errorf("%d lines in the log", n)
			}
			for _, secret := range secretsIn(r.body) {
				if text := fmt.Sprint(entries, s.log.String()); strings.Contains(text, secret) {
					t.Errorf("%q is in the entry, or in the log", secret)
				}
			}
		})
	}
}

// changes returns all entries of the audit.
func (s *scene) changes(t *testing.T) []audit.Entry {
	t.Helper()
	page, err := s.store.ListAudit(t.Context(), audit.Query{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	return page.Entries
}

// secretsIn returns the texts in an answer that look like secrets.
func secretsIn(body []byte) (list []string) {
	for _, word := range bytes.FieldsFunc(body, func(r rune) bool { return r == '"' }) {
		if text := string(word); strings.HasPrefix(text, "whsec_") || strings.HasPrefix(text, "ahk_") {
			list = append(list, text)
		}
	}
	return list
}

// TestNothingIsRecordedOfNothing: a refused call, a dry run and an overlap that there is not.
func TestNothingIsRecordedOfNothing(t *testing.T) {
	s := newScene(t)
	s.want(t, 404, globex, "DELETE", "/api/webhooks/"+s.webhook, "")
	s.want(t, 422, acme, "PATCH", "/api/webhooks/"+s.webhook, `{"timeout_ms":-1}`)
	s.want(t, 200, acme, "POST", "/api/webhooks/"+s.webhook+"/replay", `{"dry_run":true}`)
	s.want(t, 200, acme, "POST", "/api/webhooks/"+s.webhook+"/end-rotation", "")
	s.want(t, 200, admin, "HEAD", "/api/backup", "")
	s.want(t, 202, backend, "POST", "/api/events", `{"event_type":"user.created","data":{}}`)
	if list := s.changes(t); len(list) != 2 { // the scene's
		t.Errorf("%+v", list)
	}
}

// unwritable is a store that cannot record changes.
type unwritable struct{ Store }

func (unwritable) AppendAudit(context.Context, audit.Entry) error { return webhook.ErrDiskReserve }

// TestAnUnrecordedChangeFails: without an entry there is no success, also where the answer
// would be a stream of bytes.
func TestAnUnrecordedChangeFails(t *testing.T) {
	s := newFixture(t, func(o *Options) { o.Store = unwritable{o.Store} })
	r := s.want(t, 503, acme, "POST", "/api/webhooks", `{"event_type":"user.*","target_url":"https://example.com/"}`)
	if secrets := secretsIn(r.body); len(secrets) > 0 || !strings.Contains(r.text(t, "type"), "disk-reserve") {
		t.Errorf("%s", r.body)
	}
	for range 2 { // the first one has ended
		if r := s.want(t, 503, admin, "GET", "/api/backup", ""); bytes.Contains(r.body, []byte(testBackup)) {
			t.Errorf("%s", r.body)
		}
	}
}

// TestAuditList: each client sees its own, and of administrators neither name nor address.
func TestAuditList(t *testing.T) {
	s := newScene(t)
	s.want(t, 200, acme, "PATCH", "/api/webhooks/"+s.webhook,
		`{"status":"paused","headers":{"X-Team":"s3cret-one"},"target_url":"https://example.com/in?token=s3cret-two"}`)
	s.want(t, 200, acme, "PATCH", "/api/webhooks/"+s.webhook, `{"headers":{"X-Team":"s3cret-three"}}`)
	s.want(t, 200, admin, "POST", "/api/webhooks/"+s.webhook+"/resume", "")
	s.want(t, 201, keyAdmin, "POST", "/api/keys", `{"name":"billing","scopes":["events:write:all"]}`)
	list := func(caller, query string) (out []string) {
		r := s.want(t, 200, caller, "GET", "/api/audit"+query, "")
		if bytes.Contains(r.body, []byte("s3cret")) {
			t.Errorf("a secret is shown: %s", r.body)
		}
		for _, e := range r.data(t) {
			out = append(out, fmt.Sprint(e["action"], " ", e["by"]))
		}
		return out
	}
	key := "key:" + s.tokens[keyAdmin][len("ahk_"):][:apiKeyID]
	all := []string{
		"key.create " + key, "webhook.resume subject:root", "webhook.update client:acme", "webhook.update client:acme", "job.create client:acme", "webhook.create client:acme",
	}
	for _, c := range []struct {
		caller, query string
		want          []string
	}{
		{admin, "", all},
		{admin, "?client_id=acme", all[1:]},
		{admin, "?action=webhook.resume", all[1:2]},
		{admin, "?by=" + key, all[:1]},
		{admin, "?resource=" + s.webhook, append(all[1:4:4], all[5])},
		{admin, "?since=1h", all},
		{admin, "?until=1h", nil},
		{acme, "", []string{"webhook.resume operator", all[2], all[3], all[4], all[5]}},
		{acme, "?by=subject:root", nil},
		{acme, "?by=client:acme", all[2:]},
		{globex, "", nil},
	} {
		if got := list(c.caller, c.query); !slices.Equal(got, c.want) {
			t.Errorf("%s %s: %q, want %q", c.caller, c.query, got, c.want)
		}
	}
	if r := s.want(t, 200, acme, "GET", "/api/audit?action=webhook.resume", ""); r.data(t)[0]["from_address"] != nil {
		t.Errorf("the administrator's address: %s", r.body)
	}
	s.want(t, 422, admin, "GET", "/api/audit?since=yesterday", "")
	s.want(t, 422, admin, "GET", "/api/audit?actions=x", "")
	s.want(t, 400, admin, "GET", "/api/audit?cursor=x", "")
	first := s.want(t, 200, admin, "GET", "/api/audit?limit=2", "")
	next := s.want(t, 200, admin, "GET", "/api/audit?limit=9&cursor="+first.text(t, "next_cursor"), "")
	if len(first.data(t)) != 2 || len(next.data(t)) != 4 {
		t.Errorf("%s\n%s", first.body, next.body)
	}
}

// TestWhatHasChanged: the members that differ, and no others.
func TestWhatHasChanged(t *testing.T) {
	s := newScene(t)
	change := func(body string) []audit.Change {
		s.want(t, 200, acme, "PATCH", "/api/webhooks/"+s.webhook, body)
		return s.changes(t)[0].Changes
	}
	change(`{"headers":{"X-Team":"one","X-Other":"same"}}`)
	for _, c := range []struct {
		body string
		want []audit.Change
	}{
		{`{"description":"CRM"}`, []audit.Change{{Field: "description", Before: `""`, After: `"CRM"`}}},
		{`{"description":"CRM"}`, nil},
		{`{"retry_policy":{"max_attempts":3}}`, []audit.Change{{Field: "retry_policy.max_attempts", Before: "5", After: "3"}}},
		{`{"headers":{"X-Team":"two","X-Other":"same"}}`, []audit.Change{{Field: "headers.X-Team", Before: `"***"`, After: `"***"`}}},
	} {
		if got := change(c.body); !slices.Equal(got, c.want) {
			t.Errorf("%s: %+v, want %+v", c.body, got, c.want)
		}
	}
	s.want(t, 200, acme, "POST", "/api/webhooks/"+s.webhook+"/rotate-secret", "")
	if got := s.changes(t)[0].Changes; !slices.Contains(got, audit.Change{Field: "secret", Before: `"***"`, After: `"***"`}) {
		t.Errorf("a rotation: %+v", got)
	}
}

// TestChangeWords: what a stream calls a change.
func TestChangeWords(t *testing.T) {
	base := webhook.Endpoint{Status: webhook.EndpointActive, Secrets: []signing.Secret{{Value: "a"}}}
	with := func(change func(*webhook.Endpoint)) *webhook.Endpoint {
		e := base
		change(&e)
		return &e
	}
	for want, e := range map[string]*webhook.Endpoint{
		"changed":  with(func(e *webhook.Endpoint) { e.Description = "b" }),
		"paused":   with(func(e *webhook.Endpoint) { e.Status = webhook.EndpointPaused }),
		"disabled": with(func(e *webhook.Endpoint) { e.Status = webhook.EndpointDisabled }),
		"deleted":  with(func(e *webhook.Endpoint) { e.Delete(time.Now()) }),
		"rotated":  with(func(e *webhook.Endpoint) { e.Secrets = []signing.Secret{{Value: "b"}, {Value: "a"}} }),
		"resumed":  with(func(e *webhook.Endpoint) { e.GateSince++ }),
	} {
		if got := changeOf(&base, e); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	paused := with(func(e *webhook.Endpoint) { e.Status = webhook.EndpointPaused })
	if a, b := changeOf(nil, &base), changeOf(paused, &base); a != "created" || b != "resumed" {
		t.Errorf("%s, %s", a, b)
	}
}
