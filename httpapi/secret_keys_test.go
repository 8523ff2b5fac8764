package httpapi

import (
	"context"
	"strings"
	"testing"

	"github.com/corpastro/astrohook/webhook"
)

// sealing is a store with two keys; the older one has sealed the secrets of some webhooks.
type sealing struct {
	Store
	done, left int64
	failure    error
}

func (s *sealing) SecretKeys(_ context.Context) ([]webhook.SecretKey, error) {
	return []webhook.SecretKey{{ID: "k2", Writes: true, Endpoints: s.done}, {ID: "k1", Endpoints: s.left}}, s.failure
}

func (s *sealing) Reencrypt(_ context.Context, limit int) (int, error) {
	n := min(int64(limit), s.left)
	s.done, s.left = s.done+n, s.left-n
	return int(n), s.failure
}

func TestReencrypt(t *testing.T) {
	store := &sealing{left: reencryptStep + 1}
	f := newFixture(t, func(o *Options) { store.Store, o.Store = o.Store, store })
	for _, want := range []string{
		`{"reencrypted":500,"remaining":1}`, `{"reencrypted":1,"remaining":0}`, `{"reencrypted":0,"remaining":0}`,
	} {
		if r := f.want(t, 200, admin, "POST", "/api/secret-keys/reencrypt", ""); string(r.body) != want+"\n" {
			t.Errorf("%s, want %s", r.body, want)
		}
	}
	const want = `{"data":[{"id":"k2","writes":true,"webhooks":501},{"id":"k1","writes":false,"webhooks":0}]}`
	if r := f.want(t, 200, admin, "GET", "/api/secret-keys", ""); string(r.body) != want+"\n" {
		t.Errorf("%s", r.body)
	}
	store.failure = webhook.ErrBroken
	for _, call := range []string{"GET /api/secret-keys", "POST /api/secret-keys/reencrypt"} {
		method, path, _ := strings.Cut(call, " ")
		if r := f.do(t, admin, method, path, ""); r.status < 500 {
			t.Errorf("%s on a store that fails: %d %s", call, r.status, r.body)
		}
	}
}
