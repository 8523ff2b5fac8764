package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/cmd/internal/app"
)

// fakeServer fails when the test says so, and stops as the test's function does.
type fakeServer struct {
	failed chan error
	stop   func(context.Context) error
}

func (s fakeServer) Failed() <-chan error           { return s.failed }
func (s fakeServer) Stop(ctx context.Context) error { return s.stop(ctx) }

var (
	errDisk  = errors.New("no such device")
	errClose = errors.New("close storage")
)

// TestServeUntil: the error, and so the exit code, depends on how a server ends, and it
// ends within its bound whatever hangs.
func TestServeUntil(t *testing.T) {
	late := func(ctx context.Context) error {
		<-ctx.Done()
		return errors.Join(fmt.Errorf("stop API: %w", ctx.Err()), fmt.Errorf("stop actors: %w", ctx.Err()))
	}
	for _, c := range []struct {
		reason  string
		failure error
		stop    func(context.Context) error
		want    error
		took    time.Duration
	}{
		{"a clean stop", nil, func(context.Context) error { return nil }, nil, 0},
		{"attempts were cut off: all is in storage", nil, late, nil, 30 * time.Second},
		{"storage does not close", nil, func(context.Context) error { return errClose }, errClose, 0},
		{"storage does not close, and attempts were cut off", nil, func(ctx context.Context) error {
			return errors.Join(late(ctx), errClose)
		}, errClose, 30 * time.Second},
		{"the stop hangs", nil, func(context.Context) error { time.Sleep(time.Hour); return nil }, errStuck, 30*time.Second + closeGrace},
		{"storage fails", errDisk, func(context.Context) error { return nil }, errDisk, 0},
		{"storage fails, and nothing can be drained", errDisk, late, errDisk, brokenStopTimeout},
		{"storage fails, and the stop hangs", errDisk, func(context.Context) error { time.Sleep(time.Hour); return nil }, errDisk, brokenStopTimeout + closeGrace},
	} {
		t.Run(c.reason, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				config := app.Defaults()
				config.Log = slog.New(slog.DiscardHandler)
				server := fakeServer{make(chan error, 1), c.stop}
				ctx, cancel := context.WithCancel(t.Context())
				if c.failure != nil {
					server.failed <- c.failure
				} else {
					cancel()
				}
				defer cancel()
				begin := time.Now()
				if err := serveUntil(ctx, server, config); !errors.Is(err, c.want) {
					t.Errorf("error %v, want %v", err, c.want)
				}
				if took := time.Since(begin); took != c.took {
					t.Errorf("took %v, want %v", took, c.took)
				}
				time.Sleep(time.Hour)
			})
		})
	}
}

func readDevToken(t *testing.T, dir string) string {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(dir, devTokenFile))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(token))
}

// TestServeDev runs the server for a first look, publishes to its own receiver, and ends it.
func TestServeDev(t *testing.T) {
	dir := t.TempDir()
	server := startCommand(t, "serve", "--dev", "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--data-dir", dir, "--log-format=text")
	hints := server.out.await(t, "/api/events")
	_, rest, _ := strings.Cut(hints, "http://")
	url, _, _ := strings.Cut(rest, "/")
	token := readDevToken(t, dir)
	if strings.Contains(hints, token) {
		t.Error("the token itself is printed, and may end up in a log")
	}

	receiver := startCommand(t, "listen", "--register", "http://"+url, "--token", token, "--client", devClient)
	receiver.out.await(t, "Registered as wh_")
	published := runCommand(t, "", "publish", "--server", "http://"+url, "--token", token, "user.created", `{"n": 1.0}`)
	if published.code != 0 || !strings.HasSuffix(published.out, "  1 delivery\n") {
		t.Errorf("publish: %+v", published)
	}
	receiver.out.await(t, `"event_type":"user.created","data":{"n":1}}`)
	if got := receiver.stop(); got.code != 0 || !strings.Contains(got.out, "X-Corp-Astro-Signature: valid\n  webhook-signature: valid") {
		t.Errorf("listen: %+v", got)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+url+"/api/webhooks?client_id=dev", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	if status := send(t, request); status != http.StatusOK {
		t.Errorf("the token is not good for the API: %d", status)
	}
	got := server.stop()
	if got.code != 0 || !strings.Contains(got.err, "msg=serving") || !strings.Contains(got.err, "msg=stopped") {
		t.Errorf("serve: exit code %d, log:\n%s", got.code, got.err)
	}
}
