// Package process sets up the operating system's process around a command: signals
// and core dumps.
//
// What differs between systems belongs here, a file for each. What a command does at
// a signal belongs to the command.
package process

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Interruptible returns a context that the first SIGINT or SIGTERM ends. The second
// one ends the process with the exit code that shells use for a signal: 128 and its
// number.
func Interruptible(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case <-signals:
			cancel()
		case <-done:
			return
		}
		select {
		case second := <-signals:
			number, _ := second.(syscall.Signal)
			os.Exit(128 + int(number))
		case <-done:
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel()
	}
}
