package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/corpastro/astrohook/bench/receiver"
	"github.com/corpastro/astrohook/bench/report"
	"github.com/corpastro/astrohook/bench/server"
)

const (
	// slowClient owns the slow endpoints, which get events of slowType.
	slowClient = "bench-slow"
	slowType   = "user.created"
	// slowWidth is how many attempts the server has in flight to an endpoint that answers.
	slowWidth = 64
	// rampEvents are enough for each slow endpoint to be trusted with slowWidth.
	rampEvents = 2 * slowWidth
)

// slowEvent is an event for the slow endpoints, which the bench publishes beside the load.
type slowEvent struct {
	EventType string `json:"event_type"`
	ClientID  string `json:"client_id"`
	Data      int    `json:"data"`
}

// addSlow registers slow endpoints, all of one client. They answer at once until the
// server has as many attempts in flight as each may have, and from then on late,
// with a backlog for longer than the run lasts.
func (v *session) addSlow(ctx context.Context, s scenario) error {
	v.b.progress.step(s, fmt.Sprintf("ramping %s slow endpoints up", report.FormatCount(s.Slow)))
	before, err := v.b.control.SetLate(ctx, false)
	if err != nil {
		return err
	}
	err = v.register(ctx, s, endpoints{to: s.Slow, keep: true, describe: func(i int) (string, server.Registration) {
		return slowClient, server.Registration{
			EventType: slowType, TargetURL: "http://" + v.b.deliverTo + receiver.SlowPath + strconv.Itoa(i), Secret: v.secret,
		}
	}})
	if err != nil {
		return err
	}
	if err := v.publishSlow(ctx, rampEvents); err != nil {
		return err
	}
	if err := v.awaitSlow(ctx, before.Started+int64(rampEvents*s.Slow)); err != nil {
		return err
	}
	if _, err := v.b.control.SetLate(ctx, true); err != nil {
		return err
	}
	// Each round of attempts takes the soonest answer at least; a minute more than the run.
	rounds := int((s.Duration+v.b.warmUp+time.Minute)/receiver.SoonestAnswer) + 1
	return v.publishSlow(ctx, rounds*slowWidth)
}

// publishSlow publishes events to the slow endpoints by plain calls: they are no
// part of the load, and must not be in the generator's figures.
func (v *session) publishSlow(ctx context.Context, count int) error {
	for count > 0 {
		batch := make([]slowEvent, min(count, 500))
		for i := range batch {
			batch[i] = slowEvent{EventType: slowType, ClientID: slowClient}
		}
		if err := v.server.Call(ctx, http.MethodPost, "/api/events/batch", batch, nil); err != nil {
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
		c, err := v.b.control.SlowCounts(ctx)
		if err != nil {
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

// errNotSlow means that the run measured healthy endpoints with nothing beside them.
var errNotSlow = errors.New("the slow endpoints have nothing in flight: the run shows nothing")

// checkSlow returns an error if the slow endpoints had nothing in flight at the end, and
// makes them answer at once again.
func (v *session) checkSlow(ctx context.Context) error {
	c, err := v.b.control.SetLate(ctx, false)
	if err == nil && c.Open == 0 {
		err = errNotSlow
	}
	return err
}
