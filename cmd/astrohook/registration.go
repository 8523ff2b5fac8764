package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// The bounds of a lease, as the server has them.
const (
	minLease = 30 * time.Second
	maxLease = time.Hour
)

// registration is a receiver's webhook at a server, for as long as its lease is
// renewed. Its secret is chosen here, so that the first delivery can be verified
// however soon it comes.
type registration struct {
	client     *apiClient
	owner      string // client to act for; "" for the token's own
	secret     string
	lease      time.Duration
	target     string
	eventTypes []string
	say        func(format string, args ...any) // tells the user

	id      string // "" before begin
	failing bool   // the last renewal failed
}

// begin registers.
func (r *registration) begin(ctx context.Context) error {
	body, err := json.Marshal(map[string]any{
		"event_types": r.eventTypes, "target_url": r.target, "secret": r.secret,
		"description": "astrohook listen", "lease_seconds": r.leaseSeconds(),
	})
	if err != nil {
		return fmt.Errorf("register: %w", err)
	}
	var created struct {
		ID string `json:"id"`
	}
	request := apiRequest{method: http.MethodPost, path: r.path(""), contentType: "application/json", body: body}
	if err := r.client.do(ctx, request, &created); err != nil {
		return fmt.Errorf("register: %w", err)
	}
	r.id = created.ID
	return nil
}

// kept renews the lease in the background until the function that it returns is
// called, which waits for a renewal under way.
func (r *registration) kept(ctx context.Context) (stop func()) {
	if r == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var keeping sync.WaitGroup
	keeping.Go(func() { r.keep(ctx) })
	return func() {
		cancel()
		keeping.Wait()
	}
}

// keep renews the lease, three times as often as need be, until ctx ends.
func (r *registration) keep(ctx context.Context) {
	tick := time.NewTicker(r.lease / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			r.renew(ctx)
		}
	}
}

// renew renews the lease once. If the webhook is gone it registers again. It tells
// the user when that begins to fail, and when it works again.
func (r *registration) renew(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, r.lease/3)
	defer cancel()
	body := fmt.Appendf(nil, `{"lease_seconds":%d}`, r.leaseSeconds())
	request := apiRequest{method: http.MethodPatch, path: r.path("/" + r.id), contentType: "application/json", body: body}
	err := r.client.do(ctx, request, nil)
	if isNotFound(err) {
		if err = r.begin(ctx); err == nil {
			r.say("The webhook was gone. Registered again as %s.", r.id)
		}
	}
	switch {
	case err == nil && r.failing:
		r.say("The lease is renewed again.")
	case err != nil && !r.failing && !errors.Is(ctx.Err(), context.Canceled):
		r.say("The lease was not renewed, which is tried again: %v", err)
	}
	r.failing = err != nil
}

func (r *registration) leaseSeconds() int { return int(r.lease / time.Second) }

// end deregisters, if begin succeeded. It has its own bound: the command's context has ended.
func (r *registration) end() error {
	if r == nil {
		return nil
	}
	defer r.client.close()
	if r.id == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), listenStopTimeout)
	defer cancel()
	err := r.client.do(ctx, apiRequest{method: http.MethodDelete, path: r.path("/" + r.id)}, nil)
	if err != nil && !isNotFound(err) {
		return fmt.Errorf("deregister: %w; the webhook %s goes by itself within %s", err, r.id, r.lease)
	}
	r.say("Deregistered %s.", r.id)
	return nil
}

func (r *registration) path(rest string) string {
	path := "/api/webhooks" + rest
	if r.owner != "" {
		path += "?client_id=" + url.QueryEscape(r.owner)
	}
	return path
}
