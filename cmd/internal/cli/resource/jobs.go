package resource

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// Jobs are the commands about changes of many deliveries, which other commands ask for.
type Jobs struct {
	List   jobsList   `cmd:"" help:"List jobs, newest first."`
	Get    jobsGet    `cmd:"" help:"Show a job."`
	Pause  jobsPause  `cmd:"" help:"Hold jobs where they are."`
	Resume jobsResume `cmd:"" help:"Continue jobs that were paused."`
	Cancel jobsCancel `cmd:"" help:"End jobs. What they have changed stays as it is."`
}

// jobPath returns the path of a job, or with a rest that of one of its actions.
func jobPath(id, rest string) string { return "/api/jobs/" + url.PathEscape(id) + rest }

// job is what tables and cards show of a job.
type job struct {
	ID        string `json:"id"`
	Action    string `json:"action"`
	WebhookID string `json:"webhook_id"`
	ClientID  string `json:"client_id"`
	Filter    struct {
		Status      []string `json:"status"`
		EventTypes  []string `json:"event_types"`
		Reason      string   `json:"reason"`
		Code        string   `json:"code"`
		MinAttempts int      `json:"min_attempts"`
		Since       string   `json:"since"`
		Until       string   `json:"until"`
	} `json:"filter"`
	Rate       int    `json:"rate_per_second"`
	Status     string `json:"status"`
	CreatedAt  string `json:"created_at"`
	CreatedBy  string `json:"created_by"`
	FinishedAt string `json:"finished_at"`
	Looked     int64  `json:"looked_at"`
	Done       int64  `json:"done"`
	Total      int64  `json:"total"` // 0 also if nobody knows it
	Error      string `json:"error"`
}

// finished reports whether the job is over.
func (j job) finished() bool { return j.Status != "running" && j.Status != "paused" }

// progress returns how far the job is: "50 of 1204".
func (j job) progress() string {
	text := strconv.FormatInt(j.Done, 10)
	if j.Total > 0 {
		text += " of " + strconv.FormatInt(j.Total, 10)
	}
	return text
}

// tone returns the colour of the job's status.
func (j job) tone() output.Tone {
	switch j.Status {
	case "done":
		return output.StatusTone("delivered")
	case "running":
		return output.StatusTone("processing")
	case "paused":
		return output.StatusTone("paused")
	}
	return output.StatusTone(j.Status)
}

var jobColumns = []output.Column[job]{
	{Title: "ID", Text: func(j job) string { return j.ID }},
	{Title: "ACTION", Text: func(j job) string { return j.Action }},
	{Title: "STATUS", Text: func(j job) string { return j.Status }, Tone: job.tone},
	{Title: "AGE", Text: func(j job) string { return output.Age(j.CreatedAt) }},
	{Title: "DONE", Text: job.progress},
	{Title: "WEBHOOK", Text: func(j job) string { return j.WebhookID }, Drop: 1},
	{Title: "ERROR", Text: func(j job) string { return j.Error }, Drop: 2, Least: 15},
}

// showJob prints a job's card.
func showJob(p *output.Printer, j job) error {
	f := &j.Filter
	fields := []output.Field{
		{Title: "id", Text: j.ID},
		{Title: "action", Text: j.Action},
		{Title: "status", Text: j.Status, Tone: j.tone()},
		{Title: "webhook", Text: j.WebhookID},
		{Title: "client", Text: j.ClientID},
		{Title: "done", Text: j.progress()},
		{Title: "looked at", Text: strconv.FormatInt(j.Looked, 10)},
		{Title: "created", Text: output.When(j.CreatedAt)},
		{Title: "by", Text: j.CreatedBy},
		{Title: "finished", Text: output.When(j.FinishedAt)},
		{Title: "error", Text: j.Error},
		{Title: "of status", Text: strings.Join(f.Status, ", ")},
		{Title: "of type", Text: strings.Join(f.EventTypes, ", ")},
		{Title: "of reason", Text: f.Reason},
		{Title: "answered", Text: f.Code},
		{Title: "attempts", Text: atLeast(f.MinAttempts)},
		{Title: "since", Text: output.When(f.Since)},
		{Title: "until", Text: output.When(f.Until)},
		{Title: "rate", Text: perSecond(j.Rate)},
	}
	return p.Card(fields)
}

// atLeast says that a number is a lower bound; "" for 0.
func atLeast(n int) string {
	if n == 0 {
		return ""
	}
	return "at least " + strconv.Itoa(n)
}

// perSecond says that a number is a rate; "" for 0.
func perSecond(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n) + " a second"
}

// jobsList lists jobs.
type jobsList struct {
	paged `embed:""`

	Webhook string  `env:"-" complete:"webhook" placeholder:"ID" help:"Only this webhook's."`
	Status  *string `env:"-" short:"s" enum:"running,paused,done,cancelled,failed" placeholder:"STATUS" help:"Only those with this status: running, paused, done, cancelled or failed."`
}

// Run prints the list.
func (c *jobsList) Run(ctx context.Context, std terminal.Streams) error {
	query := filters("webhook_id", c.Webhook)
	if c.Status != nil {
		query.Set("status", *c.Status)
	}
	return showList(ctx, std, &c.paged, "/api/jobs", query, "job", jobColumns)
}

// jobsGet shows one job.
type jobsGet struct {
	single `embed:""`
	ID     string `arg:"" placeholder:"ID" help:"The job's id, job_…."`
}

// Run prints the job.
func (c *jobsGet) Run(ctx context.Context, std terminal.Streams) error {
	return showOne(ctx, std, &c.single, jobPath(c.ID, ""), nil, "the job", showJob)
}

// jobChange has the flags of a command that changes jobs.
type jobChange struct {
	caller       `embed:""`
	output.Flags `embed:""`
	IDs          []string `arg:"" name:"id" placeholder:"ID" help:"Ids of jobs, job_…."`
}

// run makes the call of an action for each job, and prints the jobs as they are now.
func (c *jobChange) run(ctx context.Context, std terminal.Streams, action string) error {
	return c.with(func(a *api) error {
		path := func(id string) string { return jobPath(id, "/"+action) }
		return each(ctx, a, c.Printer(std), c.IDs, http.MethodPost, path, jobColumns)
	})
}

// jobsPause pauses jobs.
type jobsPause struct {
	jobChange `embed:""`
}

// Run pauses them.
func (c *jobsPause) Run(ctx context.Context, std terminal.Streams) error {
	return c.run(ctx, std, "pause")
}

// jobsResume continues jobs.
type jobsResume struct {
	jobChange `embed:""`
}

// Run continues them.
func (c *jobsResume) Run(ctx context.Context, std terminal.Streams) error {
	return c.run(ctx, std, "resume")
}

// jobsCancel ends jobs.
type jobsCancel struct {
	jobChange `embed:""`
}

// Run ends them.
func (c *jobsCancel) Run(ctx context.Context, std terminal.Streams) error {
	return c.run(ctx, std, "cancel")
}
