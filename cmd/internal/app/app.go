// Package app builds a server from its parts, and starts and stops them in order:
// storage, sender, actors, API, background roles, listeners. It knows every part; no
// part knows it. Several servers can run in one process.
//
// Settings, their defaults and their checks belong here, and the background roles that
// connect two parts. Rules about events and deliveries belong to the parts; flags,
// signals and exit codes to cmd/astrohook.
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
	"github.com/corpastro/astrohook/actors/feed"
	"github.com/corpastro/astrohook/actors/jobs"
	"github.com/corpastro/astrohook/actors/sender"
	"github.com/corpastro/astrohook/cmd/internal/member"
	"github.com/corpastro/astrohook/httpapi"
	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/keyring"
	"github.com/corpastro/astrohook/webhook"
)

// App is a server. It is started once and stopped once: what a stop has closed, such as
// the sequence of ids and the metrics' registry, belongs to one run.
type App struct {
	config Config // a reload changes the live settings of a running server, under mu
	keys   []auth.Key
	log    *slog.Logger
	failed chan error // has room for one error, the first

	secretKeys *keyring.Keyring
	// limits are the clients' limits. Every use loads them, so that a reload applies at
	// the next use.
	limits atomic.Pointer[clientLimits]
	// The shares of file descriptors are taken once: the limit of a process does not
	// change while it runs.
	descriptors

	// mu is held for the whole of Start, Stop and Reload, so that they exclude each other.
	mu      sync.Mutex // guards all below
	state   state
	running stack
	parts   parts
}

// state is how far an App has come. It only ever grows.
type state int

const (
	fresh   state = iota // not started
	running              // every part has started
	stopped              // by Stop, or because a part failed to start
)

// parts are the parts of a running server. Each step of a start sets those that it
// makes, and the steps after it use them.
type parts struct {
	store  storage.Store  // encrypts secrets in front of the backend
	shared storage.Shared // the backend, if other servers use it, too; else nil
	member *member.Member // nil if it is not shared
	// backup streams the backend's content; it is not part of storage.Store, because
	// each backend has a format of its own. This one and the next two are nil with a
	// database, which is backed up, and has its disk watched, by its operator.
	backup     func(ctx context.Context, w io.Writer) error
	needed     func() uint64          // free disk space that storage needs to continue
	stored     func() (uint64, error) // disk space that storage takes
	sender     *sender.Client
	feed       *feed.Feed
	dispatcher *actors.Dispatcher
	leases     *leases
	jobs       *jobs.Runner
	keySet     *auth.KeySet // nil if no URL of one is set
	api        *httpapi.Server
	registry   *prometheus.Registry
	figures    *figures
	sequence   *webhook.Sequence
	public     net.Addr
	admin      net.Addr
}

// New checks the settings and returns a server that is not started: it opens nothing.
// A wrong setting is a *webhook.FieldError.
func New(config Config) (*App, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	if !Patched() && !config.AllowUnpatched {
		return nil, ErrUnpatched
	}
	// What can be wrong with files and with the system is found here as well, before the
	// data directory is touched.
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

// limitsOf returns a client's limits. It takes no lock: publications and registrations
// ask for them.
func (a *App) limitsOf(client string) webhook.ClientLimits { return a.limits.Load().get(client) }

var errStopped = errors.New("app: stopped already")

// Start starts every part, and returns when the API answers. If one part fails to
// start, Start stops those before it, and the App cannot be started again. Starting a
// running App does nothing.
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

// steps start the parts, each after those that it uses: the sender needs no storage,
// actors read storage and send, the API hands events to actors, and nothing can call
// before the listeners open. Stop goes through what they have pushed in reverse.
func (a *App) steps() []func() error {
	return []func() error{a.openStorage, a.openSender, a.joinCluster, a.startActors, a.openAPI, a.startRoles, a.serveCluster, a.listen}
}

// unwind stops the parts that a failed start has started. The caller of Start has set no
// limit of time, so that of a stop holds.
func (a *App) unwind() error {
	ctx, cancel := context.WithTimeout(context.Background(), a.config.ShutdownTimeout)
	defer cancel()
	return a.running.unwind(ctx)
}

// Stop stops every part in reverse order: no new requests, then no new attempts,
// and storage last. It waits for requests and attempts in flight until ctx ends. What
// is cut off then stays queued in storage, and the error says so. Stopping twice does
// nothing, and a server that was never started has nothing to stop.
func (a *App) Stop(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state = stopped
	return a.running.unwind(ctx)
}

// Failed receives an error when the running server cannot continue and must be stopped.
func (a *App) Failed() <-chan error { return a.failed }

// fail passes on the first reason why the server cannot continue; later ones are dropped.
func (a *App) fail(err error) {
	select {
	case a.failed <- err:
	default:
	}
}

// PublicAddr returns the address of the API's listener; nil before Start.
func (a *App) PublicAddr() net.Addr {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.parts.public
}

// AdminAddr returns the address of the admin listener; nil before Start.
func (a *App) AdminAddr() net.Addr {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.parts.admin
}
