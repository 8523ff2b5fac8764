package inspect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/corpastro/astrohook/cmd/internal/apiclient"
	"github.com/corpastro/astrohook/cmd/internal/app"
	"github.com/corpastro/astrohook/cmd/internal/cli/connection"
	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// The results of an examination.
const (
	ok      = "ok"
	warning = "warning" // works, but not as it should
	fault   = "fault"   // does not work
	skipped = "skipped" // could not be examined
)

// finding is the result of one examination.
type finding struct {
	Check  string `json:"check"`
	Status string `json:"status"` // one of the constants
	Detail string `json:"detail"` // what was found, and how to mend it
}

// Doctor examines a server, its machine, and the way to a target.
type Doctor struct {
	Config app.Config       // the settings that a server on this machine would have
	Check  func() error     // checks them
	Flags  connection.Flags // the running server
	Admin  string           // URL of its admin listener; "" for the default
	Target string           // URL of a target of a webhook; "" for none
}

// errFaults has the exit code of a failed command.
var errFaults = errors.New("something does not work")

// Run examines one thing after the other and prints the findings. It returns an error if
// there is a fault. It changes nothing.
func (d *Doctor) Run(ctx context.Context, p *output.Printer) error {
	var found []finding
	add := func(check, status, detail string) { found = append(found, finding{check, status, detail}) }
	d.machine(ctx, add)
	d.server(ctx, add)
	d.way(ctx, add)
	if err := show(p, found); err != nil {
		return err
	}
	faults := 0
	for _, f := range found {
		if f.Status == fault {
			faults++
		}
	}
	if faults > 0 {
		return fmt.Errorf("%w: %s", errFaults, terminal.Counted(faults, "fault"))
	}
	return nil
}

// show prints the findings: below one another for people, since their details are sentences.
func show(p *output.Printer, found []finding) error {
	if p.Format == output.Table {
		var fields []output.Field
		for _, f := range found {
			fields = append(fields, output.Field{Title: f.Check, Text: f.Status + ": " + f.Detail, Tone: output.StatusTone(f.Status)})
		}
		return p.Card(fields)
	}
	_, err := p.Values(func(yield func(json.RawMessage, error) bool) {
		for _, f := range found {
			text, err := json.Marshal(f)
			if !yield(text, err) {
				return
			}
		}
	})
	return err
}

// report takes one finding.
type report func(check, status, detail string)

// machine examines what a server on this machine would find.
func (d *Doctor) machine(ctx context.Context, add report) {
	if err := d.Check(); err != nil {
		add("settings", fault, err.Error())
	} else {
		add("settings", ok, "serve would start with them")
	}
	if d.Config.DatabaseURL == "" {
		d.disk(add)
	} else {
		add("data directory", skipped, "the database holds everything")
		d.database(ctx, add)
	}
	attempts, err := app.MostAttempts()
	switch {
	case err != nil:
		add("open files", skipped, err.Error())
	case attempts < enoughAttempts:
		add("open files", warning, fmt.Sprintf("the limit allows %d attempts in flight: raise it (ulimit -n 65536)", attempts))
	default:
		add("open files", ok, fmt.Sprintf("the limit allows %d attempts in flight", attempts))
	}
	switch right, known := clockSynced(); {
	case !known:
		add("clock", skipped, "this system does not say whether its clock is synchronised")
	case !right:
		add("clock", warning, "the clock is not synchronised: receivers refuse signatures whose time is five minutes off, and tokens expire early or late")
	default:
		add("clock", ok, "the clock is synchronised")
	}
}

// disk examines the data directory, and the disk that it is on or will be.
func (d *Doctor) disk(add report) {
	if err := app.Usable(d.Config.DataDir); err != nil {
		add("data directory", fault, err.Error())
	} else {
		add("data directory", ok, d.Config.DataDir)
	}
	free, reserve, err := d.Config.Disk()
	switch {
	case err != nil:
		add("disk", skipped, err.Error())
	case free < reserve:
		add("disk", fault, fmt.Sprintf("%s are free, less than the reserve of %s: publishing is refused", size(float64(free)), size(float64(reserve))))
	case free < 2*reserve:
		add("disk", warning, fmt.Sprintf("%s are free; publishing is refused below %s", size(float64(free)), size(float64(reserve))))
	default:
		add("disk", ok, fmt.Sprintf("%s are free; publishing is refused below %s", size(float64(free)), size(float64(reserve))))
	}
}

// enoughAttempts are those that a limit of 4,096 open files allows.
const enoughAttempts = 1024

// mostSkew is how far the clocks of this machine and of a server may differ. The header that
// has the server's counts whole seconds.
const mostSkew = 5 * time.Second

// server examines the running server.
func (d *Doctor) server(ctx context.Context, add report) {
	target, err := d.Flags.Target()
	if err != nil {
		add("server", fault, err.Error())
		return
	}
	p := newProber()
	defer p.http.CloseIdleConnections()
	s := look(ctx, p, target.Server, (&Status{Admin: d.Admin}).admin(target.Server))
	switch {
	case s.Version == "":
		add("server", fault, target.Server+": "+s.Problem)
		return
	case !s.Ready:
		add("server", fault, target.Server+" runs and is not ready: "+s.Problem)
	default:
		add("server", ok, fmt.Sprintf("%s is ready, version %s", target.Server, s.Version))
	}
	if s.Metrics == nil {
		add("metrics", skipped, s.NoMetrics)
	} else {
		add("metrics", ok, fmt.Sprintf("%s pending", terminal.Counted(int64(s.Metrics.Pending), "delivery")))
	}
	d.skew(ctx, p, target.Server, add)
	d.token(ctx, target, add)
}

// skew compares the clocks.
func (d *Doctor) skew(ctx context.Context, p prober, server string, add report) {
	a, err := p.get(ctx, server+"/healthz")
	if err != nil || a.date.IsZero() {
		add("server's clock", skipped, "the server does not say the time")
		return
	}
	skew := time.Since(a.date).Abs().Round(time.Second)
	if skew > mostSkew {
		add("server's clock", warning, fmt.Sprintf("differs from this machine's by %s", skew))
		return
	}
	add("server's clock", ok, "agrees with this machine's")
}

// token asks the server whether it takes the token.
func (d *Doctor) token(ctx context.Context, target connection.Target, add report) {
	if target.Token == "" {
		add("token", skipped, "there is none: `astrohook login` keeps one")
		return
	}
	client, err := apiclient.New(target.Server, target.Token)
	if err != nil {
		add("token", fault, err.Error())
		return
	}
	defer client.Close()
	status, text, err := client.Send(ctx, apiclient.Request{Method: http.MethodGet, Path: "/api/webhooks?limit=1"})
	switch {
	case err != nil:
		add("token", fault, err.Error())
	case status == http.StatusOK, status == http.StatusForbidden: // a publisher's may not list
		add("token", ok, "the server takes it")
	default:
		add("token", fault, apiclient.Refusal(status, text).Error())
	}
}
