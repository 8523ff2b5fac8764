package httpapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/session"
	"github.com/corpastro/astrohook/httpapi/stream"
	"github.com/corpastro/astrohook/httpapi/view"
	"github.com/corpastro/astrohook/webhook"
)

// MaxBatch bounds the events of one batch. The package inbound has the bounds of a
// request in bytes.
const MaxBatch = 1000

// Options are what a Server is made of. Store, Dispatcher, Keys or KeySet, CheckTarget and
// Sequence are needed; the zero value of the others is a sensible default.
type Options struct {
	Store      Store
	Dispatcher Dispatcher
	// Peers are the other nodes of a cluster; nil if there are none.
	Peers Peers
	// Membership is this server's place in a cluster; nil if there is none.
	Membership Membership
	// Keys verify tokens, and so do those of KeySet, which the caller runs. At least
	// one key, or a set, is needed.
	Keys   []auth.Key
	KeySet *auth.KeySet
	// Issuer, if set, must be the tokens' iss. If there are Audiences, the tokens' aud
	// must name one of them.
	Issuer    string
	Audiences []string
	// CheckTarget checks a target URL and returns the form in which it is stored. Its
	// error is a *webhook.FieldError that says what is wrong.
	CheckTarget func(ctx context.Context, raw string) (canonical string, err error)
	// Request returns the head and the body of the request that an attempt sent, with the
	// values of the endpoint's own headers masked; false if it cannot be made again. Nil
	// means that none can.
	Request func(e webhook.Endpoint, due webhook.Due, a webhook.Attempt) (head string, body []byte, ok bool)
	// Sequence issues the IDs of endpoints. The caller must have resumed it from the store.
	Sequence *webhook.Sequence
	// Defaults are the settings of endpoints that set none; zero fields as in webhook.DefaultSettings.
	Defaults webhook.Settings
	// Ceilings bound what clients, and administrators in their name, may set.
	Ceilings webhook.Ceilings
	// HeaderPrefix begins the names of the headers that deliveries carry;
	// webhook.DefaultHeaderPrefix if empty. A webhook's own headers keep clear of it.
	HeaderPrefix string
	// ClientLimits returns what one client may have; nil means that nothing is limited.
	ClientLimits func(client string) webhook.ClientLimits
	// MaxWebhooks bounds the endpoints of all clients together; 0 for no limit.
	MaxWebhooks int
	// EventTypes are stored at the start in a registry that has none.
	EventTypes []webhook.EventType
	// AnyEventType accepts event types that are not in the registry.
	AnyEventType bool
	// Pages are the settings of the console and the portal.
	Pages session.Pages
	// WakeJobs has whoever runs jobs look for them: one was created or resumed. It must not
	// block. Nil means that somebody looks anyway.
	WakeJobs func()
	// Version is shown by /healthz.
	Version string
	Log     *slog.Logger
	// Registry takes the metrics, and /metrics shows what is in it; nil means a new one.
	Registry *prometheus.Registry
	Limits   Limits
	// Profiling serves /debug/pprof on the admin listener.
	Profiling bool
	// Backup writes everything that storage holds, as it is at one moment. It returns
	// when all is written or ctx ends. If it is nil there are no backups.
	Backup func(ctx context.Context, w io.Writer) error
	// Feed has what happens, for GET /api/stream; nil for nothing.
	Feed stream.Feed
	// Disk returns what is known of the disk, from memory; nil if nothing is.
	Disk func() view.Disk
}

// Limits bound what the public listener accepts. A zero field means its default.
type Limits struct {
	// Connections bounds the open connections; 10,000 by default.
	Connections int
	// Read bounds the time to read a request, Write the time to write an answer; 30 s by default.
	Read, Write time.Duration
	// Idle bounds how long a connection waits for its next request; 2 min by default.
	Idle time.Duration
	// Call bounds the time that a call other than publishing may take; 30 s by default.
	Call time.Duration
	// Backup bounds the time to send a backup; 1 h by default. A reader that takes
	// nothing for as long as Write is cut off earlier.
	Backup time.Duration
	// CachedTokens bounds the verified tokens that are remembered; 10,000 by default.
	CachedTokens int
}

