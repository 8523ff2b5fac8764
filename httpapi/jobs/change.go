package jobs

import (
	"fmt"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/exchange"
	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/webhook/bulk"
)

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
