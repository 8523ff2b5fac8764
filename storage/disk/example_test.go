package disk_test

import (
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"

	"github.com/corpastro/astrohook/storage/disk"
)

// A file appears whole or not at all. Create refuses a name that is taken; Replace puts the new
// file in the place of the old one.
func Example() {
	dir, err := os.MkdirTemp("", "disk")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	path := filepath.Join(dir, "settings")
	write := func(text string) func(*os.File) error {
		return func(file *os.File) error {
			_, err := file.WriteString(text)
			return err
		}
	}
	fmt.Println(disk.Create(path, write("first")))
	fmt.Println(errors.Is(disk.Create(path, write("second")), fs.ErrExist))
	fmt.Println(disk.Replace(path, write("third")))
	text, err := os.ReadFile(path)
	fmt.Println(string(text), err)
	// Output:
	// <nil>
	// true
	// <nil>
	// third <nil>
}
