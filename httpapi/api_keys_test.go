package httpapi

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/auth/authtest"
	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/storagetest"
	"github.com/corpastro/astrohook/webhook"
)

// makeKey makes an API key through the API, and returns its id and its text.
func (f *fixture) makeKey(t testing.TB, body string) (id, text string) {
	t.Helper()
	r := f.want(t, 201, admin, "POST", "/api/keys", body)
	return r.text(t, "id"), r.text(t, "key")
}

// TestAPIKeyLife makes a key, uses it, restarts, and revokes it.
func TestAPIKeyLife(t *testing.T) {
	f := newFixture(t)
	expires := time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)
	id, text := f.makeKey(t, `{"name":"crm","client_id":"acme","expires_at":"`+webhook.FormatTime(expires)+`"}`)
	if want := auth.APIKeyPrefix + id + "_"; !strings.HasPrefix(text, want) || len(text) != len(want)+apiKeySecret {
		t.Fatalf("key %q of id %q", text, id)
	}
	f.tokens["crm"] = text
	f.want(t, 200, "crm", "GET", "/api/webhooks", "")

	secret := text[len(text)-apiKeySecret:]
	list := f.want(t, 200, admin, "GET", "/api/keys?client_id=acme", "")
	if strings.Contains(string(list.body), secret) || strings.Contains(f.log.String(), secret) {
		t.Error("the secret is shown a second time")
	}
	if got := fmt.Sprint(list.data(t)); !strings.Contains(got, "expires_at:"+webhook.FormatTime(expires)+" id:"+id+" name:crm scopes:[]") {
		t.Errorf("listed: %s", got)
	}
	stored, err := f.store.APIKeys(t.Context())
	if err != nil || strings.Contains(fmt.Sprint(stored), secret) {
		t.Errorf("stored: %v, %v", stored, err)
	}

	restarted := newFixture(t, func(o *Options) { o.Store = f.store })
	restarted.tokens["crm"] = text
	restarted.want(t, 200, "crm", "GET", "/api/webhooks", "")
	restarted.want(t, 204, keyAdmin, "DELETE", "/api/keys/"+id, "")
	r := restarted.want(t, 401, "crm", "GET", "/api/webhooks", "")
	if got := r.header.Get("WWW-Authenticate"); !strings.Contains(got, "invalid_token") {
		t.Errorf("WWW-Authenticate: %s", got)
	}
	restarted.want(t, 404, admin, "DELETE", "/api/keys/"+id, "")
	again := newFixture(t, func(o *Options) { o.Store = f.store })
	again.tokens["crm"] = text
	again.want(t, 401, "crm", "GET", "/api/webhooks", "")
}

// TestBadAPIKeyInput has keys that nobody should be able to make.
func TestBadAPIKeyInput(t *testing.T) {
	f := newFixture(t)
	before := len(f.callers.APIKeys().List())
	for _, c := range []struct{ body, field string }{
		{`{"scopes":["admin"]}`, "name"},
		{`{"name":" ","scopes":["admin"]}`, "name"},
		{`{"name":"` + strings.Repeat("ü", 101) + `","scopes":["admin"]}`, "name"},
		{`{"name":"x"}`, "scopes"},
		{`{"name":"x","scopes":[]}`, "scopes"},
		{`{"name":"x","scopes":["events:read"]}`, "scopes[0]"},
		{`{"name":"x","scopes":["admin events:write"]}`, "scopes[0]"},
		{`{"name":"x","scopes":["admin","admin"]}`, "scopes[1]"},
		{`{"name":"x","scopes":["events:write","admin"],"client_id":"acme"}`, "scopes[1]"},
		{`{"name":"x","scopes":["events:write:all"],"client_id":"acme"}`, "scopes[0]"},
		{`{"name":"x","scopes":["events:write"]}`, "scopes[0]"},
		{`{"name":"x","scopes":"admin"}`, "scopes"},
		{`{"name":"x","client_id":"a b"}`, "client_id"},
		{`{"name":"x","client_id":""}`, "client_id"},
		{`{"name":"x","client_id":"a","expires_at":"2020-01-01T00:00:00Z"}`, "expires_at"},
		{`{"name":"x","client_id":"a","expires_at":"0001-01-01T00:00:00Z"}`, "expires_at"},
		{`{"name":"x","client_id":"a","expires_at":"soon"}`, "expires_at"},
		{`{"name":"x","client_id":"a","id":"y"}`, "id"},
		{`{"name":"x","client_id":"a","hash":"y"}`, "hash"},
	} {
		if got := f.want(t, 422, admin, "POST", "/api/keys", c.body).text(t, "field"); got != c.field {
			t.Errorf("%s: field %q, want %q", c.body, got, c.field)
		}
	}
	if n := len(f.callers.APIKeys().List()); n != before {
		t.Errorf("%d keys were made", n-before)
	}
}

