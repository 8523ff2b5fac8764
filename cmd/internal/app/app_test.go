package app

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/corpastro/astrohook/actors"
	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/memstore"
	"github.com/corpastro/astrohook/webhook"
)

// newApp makes a server from settings that are right.
func newApp(t *testing.T, c Config) *App {
	t.Helper()
	a, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// start starts a server that the test's end stops.
func start(t *testing.T, c Config) *App {
	t.Helper()
	a := newApp(t, c)
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, a) })
	return a
}

func stop(t *testing.T, a *App) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := a.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// get asks a server, and returns the status and the body.
func get(t *testing.T, addr net.Addr, path string) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr.String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestStartAndStop(t *testing.T) {
	a := start(t, testConfig(t))
	if err := a.Start(); err != nil {
		t.Errorf("the second start: %v", err)
	}
	if status, body := get(t, a.PublicAddr(), "/readyz"); status != http.StatusOK {
		t.Errorf("/readyz: %d %s", status, body)
	}
	if status, _ := get(t, a.PublicAddr(), "/metrics"); status != http.StatusNotFound {
		t.Errorf("the public listener answers /metrics with %d", status)
	}
	if status, body := get(t, a.AdminAddr(), "/metrics"); status != http.StatusOK || !strings.Contains(body, "go_goroutines") || !strings.Contains(body, "astrohook_") {
		t.Errorf("/metrics: %d %s", status, body)
	}
	public := a.PublicAddr().String()
	stop(t, a)
	stop(t, a)
	if conn, err := net.Dial("tcp", public); err == nil {
		t.Error("the listener is open after the stop", conn.Close())
	}
	if err := a.Start(); !errors.Is(err, errStopped) {
		t.Errorf("start after stop: %v", err)
	}
}

func TestStopWithoutStart(t *testing.T) {
	stop(t, newApp(t, testConfig(t)))
}

// TestFailedStartUnwinds: the last step fails, and nothing stays open.
func TestFailedStartUnwinds(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.Close() }()
	c := testConfig(t)
	c.AdminListen = busy.Addr().String()
	a := newApp(t, c)
	err = a.Start()
	if err == nil || !strings.Contains(err.Error(), "admin-listen") || !strings.Contains(err.Error(), c.AdminListen) {
		t.Fatalf("start: %v, want an error that names the setting and the address", err)
	}
	if err := a.Start(); !errors.Is(err, errStopped) {
		t.Errorf("start again: %v", err)
	}
	c.AdminListen = "127.0.0.1:0"
	start(t, c) // needs the lock on the data directory
	stop(t, a)
}

func TestTwoAppsInOneProcess(t *testing.T) {
	first, second := start(t, testConfig(t)), start(t, testConfig(t))
	for _, a := range []*App{first, second} {
		if status, body := get(t, a.PublicAddr(), "/readyz"); status != http.StatusOK {
			t.Errorf("/readyz: %d %s", status, body)
		}
	}
	stop(t, first)
	if status, body := get(t, second.PublicAddr(), "/readyz"); status != http.StatusOK {
		t.Errorf("/readyz of the second after the first stopped: %d %s", status, body)
	}
}

func TestDirectoryInUse(t *testing.T) {
	first := start(t, testConfig(t))
	c := testConfig(t)
	c.DataDir = first.config.DataDir
	if err := newApp(t, c).Start(); err == nil || !strings.Contains(err.Error(), c.DataDir) {
		t.Errorf("start on a directory in use: %v, want an error that names it", err)
	}
}

// brokenStore is a store that cannot commit any more.
type brokenStore struct {
	storage.Store
	broken, fenced chan struct{}
}

var errDisk = errors.New("no such device")

func (s brokenStore) Broken() <-chan struct{} { return s.broken }
func (s brokenStore) Fenced() <-chan struct{} { return s.fenced }
func (s brokenStore) Err() error              { return errDisk }

// TestBrokenStorage: Failed receives the store's reason as soon as a commit has failed,
// or other servers have taken this one for dead.
func TestBrokenStorage(t *testing.T) {
	t.Run("broken", func(t *testing.T) { reportsEnd(t, func(s brokenStore) { close(s.broken) }) })
	t.Run("fenced", func(t *testing.T) { reportsEnd(t, func(s brokenStore) { close(s.fenced) }) })
}

func reportsEnd(t *testing.T, end func(brokenStore)) {
	a := newApp(t, testConfig(t))
	store := brokenStore{memstore.Open(memstore.Options{}), make(chan struct{}), make(chan struct{})}
	defer func() { _ = store.Close() }()
	dispatcher, err := actors.New(actors.Options{
		Store: store, Sequence: new(webhook.Sequence), Log: a.log, Metrics: prometheus.NewRegistry(),
		Open:  func(webhook.Endpoint, webhook.Settings) (actors.Target, error) { return nil, errDisk },
		Abort: func() {},
	})
	if err != nil {
		t.Fatal(err)
	}
	a.parts.store, a.parts.dispatcher = store, dispatcher
	stopWatch := role(a.watchFaults)
	end(store)
	select {
	case err := <-a.Failed():
		if !errors.Is(err, errDisk) {
			t.Errorf("failed with %v, want the store's reason", err)
		}
	case <-t.Context().Done():
		t.Error("Failed received nothing")
	}
	if err := stopWatch(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestStackUnwindsInReverse(t *testing.T) {
	var s stack
	var order []string
	errOne := errors.New("one")
	errThree := errors.New("three")
	for _, part := range []struct {
		name string
		err  error
	}{{"first", errOne}, {"second", nil}, {"third", errThree}} {
		s.push(part.name, func(context.Context) error {
			order = append(order, part.name)
			return part.err
		})
	}
	err := s.unwind(t.Context())
	if strings.Join(order, " ") != "third second first" {
		t.Errorf("stopped in the order %v", order)
	}
	if !errors.Is(err, errOne) || !errors.Is(err, errThree) || !strings.Contains(err.Error(), "stop third: three") {
		t.Errorf("error %v, want both", err)
	}
	if err := s.unwind(t.Context()); err != nil || len(order) != 3 {
		t.Errorf("the second unwinding: %v, %v", err, order)
	}
}

// TestAdminListener: the admin listener is on loopback unless the settings name another
// address, which is logged as a warning. Its pages are not on the public listener.
func TestAdminListener(t *testing.T) {
	if host, _, err := net.SplitHostPort(Defaults().AdminListen); err != nil || !net.ParseIP(host).IsLoopback() {
		t.Errorf("the admin listener is at %s by default", Defaults().AdminListen)
	}
	for address, warned := range map[string]bool{"127.0.0.1:0": false, "[::1]:0": false, "localhost:0": false, ":0": true, "0.0.0.0:0": true} {
		var log bytes.Buffer
		c := testConfig(t)
		c.AdminListen, c.Profiling = address, true
		c.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
		a := newApp(t, c)
		if err := a.Start(); err != nil && address == "[::1]:0" {
			continue // no IPv6 here
		} else if err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/metrics", "/debug/pprof", "/debug/pprof/goroutine"} {
			if status, _ := get(t, a.PublicAddr(), path); status != http.StatusNotFound {
				t.Errorf("%s: the public listener answers %s with %d", address, path, status)
			}
			if status, _ := get(t, a.AdminAddr(), path); status != http.StatusOK {
				t.Errorf("%s: the admin listener answers %s with %d", address, path, status)
			}
		}
		stop(t, a)
		if got := strings.Contains(log.String(), "can be reached from other machines"); got != warned {
			t.Errorf("%s: warned: %t, want %t: %s", address, got, warned, log.String())
		}
	}
}
