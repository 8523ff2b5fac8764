package badgerstore

import (
	"testing"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/storagetest"
)

func TestConformance(t *testing.T) {
	storagetest.Run(t, storagetest.Backend{Persistent: true, Open: func(c storagetest.Config) (storage.Store, error) {
		return Open(Options{Dir: c.Dir, Retention: c.Retention})
	}})
}
