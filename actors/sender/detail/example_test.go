package detail_test

import (
	"errors"
	"fmt"
	"io"

	"github.com/corpastro/astrohook/actors/sender/detail"
)

// Words travel with an error, beside its class.
func ExampleExplain() {
	err := detail.Explain(io.ErrUnexpectedEOF, "the receiver closed within its answer")
	err = fmt.Errorf("attempt 3: %w", err)
	fmt.Println(detail.Of(err))
	fmt.Println(errors.Is(err, io.ErrUnexpectedEOF))
	// Output:
	// the receiver closed within its answer
	// true
}

// A stranger's text cannot change the screen that shows it.
func ExamplePrintable() {
	fmt.Println(detail.Printable([]byte("nginx\x1b[2J\r\nok"), 64))
	fmt.Println(detail.Printable([]byte("größer"), 3))
	// Output:
	// nginx?[2J??ok
	// gr
}
