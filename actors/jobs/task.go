package jobs

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/bulk"
)

// errOver ends a task: the job has finished, was paused, or belongs to another node.
var errOver = errors.New("the job does not run here any more")

// task is one job as it runs.
type task struct {
	*Runner
	id    webhook.ID
	noted string // the cause that the job shows of its last failure
}

// Pauses after failures, each twice the one before.
const (
	firstPause = 500 * time.Millisecond
	lastPause  = 30 * time.Second
)

// run takes steps until the job is over.
func (t *task) run(ctx context.Context) {
	failures := time.Duration(0)
	for {
		pause, err := t.step(ctx)
		switch {
		case err == nil:
			failures = 0
		case errors.Is(err, errOver) || lasting(err) || ctx.Err() != nil:
			return
		case errors.Is(err, webhook.ErrConflict): // paused, or changed by somebody else: look again
			pause = 0
		default:
			failures = min(max(2*failures, firstPause), lastPause)
			pause = failures
			t.note(ctx, err)
		}
		if !sleep(ctx, pause) {
			return
		}
	}
}

// lasting reports whether an error ends all work of this process.
func lasting(err error) bool {
	return errors.Is(err, webhook.ErrBroken) || errors.Is(err, webhook.ErrFenced) || errors.Is(err, webhook.ErrShuttingDown)
}

// sleep waits, and reports whether ctx has not ended.
func sleep(ctx context.Context, pause time.Duration) bool {
	if pause == 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// note shows in the job what it waits for. The next step removes it.
func (t *task) note(ctx context.Context, cause error) {
	text := cause.Error()
	if t.noted == text {
		return
	}
	t.options.Log.Warn("a job waits", slog.String("job", bulk.IDKind.Format(t.id)), slog.Any("error", cause))
	_, err := t.options.Store.UpdateJob(ctx, t.id, func(j *bulk.Job) error {
		j.Error = passing(cause)
		return nil
	})
	if err == nil {
		t.noted = text
	}
}

// passing says in words for a webhook's owner what a job waits for.
func passing(cause error) string {
	for _, c := range []struct {
		err  error
		text string
	}{
		{webhook.ErrTooManyPending, "waits: too many deliveries are pending"},
		{webhook.ErrClientLimit, "waits: the client has as many deliveries pending as it may have"},
		{webhook.ErrDiskReserve, "waits for free disk space"},
		{webhook.ErrUnavailable, "waits for storage"},
	} {
		if errors.Is(cause, c.err) {
			return c.text
		}
	}
	return "waits after an error inside the server, and tries again"
}

// finish ends the job, and the task with errOver.
func (t *task) finish(ctx context.Context, s bulk.Status, why string) error {
	_, err := t.options.Store.UpdateJob(ctx, t.id, func(j *bulk.Job) error {
		j.Finish(s, why, time.Now())
		return nil
	})
	if err != nil && !errors.Is(err, webhook.ErrConflict) {
		return err
	}
	t.options.Log.Info("a job has ended", slog.String("job", bulk.IDKind.Format(t.id)), slog.String("status", string(s)), slog.String("reason", why))
	return errOver
}
