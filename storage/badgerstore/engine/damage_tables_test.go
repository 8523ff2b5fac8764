package engine

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestTableEnds: lengths at a table's end that lead nowhere, at which Badger would panic.
func TestTableEnds(t *testing.T) {
	end := func(blocks, index, checksum int, indexLength, checksumLength uint32) []byte {
		text := make([]byte, blocks+index)
		text = binary.BigEndian.AppendUint32(text, indexLength)
		text = append(text, make([]byte, checksum)...)
		return binary.BigEndian.AppendUint32(text, checksumLength)
	}
	for reason, c := range map[string]struct {
		text    []byte
		damaged bool
	}{
		"a table":                          {end(500, 100, 10, 100, 10), false},
		"no blocks but an index":           {end(0, 100, 10, 100, 10), false},
		"an index of no length":            {end(500, 0, 10, 0, 10), true},
		"an index longer than the file":    {end(500, 100, 10, 601, 10), true},
		"an index of 4 GiB":                {end(500, 100, 10, 1<<32-1, 10), true},
		"a checksum longer than any":       {end(500, 100, 65, 100, 65), true},
		"a checksum longer than the file":  {end(0, 0, 10, 0, 60), true},
		"nothing but a length":             {[]byte{0, 0, 0, 0}, true},
		"shorter than a length":            {[]byte{0, 0, 1}, true},
		"empty":                            {nil, true},
		"zeros, as a hole in a file reads": {make([]byte, 4096), true},
	} {
		path := filepath.Join(t.TempDir(), "000001.sst")
		if err := os.WriteFile(path, c.text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := checkTable(path); errors.Is(err, errLengths) != c.damaged || !c.damaged && err != nil {
			t.Errorf("%s: %v", reason, err)
		}
	}
}

// TestCannotRead: which errors are the file system's.
func TestCannotRead(t *testing.T) {
	_, missing := os.Open(filepath.Join(t.TempDir(), "missing"))
	for reason, c := range map[string]struct {
		err  error
		want string
	}{
		"none":                 {nil, ""},
		"an error of Badger's": {errLengths, ""},
		"a missing file":       {missing, "cannot read file: no such file or directory"},
	} {
		got := ""
		if err := CannotRead("file", c.err); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", reason, got, c.want)
		}
	}
}