// TestAPIKeysOfOneClient has an administrator act for one client: it sees and makes that
// client's keys only.
func TestAPIKeysOfOneClient(t *testing.T) {
	f := newFixture(t)
	r := f.want(t, 201, admin, "POST", "/api/keys?client_id=initech", `{"name":"a"}`)
	if r.text(t, "client_id") != "initech" {
		t.Errorf("%s", r.body)
	}
	f.want(t, 201, admin, "POST", "/api/keys", `{"name":"b","client_id":"initech"}`)
	f.want(t, 403, admin, "POST", "/api/keys?client_id=initech", `{"name":"c","client_id":"globex"}`)
	f.want(t, 422, admin, "POST", "/api/keys?client_id=initech", `{"name":"c","scopes":["admin"]}`)
	names := ""
	for cursor := ""; ; {
		page := f.want(t, 200, admin, "GET", "/api/keys?limit=1&client_id=initech"+cursor, "")
		for _, k := range page.data(t) {
			names += k["name"].(string)
		}
		if cursor = page.text(t, "next_cursor"); cursor == "" {
			break
		}
		cursor = "&cursor=" + cursor
	}
	if names != "ab" && names != "ba" {
		t.Errorf("listed: %s", names)
	}
	path := "/api/keys/" + r.text(t, "id")
	f.want(t, 404, admin, "DELETE", path+"?client_id=globex", "")
	f.want(t, 204, admin, "DELETE", path+"?client_id=initech", "")
}

// forgetful is a store whose answers can get lost after it has done the work.
type forgetful struct {
	Store
	err error
}

func (s *forgetful) DeleteAPIKey(ctx context.Context, id string) error {
	return errors.Join(s.Store.DeleteAPIKey(ctx, id), s.err)
}

// TestRevocationThatFailed: a key whose deletion failed is still good, as the answer
// says, and can be deleted again, whether or not the first attempt took effect.
func TestRevocationThatFailed(t *testing.T) {
	disk := &forgetful{}
	var faulty *storagetest.Faulty
	f := newFixture(t, func(o *Options) {
		faulty = storagetest.NewFaulty(o.Store.(storage.Store))
		disk.Store = faulty
		o.Store = disk
	})
	id, text := f.makeKey(t, `{"name":"x","client_id":"acme"}`)
	f.tokens["x"] = text
	faulty.FailNext(1, errors.New("refused"))
	f.want(t, 500, admin, "DELETE", "/api/keys/"+id, "")
	f.want(t, 200, "x", "GET", "/api/webhooks", "")
	disk.err = context.DeadlineExceeded // it is deleted, but the call gave up waiting
	f.want(t, 503, admin, "DELETE", "/api/keys/"+id, "")
	f.want(t, 200, "x", "GET", "/api/webhooks", "")
	disk.err = nil
	f.want(t, 204, admin, "DELETE", "/api/keys/"+id, "")
	f.want(t, 401, "x", "GET", "/api/webhooks", "")
	faulty.FailNext(1, errors.New("refused"))
	f.want(t, 500, admin, "POST", "/api/keys", `{"name":"y","client_id":"acme"}`)
}

// TestIdempotencyPerPublisher: the same idempotency key of two publishers stands for two
// events, whether the publishers use tokens or API keys.
func TestIdempotencyPerPublisher(t *testing.T) {
	f := newFixture(t)
	_, f.tokens["erp"] = f.makeKey(t, `{"name":"erp","scopes":["events:write:all"]}`)
	_, f.tokens["shop"] = f.makeKey(t, `{"name":"shop","scopes":["events:write:all"]}`)
	f.tokens["subject erp"] = authtest.Mint(t, "erp", "", "events:write:all", time.Now().Add(time.Hour))
	ids := map[string]string{}
	for i, publisher := range []string{"erp", "shop", "subject erp", backend, keyAcmeWriter} {
		body := fmt.Sprintf(`{"event_type":"user.created","data":%d,"idempotency_key":"order-1"}`, i)
		id := f.want(t, 202, publisher, "POST", "/api/events", body).text(t, "id")
		if first, taken := ids[id]; taken {
			t.Errorf("%s and %s published the same event", publisher, first)
		}
		ids[id] = publisher
		if again := f.want(t, 202, publisher, "POST", "/api/events", body); again.text(t, "id") != id || again.object(t)["duplicate"] != true {
			t.Errorf("%s again: %s", publisher, again.body)
		}
		f.want(t, 422, publisher, "POST", "/api/events", `{"event_type":"user.created","data":"other","idempotency_key":"order-1"}`)
	}
	// A client's token and its API key are the same publisher.
	r := f.want(t, 202, acmeWriter, "POST", "/api/events", `{"event_type":"user.created","data":4,"idempotency_key":"order-1"}`)
	if ids[r.text(t, "id")] != keyAcmeWriter {
		t.Errorf("%s", r.body)
	}
}
