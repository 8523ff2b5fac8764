package terminal

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Streams are a process's standard streams, which tests replace. Results go to Out, and
// logs, questions, progress and the line about an error to Err, so that Out can be piped.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Is reports whether a stream, an io.Reader or an io.Writer, is a terminal.
func Is(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// Width returns the columns of the terminal that w writes to; 0 if w is no terminal, or the
// terminal does not say.
func Width(w io.Writer) int {
	file, ok := w.(*os.File)
	if !ok {
		return 0
	}
	columns, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return max(columns, 0)
}
