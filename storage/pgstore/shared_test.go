package pgstore

import (
	"testing"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/pgstore/pgtest"
	"github.com/corpastro/astrohook/storage/sealed"
	"github.com/corpastro/astrohook/storage/storagetest"
)

// network is a proxy between one store and the server.
type network struct{ *pgtest.Proxy }

// LoseAnswers is storagetest.Network's.
func (n network) LoseAnswers(commits int) { n.repeat(pgtest.LoseAnswer, commits) }

// BreakOff is storagetest.Network's.
func (n network) BreakOff(commits int) { n.repeat(pgtest.BreakOff, commits) }

// Stall is storagetest.Network's.
func (n network) Stall() { n.Next(pgtest.Stall) }

func (n network) repeat(f pgtest.Fate, commits int) {
	for range commits {
		n.Next(f)
	}
}

// TestShared runs the suite of stores that share their records: each has a network of its
// own to the same database.
func TestShared(t *testing.T) {
	var all databases
	storagetest.RunShared(t, storagetest.SharedBackend{
		Backend: storagetest.Backend{
			Persistent: true, Remote: true,
			Open: func(c storagetest.Config) (storage.Store, error) {
				url, _ := all.of(c.Test, c.Dir)
				if n, is := c.Network.(network); is {
					through, err := n.URL(url)
					if err != nil {
						return nil, err
					}
					url = through
				}
				s, err := Open(t.Context(), Options{URL: url, LonePrimary: true, Retention: c.Retention, Now: c.Now})
				if err != nil {
					return nil, err
				}
				return sealed.New(s, testKeys("k"))
			},
		},
		Shared: func(s storage.Store) storage.Shared { return s.(*sealed.Store).Backend.(storage.Shared) },
		Network: func(c storagetest.Config) storagetest.Network {
			p, err := pgtest.NewProxy(postgres)
			if err != nil {
				c.Test.Fatal(err)
			}
			c.Test.Cleanup(func() {
				if err := p.Close(); err != nil {
					c.Test.Error(err)
				}
			})
			return network{p}
		},
	})
}
