package resource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/corpastro/astrohook/cmd/internal/cli/live"
	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/settings"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// selection has the flags that choose many deliveries of a webhook, and how fast they are
// changed.
type selection struct {
	period       `embed:""`
	live.Consent `embed:""`

	EventType   []string `env:"-" short:"t" complete:"type" placeholder:"TYPE" help:"Only those of these event types."`
	Reason      string   `env:"-" placeholder:"REASON" help:"Only those whose latest failure has this reason, such as timeout."`
	Code        string   `env:"-" placeholder:"CODE" help:"Only those whose latest attempt was answered so: 404, 4xx, 5xx, or none."`
	MinAttempts int      `env:"-" placeholder:"N" help:"Only those with N attempts or more."`
	Rate        int      `env:"-" placeholder:"N" help:"Change N in a second at most."`
	DryRun      bool     `env:"-" short:"n" help:"Count them, show the first, and change nothing."`
	Detach      bool     `env:"-" help:"Return once the job runs."`
}

// given reports whether any of the flags that choose deliveries was given.
func (s *selection) given() bool {
	return s.Since+s.Until+s.Reason+s.Code != "" || len(s.EventType) > 0 || s.MinAttempts != 0
}

// change is a job to be asked for, and its words.
type change struct {
	action  string
	webhook string
	status  []string
	verb    string // "Send 7 failed deliveries again?": Send … again
	after   string
	noun    string // "failed delivery"
	past    string // "sent again"
}

// body returns the members of the call that creates the job.
func (s *selection) body(c *change, dry bool) map[string]any {
	filter := map[string]any{}
	for name, value := range map[string]string{"since": s.Since, "until": s.Until, "reason": s.Reason, "code": s.Code} {
		if value != "" {
			filter[name] = value
		}
	}
	if len(c.status) > 0 {
		filter["status"] = c.status
	}
	if len(s.EventType) > 0 {
		filter["event_types"] = s.EventType
	}
	if s.MinAttempts != 0 {
		filter["min_attempts"] = s.MinAttempts
	}
	body := map[string]any{"action": c.action, "webhook_id": c.webhook}
	if len(filter) > 0 {
		body["filter"] = filter
	}
	if s.Rate != 0 {
		body["rate_per_second"] = s.Rate
	}
	if dry {
		body["dry_run"] = true
	}
	return body
}

// preview is what a job would change.
type preview struct {
	Count   int64             `json:"count"`
	Exact   bool              `json:"count_is_exact"`
	Bytes   int64             `json:"bytes"`
	Seconds int64             `json:"estimated_seconds"`
	First   []json.RawMessage `json:"first"`
}

// counted returns the count with a noun: "at least 100000 failed deliveries".
func (p *preview) counted(noun string) string {
	text := terminal.CountedOrNo(int(p.Count), noun)
	if !p.Exact {
		text = "at least " + text
	}
	return text
}

// run counts what the job would change, asks unless told not to, creates the job, and
// follows it to its end.
func (s *selection) run(ctx context.Context, std terminal.Streams, a *api, p *output.Printer, c *change) error {
	answer, err := a.call(ctx, http.MethodPost, "/api/jobs", nil, s.body(c, true))
	if err != nil {
		return fmt.Errorf("count the deliveries: %w", err)
	}
	var found preview
	if err := json.Unmarshal(answer, &found); err != nil {
		return fmt.Errorf("the server's answer is not what was expected: %w", err)
	}
	if s.DryRun {
		return output.One(p, answer, func(p *output.Printer, found preview) error { return showPreview(p, c, &found) })
	}
	if found.Count == 0 {
		if p.Format == output.Table {
			return p.Line(sentence(found.counted(c.noun)) + " to be " + c.past + ".")
		}
		return output.One(p, answer, func(*output.Printer, preview) error { return nil })
	}
	if err := s.Ask(ctx, std, c.verb+" "+found.counted(c.noun)+c.after+"?"); err != nil {
		return err
	}
	answer, err = a.call(ctx, http.MethodPost, "/api/jobs", nil, s.body(c, false))
	if err != nil {
		return fmt.Errorf("create the job: %w", err)
	}
	if !s.Detach {
		if answer, err = follow(ctx, std, a, answer, sentence(c.action)); err != nil {
			return err
		}
	}
	return output.One(p, answer, func(p *output.Printer, j job) error {
		if j.Status != "done" {
			return showJob(p, j)
		}
		return p.Line(sentence(terminal.CountedOrNo(int(j.Done), c.noun)) + " " + c.past + ".")
	})
}

