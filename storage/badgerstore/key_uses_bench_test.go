package badgerstore

import (
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/corpastro/astrohook/storage/sealed"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/signing"
)

// registerConcurrently stores count endpoints with a secret and a header each.
func registerConcurrently(b *testing.B, s sealedStore, count int) {
	b.Helper()
	const callers = 64
	var group errgroup.Group
	for c := range callers {
		group.Go(func() error {
			for i := c; i < count; i += callers {
				_, err := s.CreateEndpoint(b.Context(), webhook.Endpoint{
					ID: webhook.ID{Seq: uint64(i + 1)}, ClientID: "client", TargetURL: "https://example.com/hook", EventTypes: []string{"user.*"},
					Secrets: []signing.Secret{{Value: someSecret}}, Headers: []webhook.CustomHeader{{Name: "Authorization", Value: someValue}},
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkReencrypt encrypts b.N endpoints again, 500 at a time, synced. It also
// reports how long a start takes to check the keys, and to read each endpoint.
func BenchmarkReencrypt(b *testing.B) {
	dir := b.TempDir()
	open := func(noSync bool, ids ...string) sealedStore {
		s, err := openSealed(Options{Dir: dir, NoSync: noSync}, testKeys(ids...))
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	s := open(true, "old")
	registerConcurrently(b, s, b.N)
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	s = open(false, "young", "old")
	defer s.Close()
	began := time.Now()
	if _, err := sealed.New(s.disk, testKeys("young", "old")); err != nil {
		b.Fatal(err)
	}
	check := time.Since(began)
	began = time.Now()
	if err := s.EachEndpoint(b.Context(), func(webhook.Endpoint) error { return nil }); err != nil {
		b.Fatal(err)
	}
	each := time.Since(began)
	b.ResetTimer()
	for left := int64(b.N); left > 0; left = sealedBy(b, s)["old"] {
		if _, err := s.Reencrypt(b.Context(), 500); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(check.Microseconds()), "µs/check")
	b.ReportMetric(float64(each.Nanoseconds())/float64(b.N), "ns/read")
}
