// Command measure prints how large and how well documented the rooms of this
// project are, folder by folder, and finds words that the project does not use.
// CONTRIBUTING.md names the bounds. What belongs here judges the source text; what
// judges behaviour is a test beside the code.
//
// The definitions:
//   - A test file is a _test.go file, or one of a conformance suite or a shared fake: of
//     a folder whose name ends in "test".
//   - A function's length is its lines from func to the closing brace; a file's
//     length is all its lines. Both are taken of code, not of tests.
//   - The comment ratio is comment lines by lines with code, of code.
//   - An exported identifier is a top-level declaration, or a method of an exported
//     type; it is documented if a comment stands above it or above its group.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	english := flag.Bool("english", false, "list words that the project does not use, and fail if there are any")
	flag.Parse()
	root := "."
	if flag.NArg() > 0 {
		root = flag.Arg(0)
	}
	if err := run(root, *english); err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

func run(root string, english bool) error {
	if english {
		return printWords(os.Stdout, root)
	}
	folders, err := measure(root)
	if err != nil {
		return err
	}
	return printTable(os.Stdout, folders)
}
