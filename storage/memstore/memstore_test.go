package memstore

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	storagetest.Run(t, storagetest.Backend{Open: func(c storagetest.Config) (storage.Store, error) {
		return Open(Options{Retention: c.Retention}), nil
	}})
}
