package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/corpastro/astrohook/bench/receiver"
	"github.com/corpastro/astrohook/bench/report"
	"github.com/corpastro/astrohook/bench/server"
)

// errBroken makes the bench end with an error: a slow figure never does.
var errBroken = errors.New("something was lost, duplicated or corrupted")

// Run runs the chosen scenarios again and again, and reports. What was measured
// before an error or an interrupt is reported too.
func (c *runCommand) Run(ctx context.Context) (err error) {
	chosen, err := c.chosen()
	if err != nil {
		return err
	}
	b, err := c.open(ctx)
	defer func() { err = errors.Join(err, b.close()) }()
	if err != nil {
		return err
	}
	r := report.Report{Begun: time.Now(), Commit: report.Commit(), Arguments: withoutSecrets(os.Args[1:])}
	if r.Machine, err = report.LookAround(b.data); err != nil {
		return err
	}
	for n := range max(c.Repetitions, c.LongRepetitions) {
		b.progress.repetition(n+1, max(c.Repetitions, c.LongRepetitions))
		results, repeatErr := c.repeat(ctx, b, chosen, n+1)
		r.Results = append(r.Results, results...)
		err = errors.Join(err, repeatErr)
		if ctx.Err() != nil {
			break
		}
	}
	r.Conclude()
	if c.Smoke {
		r.Goals = nil // too short to say anything about them
	}
	if err := errors.Join(err, c.write(b, &r)); err != nil {
		return err
	}
	if r.Broken() {
		return errBroken
	}
	return nil
}

// repeat runs once the scenarios that have a repetition of this number. A scenario that
// fails does not keep the others from being measured: an hour of results is not thrown
// away. Bare has as many repetitions as any other, since these are compared to it.
func (c *runCommand) repeat(ctx context.Context, b *bench, chosen []scenario, repetition int) (all []report.Result, err error) {
	for _, s := range chosen {
		if s.Long && repetition > c.LongRepetitions || !s.Long && !s.Bare && repetition > c.Repetitions {
			continue
		}
		for _, binary := range c.turns(s, repetition) {
			if b.database != nil && binary != "" {
				b.stored = binary == "B"
				b.progress.step(s, map[bool]string{false: "in a data directory", true: "in the database"}[b.stored])
			}
			if len(c.Compare) > 0 {
				b.binary = c.Compare[strings.Index("AB", binary)]
				b.progress.step(s, "with "+b.binary)
			}
			results, runErr := b.run(ctx, s)
			for i := range results {
				results[i].Repetition, results[i].Binary = repetition, binary
			}
			all = append(all, results...)
			if runErr != nil {
				b.progress.step(s, "failed")
				err = errors.Join(err, fmt.Errorf("%s: %w", s.Name, runErr))
			}
			if ctx.Err() != nil {
				return all, err
			}
		}
	}
	return all, err
}

// turns returns the binaries to run a scenario with; with a database A is the server with
// a data directory, and B the one with the database. In every other repetition B comes
// first, so that neither gains by its place. Bare needs none, and stands for both.
func (c *runCommand) turns(s scenario, repetition int) []string {
	switch {
	case len(c.Compare) == 0 && c.DatabaseURL == "" || s.Bare:
		return []string{""}
	case s.Shared:
		return []string{"B"}
	case repetition%2 == 0:
		return []string{"B", "A"}
	}
	return []string{"A", "B"}
}

// open starts what all scenarios share. The caller closes the bench, after an error too.
func (c *runCommand) open(ctx context.Context) (b *bench, err error) {
	b = &bench{warmUp: c.WarmUp, settle: settleFor, progress: newProgress(os.Stderr), binary: c.Binary}
	if b.receiver, b.deliverTo, err = startReceiver(c.Listen); err != nil {
		return b, err
	}
	b.closers = append(b.closers, b.receiver.Close)
	b.control = receiver.Control{Caller: server.API{Base: "http://" + b.deliverTo}}
	if c.Against != "" {
		b.against = &server.Server{API: server.API{Base: strings.TrimSuffix(c.Against, "/"), Token: c.Token}}
		return b, nil
	}
	if b.data, err = server.DiskFolder(c.Data); err != nil {
		return b, err
	}
	if c.DatabaseURL != "" {
		if b.database, err = server.ParseDatabase(c.DatabaseURL); err != nil {
			return b, fmt.Errorf("--database-url: %w", err)
		}
	}
	if c.Binary == "" && len(c.Compare) == 0 {
		err = b.buildServer(ctx)
	}
	return b, err
}

// write reports to standard output and to files. Files come first: they are an hour's
// work, and standard output may be closed.
func (c *runCommand) write(b *bench, r *report.Report) error {
	if c.Results != "" {
		dir, err := r.Save(c.Results)
		if err != nil {
			return err
		}
		b.progress.say("written to " + dir + "; go run ./bench charts " + dir + " draws the charts")
	}
	if c.JSON == "-" {
		return r.WriteJSON(os.Stdout)
	}
	if c.JSON != "" {
		file, err := os.Create(c.JSON)
		if err != nil {
			return fmt.Errorf("write the results: %w", err)
		}
		if err := errors.Join(r.WriteJSON(file), file.Close()); err != nil {
			return err
		}
	}
	for _, t := range r.Tables() {
		t.WriteText(os.Stdout)
	}
	return nil
}
