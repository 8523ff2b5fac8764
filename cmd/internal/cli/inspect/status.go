package inspect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"

	"github.com/corpastro/astrohook/cmd/internal/cli/connection"
	"github.com/corpastro/astrohook/cmd/internal/cli/live"
	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// defaultAdmin is where a server's admin listener is unless that is set.
const defaultAdmin = "http://127.0.0.1:9090"

// Status shows whether a server is ready, and what it is doing. It needs no token; with an
// operator's it lists the nodes of a cluster, too.
type Status struct {
	connection.Flags `embed:""`
	live.Watch       `embed:""`

	Admin string `placeholder:"URL" help:"The server's admin listener, which has its metrics. Default: http://127.0.0.1:9090 for a server on this machine, none for others."`
}

// errNotReady has the exit code of a failed command, so that a script can wait.
var errNotReady = errors.New("the server is not ready")

// state is the result of one look.
type state struct {
	Server     string   `json:"server"`
	Ready      bool     `json:"ready"`
	Problem    string   `json:"problem,omitempty"` // why it is not
	Version    string   `json:"version,omitempty"`
	AnsweredMS float64  `json:"answered_in_ms,omitempty"`
	Metrics    *figures `json:"metrics,omitempty"`
	NoMetrics  string   `json:"no_metrics,omitempty"` // why there are none
	Nodes      []node   `json:"nodes,omitempty"`      // of its cluster, if there is one and a token that may see them
}

// Run prints the state. A server that is not ready is an error, after what is known of it.
func (c *Status) Run(ctx context.Context, std terminal.Streams) error {
	target, err := c.Target()
	if err != nil {
		return err
	}
	prober := newProber()
	defer prober.http.CloseIdleConnections()
	var before *figures // of the look before, for rates
	return c.Show(ctx, std, func(ctx context.Context, p *output.Printer) error {
		s := look(ctx, prober, target.Server, c.admin(target.Server))
		s.Metrics.since(before)
		before = s.Metrics
		if s.Version != "" {
			s.Nodes = nodes(ctx, target)
		}
		text, err := json.Marshal(s)
		if err != nil {
			return fmt.Errorf("write the result: %w", err)
		}
		if err := output.One(p, text, showState); err != nil {
			return err
		}
		if !s.Ready && !c.Watch.Watch {
			return errNotReady
		}
		return nil
	})
}

// admin returns the URL of the admin listener; "" if it is not known. The default is for
// this machine: another's 127.0.0.1 is not the server's.
func (c *Status) admin(server string) string {
	if c.Admin != "" {
		return c.Admin
	}
	u, err := url.Parse(server)
	if err != nil {
		return ""
	}
	addr, err := netip.ParseAddr(u.Hostname())
	if u.Hostname() == "localhost" || err == nil && addr.IsLoopback() {
		return defaultAdmin
	}
	return ""
}

// look asks a server once.
func look(ctx context.Context, p prober, server, admin string) state {
	s := state{Server: server}
	version, _, err := p.version(ctx, server)
	if err != nil {
		s.Problem = err.Error()
		return s
	}
	s.Version = version
	ready, err := p.get(ctx, server+"/readyz")
	if s.Ready = err == nil; err != nil {
		s.Problem = err.Error()
	}
	s.AnsweredMS = float64(ready.took.Microseconds()) / 1000
	if admin == "" {
		s.NoMetrics = "--admin is not set"
		return s
	}
	if s.Metrics, err = p.figures(ctx, admin); err != nil {
		s.NoMetrics = admin + ": " + err.Error()
	}
	return s
}

// showState prints the state as a card.
func showState(p *output.Printer, s state) error {
	word, tone := "ready", output.Good
	if !s.Ready {
		word, tone = "not ready", output.Bad
	}
	fields := []output.Field{
		{Title: "server", Text: s.Server},
		{Title: "status", Text: word, Tone: tone},
		{Title: "problem", Text: s.Problem, Tone: output.Bad},
		{Title: "version", Text: s.Version},
	}
	if s.AnsweredMS > 0 {
		fields = append(fields, output.Field{Title: "answered in", Text: output.Milliseconds(s.AnsweredMS)})
	}
	if s.Metrics != nil {
		fields = append(fields, s.Metrics.fields()...)
	}
	for i := range s.Nodes {
		fields = append(fields, s.Nodes[i].field())
	}
	return p.Card(append(fields, output.Field{Title: "no metrics", Text: s.NoMetrics, Tone: output.Quiet}))
}

// since fills in the rates since an earlier look.
func (f *figures) since(before *figures) {
	if f == nil || before == nil {
		return
	}
	seconds := f.at.Sub(before.at).Seconds()
	if seconds <= 0 {
		return
	}
	rate := func(after, before float64) float64 { return max(0, after-before) / seconds } // a server that restarted begins at 0
	f.Rates = &rates{
		Accepted: rate(f.Accepted, before.Accepted), Delivered: rate(f.Delivered, before.Delivered), Failed: rate(f.Failed, before.Failed),
	}
}

// rates are events and deliveries per second between two looks.
type rates struct {
	Accepted  float64 `json:"accepted_per_second"`
	Delivered float64 `json:"delivered_per_second"`
	Failed    float64 `json:"failed_per_second"`
}
