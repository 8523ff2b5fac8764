package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/valyala/fasthttp"
)

// TestRaces drives a server that was built with the race detector through many
// calls at once.
func TestRaces(t *testing.T) {
	binary, err := racingBinary()
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t)
	s.binary = binary
	s.start(t)
	s.awaitReady(t)
	sub := startSubscriber(t, func(ctx *fasthttp.RequestCtx) {
		if ctx.ID()%10 == 0 {
			ctx.SetStatusCode(fasthttp.StatusServiceUnavailable)
		}
	})
	var ids []string
	for i := range 3 {
		ids = append(ids, s.register(t, "racer", fields{
			"event_type": "*", "target_url": sub.url(fmt.Sprint("/", i)), "secret": plainSecret, "concurrency": 8,
			"retry_policy": fields{"max_attempts": 20, "initial_delay_ms": 10, "multiplier": 1, "max_delay_ms": 10},
		}))
	}
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() { publishTimed(t, s, 100) })
	}
	for _, id := range ids {
		workers.Go(func() { meddle(t, s, id) })
	}
	workers.Wait()
	for _, id := range ids {
		s.awaitDrained(t, patience, id)
	}
	s.signal(t, syscall.SIGTERM)
	if code := s.awaitExit(t); code != 0 || strings.Contains(s.log.String(), "DATA RACE") {
		t.Errorf("exit code %d\n%s", code, s.log.String())
	}
}

// meddle makes every kind of API call about an endpoint while deliveries are sent to it.
func meddle(t *testing.T, s *server, id string) {
	path := "/api/webhooks/" + id
	if err := s.try(http.MethodPost, path+"/rotate-secret", nil, nil); err != nil {
		t.Error(err)
	}
	for i := range 10 {
		for _, c := range []struct {
			method, path string
			in           any
		}{
			{http.MethodGet, path + "/health", nil},
			{http.MethodPost, path + "/pause", nil},
			{http.MethodGet, path + "/deliveries", nil},
			{http.MethodPatch, path, fields{"description": fmt.Sprint("change ", i), "concurrency": 4 + i}},
			{http.MethodPost, path + "/resume", nil},
			{http.MethodPost, path + "/test?wait=5s", nil},
			{http.MethodGet, "/api/deliveries?status=delivered", nil},
		} {
			if err := s.try(c.method, c.path, c.in, nil); err != nil {
				t.Error(err)
			}
		}
	}
}
