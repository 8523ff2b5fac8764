package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"github.com/alecthomas/kong"

	"github.com/corpastro/astrohook/cmd/internal/app"
)

const (
	// When storage has failed nothing can be drained: the stop is short.
	brokenStopTimeout = 2 * time.Second
	// What closing the files may take beyond the bound of a stop.
	closeGrace = 5 * time.Second
)

type serveCommand struct {
	app.Config `embed:""`
	logFlags   `embed:""`

	Dev         bool     `group:"Server" help:"For a first look: targets on this machine are allowed, secret, key and token are made, commands to try are printed."`
	CoreDumps   bool     `group:"Server" help:"Let the system write core dumps of the process, and debuggers attach. Its memory holds secrets."`
	MemoryLimit app.Size `group:"Limits" placeholder:"SIZE" help:"Memory that the process tries to stay below. Default: GOMEMLIMIT's, or none."`
}

// Run serves until ctx ends or the server fails.
func (c *serveCommand) Run(
	ctx context.Context, std streams, name program, command *kong.Context, again settingsReader, signals hangups,
) error {
	if err := checkEnvironment(command.Model); err != nil {
		return err
	}
	if err := app.Usable(c.DataDir); err != nil {
		return err
	}
	defer ignoreSignals()()
	if !c.CoreDumps {
		if err := forbidCoreDumps(); err != nil {
			return err
		}
	}
	config, level := c.Config, new(slog.LevelVar)
	config.Log, config.Version = c.logger(std.err, level), currentVersion()
	c.limitMemory()
	var dev devMode
	if c.Dev {
		var err error
		if dev, err = prepareDev(&config, time.Now()); err != nil {
			return err
		}
	}
	server, err := app.New(config)
	if err != nil {
		return err
	}
	if err := server.Start(); err != nil {
		return err
	}
	if c.Dev {
		dev.printHints(std.out, string(name), server.PublicAddr())
	}
	reloads := reloader{server: server, read: again, running: *c, level: level, log: config.Log}
	defer reloads.follow(ctx, signals)()
	return serveUntil(ctx, server, config)
}

func (c *serveCommand) limitMemory() {
	if c.MemoryLimit > 0 {
		debug.SetMemoryLimit(int64(c.MemoryLimit))
	}
}

// runningServer is what serveUntil needs of an app.App.
type runningServer interface {
	Failed() <-chan error
	Stop(ctx context.Context) error
}

// serveUntil waits for the end, and stops the server within its bound.
func serveUntil(ctx context.Context, server runningServer, config app.Config) error {
	var failure error
	timeout := config.ShutdownTimeout
	select {
	case <-ctx.Done():
		config.Log.Info("stopping; a second signal ends the process at once", slog.String("timeout", timeout.String()))
	case failure = <-server.Failed():
		timeout = min(timeout, brokenStopTimeout)
	}
	err := stopWithin(server, timeout)
	switch {
	case failure != nil:
		return errors.Join(failure, err)
	case err == nil:
		config.Log.Info("stopped")
		return nil
	case onlyLate(err):
		// What was cut off is still queued in storage: that is no failure.
		config.Log.Warn("stopped with attempts or requests in flight", slog.Any("error", err))
		return nil
	}
	return fmt.Errorf("stop: %w", err)
}

var errStuck = errors.New("the server does not stop; giving up")

// stopWithin stops the server, and gives up on it when even that hangs, as it may
// on a disk that does not answer.
func stopWithin(server runningServer, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- server.Stop(ctx) }()
	select {
	case err := <-stopped:
		return err
	case <-time.After(timeout + closeGrace):
		return errStuck
	}
}

// onlyLate tells whether every part that did not stop well was cut off because time was up.
func onlyLate(err error) bool {
	parts := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok { // the outermost join: one error a part
		parts = joined.Unwrap()
	}
	return !slices.ContainsFunc(parts, func(part error) bool { return !errors.Is(part, context.DeadlineExceeded) })
}
