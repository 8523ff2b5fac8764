//go:build unix

package process

import (
	"os/signal"
	"syscall"
)

// IgnoreSignals keeps a server running when the reader of its log has gone: a write to
// the broken pipe fails then, and sends no SIGPIPE. The function that it returns ends
// that. (SIGUSR1 and SIGUSR2 do nothing to a Go program.)
func IgnoreSignals() (end func()) {
	signal.Ignore(syscall.SIGPIPE)
	return func() { signal.Reset(syscall.SIGPIPE) }
}
