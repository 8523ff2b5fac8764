//go:build unix

package process

import (
	"os/signal"
	"syscall"
)

// IgnoreBrokenPipe keeps a server running when the reader of its log has gone: a write
// to the broken pipe fails then, and does not end the process. It holds until the
// process ends, so that the last line about a failure cannot change the exit code.
// SIGUSR1 and SIGUSR2, which are sent to servers as well, do nothing to a Go program.
func IgnoreBrokenPipe() { signal.Ignore(syscall.SIGPIPE) }
