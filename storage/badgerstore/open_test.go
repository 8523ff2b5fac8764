package badgerstore

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/corpastro/astrohook/webhook"
)

// TestOpenAfterKillWhileCreatingFiles: log files that were created but not sized
// when the process was killed hold nothing, and do not keep the store from opening.
func TestOpenAfterKillWhileCreatingFiles(t *testing.T) {
	dir := t.TempDir()
	store, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	made, err := store.CreateEndpoint(context.Background(), webhook.Endpoint{ID: webhook.ID{Seq: 1}, ClientID: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"00099.mem", "000099.vlog"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if store, err = Open(Options{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Endpoint(made.Number()); err != nil {
		t.Error(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}
