package pgstore

import (
	"fmt"
	"testing"

	"github.com/corpastro/astrohook/storage/memstore"
	"github.com/corpastro/astrohook/storage/sealed"
	"github.com/corpastro/astrohook/storage/storagetest"
)

// TestCompare: random calls have the same results here as in memory.
func TestCompare(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s, err := sealed.New(openTest(t, ""), testKeys("k"))
			if err != nil {
				t.Fatal(err)
			}
			memory := memstore.Open(memstore.Options{})
			t.Cleanup(func() { _ = memory.Close() })
			storagetest.Compare(t, seed, 200, s, memory)
		})
	}
}
