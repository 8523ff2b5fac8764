package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	badger "github.com/dgraph-io/badger/v4"
)

// ErrDamaged is returned when files are not what this program left. To go on would lose
// data that was acknowledged, in silence. The error names the file and the way out.
var ErrDamaged = errors.New("the data is damaged")

// CannotRead returns an error of the file system as one about a file, and nil for any
// other error. Such an error says nothing about the file's content: restoring a backup
// because of a wrong owner or a loose cable would lose what came after the backup.
func CannotRead(path string, err error) error {
	if failed, is := errors.AsType[*fs.PathError](err); is {
		return fmt.Errorf("cannot read %s: %w", path, failed.Err)
	}
	if number, is := errors.AsType[syscall.Errno](err); is {
		return fmt.Errorf("cannot read %s: %w", path, number)
	}
	return nil
}

// A key registry begins with an initialisation vector and this title. A longer one
// would hold encryption keys, which we do not use.
const (
	registryIV    = 16
	registryTitle = "Hello Badger"
)

// checkKeyRegistry looks for damage in Badger's key registry, which Badger takes for a
// wrong encryption key.
func checkKeyRegistry(dir string) error {
	path := filepath.Join(dir, badger.KeyRegistryFileName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return CannotRead(path, err)
	}
	if len(text) < registryIV || !strings.HasPrefix(string(text[registryIV:]), registryTitle) {
		return fmt.Errorf("%w: %s is not a file of keys: restore a backup", ErrDamaged, path)
	}
	return nil
}
