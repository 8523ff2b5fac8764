package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"path/filepath"
	"time"

	"github.com/corpastro/astrohook/actors"
	"github.com/corpastro/astrohook/actors/feed"
	"github.com/corpastro/astrohook/actors/jobs"
	"github.com/corpastro/astrohook/actors/sender"
	"github.com/corpastro/astrohook/httpapi"
	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/stream"
	"github.com/corpastro/astrohook/httpapi/view"
	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/badgerstore"
	"github.com/corpastro/astrohook/storage/disk"
	"github.com/corpastro/astrohook/storage/sealed"
	"github.com/corpastro/astrohook/webhook"
	happening "github.com/corpastro/astrohook/webhook/live"
)

// storeDir is the folder in the data directory that only storage writes to.
const storeDir = "store"

// openStorage opens the database if one is set, and the data directory otherwise.
func (a *App) openStorage() error {
	var err error
	a.parts.feed = feed.New()
	if a.parts.registry, a.parts.figures, err = newRegistry(a.config.Version); err != nil {
		return err
	}
	open := a.openDirectory
	if a.config.DatabaseURL != "" {
		open = a.openDatabase
	}
	backend, err := open()
	if err != nil {
		return err
	}
	a.running.push("storage", func(context.Context) error { return backend.Close() })
	// The keys are compared with the data now: a key that is missing must not be found
	// out at the first delivery that needs it.
	store, err := sealed.New(backend, a.secretKeys)
	if err != nil {
		return missingKey(err)
	}
	a.parts.shared, _ = backend.(storage.Shared)
	a.parts.store, a.parts.sequence = store, new(webhook.Sequence)
	a.parts.sequence.Resume(store.LastSeq()) // ids never fall, even when the clock did
	if a.parts.shared != nil {
		a.parts.sequence.Spread(rand.Uint64N)
	}
	return nil
}

// openDirectory opens the data directory, which can take long after a kill: storage replays
// its log. Two processes cannot have the same directory open.
func (a *App) openDirectory() (storage.Backend, error) {
	dir := filepath.Join(a.config.DataDir, storeDir)
	backend, err := badgerstore.Open(badgerstore.Options{
		Dir:       dir,
		NoSync:    !a.config.Sync,
		Retention: a.config.Retention,
		Log:       a.component("storage"),
		Committed: a.parts.figures.committed,
	})
	if err != nil {
		return nil, err
	}
	if !Patched() {
		a.log.Warn("this program was built without the patches to its database, and can lose accepted events on a disk with errors: build it with make")
	}
	if disk.Missing != "" {
		a.log.Info("this system cannot do all that storage asks for", slog.String("missing", disk.Missing))
	}
	a.parts.backup, a.parts.needed = backend.Backup, backend.SpaceNeeded
	a.parts.stored = func() (uint64, error) { return disk.Used(dir) }
	if err := a.parts.figures.registerDisk(a.parts.registry); err != nil {
		return nil, errors.Join(err, backend.Close())
	}
	sayOpening(a.component("storage"), backend.Opening())
	return backend, nil
}

// openSender makes the client of all deliveries. It makes no connection yet.
func (a *App) openSender() error {
	targets, err := a.config.Guard()
	if err != nil {
		return err
	}
	proxy, err := a.config.egressProxy()
	if err != nil {
		return err
	}
	if proxy != nil {
		a.log.Warn("deliveries go through the egress proxy: it decides which addresses host names lead to")
	}
	client, err := sender.New(sender.Options{
		Guard:          targets,
		Log:            a.component("sender"),
		Proxy:          proxy,
		Version:        a.config.Version,
		HeaderPrefix:   a.config.HeaderPrefix,
		Dial:           a.config.Dial,
		Resolve:        a.config.Resolve,
		RootCAs:        a.config.RootCAs,
		ExcerptBytes:   int(a.config.ResponseExcerpt),
		MaxConnections: a.descriptors.outgoing,
	})
	if err != nil {
		return err
	}
	a.running.push("sender", func(context.Context) error { return client.Close() })
	a.parts.sender = client
	return nil
}

