package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"sync"

	"github.com/alecthomas/kong"

	"github.com/corpastro/astrohook/cmd/internal/app"
	"github.com/corpastro/astrohook/cmd/internal/settings"
)

// hangups receives SIGHUP. It is a type of its own because the parser finds the arguments
// of Run by their types.
type hangups chan os.Signal

// settingsReader reads the command line, the environment and the settings file once more.
// The environment of a process does not change from outside, and the command line not at
// all, so that a reload finds changes of the file, and of the files that it names.
type settingsReader func() (*serveCommand, *settings.File, error)

// readAgain returns the reader for the command line of a server. It returns the file as
// well, even with an error: that knows in which line a setting stands.
func readAgain(ctx context.Context, args []string, std streams) settingsReader {
	return func() (*serveCommand, *settings.File, error) {
		file := new(settings.File)
		parser, err := newParser(ctx, args[0], std, kong.Configuration(file.Load), kong.Exit(func(int) {}))
		if err != nil {
			return nil, file, err
		}
		if _, err := parser.Parse(args[1:]); err != nil {
			return nil, file, explainRefusal(err, file, parser.Model)
		}
		line, ok := parser.Model.Target.Addr().Interface().(*commandLine)
		if !ok {
			return nil, file, errors.New("the command line has another type")
		}
		return &line.Serve, file, nil
	}
}

// reloader applies settings that have changed while the server runs. One goroutine uses
// it, so it has no lock.
type reloader struct {
	server  *app.App
	read    settingsReader
	running serveCommand   // the command's own settings in force
	level   *slog.LevelVar // that config.Log, and so every part's log, uses
	log     *slog.Logger
}

// serve serves until ctx ends or the server fails, and reloads meanwhile.
func (r *reloader) serve(ctx context.Context, signals hangups, config app.Config) error {
	defer r.follow(ctx, signals)()
	return serveUntil(ctx, r.server, config)
}

// config returns the settings in force, as those of the process were at its start. With
// --dev they are those of the start.
func (r *reloader) config(started app.Config) app.Config {
	if r.running.Dev {
		return started
	}
	config := r.running.Config
	config.Log, config.Version = started.Log, started.Version
	return config
}

// follow reloads at each hang-up until the function that it returns is called. That waits
// for a reload under way: the server must not be stopped in the middle of one.
func (r *reloader) follow(ctx context.Context, signals hangups) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var following sync.WaitGroup
	following.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-signals:
				r.reload()
			}
		}
	})
	return func() {
		cancel()
		following.Wait()
	}
}

// reload reads all settings and applies those that can change at run time. If any
// setting is wrong it applies none. It logs names, never values: some are secrets.
func (r *reloader) reload() {
	next, file, err := r.read()
	if err != nil {
		r.refused(err)
		return
	}
	// --dev adds to the settings at a start; without the same additions here they would all
	// count as changed.
	config := next.Config
	if next.Dev {
		if err := completeDev(&config); err != nil {
			r.refused(err)
			return
		}
	}
	done, err := r.server.Reload(config)
	if err != nil {
		r.refused(withPlace(err, file))
		return
	}
	r.take(next, &done)
	if len(done.Applied)+len(done.NeedRestart) == 0 {
		r.log.Info("settings read again: nothing has changed")
		return
	}
	r.log.Info("settings read again", "applied", done.Applied, "need_restart", done.NeedRestart)
}

// refused logs why nothing was applied. The server continues: whoever sent the hang-up
// looks into the log.
func (r *reloader) refused(err error) {
	r.log.Error("settings read again and refused; the previous ones stay in force", "error", err)
}

// take applies the settings that belong to the command and not to app.Config, and adds
// their names to done. A memory limit can be changed but not taken away, because
// GOMEMLIMIT is read at a start only.
func (r *reloader) take(next *serveCommand, done *app.Reloaded) {
	if next.LogLevel != r.running.LogLevel {
		r.level.Set(next.level())
		done.Applied = append(done.Applied, "log-level")
	}
	if next.MemoryLimit != r.running.MemoryLimit && next.MemoryLimit > 0 {
		next.limitMemory()
		done.Applied = append(done.Applied, "memory-limit")
	}
	for name, changed := range map[string]bool{
		"log-format":   next.LogFormat != r.running.LogFormat,
		"dev":          next.Dev != r.running.Dev,
		"core-dumps":   next.CoreDumps != r.running.CoreDumps,
		"memory-limit": next.MemoryLimit == 0 && r.running.MemoryLimit > 0,
	} {
		if changed {
			done.NeedRestart = append(done.NeedRestart, name)
		}
	}
	slices.Sort(done.NeedRestart) // the map above has no order
	r.running.LogLevel = next.LogLevel
	if next.MemoryLimit > 0 {
		r.running.MemoryLimit = next.MemoryLimit
	}
}
