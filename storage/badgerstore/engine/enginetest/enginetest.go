// Package enginetest damages the files of a database behind its back, and makes them
// unreadable, for tests of what storage reports then. Code that is not a test does not
// import it.
package enginetest

import (
	"errors"
	"math/rand/v2"
	"os"
	"testing"
)

// Damages are what may happen to a file, each at a random place of its content. A damage
// may change the text that it gets.
var Damages = map[string]func(text []byte) []byte{
	"a zeroed page": func(text []byte) []byte {
		at := rand.IntN(len(text)) &^ 4095
		clear(text[at:min(at+4096, len(text))])
		return text
	},
	"a flipped bit": func(text []byte) []byte {
		text[rand.IntN(len(text))] ^= 1 << rand.IntN(8)
		return text
	},
	"a truncation": func(text []byte) []byte { return text[:rand.IntN(len(text))] },
}

// Rot flips a bit in the middle of a file.
func Rot(t *testing.T, path string) {
	t.Helper()
	scribble(t, path, 1, func(text []byte) { text[0] ^= 4 })
}

// Wipe clears a page in the middle of a file.
func Wipe(t *testing.T, path string) {
	t.Helper()
	scribble(t, path, 4096, func(text []byte) { clear(text) })
}

// scribble changes size bytes in the middle of a file. size is a power of two, so that
// the bytes lie within one page.
func scribble(t *testing.T, path string, size int64, change func([]byte)) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	text, at := make([]byte, size), info.Size()/2&^(size-1)
	_, err = file.ReadAt(text, at)
	change(text)
	_, writeErr := file.WriteAt(text, at)
	if err := errors.Join(err, writeErr, file.Close()); err != nil {
		t.Fatal(err)
	}
}