// showPreview says what a job would change, with the first deliveries or events.
func showPreview(p *output.Printer, c *change, found *preview) error {
	line := sentence(found.counted(c.noun)) + " would be " + c.past
	if found.Count > 0 {
		line += ": " + output.Size(found.Bytes) + ", in about " + (time.Duration(found.Seconds) * time.Second).String()
	}
	if err := p.Line(line + "."); err != nil || len(found.First) == 0 {
		return err
	}
	if c.action == "backfill" {
		return rows(p, found.First, missingColumns)
	}
	return rows(p, found.First, deliveryColumns)
}

// rows prints a table of values.
func rows[T any](p *output.Printer, values []json.RawMessage, columns []output.Column[T]) error {
	list := make([]T, len(values))
	for i, text := range values {
		if err := json.Unmarshal(text, &list[i]); err != nil {
			return fmt.Errorf("the server's answer is not what was expected: %w", err)
		}
	}
	return output.Rows(p, list, columns)
}

// missing is an event that a webhook was never sent.
type missing struct {
	ID         string `json:"id"`
	EventType  string `json:"event_type"`
	ClientID   string `json:"client_id"`
	AcceptedAt string `json:"accepted_at"`
	Size       int64  `json:"size_bytes"`
}

var missingColumns = []output.Column[missing]{
	{Title: "EVENT", Text: func(e missing) string { return e.ID }},
	{Title: "AGE", Text: func(e missing) string { return output.Age(e.AcceptedAt) }},
	{Title: "SIZE", Text: func(e missing) string { return output.Size(e.Size) }},
	{Title: "TYPE", Text: func(e missing) string { return e.EventType }, Least: 10},
	{Title: "CLIENT", Text: func(e missing) string { return e.ClientID }, Drop: 1},
}

// Times between two looks at a job that is followed, each twice the one before.
const (
	firstLook = 50 * time.Millisecond
	lastLook  = time.Second
)

// follow waits for the end of a job, with a bar, and returns it as it is then. After an
// interrupt the job continues.
func follow(ctx context.Context, std terminal.Streams, a *api, answer json.RawMessage, title string) (json.RawMessage, error) {
	var j job
	if err := json.Unmarshal(answer, &j); err != nil {
		return nil, fmt.Errorf("the server's answer is not what was expected: %w", err)
	}
	progress, shown := live.Items(std.Err, title, j.Total), int64(0)
	defer progress.Stop()
	for pause := firstLook; !j.finished(); pause = min(2*pause, lastLook) {
		if j.Status == "paused" {
			return answer, nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, fmt.Errorf("the job continues: `astrohook jobs cancel %s` ends it", terminal.Printable(j.ID))
		case <-timer.C:
		}
		next, err := a.get(ctx, jobPath(j.ID, ""), nil)
		if err != nil {
			return nil, fmt.Errorf("look at the job %s: %w", terminal.Printable(j.ID), err)
		}
		if err := json.Unmarshal(next, &j); err != nil {
			return nil, fmt.Errorf("the server's answer is not what was expected: %w", err)
		}
		answer = next
		progress.Add(j.Done - shown)
		shown = j.Done
	}
	if j.Status == "failed" {
		return nil, errors.New("the job failed after " + strconv.FormatInt(j.Done, 10) + ": " + terminal.Printable(j.Error))
	}
	return answer, nil
}

// webhookOrIDs refuses ids together with the flags of many, and neither of them. A trial run
// in particular must not change anything.
func (s *selection) webhookOrIDs(webhook string, statuses, ids []string) error {
	switch {
	case len(ids) > 0 && (webhook != "" || len(statuses) > 0 || s.given()):
		return settings.Misuse("ids choose single deliveries: leave --webhook and the filters out")
	case len(ids) > 0 && (s.DryRun || s.Detach || s.Rate != 0):
		return settings.Misuse("ids choose single deliveries, which are changed at once: leave --dry-run, --rate and --detach out")
	case len(ids) == 0 && webhook == "":
		return settings.Misuse("name deliveries, or a webhook with --webhook")
	}
	return nil
}
