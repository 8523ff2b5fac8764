// Package jobs has the calls about changes of many deliveries (package webhook/bulk):
// creating a job, or counting what it would change, listing jobs, pausing, resuming and
// cancelling them.
//
// The package only keeps and shows jobs. Who carries them out (package actors/jobs) finds
// them in storage. What a delivery looks like belongs to httpapi/view.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/audit"
	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/exchange"
	"github.com/corpastro/astrohook/httpapi/paging"
	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/httpapi/view"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/bulk"
)

// Store keeps jobs, and shows what they would change. The methods are those of
// storage.Store.
type Store interface {
	Endpoint(ctx context.Context, n webhook.EndpointNumber) (webhook.Endpoint, error)
	Event(ctx context.Context, id webhook.ID) (webhook.Event, error)
	ListDeliveries(ctx context.Context, q webhook.DeliveryQuery) (webhook.DeliveryPage, error)
	MissingEvents(ctx context.Context, q bulk.MissingQuery) (bulk.MissingPage, error)
	CreateJob(ctx context.Context, j bulk.Job) (unfinished webhook.ID, err error)
	UpdateJob(ctx context.Context, id webhook.ID, change func(*bulk.Job) error) (bulk.Job, error)
	Job(ctx context.Context, id webhook.ID) (bulk.Job, error)
	ListJobs(ctx context.Context, q bulk.Query) (bulk.Page, error)
}

// Options are what the calls need of the server. All are required.
type Options struct {
	Store    Store
	Sequence *webhook.Sequence
	Cursors  *paging.Cursors
	// Call returns the context of one call.
	Call func() (context.Context, context.CancelFunc)
	// Begin charges a caller for counting deliveries, or refuses it; the result ends that.
	Begin func(who *auth.Principal) (end func(), err error)
	// Show returns deliveries as lists show them.
	Show func(call context.Context, list []webhook.Delivery) ([]view.Delivery, error)
	// Health returns how an endpoint is doing, Settings by what it is bound at present.
	Health   func(ctx context.Context, n webhook.EndpointNumber) (webhook.Health, error)
	Settings func(e *webhook.Endpoint) webhook.Settings
	// Wake has the jobs of this node looked at: one was created or resumed.
	Wake func()
}

// Jobs answers the calls.
type Jobs struct{ options Options }

// New returns the handlers of the calls.
func New(o Options) *Jobs { return &Jobs{o} }

// Create makes a job, or counts what it would change for a dry run.
func (s *Jobs) Create(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	var in input
	if err := exchange.Decode(ctx, &in); err != nil {
		return err
	}
	call, cancel := s.options.Call()
	defer cancel()
	e, err := s.webhook(call, who, in.WebhookID.Value)
	if err != nil {
		return err
	}
	now := time.Now()
	j, err := in.job(now)
	if err != nil {
		return err
	}
	j.ID = webhook.ID{Seq: s.options.Sequence.Next(now), Endpoint: e.Number(), Nonce: rand.Uint32()}
	j.ClientID, j.CreatedBy, j.Status = e.ClientID, who.Publisher, bulk.Running
	if e.Status == webhook.EndpointDisabled && j.Action.Sends() && !in.DryRun.Value {
		return problem.InConflict("the webhook is disabled: resume it first")
	}
	found, err := s.count(call, who, &j, &e)
	if err != nil {
		return err
	}
	note := audit.Of(ctx)
	if note.Nothing = in.DryRun.Value; note.Nothing {
		return exchange.Answer(ctx, fasthttp.StatusOK, found)
	}
	if j.Total = -1; found.Exact {
		j.Total = found.Count
	}
	if other, err := s.options.Store.CreateJob(call, j); errors.Is(err, webhook.ErrConflict) {
		return problem.InConflict("the webhook has a job that has not finished: " + bulk.IDKind.Format(other))
	} else if err != nil {
		return fmt.Errorf("create job: %w", err)
	}
	s.options.Wake()
	note.About(bulk.IDKind.Format(j.ID), e.ClientID).Set("webhook_id", webhook.EndpointID.Format(e.ID))
	note.Set("action", j.Action)
	return exchange.Answer(ctx, fasthttp.StatusCreated, show(&j, e.ID))
}

// webhook returns the webhook that a job is for. One of another client, or a deleted one,
// is not found.
func (s *Jobs) webhook(call context.Context, who *auth.Principal, text string) (e webhook.Endpoint, err error) {
	if text == "" {
		return e, problem.OfField("webhook_id", "is missing")
	}
	id, err := webhook.EndpointID.Parse(text)
	if err == nil {
		e, err = s.options.Store.Endpoint(call, id.Endpoint)
	}
	if errors.Is(err, webhook.ErrNotFound) || err == nil && (e.ID != id || e.Deleted() || !who.Sees(e.ClientID)) {
		return e, problem.OfField("webhook_id", "names no webhook")
	}
	return e, err
}