var defaultLimits = Limits{
	Connections:  10_000,
	Read:         30 * time.Second,
	Write:        30 * time.Second,
	Idle:         2 * time.Minute,
	Call:         30 * time.Second,
	Backup:       time.Hour,
	CachedTokens: 10_000,
}

// or returns the limits with those of d in place of zero fields.
func (l Limits) or(d Limits) Limits {
	l.Connections = cmp.Or(l.Connections, d.Connections)
	l.CachedTokens = cmp.Or(l.CachedTokens, d.CachedTokens)
	l.Read = cmp.Or(l.Read, d.Read)
	l.Write = cmp.Or(l.Write, d.Write)
	l.Idle = cmp.Or(l.Idle, d.Idle)
	l.Call = cmp.Or(l.Call, d.Call)
	l.Backup = cmp.Or(l.Backup, d.Backup)
	return l
}

// complete fills in the defaults. Its error names every option that is missing or out
// of bounds, so that one start shows all mistakes.
func (o *Options) complete() error {
	var errs []error
	need := func(there bool, name string) {
		if !there {
			errs = append(errs, fmt.Errorf("%s is missing", name))
		}
	}
	need(o.Store != nil, "Store")
	need(o.Dispatcher != nil, "Dispatcher")
	need(len(o.Keys) > 0 || o.KeySet != nil, "Keys")
	need(o.CheckTarget != nil, "CheckTarget")
	need(o.Sequence != nil, "Sequence")
	l := o.Limits
	if min(l.Connections, l.CachedTokens) < 0 || min(l.Read, l.Write, l.Idle, l.Call, l.Backup) < 0 {
		errs = append(errs, errors.New("Limits has a negative field"))
	}
	if len(errs) > 0 {
		return fmt.Errorf("options of the HTTP API: %w", errors.Join(errs...))
	}
	o.Limits = l.or(defaultLimits)
	o.Defaults = o.Defaults.Or(webhook.DefaultSettings())
	o.HeaderPrefix = cmp.Or(o.HeaderPrefix, webhook.DefaultHeaderPrefix)
	if o.ClientLimits == nil {
		o.ClientLimits = func(string) webhook.ClientLimits { return webhook.ClientLimits{} }
	}
	if o.Request == nil {
		o.Request = func(webhook.Endpoint, webhook.Due, webhook.Attempt) (string, []byte, bool) { return "", nil, false }
	}
	if o.Feed == nil {
		o.Feed = stream.Nothing{}
	}
	o.MaxWebhooks = cmp.Or(o.MaxWebhooks, math.MaxInt)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.WakeJobs == nil {
		o.WakeJobs = func() {}
	}
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
	}
	return nil
}

// Live are the options that can change while a Server runs, on a reload of the
// configuration. Options says what they mean.
type Live struct {
	Keys         []auth.Key
	Issuer       string
	Audiences    []string
	Defaults     webhook.Settings
	Ceilings     webhook.Ceilings
	MaxWebhooks  int
	AnyEventType bool
}

// Prepare checks new options. Nothing changes before the caller calls apply, which
// cannot fail, so that a reload changes all parts of the server or none. From then on
// tokens are judged by the new keys and rules, also those that were good before.
func (s *Server) Prepare(o Live) (apply func(), err error) {
	applyAuth, err := s.callers.Prepare(o.Keys, auth.Rules{Issuer: o.Issuer, Audiences: o.Audiences})
	if err != nil {
		return nil, fmt.Errorf("options of the HTTP API: %w", err)
	}
	defaults := o.Defaults.Or(webhook.DefaultSettings())
	return func() {
		applyAuth()
		s.defaults.Store(&defaults)
		s.ceilings.Store(&o.Ceilings)
		s.maxWebhooks.Store(int64(o.MaxWebhooks))
		s.types.SetStrict(!o.AnyEventType)
	}, nil
}