// startActors starts the dispatcher, which reads all webhooks before it returns, and finds
// pending work in the background. The leases see all webhooks on the way: leasingStore
// shows them those of the start, leasingDispatcher, in openAPI, every change after it.
func (a *App) startActors() error {
	client := a.parts.sender
	a.parts.leases = newLeases(a.parts.store, a.component("leases"))
	dispatcher, err := actors.New(actors.Options{
		Store:    leasingStore{a.parts.store, a.parts.leases, time.Now().Add(leaseGrace)},
		Open:     func(e webhook.Endpoint, s webhook.Settings) (actors.Target, error) { return client.Open(e, s) },
		Sequence: a.parts.sequence,
		Defaults: a.config.endpointDefaults(),
		Ceilings: a.config.ceilings(),
		Log:      a.config.Log,
		Abort:    client.Abort,
		Metrics:  a.parts.registry,

		MetricsWebhooks: a.config.MetricsWebhooks,
		Node:            a.config.figuresName(),

		MaxPending:  a.config.MaxPending,
		MaxInFlight: a.descriptors.attempts,
		WatchPeriod: a.config.WatchPeriod,

		ClientLimits: a.limitsOf,
		Cluster:      a.clusterOf(),
		Feed:         a.parts.feed,
	})
	if err != nil {
		return err
	}
	a.running.push("actors", dispatcher.Stop)
	// The leases need the dispatcher and the dispatcher's store needs the leases, so one of
	// them learns of the other late. Nothing calls changed before startRoles.
	a.parts.dispatcher, a.parts.leases.changed = dispatcher, dispatcher.EndpointChanged
	return dispatcher.Start()
}

// openAPI makes the HTTP API. It answers nothing before listen.
func (a *App) openAPI() error {
	pages, err := a.config.pages()
	if err != nil {
		return err
	}
	a.parts.jobs = jobs.New(jobs.Options{
		Store: a.parts.store, Dispatcher: a.parts.dispatcher, Log: a.component("jobs"), Look: a.lookForJobs(),
	})
	api, err := httpapi.New(httpapi.Options{
		Pages:        pages,
		Store:        a.parts.store,
		Dispatcher:   a.dispatcherOf(leasingDispatcher{a.parts.dispatcher, a.parts.leases}),
		Peers:        a.peersOf(),
		Membership:   a.membershipOf(),
		Keys:         a.keys,
		KeySet:       a.keySet(),
		Issuer:       a.config.JWTIssuer,
		Audiences:    a.config.JWTAudience,
		CheckTarget:  a.parts.sender.CheckTarget,
		Request:      a.parts.sender.Request,
		Sequence:     a.parts.sequence,
		Defaults:     a.config.endpointDefaults(),
		Ceilings:     a.config.ceilings(),
		HeaderPrefix: a.config.HeaderPrefix,
		ClientLimits: a.limitsOf,
		MaxWebhooks:  a.config.MaxWebhooks,
		EventTypes:   defaultEventTypes,
		AnyEventType: !a.config.CheckEventTypes,
		Version:      a.config.Version,
		Log:          a.config.Log,
		Registry:     a.parts.registry,
		Profiling:    a.config.Profiling,
		Backup:       a.parts.backup,
		Disk:         a.disk(),
		Feed:         feedOf{a.parts.feed},
		WakeJobs:     a.parts.jobs.Wake,
		Limits:       httpapi.Limits{Connections: a.descriptors.requests},
	})
	a.parts.api = api
	return err
}

// feedOf is the feed as the API sees it.
type feedOf struct{ *feed.Feed }

// Subscribe returns a reader of what q selects.
func (f feedOf) Subscribe(q happening.Query) stream.Reader { return f.Feed.Subscribe(q) }

// jobsLookup is how often a node of a cluster looks for jobs that another one was asked
// for, or has left behind.
const jobsLookup = 3 * time.Second

// lookForJobs returns how often this server looks for jobs by itself; 0 for never.
func (a *App) lookForJobs() time.Duration {
	if a.parts.member == nil {
		return 0
	}
	return jobsLookup
}

