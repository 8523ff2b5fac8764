//go:build !unpatched

package engine

import (
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	badger "github.com/dgraph-io/badger/v4"
)

// TestCommitWakesNobody: a commit is written and synced by the goroutine that makes it. None
// of the goroutines that Badger hands commits to has anything to do with it.
func TestCommitWakesNobody(t *testing.T) {
	db := openTest(t, t.TempDir())
	var stopped atomic.Bool
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for !stopped.Load() {
			if err := db.Update(func(tx *badger.Txn) error { return tx.Set([]byte("k"), []byte("v")) }); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	defer func() { <-ended }()
	defer stopped.Store(true)
	writes, dump := 0, make([]byte, 1<<20)
	for until := time.Now().Add(time.Minute); writes < 20 && time.Now().Before(until); runtime.Gosched() {
		for _, stack := range strings.Split(string(dump[:runtime.Stack(dump, true)]), "\n\n") {
			switch {
			case strings.Contains(stack, ".(*WaterMark)."):
				if !strings.Contains(stack, "TestCommitWakesNobody") {
					t.Fatal("a goroutine of its own keeps the marks of transactions:\n", stack)
				}
			case !strings.Contains(stack, ".(*DB).writeRequests("):
			case strings.Contains(stack, "TestCommitWakesNobody"):
				writes++
			default:
				t.Fatal("a commit is written by another goroutine:\n", stack)
			}
		}
	}
	if writes == 0 {
		t.Error("no commit was seen")
	}
}
