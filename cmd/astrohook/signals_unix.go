//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// ignored are signals that mean nothing to a server, and would end it: SIGPIPE comes
// when whoever read its log has gone, the others are what other servers reopen
// their logs at.
var ignored = []os.Signal{syscall.SIGPIPE, syscall.SIGUSR1, syscall.SIGUSR2}

// ignoreSignals has them ignored until the function that it returns is called.
func ignoreSignals() (end func()) {
	signal.Ignore(ignored...)
	return func() { signal.Reset(ignored...) }
}
