//go:build unix

package main

import (
	"os/signal"
	"syscall"
)

// ignoreSignals keeps a server alive when whoever reads its log has gone: a write to
// a broken pipe then fails, and sends no SIGPIPE. It does so until the function that
// it returns is called. (SIGUSR1 and SIGUSR2 do nothing to a Go program.)
func ignoreSignals() (end func()) {
	signal.Ignore(syscall.SIGPIPE)
	return func() { signal.Reset(syscall.SIGPIPE) }
}