// disk returns what shows the disk of the data directory; nil if a database keeps everything.
func (a *App) disk() func() view.Disk {
	if a.parts.needed == nil {
		return nil
	}
	return a.parts.figures.disk
}

// keySet returns the set of the token issuer's keys; nil if there is no URL for it.
func (a *App) keySet() *auth.KeySet {
	if a.config.JWTKeysURL != "" {
		a.parts.keySet = auth.NewKeySet(auth.KeySetOptions{
			URL: a.config.JWTKeysURL, Fetch: a.parts.sender.Fetch, Log: a.component("key set"),
		})
	}
	return a.parts.keySet
}

// startRoles starts the background loops beside the parts. They connect two parts each,
// and so belong to none of them. All end before the actors do.
func (a *App) startRoles() error {
	reap := &reaper{store: a.parts.store, log: a.component("reaper")}
	if a.parts.needed != nil {
		a.running.push("disk watcher", role(a.diskWatcher().Run))
	}
	a.running.push("reaper", role(reap.Run))
	a.running.push("leases", role(a.parts.leases.Run))
	a.running.push("jobs", role(a.parts.jobs.Run))
	if a.parts.keySet != nil {
		a.running.push("key set", role(a.parts.keySet.Run))
	}
	a.running.push("fault watcher", role(a.watchFaults))
	return nil
}

// diskWatcher returns the watcher of the disk that the data directory is on.
func (a *App) diskWatcher() *diskWatcher {
	return &diskWatcher{
		dir:     a.config.DataDir,
		reserve: uint64(a.config.DiskReserve),
		tell:    a.parts.dispatcher.SetDiskReserve,
		log:     a.component("disk"),
		needed:  a.parts.needed,
		stored:  a.parts.stored,
		figures: a.parts.figures,
		measure: disk.Measure,
	}
}

// watchFaults reports when a part cannot continue. The server stops then, rather than
// accept events that it cannot keep; whoever runs it starts it again.
func (a *App) watchFaults(ctx context.Context) {
	select {
	case <-a.parts.store.Broken():
		a.fail(fmt.Errorf("storage cannot continue: %w", a.parts.store.Err()))
	case <-a.parts.store.Fenced():
		a.fail(fmt.Errorf("the cluster has taken this server for dead: %w", a.parts.store.Err()))
	case <-a.parts.dispatcher.Failed():
		a.fail(fmt.Errorf("actors cannot continue: %w", a.parts.dispatcher.Err()))
	case <-ctx.Done():
	}
}

// listen opens both listeners and starts to serve. It is the last step: whoever can
// connect gets an answer. The admin listener asks for no token, so it is loopback by
// default, and anything else is logged as a warning.
func (a *App) listen() error {
	public, err := openListener(a.config.PublicListener, a.config.publicAddress())
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	admin, err := openListener(a.config.AdminListener, a.config.AdminListen)
	if err != nil {
		return errors.Join(fmt.Errorf("admin-listen: %w", err), public.Close())
	}
	if tcp, ok := admin.Addr().(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
		a.log.Warn("the admin listener asks for no token and can be reached from other machines", slog.String("admin_listen", tcp.String()))
	}
	servers := &servers{api: a.parts.api, public: public, admin: admin}
	a.running.push("API", servers.stop)
	servers.start(a.fail)
	a.parts.public, a.parts.admin = public.Addr(), admin.Addr()
	a.parts.api.SetReady(true)
	a.handOverFirst()
	a.log.Info("serving", slog.String("listen", public.Addr().String()), slog.String("admin_listen", admin.Addr().String()),
		a.place(), slog.String("version", a.config.Version))
	return nil
}

// component returns the log of one part, which every line of it names.
func (a *App) component(name string) *slog.Logger {
	return a.config.Log.With(slog.String("component", name))
}

// openListener returns the listener of a test, or one at an address.
func openListener(injected net.Listener, address string) (net.Listener, error) {
	if injected != nil {
		return injected, nil
	}
	return (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
}

// halfOfTimeLeft returns a context with half of the time that ctx has left, so that one
// part of a stop cannot use up the time of the next.
func halfOfTimeLeft(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, bounded := ctx.Deadline()
	if !bounded {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(deadline)/2)
}
