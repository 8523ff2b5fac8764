package badgerstore

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/corpastro/astrohook/storage/badgerstore/engine/enginetest"
)

// TestUnreadableBackup: a backup that the file system cannot read is not called damaged.
func TestUnreadableBackup(t *testing.T) {
	file, _ := someBackup(t)
	if _, err := RestoreDir(filepath.Dir(file), filepath.Join(t.TempDir(), "store"), nil); !errors.Is(err, syscall.EISDIR) || errors.Is(err, errNoBackup) {
		t.Errorf("a directory: %v", err)
	}
	if err := os.Chmod(file, 0); err != nil {
		t.Fatal(err)
	}
	enginetest.WithoutPrivilege(t, func() {
		if _, err := RestoreDir(file, filepath.Join(t.TempDir(), "store"), nil); !errors.Is(err, syscall.EACCES) || errors.Is(err, errNoBackup) {
			t.Errorf("no permission: %v", err)
		}
	})
}
