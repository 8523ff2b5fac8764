package pgstore

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/keyring"
	"github.com/corpastro/astrohook/storage/sealed"
	"github.com/corpastro/astrohook/storage/storagetest"
)

// databases remembers which database belongs to a directory of the suite.
type databases struct {
	mu     sync.Mutex
	urls   map[string]string
	opened map[string]int
}

// of returns the URL of a directory's database, and how often it was opened.
func (d *databases) of(t testing.TB, dir string) (url string, times int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.urls == nil {
		d.urls, d.opened = map[string]string{}, map[string]int{}
	}
	if d.urls[dir] == "" {
		d.urls[dir] = database(t)
	}
	d.opened[dir]++
	return d.urls[dir], d.opened[dir]
}

// TestConformance opens each store with the keys turned round every time.
func TestConformance(t *testing.T) {
	var all databases
	storagetest.Run(t, storagetest.Backend{
		Persistent: true, Remote: true, LastEndpoint: maxEndpoint,
		// What has expired goes with its day.
		Retention: 72 * time.Hour, Overdue: 24 * time.Hour,
		Open: func(c storagetest.Config) (storage.Store, error) {
			url, times := all.of(c.Test, c.Dir)
			ids := []string{"even", "odd"}
			if times%2 == 1 {
				slices.Reverse(ids)
			}
			s, err := Open(t.Context(), Options{URL: url, LonePrimary: true, Retention: c.Retention, Now: c.Now})
			if err != nil {
				return nil, err
			}
			return sealed.New(s, testKeys(ids...))
		},
	})
}

// TestSealing runs the suite of what package sealed needs.
func TestSealing(t *testing.T) {
	storagetest.RunSealing(t, func(t *testing.T) storage.Backend { return openTest(t, "") })
}

func testKeys(ids ...string) *keyring.Keyring {
	var keys []keyring.Key
	for _, id := range ids {
		key, err := keyring.Generate(id, strings.NewReader(strings.Repeat(id, keyring.KeySize)))
		if err != nil {
			panic(err)
		}
		keys = append(keys, key)
	}
	ring, err := keyring.New(keys...)
	if err != nil {
		panic(err)
	}
	return ring
}
