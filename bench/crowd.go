package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

const (
	slowPath = "/slow/"
	// Slow receivers take from soonest to latest to answer, each request a little
	// longer than the one before: thousands of answers in one instant would measure
	// the processor.
	soonest, latest = 8 * time.Second, 9 * time.Second
	slowStep        = 7 * time.Millisecond
	// slowClient owns the slow endpoints, which get events of slowType.
	slowClient = "bench-slow"
	slowType   = "user.created"
	// slowWidth is how many attempts the server has in flight to an endpoint that answers.
	slowWidth = 64
	// rampEvents are enough for each slow endpoint to be trusted with slowWidth.
	rampEvents = 2 * slowWidth
)

// slowness makes receivers late.
type slowness struct {
	late          atomic.Bool
	started, open atomic.Int64
}

// slowCounts is how the slow receivers are doing.
type slowCounts struct {
	// Started counts the requests so far, Open those that wait for their answers.
	Started int64 `json:"started"`
	Open    int64 `json:"open"`
}

// answer answers 200, at once or late.
func (s *slowness) answer(ctx *fasthttp.RequestCtx) {
	n := s.started.Add(1)
	s.open.Add(1)
	defer s.open.Add(-1)
	if s.late.Load() {
		time.Sleep(soonest + time.Duration(n)*slowStep%(latest-soonest))
	}
	ctx.SetStatusCode(fasthttp.StatusOK)
}

// control sets whether the receivers are late, unless there is nothing to read, and returns the counts.
func (s *slowness) control(body []byte) (any, error) {
	if len(body) > 0 {
		var late bool
		if err := json.Unmarshal(body, &late); err != nil {
			return nil, fmt.Errorf("read whether to be late: %w", err)
		}
		s.late.Store(late)
	}
	return slowCounts{Started: s.started.Load(), Open: s.open.Load()}, nil
}

// event is one that the bench publishes beside the load.
type event struct {
	EventType string `json:"event_type"`
	ClientID  string `json:"client_id"`
	Data      int    `json:"data"`
}

// beset registers slow endpoints, all of one client. They answer at once until the
// server has as many attempts in flight as each may have, and from then on late,
// with a backlog for longer than the run lasts.
func (v *session) beset(ctx context.Context, s scenario) error {
	v.b.progress.step(s, fmt.Sprintf("ramping %s slow endpoints up", formatCount(s.Slow)))
	before, err := v.slow(ctx, false)
	if err != nil {
		return err
	}
	err = v.register(ctx, s, endpoints{to: s.Slow, keep: true, describe: func(i int) (string, registration) {
		return slowClient, registration{
			EventType: slowType, TargetURL: "http://" + v.b.deliverTo + slowPath + strconv.Itoa(i), Secret: v.secret,
		}
	}})
	if err != nil {
		return err
	}
	if err := v.burden(ctx, rampEvents); err != nil {
		return err
	}
	if err := v.awaitSlow(ctx, before.Started+int64(rampEvents*s.Slow)); err != nil {
		return err
	}
	if _, err := v.slow(ctx, true); err != nil {
		return err
	}
	rounds := int((s.Duration+v.b.warmUp+time.Minute)/soonest) + 1
	return v.burden(ctx, rounds*slowWidth)
}

// slow makes the slow receivers late, or no longer.
func (v *session) slow(ctx context.Context, late bool) (c slowCounts, err error) {
	err = v.b.control.call(ctx, http.MethodPost, "/control/slow", late, &c)
	return c, err
}

// burden publishes events to the slow endpoints.
func (v *session) burden(ctx context.Context, count int) error {
	for count > 0 {
		batch := make([]event, min(count, 500))
		for i := range batch {
			batch[i] = event{EventType: slowType, ClientID: slowClient}
		}
		if err := v.server.call(ctx, http.MethodPost, "/api/events/batch", batch, nil); err != nil {
			return fmt.Errorf("publish to slow endpoints: %w", err)
		}
		count -= len(batch)
	}
	return nil
}

// awaitSlow returns when the slow receivers have had so many requests.
func (v *session) awaitSlow(ctx context.Context, want int64) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		var c slowCounts
		if err := v.b.control.call(ctx, http.MethodPost, "/control/slow", nil, &c); err != nil {
			return fmt.Errorf("await the slow endpoints' first deliveries: %w", err)
		}
		if c.Started >= want {
			return nil
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

var errNotSlow = errors.New("the slow endpoints have nothing in flight: the run shows nothing")

// stillBeset reports an error if the slow endpoints were not in the way to the end.
func (v *session) stillBeset(ctx context.Context) error {
	c, err := v.slow(ctx, false)
	if err == nil && c.Open == 0 {
		err = errNotSlow
	}
	return err
}
