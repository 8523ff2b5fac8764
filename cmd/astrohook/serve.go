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
	"github.com/corpastro/astrohook/cmd/internal/process"
	"github.com/corpastro/astrohook/cmd/internal/settings"
	"github.com/corpastro/astrohook/webhook"
)

const (
	// brokenStopTimeout bounds a stop after a part has failed: nothing can be drained when
	// outcomes cannot be recorded, and whoever restarts the server waits for its end.
	brokenStopTimeout = 2 * time.Second
	// closeGrace is the time for closing the files, beyond the timeout of a stop.
	closeGrace = 5 * time.Second
)

// serveCommand has the server's settings, and those of the process around it, which app
// does not know: two servers may run in one process.
type serveCommand struct {
	app.Config `embed:""`
	logFlags   `embed:""`

	Dev bool `group:"Server" help:"For a first look: allows targets on this machine, makes a secret, a key and a token, and prints commands to try."`
	// Named so that zero is the safe value.
	CoreDumps   bool     `group:"Server" help:"Let the system write core dumps of the process, and debuggers attach. Its memory holds secrets."`
	MemoryLimit app.Size `group:"Limits" placeholder:"SIZE" help:"Memory that the process tries to stay below. Default: GOMEMLIMIT's, or none."`
}

// Run serves until ctx ends or the server fails. What can be refused without a trace comes
// first: the environment, then a directory that no server may use. After that it changes
// the process, lets --dev write its files, and starts the server.
func (c *serveCommand) Run(
	ctx context.Context, std streams, name program, command *kong.Context, again settingsReader, signals hangups,
) error {
	if err := settings.CheckEnvironment(command.Model); err != nil {
		return err
	}
	if c.DatabaseURL == "" {
		if err := app.Usable(c.DataDir); err != nil {
			return err
		}
	}
	process.IgnoreBrokenPipe()
	if !c.CoreDumps {
		if err := process.ForbidCoreDumps(); err != nil {
			return err
		}
	}
	config, level := c.Config, new(slog.LevelVar)
	config.Log, config.Version = c.logger(std.Err, level), currentVersion()
	c.limitMemory()
	if c.DatabaseURL == "" && c.Sync {
		process.AddProcessor()
	}
	var dev devMode
	if c.Dev {
		var err error
		if dev, err = prepareDev(&config, time.Now()); err != nil {
			return err
		}
	}
	// New looks at all settings together; an error is about one of them and names it.
	server, err := app.New(config)
	if err != nil {
		return err
	}
	if err := server.Start(); err != nil {
		return err
	}
	// The hints come after the start: port 0 is a number by then, and what they say works.
	if c.Dev {
		dev.printHints(std.Out, string(name), server.PublicAddr())
	}
	reloads := reloader{server: server, read: again, running: *c, level: level, log: config.Log}
	for {
		err := reloads.serve(ctx, signals, config)
		if !errors.Is(err, webhook.ErrFenced) || ctx.Err() != nil {
			return err
		}
		config.Log.Warn("this server was taken for dead: it joins its cluster again", slog.Any("error", err))
		if reloads.server, err = startAgain(ctx, reloads.config(config)); err != nil {
			return err
		}
	}
}

// rejoinWait is the time between two tries to join a cluster again.
const rejoinWait = time.Second

// startAgain starts another server in the place of one that its cluster has taken for dead.
// What kept that one from the database may last: it tries until ctx ends.
func startAgain(ctx context.Context, config app.Config) (*app.App, error) {
	for {
		server, err := app.New(config)
		if err == nil {
			err = server.Start()
		}
		if err == nil {
			return server, nil
		}
		config.Log.Error("the server cannot join its cluster yet", slog.Any("error", err))
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(rejoinWait):
		}
	}
}

// limitMemory sets Go's soft limit, unless the setting is 0: then GOMEMLIMIT holds, which
// Go has read already.
func (c *serveCommand) limitMemory() {
	if c.MemoryLimit > 0 {
		debug.SetMemoryLimit(int64(c.MemoryLimit))
	}
}

// runningServer is the part of app.App that serveUntil uses. Tests have one that hangs.
type runningServer interface {
	Failed() <-chan error
	Stop(ctx context.Context) error
}

// serveUntil waits until ctx ends or the server fails, and stops the server within its
// timeout. It returns nil after a stop that was asked for, even if attempts were cut off,
// and the server's failure otherwise, joined with what went wrong while stopping.
func serveUntil(ctx context.Context, server runningServer, config app.Config) error {
	var failure error
	timeout := config.ShutdownTimeout
	select {
	case <-ctx.Done():
		config.Log.Info("stopping; a second signal ends the process immediately", slog.String("timeout", timeout.String()))
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
		// Attempts that were cut off are still queued in storage: that is no failure.
		config.Log.Warn("stopped with attempts or requests in flight", slog.Any("error", err))
		return nil
	}
	return fmt.Errorf("stop: %w", err)
}

var errStuck = errors.New("the server does not stop; giving up")

// stopWithin stops the server. It returns errStuck if the stop itself hangs, as on a
// disk that does not answer: a system call cannot be cancelled. The goroutine is left
// behind then, and ends with the process; the channel has room for its result.
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

// onlyLate reports whether every error of a stop is a part that ran out of time.
func onlyLate(err error) bool {
	parts := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok { // the outermost join: one error a part
		parts = joined.Unwrap()
	}
	return !slices.ContainsFunc(parts, func(part error) bool { return !errors.Is(part, context.DeadlineExceeded) })
}
