// Package app builds a server from its parts, and starts and stops them in
// order: storage, sender, actors, API, background roles, listeners. It knows
// every part; no part knows it. Several servers can run in one process.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/corpastro/astrohook/actors"
	"github.com/corpastro/astrohook/actors/sender"
	"github.com/corpastro/astrohook/httpapi"
	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/keyring"
	"github.com/corpastro/astrohook/webhook"
)

// App is a server. It is started once and stopped once.
type App struct {
	config Config
	keys   []httpapi.Key
	log    *slog.Logger
	failed chan error

	secretKeys *keyring.Keyring
	// limits are what clients may have; they are asked for with each use.
	limits atomic.Pointer[clientLimits]
	descriptors

	mu      sync.Mutex // guards all below
	state   state
	running stack
	parts   parts
}

type state int

const (
	fresh state = iota
	running
	stopped
)

// parts are what a running server is made of.
type parts struct {
	store      storage.Store
	backup     func(ctx context.Context, w io.Writer) error
	needed     func() uint64 // free disk space that storage needs to go on
	sender     *sender.Client
	dispatcher *actors.Dispatcher
	leases     *leases
	keySet     *httpapi.KeySet // nil if no URL of one is set
	api        *httpapi.Server
	registry   *prometheus.Registry
	sequence   *webhook.Sequence
	public     net.Addr
	admin      net.Addr
}

// New checks the settings. Nothing is opened before Start. A wrong setting is a
// *webhook.FieldError.
func New(config Config) (*App, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	if !Patched() && !config.AllowUnpatched {
		return nil, ErrUnpatched
	}
	keys, err := config.keys()
	if err != nil {
		return nil, err
	}
	secretKeys, err := secretKeys(config.SecretKeys)
	if err != nil {
		return nil, err
	}
	shares, err := shareDescriptors()
	if err != nil {
		return nil, err
	}
	limits, err := config.clientLimits()
	if err != nil {
		return nil, err
	}
	a := &App{
		config: config, keys: keys, log: config.Log, failed: make(chan error, 1),
		secretKeys: secretKeys, descriptors: shares,
	}
	a.limits.Store(limits)
	return a, nil
}

// limitsOf returns what a client may have.
func (a *App) limitsOf(client string) webhook.ClientLimits { return a.limits.Load().get(client) }

var errStopped = errors.New("app: stopped already")

// Start starts every part, and returns when the API answers. If one part does not
// start, those before it are stopped again, and the App cannot be started any
// more. Starting a running App does nothing.
func (a *App) Start() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch a.state {
	case running:
		return nil
	case stopped:
		return errStopped
	}
	for _, step := range a.steps() {
		if err := step(); err != nil {
			a.state = stopped
			return errors.Join(fmt.Errorf("start: %w", err), a.unwind())
		}
	}
	a.state = running
	return nil
}

// steps start the parts, in this order.
func (a *App) steps() []func() error {
	return []func() error{a.openStorage, a.openSender, a.startActors, a.openAPI, a.startRoles, a.listen}
}

// unwind stops what a failed start leaves behind.
func (a *App) unwind() error {
	ctx, cancel := context.WithTimeout(context.Background(), a.config.ShutdownTimeout)
	defer cancel()
	return a.running.unwind(ctx)
}

// Stop stops every part in reverse order: no new requests, then no new attempts,
// and storage last. It waits for what is in flight until ctx ends; what is cut off
// then stays queued in storage, and the error says so. Stopping twice does nothing.
func (a *App) Stop(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state = stopped
	return a.running.unwind(ctx)
}

// Failed gives an error when the running server cannot go on, and has to be stopped.
func (a *App) Failed() <-chan error { return a.failed }

// fail tells the first reason why the server cannot go on.
func (a *App) fail(err error) {
	select {
	case a.failed <- err:
	default:
	}
}

// PublicAddr is where the API listens; nil before Start.
func (a *App) PublicAddr() net.Addr {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.parts.public
}

// AdminAddr is where the admin listener listens; nil before Start.
func (a *App) AdminAddr() net.Addr {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.parts.admin
}
