// Command measure prints how large and how well documented the folders of this project
// are, and finds words that the project does not use: with -check it fails when a bound
// is broken, with -english when there is such a word. CONTRIBUTING.md names the bounds.
// What belongs here judges the source text; what judges behaviour is a test beside the
// code.
//
// The definitions:
//   - A test file is a _test.go file, or one of a conformance suite or a shared fake: of
//     a folder whose name ends in "test".
//   - A function's length is its lines from func to the closing brace; a file's
//     length is all its lines. Both are taken of code, not of tests.
//   - A comment line holds a comment and nothing else; a comment behind code, as after
//     a struct's field, makes none. The comment ratio is comment lines by lines with
//     code, of files of code.
//   - An exported identifier is a top-level declaration, or a method of an exported
//     type; it is documented if a comment stands above it or above its group.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	check := flag.Bool("check", false, "list the bounds that are broken, and fail if there are any")
	english := flag.Bool("english", false, "list words that the project does not use, and fail if there are any")
	flag.Parse()
	root := "."
	if flag.NArg() > 0 {
		root = flag.Arg(0)
	}
	if err := run(os.Stdout, root, *check, *english); err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

// run prints the table, or carries out the checks that are asked for: all of them, also
// after one has failed, so that one run shows everything there is to mend.
func run(w io.Writer, root string, check, english bool) error {
	folders, err := measure(root)
	if err != nil {
		return err
	}
	if !check && !english {
		return printTable(w, folders)
	}
	var errs []error
	if check {
		errs = append(errs, checkBounds(w, folders))
	}
	if english {
		errs = append(errs, printWords(w, root))
	}
	return errors.Join(errs...)
}
