package storagetest

import (
	"time"

	"github.com/corpastro/astrohook/webhook"
)

var accessTests = []test{
	{name: "keeps API keys by ID", run: func(f *fixture) {
		ctx := f.Context()
		second := webhook.APIKey{
			ID: "bbbb", Name: "ünïcode", ClientID: "client-1", Scopes: []string{"events:write", "admin"},
			Hash: [32]byte{1, 2, 31: 3}, CreatedAt: f.now, ExpiresAt: f.now.Add(time.Hour),
		}
		first := webhook.APIKey{ID: "aaaa", Hash: [32]byte{9}, CreatedAt: f.now}
		f.must(f.CreateAPIKey(ctx, second))
		f.must(f.CreateAPIKey(ctx, first))
		f.is(f.CreateAPIKey(ctx, webhook.APIKey{ID: "aaaa", Name: "again"}), webhook.ErrExists)
		f.is(f.DeleteAPIKey(ctx, "aaa"), webhook.ErrNotFound)
		f.check(func() {
			got, err := f.APIKeys(ctx)
			f.must(err)
			same(f, got, []webhook.APIKey{first, second})
		})
		f.must(f.DeleteAPIKey(ctx, "aaaa"))
		f.is(f.DeleteAPIKey(ctx, "aaaa"), webhook.ErrNotFound)
		f.check(func() {
			got, err := f.APIKeys(ctx)
			f.must(err)
			same(f, got, []webhook.APIKey{second})
		})
	}},
	{name: "keeps the first cursor key that it is offered", run: func(f *fixture) {
		first := [32]byte{1, 31: 2}
		got, err := f.CursorKey(f.Context(), first)
		f.must(err)
		same(f, got, first)
		f.check(func() {
			got, err := f.CursorKey(f.Context(), [32]byte{7})
			f.must(err)
			same(f, got, first)
		})
	}},
}
