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

	"github.com/corpastro/astrohook/cmd/internal/apiclient"
)

// The bounds of a lease. The server has the same; here they give an error before the
// receiver starts.
const (
	minLease = 30 * time.Second
	maxLease = time.Hour
)

// registration is a receiver's webhook at a server. It exists as long as its lease is
// renewed, so that a receiver that was killed leaves nothing behind. The secret is
// chosen here: the first delivery may arrive before the server's answer does.
type registration struct {
	client     *apiclient.Client
	owner      string                           // client to act for; "" for the token's own
	secret     string                           // that deliveries are signed with
	lease      time.Duration                    // from minLease to maxLease, in whole seconds
	target     string                           // URL at which the server reaches the receiver
	eventTypes []string                         // types and patterns
	say        func(format string, args ...any) // prints a line for the user

	id      string // "" before begin
	failing bool   // the last renewal failed
}

// begin registers, and sets id. It is called again when the webhook was deleted.
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
	request := apiclient.Request{Method: http.MethodPost, Path: r.path(""), ContentType: "application/json", Body: body}
	if err := r.client.Do(ctx, request, &created); err != nil {
		return fmt.Errorf("register: %w", err)
	}
	r.id = created.ID
	return nil
}

// kept renews the lease in the background. The function that it returns ends that and
// waits for a renewal under way: it could register again what end has just deregistered.
// A nil registration has nothing to renew.
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

// keep renews the lease until ctx ends, three times as often as it must, so that two
// renewals may fail.
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

// renew renews the lease once, or registers again if the webhook is gone. It prints a
// line when renewals begin to fail, and when they work again, not for each.
func (r *registration) renew(ctx context.Context) {
	// A renewal may take no longer than until the next one is due.
	ctx, cancel := context.WithTimeout(ctx, r.lease/3)
	defer cancel()
	body := fmt.Appendf(nil, `{"lease_seconds":%d}`, r.leaseSeconds())
	request := apiclient.Request{Method: http.MethodPatch, Path: r.path("/" + r.id), ContentType: "application/json", Body: body}
	err := r.client.Do(ctx, request, nil)
	if apiclient.IsNotFound(err) {
		if err = r.begin(ctx); err == nil {
			r.say("The webhook was gone. Registered again as %s.", r.id)
		}
	}
	switch {
	case err == nil && r.failing:
		r.say("The lease is renewed again.")
	case err != nil && !r.failing && !errors.Is(ctx.Err(), context.Canceled):
		r.say("The lease was not renewed; the next renewal tries again: %v", err)
	}
	r.failing = err != nil
}

// leaseSeconds returns the lease in whole seconds, as the API takes it.
func (r *registration) leaseSeconds() int { return int(r.lease / time.Second) }

// end deregisters if begin succeeded. It has a time limit of its own, because the
// command's context has ended by then. A webhook that is gone is what was wanted.
func (r *registration) end() error {
	if r == nil {
		return nil
	}
	defer r.client.Close()
	if r.id == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), listenStopTimeout)
	defer cancel()
	err := r.client.Do(ctx, apiclient.Request{Method: http.MethodDelete, Path: r.path("/" + r.id)}, nil)
	if err != nil && !apiclient.IsNotFound(err) {
		return fmt.Errorf("deregister: %w; the webhook %s expires within %s", err, r.id, r.lease)
	}
	r.say("Deregistered %s.", r.id)
	return nil
}

// path returns the path of all webhooks, or with rest that of one.
func (r *registration) path(rest string) string {
	path := "/api/webhooks" + rest
	if r.owner != "" {
		path += "?client_id=" + url.QueryEscape(r.owner)
	}
	return path
}
