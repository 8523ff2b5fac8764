package app

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/corpastro/astrohook/actors/sender/guard"
	"github.com/corpastro/astrohook/httpapi"
	"github.com/corpastro/astrohook/httpapi/auth"
)

// Reloaded names the settings that a reload found changed, in the order of Config.
type Reloaded struct {
	// Applied are in force.
	Applied []string
	// NeedRestart are not in force: the running server keeps their old values.
	NeedRestart []string
}

// live are the names of the settings that Reload applies. An entry that ends in a
// hyphen stands for all names that begin with it. All others need a restart: addresses,
// directories, sizes of pools, and keys for the secrets, which storage compares with its
// data at a start. A new setting needs a restart unless it is added here and to prepare.
var live = []string{
	"jwt-secret", "jwt-secrets", "jwt-public-keys", "jwt-issuer", "jwt-audience",
	"allow-addresses", "deny-addresses", "allow-hosts", "deny-hosts", "allow-ports", "deny-ports",
	"check-event-types", "webhook-", "max-webhook-", "min-webhook-retry", "max-webhooks", "max-pending", "client-",
}

// isLive reports whether Reload applies a setting.
func isLive(name string) bool {
	return slices.ContainsFunc(live, func(entry string) bool {
		return name == entry || strings.HasSuffix(entry, "-") && strings.HasPrefix(name, entry)
	})
}

var errNotRunning = errors.New("app: not running")

// Reload applies the settings that can change while the server runs. It checks all of
// next first: if anything is wrong, nothing changes. Fields that are not settings, such
// as listeners, stay.
func (a *App) Reload(next Config) (Reloaded, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.state != running {
		return Reloaded{}, errNotRunning
	}
	next.keepInjected(&a.config)
	if err := next.check(); err != nil {
		return Reloaded{}, err
	}
	if _, err := secretKeys(next.SecretKeys); err != nil {
		return Reloaded{}, err
	}
	keys, err := next.keys()
	if err != nil {
		return Reloaded{}, err
	}
	// Until here nothing has changed. The steps cannot fail, so the server never runs with
	// half of the new settings.
	steps, err := a.prepare(&next, keys)
	if err != nil {
		return Reloaded{}, fmt.Errorf("reload: %w", err)
	}
	for _, apply := range steps {
		apply()
	}
	done, err := a.config.take(&next)
	if err != nil {
		return done, err
	}
	if !reflect.DeepEqual(a.keys, keys) && !slices.ContainsFunc(done.Applied, func(name string) bool { return strings.HasPrefix(name, "jwt-") }) {
		done.Applied = append(done.Applied, "jwt-public-keys") // the content of a file has changed
	}
	a.keys = keys
	return done, nil
}

// prepare does everything that can fail, and returns the steps that cannot. Steps that
// cost something, such as connections that end, are only there if their settings differ.
func (a *App) prepare(next *Config, keys []auth.Key) (steps []func(), err error) {
	rules, err := next.guardOptions()
	if err != nil {
		return nil, err
	}
	targets, err := guard.New(rules)
	if err != nil {
		return nil, err
	}
	api, err := a.parts.api.Prepare(httpapi.Live{
		Keys: keys, Issuer: next.JWTIssuer, Audiences: next.JWTAudience,
		Defaults: next.endpointDefaults(), Ceilings: next.ceilings(), MaxWebhooks: next.MaxWebhooks,
		AnyEventType: !next.CheckEventTypes,
	})
	if err != nil {
		return nil, err
	}
	limits, err := next.clientLimits()
	if err != nil {
		return nil, err
	}
	steps = []func(){api, func() { a.parts.dispatcher.SetMaxPending(next.MaxPending) }, func() { a.limits.Store(limits) }}
	if next.endpointDefaults() != a.config.endpointDefaults() || next.ceilings() != a.config.ceilings() {
		steps = append(steps, func() { a.parts.dispatcher.SetDefaults(next.endpointDefaults(), next.ceilings()) })
	}
	if !reflect.DeepEqual(a.config.guardLists(), next.guardLists()) { // it ends connections
		steps = append(steps, func() { a.parts.sender.SetGuard(targets) })
	}
	return steps, nil
}

// guardLists returns the settings that guardOptions reads, for comparison.
func (c *Config) guardLists() [6][]string {
	return [6][]string{c.AllowAddresses, c.DenyAddresses, c.AllowHosts, c.DenyHosts, c.AllowPorts, c.DenyPorts}
}

// keepInjected copies the fields that are not settings.
func (c *Config) keepInjected(from *Config) {
	c.Version, c.Log = from.Version, from.Log
	c.PublicListener, c.AdminListener = from.PublicListener, from.AdminListener
	c.Dial, c.Resolve, c.RootCAs, c.WatchPeriod = from.Dial, from.Resolve, from.RootCAs, from.WatchPeriod
}

// take changes the live settings to those of next, and returns the names of all that
// differ. Settings that need a restart keep their old value here, so that the next reload
// reports them again.
func (c *Config) take(next *Config) (done Reloaded, err error) {
	own, err := settingsOf(c)
	if err != nil {
		return done, err
	}
	theirs, err := settingsOf(next)
	if err != nil {
		return done, err
	}
	for i, setting := range own {
		now, then := setting.Target, theirs[i].Target
		switch {
		case sameValue(now, then):
		case isLive(setting.Name):
			now.Set(then)
			done.Applied = append(done.Applied, setting.Name)
		default:
			done.NeedRestart = append(done.NeedRestart, setting.Name)
		}
	}
	return done, nil
}

// sameValue reports whether two settings are equal. A nil list equals an empty one.
func sameValue(a, b reflect.Value) bool {
	if a.Kind() == reflect.Slice && a.Len() == 0 && b.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

// settingsOf returns the settings of a configuration, whose Targets are its fields. It
// asks the parser for them, and so has the names that users know, in the order of Config.
func settingsOf(c *Config) ([]*kong.Flag, error) {
	parser, err := kong.New(c)
	if err != nil {
		return nil, fmt.Errorf("list the settings: %w", err)
	}
	return slices.DeleteFunc(slices.Clone(parser.Model.Flags), func(f *kong.Flag) bool { return f.Name == "help" }), nil
}
