//go:build !unpatched

package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	badgeroptions "github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/badger/v4/y"
)

// heap returns how many bytes of the heap are in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestTableInTheMakingTakesLittle: a table's blocks go to its file as they are made, so
// that a large table takes no more memory than a small one.
func TestTableInTheMakingTakesLittle(t *testing.T) {
	const size, most = 64 << 20, 8 << 20
	path := filepath.Join(t.TempDir(), "000001.sst")
	before := heap()
	b := table.NewTableBuilder(table.Options{
		File: path, TableSize: size, BlockSize: 4 << 10, BloomFalsePositive: 0.01,
		ChkMode: badgeroptions.OnBlockRead, Compression: badgeroptions.None,
	})
	defer b.Close()
	value := make([]byte, 4000)
	for n := range size / len(value) {
		b.Add(y.KeyWithTs(fmt.Appendf(nil, "key %08d", n), 1), y.ValueStruct{Value: value}, 0)
	}
	if took := heap() - before; took > most {
		t.Errorf("%d KiB of memory, want up to %d", took>>10, most>>10)
	}
	made, err := table.CreateTable(path, b)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() < size*9/10 {
		t.Error(info, err)
	}
	if err := made.DecrRef(); err != nil {
		t.Error(err)
	}
}

// TestAbandonedTableLeavesNoFile: Badger makes file numbers that are new, and a file
// that is in the way would fail the next table.
func TestAbandonedTableLeavesNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "000001.sst")
	b := table.NewTableBuilder(table.Options{File: path, TableSize: 16 << 20, BlockSize: 4 << 10, BloomFalsePositive: 0.01})
	for n := range 4000 {
		b.Add(y.KeyWithTs(fmt.Appendf(nil, "key %08d", n), 1), y.ValueStruct{Value: make([]byte, 1000)}, 0)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error("nothing was written on the way:", err)
	}
	b.Close()
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Error("the file is still there:", err)
	}
}
