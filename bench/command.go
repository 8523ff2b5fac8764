package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/corpastro/astrohook/bench/event"
	"github.com/corpastro/astrohook/bench/report"
)

// runCommand runs scenarios. A flag that is left out keeps each scenario's own value.
type runCommand struct {
	Scenario        []string      `help:"Scenarios to run, separated by commas: bare, single, batch, fan-out, many, latency, isolation, watched, scaling, cluster, herd, registered, backlog, saturation, sustained. All of them by default." placeholder:"NAME"`
	Smoke           bool          `help:"A short run of bare, single, batch, fan-out and watched that judges only whether anything was lost, duplicated or corrupted."`
	Repetitions     int           `help:"How often to run each scenario." default:"1"`
	LongRepetitions int           `help:"The same for herd, registered, backlog, saturation and sustained." default:"1"`
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
	DatabaseURL     string        `help:"A PostgreSQL server that runs already: every scenario runs with a data directory (A) and with a database of its own (B), in turns, and the processor time of all processes named postgres is counted." env:"BENCH_DATABASE_URL" placeholder:"URL"`
	Listen          string        `help:"IP address and port that the receiver listens on, and deliveries go to." default:"127.0.0.1:0" placeholder:"IP:PORT"`
	Binary          string        `help:"A server binary to start instead of building one." placeholder:"FILE"`
	Data            string        `help:"Folder, on a disk, in which the servers' data directories are made and removed." placeholder:"DIR"`
	Results         string        `help:"Folder in which to make one for this run, with results.json and report.md. The command charts draws from them." placeholder:"DIR"`
	JSON            string        `help:"File to write results.json to as well; - for standard output, in place of the tables." placeholder:"FILE"`
}

// Validate checks the flags before anything is started; kong calls it.
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
	case c.DatabaseURL != "" && (c.Against != "" || len(c.Compare) != 0):
		return errors.New("--database-url goes without --against and --compare")
	}
	return nil
}

// chosen returns the scenarios to run, with the flags applied. Bare is always the
// first: all others are compared to it.
func (c *runCommand) chosen() ([]scenario, error) {
	names := c.Scenario
	if c.Smoke {
		names = []string{report.Bare, "single", "batch", "fan-out", "watched"}
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
				return nil, fmt.Errorf("--scenario: %s starts the server again, which --against does not allow", s.Name)
			}
			continue
		}
		if s.Shared && c.DatabaseURL == "" {
			if named {
				return nil, fmt.Errorf("--scenario: %s takes a --database-url", s.Name)
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

// apply sets what the flags say. Bare keeps its own batch and endpoints, for it has
// neither.
func (c *runCommand) apply(s *scenario) {
	if c.Smoke {
		s.Duration, c.WarmUp, s.play = 3*time.Second, 0, nil
	}
	s.scale(c.Scale)
	set(&s.Duration, c.Duration)
	set(&s.Payload, c.Payload)
	set(&s.Connections, c.Connections)
	switch {
	case c.Connections == 0:
	case s.Name == "single":
		s.play = nil // no curve over what was fixed
	case s.Name == "saturation":
		s.Points = []int{c.Connections}
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

// withoutSecrets leaves the token and the database's password out of the arguments:
// results.json holds them, and is meant to be published.
func withoutSecrets(arguments []string) []string {
	shown := slices.Clone(arguments)
	for i, a := range shown {
		for _, flag := range []string{"--token", "--database-url"} {
			if i > 0 && shown[i-1] == flag {
				shown[i] = "…"
			} else if strings.HasPrefix(a, flag+"=") {
				shown[i] = flag + "=…"
			}
		}
	}
	return shown
}
