package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/corpastro/astrohook/bench/event"
	"github.com/corpastro/astrohook/bench/receiver"
	"github.com/corpastro/astrohook/bench/report"
	"github.com/corpastro/astrohook/bench/server"
)

// runCommand runs scenarios. A flag that is left out keeps each scenario's own value.
type runCommand struct {
	Scenario        []string      `help:"Scenarios to run, separated by commas: bare, single, batch, fan-out, many, latency, isolation, scaling, herd, registered, backlog, sustained. All of them by default." placeholder:"NAME"`
	Smoke           bool          `help:"A short run of bare, single, batch and fan-out that judges only whether anything was lost, duplicated or corrupted."`
	Repetitions     int           `help:"How often to run each scenario." default:"1"`
	LongRepetitions int           `help:"The same for herd, registered, backlog and sustained." default:"1"`
	Scale           float64       `help:"Multiplies the sizes that make a scenario long: many endpoints, many pending deliveries, many minutes." default:"1"`
	Backlog         uint64        `help:"Pending deliveries in the scenario backlog." placeholder:"N"`
	Duration        time.Duration `help:"How long to publish in each scenario, after warming up."`
	WarmUp          time.Duration `help:"How long to warm up." default:"2s"`
	Rate            float64       `help:"Events per second, sent on schedule however late the answers are; 0: as fast as answers come."`
	Endpoints       int           `help:"Number of endpoints."`
	Payload         int           `help:"Bytes of data in an event, at least 89: what the receiver needs to check it."`
	Batch           int           `help:"Events in a request."`
	Connections     int           `help:"Connections to publish over."`
	Against         string        `help:"URL of a server that runs already, and may send to this machine, in place of a freshly built one." placeholder:"URL"`
	Token           string        `help:"A token with the scope admin for --against." placeholder:"T"`
	Compare         []string      `help:"Two server binaries to run in turns and compare." placeholder:"A,B"`
	Listen          string        `help:"IP address and port that the receiver listens on, and deliveries go to." default:"127.0.0.1:0" placeholder:"IP:PORT"`
	Binary          string        `help:"A server binary to start instead of building one." placeholder:"FILE"`
	Data            string        `help:"Folder, on a disk, in which the servers' data directories are made and removed." placeholder:"DIR"`
	Results         string        `help:"Folder in which to make one for this run, with results.json and report.md. The command charts draws from them." placeholder:"DIR"`
	JSON            string        `help:"File to write results.json to as well; - for standard output, in place of the tables." placeholder:"FILE"`
}

// Validate checks the flags; kong calls it.
func (c *runCommand) Validate() error {
	switch {
	case c.Payload != 0 && c.Payload < event.MinPayload:
		return fmt.Errorf("--payload must be at least %d", event.MinPayload)
	case min(c.Duration, c.WarmUp) < 0 || c.Rate < 0 || min(c.Endpoints, c.Batch, c.Connections) < 0:
		return errors.New("no flag may be negative")
	case min(c.Repetitions, c.LongRepetitions) < 1:
		return errors.New("--repetitions and --long-repetitions must be at least 1")
	case !(c.Scale > 0):
		return errors.New("--scale must be more than 0")
	case c.Against != "" && c.Token == "":
		return errors.New("--against needs a --token")
	case len(c.Compare) != 0 && len(c.Compare) != 2:
		return errors.New("--compare takes two binaries, separated by a comma")
	case len(c.Compare) != 0 && (c.Against != "" || c.Binary != ""):
		return errors.New("--compare goes without --against and --binary")
	}
	return nil
}

var errBroken = errors.New("something was lost, duplicated or corrupted")

