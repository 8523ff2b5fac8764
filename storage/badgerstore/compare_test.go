package badgerstore

import (
	"fmt"
	"testing"

	"github.com/corpastro/astrohook/storage/memstore"
	"github.com/corpastro/astrohook/storage/storagetest"
)

// TestComparedWithMemory: the store on disk means the same as the simple one in memory.
func TestComparedWithMemory(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			memory := memstore.Open(memstore.Options{})
			defer memory.Close()
			storagetest.Compare(t, seed, 300, openWith(t, t.TempDir(), "k"), memory)
		})
	}
}
