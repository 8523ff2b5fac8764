package badgerstore_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/corpastro/astrohook/storage/badgerstore"
	"github.com/corpastro/astrohook/webhook"
)

// A directory is made by the first Open, backed up while nobody uses it, and made again
// of the backup.
func Example() {
	base, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(base) }()
	dir, file := filepath.Join(base, "data"), filepath.Join(base, "backup")

	store, err := badgerstore.Open(badgerstore.Options{Dir: dir})
	if err != nil {
		panic(err)
	}
	fmt.Println("new:", store.Opening().New)
	if err := store.CreateEventType(context.Background(), webhook.EventType{Name: "user.created"}); err != nil {
		panic(err)
	}
	if err := store.Close(); err != nil {
		panic(err)
	}

	if _, err := badgerstore.BackupDir(dir, file, nil); err != nil {
		panic(err)
	}
	restored, err := badgerstore.RestoreDir(file, filepath.Join(base, "restored"), nil)
	fmt.Println("event types:", restored.EventTypes, err)
	_, err = badgerstore.RestoreDir(file, dir, nil)
	fmt.Println("over the old one:", err != nil)
	// Output:
	// new: true
	// event types: 1 <nil>
	// over the old one: true
}
