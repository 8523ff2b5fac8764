package badgerstore

import (
	"slices"
	"sync"
	"testing"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/storagetest"
)

// TestConformance opens each store with the keys turned round every time.
func TestConformance(t *testing.T) {
	var mu sync.Mutex
	opened := map[string]int{}
	storagetest.Run(t, storagetest.Backend{Persistent: true, Open: func(c storagetest.Config) (storage.Store, error) {
		mu.Lock()
		opened[c.Dir]++
		ids := []string{"even", "odd"}
		if opened[c.Dir]%2 == 1 {
			slices.Reverse(ids)
		}
		mu.Unlock()
		return openSealed(Options{Dir: c.Dir, Retention: c.Retention}, testKeys(ids...))
	}})
}

func TestSealing(t *testing.T) {
	storagetest.RunSealing(t, func(t *testing.T) storage.Backend { return openTest(t, t.TempDir()) })
}
