package storagetest

import (
	"fmt"

	"github.com/corpastro/astrohook/webhook"
)

var secretKeyTests = []test{
	{name: "encrypts endpoints again, in steps, and changes nothing else of them", run: func(f *fixture) {
		var want []webhook.Endpoint
		for i := range 7 {
			want = append(want, f.endpoint(fmt.Sprint("client-", i%2)))
		}
		want[3] = f.deleteEndpoint(want[3])
		want[4] = f.update(want[4], func(e *webhook.Endpoint) { e.Delete(f.now) }) // has no values any more
		if f.backend.Persistent {
			f.restart() // with another key in front
		}
		want[1] = f.update(want[1], func(e *webhook.Endpoint) { e.Secrets[0].Value = "whsec_changed" })
		for steps := 0; f.sealedOtherwise() > 0; steps++ {
			if steps == 10 {
				f.Fatalf("%d endpoints are left after %d steps", f.sealedOtherwise(), steps)
			}
			done, err := f.Reencrypt(f.Context(), 2)
			f.must(err)
			if done > 2 {
				f.Fatalf("%d in one step", done)
			}
		}
		f.check(func() {
			for i := range want {
				got, err := f.Endpoint(f.Context(), want[i].Number())
				f.must(err)
				same(f, got, want[i])
			}
			keys, err := f.SecretKeys(f.Context())
			f.must(err)
			sealed := int64(0)
			for i, k := range keys {
				same(f, k.Writes, i == 0)
				sealed += k.Endpoints
			}
			if len(keys) > 0 {
				same(f, sealed, 6)
			}
		})
	}},
	{name: "has nothing to encrypt again at first", run: func(f *fixture) {
		f.endpoint("client")
		same(f, f.sealedOtherwise(), 0)
		done, err := f.Reencrypt(f.Context(), 10)
		f.must(err)
		same(f, done, 0)
	}},
}

// update changes an endpoint.
func (f *fixture) update(e webhook.Endpoint, change func(*webhook.Endpoint)) webhook.Endpoint {
	f.Helper()
	e, err := f.UpdateEndpoint(f.Context(), e.Number(), func(e *webhook.Endpoint) error { change(e); return nil })
	f.must(err)
	return e
}

// sealedOtherwise returns how many endpoints another key than the first encrypts.
func (f *fixture) sealedOtherwise() (left int64) {
	f.Helper()
	keys, err := f.SecretKeys(f.Context())
	f.must(err)
	for _, k := range keys {
		if !k.Writes {
			left += k.Endpoints
		}
	}
	return left
}