// job returns the job in the path with its webhook's ID. One of another client is not found.
func (s *Jobs) job(call context.Context, ctx *fasthttp.RequestCtx, who *auth.Principal) (j bulk.Job, of webhook.ID, err error) {
	id, err := bulk.IDKind.Parse(exchange.Path(ctx, "id"))
	if err != nil {
		return j, of, err
	}
	if j, err = s.options.Store.Job(call, id); err != nil {
		return j, of, fmt.Errorf("read job: %w", err)
	}
	if !who.Sees(j.ClientID) {
		return j, of, fmt.Errorf("job of another client: %w", webhook.ErrNotFound)
	}
	of, err = s.webhookID(call, id.Endpoint)
	return j, of, err
}

// webhookID returns the ID of an endpoint. One that is forgotten has only its number left.
func (s *Jobs) webhookID(call context.Context, n webhook.EndpointNumber) (webhook.ID, error) {
	e, err := s.options.Store.Endpoint(call, n)
	if errors.Is(err, webhook.ErrNotFound) {
		return webhook.ID{Endpoint: n}, nil
	}
	if err != nil {
		return webhook.ID{}, fmt.Errorf("read the job's webhook: %w", err)
	}
	return e.ID, nil
}

// Get answers with one job.
func (s *Jobs) Get(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	call, cancel := s.options.Call()
	defer cancel()
	j, of, err := s.job(call, ctx, who)
	if err != nil {
		return err
	}
	return exchange.Answer(ctx, fasthttp.StatusOK, show(&j, of))
}

// List lists jobs, newest first.
func (s *Jobs) List(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	call, cancel := s.options.Call()
	defer cancel()
	q := bulk.Query{ClientID: who.ClientID, Status: bulk.Status(exchange.Parameter(ctx, "status"))}
	if q.Status != "" && !oneOf(q.Status, bulk.Statuses) {
		return problem.OfField("status", "is no status of a job")
	}
	if text := exchange.Parameter(ctx, "webhook_id"); text != "" {
		e, err := s.webhook(call, who, text)
		if err != nil {
			return err
		}
		q.Endpoint = e.Number()
	}
	var err error
	if q.Limit, err = exchange.Limit(ctx); err != nil {
		return err
	}
	of := exchange.Listing(paging.Jobs, who, exchange.Parameter(ctx, "webhook_id"), string(q.Status))
	if q.Before, err = s.options.Cursors.ReadID(of, exchange.Parameter(ctx, "cursor")); err != nil {
		return err
	}
	page, err := s.options.Store.ListJobs(call, q)
	if err != nil {
		return fmt.Errorf("list jobs: %w", err)
	}
	out := exchange.Page[resource]{Data: make([]resource, 0, len(page.Jobs)), NextCursor: s.options.Cursors.WriteID(of, page.Next)}
	webhooks := map[webhook.EndpointNumber]webhook.ID{}
	for i := range page.Jobs {
		n := page.Jobs[i].ID.Endpoint
		if _, known := webhooks[n]; !known {
			if webhooks[n], err = s.webhookID(call, n); err != nil {
				return err
			}
		}
		out.Data = append(out.Data, show(&page.Jobs[i], webhooks[n]))
	}
	return exchange.Answer(ctx, fasthttp.StatusOK, out)
}

// Pause stops a job after its present step.
func (s *Jobs) Pause(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	return s.change(ctx, who, func(j *bulk.Job) error {
		if j.Status == bulk.Running {
			j.Status, j.Error = bulk.Paused, ""
		}
		return nil
	})
}

// Resume continues a paused job.
func (s *Jobs) Resume(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	return s.change(ctx, who, func(j *bulk.Job) error {
		j.Status = bulk.Running
		return nil
	})
}

// Cancel ends a job. What it has changed stays as it is.
func (s *Jobs) Cancel(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	return s.change(ctx, who, func(j *bulk.Job) error {
		j.Finish(bulk.Cancelled, "", time.Now())
		return nil
	})
}

// change changes the status of a job that has not finished, and answers with the job.
func (s *Jobs) change(ctx *fasthttp.RequestCtx, who *auth.Principal, change func(*bulk.Job) error) error {
	call, cancel := s.options.Call()
	defer cancel()
	j, of, err := s.job(call, ctx, who)
	if err != nil {
		return err
	}
	over := problem.InConflict("the job has finished")
	j, err = s.options.Store.UpdateJob(call, j.ID, func(j *bulk.Job) error {
		if j.Status.Finished() {
			return over
		}
		return change(j)
	})
	if err != nil {
		return fmt.Errorf("change job: %w", err)
	}
	s.options.Wake()
	return exchange.Answer(ctx, fasthttp.StatusOK, show(&j, of))
}
