package e2e

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// searchChunk is how much of a file is searched at once; each chunk begins with
// the end of the one before, so that no needle is cut in two.
const (
	searchChunk   = 4 << 20
	searchOverlap = 4 << 10
)

// search looks for needles in all files below folders, and returns by the name of
// each that it found the files that hold it.
func search(t *testing.T, needles []needle, folders ...string) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return err
			}
			return searchFile(path, needles, found)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

func searchFile(path string, needles []needle, found map[string][]string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	chunk, zeros, kept := make([]byte, searchChunk), make([]byte, searchChunk), 0
	for {
		n, err := io.ReadFull(file, chunk[kept:])
		text := chunk[:kept+n]
		if !bytes.Equal(text, zeros[:len(text)]) { // files of Badger are mostly empty
			for _, one := range needles {
				if bytes.Contains(text, one.text) && !slices.Contains(found[one.name], path) {
					found[one.name] = append(found[one.name], path)
				}
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
		kept = copy(chunk, text[len(text)-searchOverlap:])
	}
}