// Run runs the chosen scenarios again and again, and reports. What was measured
// before an error or an interrupt is reported too.
func (c *runCommand) Run(ctx context.Context) (err error) {
	chosen, err := c.chosen()
	if err != nil {
		return err
	}
	b, closeAll, err := c.open(ctx)
	defer func() { err = errors.Join(err, closeAll()) }()
	if err != nil {
		return err
	}
	r := report.Report{Begun: time.Now(), Commit: report.Commit(), Arguments: withoutToken(os.Args[1:])}
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

// withoutToken leaves the token out of arguments that are to be published.
func withoutToken(arguments []string) []string {
	shown := slices.Clone(arguments)
	for i, a := range shown {
		if i > 0 && shown[i-1] == "--token" {
			shown[i] = "…"
		} else if strings.HasPrefix(a, "--token=") {
			shown[i] = "--token=…"
		}
	}
	return shown
}

// repeat runs those of the scenarios once that have a repetition of this number. A
// scenario that fails does not keep the others from being measured.
func (c *runCommand) repeat(ctx context.Context, b *bench, chosen []scenario, repetition int) (all []report.Result, err error) {
	for _, s := range chosen {
		if s.Long && repetition > c.LongRepetitions || !s.Long && !s.Bare && repetition > c.Repetitions {
			continue
		}
		for _, binary := range c.turns(s, repetition) {
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

// turns names the binaries to run a scenario with: in every other repetition B
// comes first, so that neither gains by its place.
func (c *runCommand) turns(s scenario, repetition int) []string {
	switch {
	case len(c.Compare) == 0 || s.Bare:
		return []string{""}
	case repetition%2 == 0:
		return []string{"B", "A"}
	}
	return []string{"A", "B"}
}

// chosen gives the scenarios to run, with the flags applied. Bare is always the
// first: all others are compared to it.
func (c *runCommand) chosen() ([]scenario, error) {
	names := c.Scenario
	if c.Smoke {
		names = []string{report.Bare, "single", "batch", "fan-out"}
	}
	all := scenarios()
	for _, name := range names {
		if !slices.ContainsFunc(all, func(s scenario) bool { return s.Name == name }) {
			return nil, fmt.Errorf("--scenario: there is no %q", name)
		}
	}
	var chosen []scenario
	for _, s := range all {
		named := slices.Contains(names, s.Name)
		if s.Own && c.Against != "" {
			if named {
				return nil, fmt.Errorf("--scenario: %s starts the server anew, which --against does not allow", s.Name)
			}
			continue
		}
		if named || s.Bare || len(names) == 0 {
			c.apply(&s)
			chosen = append(chosen, s)
		}
	}
	return chosen, nil
}

func (c *runCommand) apply(s *scenario) {
	if c.Smoke {
		s.Duration, c.WarmUp, s.play = 3*time.Second, 0, nil
	}
	s.scale(c.Scale)
	set(&s.Duration, c.Duration)
	set(&s.Payload, c.Payload)
	set(&s.Connections, c.Connections)
	if c.Connections != 0 && s.Name == "single" {
		s.play = nil // no curve over what was fixed
	}
	if !s.Bare {
		set(&s.Rate, c.Rate)
		set(&s.Batch, c.Batch)
		set(&s.Endpoints, c.Endpoints)
		set(&s.Pending, c.Backlog)
	}
}

// set changes a value unless the flag was left out.
func set[T comparable](value *T, flag T) {
	var none T
	if flag != none {
		*value = flag
	}
}

// open starts what all scenarios share; the function that it returns, never nil,
// stops all that was started.
func (c *runCommand) open(ctx context.Context) (*bench, func() error, error) {
	b := &bench{warmUp: c.WarmUp, progress: newProgress(os.Stderr), binary: c.Binary}
	var closers []func() error
	closeAll := func() error {
		var errs []error
		for _, closer := range slices.Backward(closers) {
			errs = append(errs, closer())
		}
		return errors.Join(errs...)
	}
	err := func() (err error) {
		if b.receiver, b.deliverTo, err = startReceiver(c.Listen); err != nil {
			return err
		}
		closers = append(closers, b.receiver.Close)
		b.control = receiver.Control{Caller: server.API{Base: "http://" + b.deliverTo}}
		if c.Against != "" {
			b.against = &server.Server{API: server.API{Base: strings.TrimSuffix(c.Against, "/"), Token: c.Token}}
			return nil
		}
		if b.data, err = server.DiskFolder(c.Data); err != nil {
			return err
		}
		if c.Binary != "" || len(c.Compare) > 0 {
			return nil
		}
		dir, err := os.MkdirTemp("", "astrohook-bench-")
		if err != nil {
			return fmt.Errorf("make a folder for the server: %w", err)
		}
		closers = append(closers, func() error { return os.RemoveAll(dir) })
		b.progress.say("building the server")
		b.binary, err = server.Build(ctx, dir)
		return err
	}()
	return b, closeAll, err
}

// write reports to standard output and to files.
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
