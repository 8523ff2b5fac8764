package app

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/actors/sender/receivertest"
	"github.com/corpastro/astrohook/webhook"
)

// reload has the server take over changed settings, and wants the names of those
// that are in force, and of those that need a restart.
func (w *world) reload(change func(*Config), applied, needRestart string) {
	w.t.Helper()
	next := w.config()
	change(&next)
	got, err := w.app.Reload(next)
	if err != nil {
		w.t.Fatal("reload:", err)
	}
	if a, r := strings.Join(got.Applied, " "), strings.Join(got.NeedRestart, " "); a != applied || r != needRestart {
		w.t.Fatalf("applied %q, need a restart %q; want %q and %q", a, r, applied, needRestart)
	}
}

// TestReloadGuard: rules for addresses hold from the reload on, for connections that
// are open already too.
func TestReloadGuard(t *testing.T) {
	inWorld(t, func(w *world) {
		accept := receivertest.Answer(200)
		receiver := w.receiver(9001, func(receivertest.Request) receivertest.Reply { return accept })
		endpoint := w.register(9001, "")
		w.publish()
		time.Sleep(time.Second)
		if receiver.Count() != 1 || receiver.Open() != 1 {
			t.Fatalf("%d deliveries, %d connections", receiver.Count(), receiver.Open())
		}
		for setting, deny := range map[string]func(*Config){
			"deny-addresses":  func(c *Config) { c.DenyAddresses = []string{"127.0.0.1"} },
			"deny-ports":      func(c *Config) { c.DenyPorts = []string{"9001"} },
			"allow-ports":     func(c *Config) { c.AllowPorts = []string{"443"} },
			"allow-addresses": func(c *Config) { c.AllowAddresses = nil },
		} {
			count := receiver.Count()
			w.reload(deny, setting, "")
			time.Sleep(time.Second)
			if receiver.Open() != 0 {
				t.Errorf("%s: %d connections are kept", setting, receiver.Open())
			}
			w.publish()
			time.Sleep(time.Second)
			waiting := w.deliveries(endpoint, "retrying")
			if receiver.Count() != count || len(waiting) != 1 || waiting[0]["reason"] != "blocked_address" {
				t.Errorf("%s: %d deliveries, waiting %v", setting, receiver.Count()-count, waiting)
			}
			w.reload(func(*Config) {}, setting, "")
			time.Sleep(time.Minute)
			if receiver.Count() != count+1 {
				t.Errorf("%s: %d deliveries after it was taken back", setting, receiver.Count()-count)
			}
		}
	})
}

// TestReloadWhileInUse: a connection that is in use at the reload ends its request,
// and is used for no other.
func TestReloadWhileInUse(t *testing.T) {
	inWorld(t, func(w *world) {
		receiver := w.receiver(9001, func(receivertest.Request) receivertest.Reply {
			return receivertest.After(5*time.Second, receivertest.Answer(200))
		})
		endpoint := w.register(9001, "")
		w.publish()
		time.Sleep(time.Second)
		w.reload(func(c *Config) { c.DenyPorts = []string{"9001"} }, "deny-ports", "")
		time.Sleep(10 * time.Second)
		if delivered := w.deliveries(endpoint, "delivered"); len(delivered) != 1 || receiver.Open() != 0 {
			t.Errorf("%d delivered, %d connections kept", len(delivered), receiver.Open())
		}
	})
}

// TestReloadDefaults: a webhook with work takes over new defaults at once, an idle one when
// it has work again; the API shows them.
func TestReloadDefaults(t *testing.T) {
	inWorld(t, func(w *world) {
		var arrived arrivals
		w.receiver(9001, arrived.answering(receivertest.Answer(500)))
		own, preset := w.register(9001, `,"concurrency":7`), w.register(9002, "")
		w.call("POST", "/api/webhooks/"+preset+"/pause", "", 200)
		w.publish()
		time.Sleep(time.Second)
		w.reload(func(c *Config) {
			c.EndpointRetryInitial, c.EndpointRetryJitter, c.EndpointConcurrency = 2*time.Second, 0, 5
		}, "webhook-concurrency webhook-retry-initial webhook-retry-jitter", "")
		w.publish()
		time.Sleep(4 * time.Second)
		if at := arrived.all(); len(at) != 3 || at[2]-at[1] < 2*time.Second || at[2]-at[1] > 3*time.Second {
			t.Errorf("attempts at %v: the second delivery's retry comes after 2 s", at)
		}
		for id, want := range map[string]float64{own: 7, preset: 5} {
			if got := w.call("GET", "/api/webhooks/"+id, "", 200)["concurrency"]; got != want {
				t.Errorf("%s: concurrency %v, want %v", id, got, want)
			}
		}
	})
}

// TestReloadLimits: publishing is judged by the limits of the last reload.
func TestReloadLimits(t *testing.T) {
	inWorld(t, func(w *world) {
		endpoint := w.register(9001, "")
		w.call("POST", "/api/webhooks/"+endpoint+"/pause", "", 200)
		w.publish()
		const known, unknown = `{"event_type":"user.created","data":1}`, `{"event_type":"who.knows","data":1}`
		w.reload(func(c *Config) { c.MaxPending = 1 }, "max-pending", "")
		w.call("POST", "/api/events", known, 429)
		w.call("POST", "/api/events", unknown, 422)
		w.reload(func(c *Config) { c.CheckEventTypes = false }, "check-event-types max-pending", "")
		w.call("POST", "/api/events", known, 202)
		w.call("POST", "/api/events", unknown, 202)
	})
}

// TestReloadKeys: a token is judged by the keys of the last reload, also one that
// was good before.
func TestReloadKeys(t *testing.T) {
	inWorld(t, func(w *world) {
		w.call("GET", "/api/webhooks", "", 200)
		w.reload(func(c *Config) { c.JWTSecret = "another secret, of 32 bytes or more" }, "jwt-secret", "")
		w.call("GET", "/api/webhooks", "", 401)
		w.reload(func(c *Config) { c.JWTAudience = []string{"x"} }, "jwt-secret jwt-audience", "")
		w.call("GET", "/api/webhooks", "", 401)
		w.reload(func(*Config) {}, "jwt-audience", "")
		w.call("GET", "/api/webhooks", "", 200)
	})
}

// TestReloadNeedsRestart: what cannot change is named each time, and stays as it is.
func TestReloadNeedsRestart(t *testing.T) {
	inWorld(t, func(w *world) {
		change := func(c *Config) { c.Retention, c.DataDir, c.MaxPending = time.Hour, "/elsewhere", 7 }
		w.reload(change, "max-pending", "data-dir retention")
		w.reload(change, "", "data-dir retention")
		w.reload(func(*Config) {}, "max-pending", "")
		w.reload(func(*Config) {}, "", "")
	})
}

// TestReloadRefused: a configuration with one wrong setting changes nothing.
func TestReloadRefused(t *testing.T) {
	inWorld(t, func(w *world) {
		endpoint := w.register(9001, "")
		w.call("POST", "/api/webhooks/"+endpoint+"/pause", "", 200)
		before := w.app.config
		for setting, breakIt := range map[string]func(*Config){
			"deny-addresses":       func(c *Config) { c.DenyAddresses = []string{"10.0.0.0/33"} },
			"deny-hosts":           func(c *Config) { c.DenyHosts = []string{"*"} },
			"jwt-secret":           func(c *Config) { c.JWTSecret = "short" },
			"jwt-public-keys":      func(c *Config) { c.JWTPublicKeys = []string{"/no/such.pem"} },
			"secret-keys":          func(c *Config) { c.SecretKeys = []string{"x:y"} },
			"webhook-max-attempts": func(c *Config) { c.EndpointMaxAttempts = 0 },
			"retention":            func(c *Config) { c.Retention = 0 }, // that needs a restart is no excuse
		} {
			next := w.config()
			next.MaxPending, next.AllowAddresses, next.EndpointConcurrency, next.CheckEventTypes = 1, nil, 5, false
			breakIt(&next)
			_, err := w.app.Reload(next)
			var field *webhook.FieldError
			if !errors.As(err, &field) || field.Field != setting {
				t.Errorf("%s: %v", setting, err)
			}
		}
		for range 3 {
			w.publish() // max-pending is not 1
		}
		w.call("POST", "/api/events", `{"event_type":"who.knows","data":1}`, 422)
		w.register(9002, "") // the address is allowed
		if got := w.call("GET", "/api/webhooks/"+endpoint, "", 200)["concurrency"]; got != 64.0 {
			t.Errorf("concurrency %v", got)
		}
		if now := fmt.Sprintf("%+v", w.app.config); now != fmt.Sprintf("%+v", before) {
			t.Errorf("the settings are %s, were %+v", now, before)
		}
	})
}

// TestLiveSettings: each name in the list is that of a setting.
func TestLiveSettings(t *testing.T) {
	var c Config
	settings, err := settingsOf(&c)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, s := range settings {
		names[s.Name] = isLive(s.Name)
	}
	for _, entry := range live {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(names)), func(name string) bool { return strings.HasPrefix(name, entry) }) {
			t.Errorf("%s is no setting", entry)
		}
	}
	for name, want := range map[string]bool{"webhook-rate": true, "max-webhook-rate": true, "client-limits": true, "jwt-secrets": true, "jwt-keys-url": false, "listen": false, "retention": false} {
		if names[name] != want {
			t.Errorf("%s: applied by a reload: %t, want %t", name, names[name], want)
		}
	}
}

// TestReloadClientLimits: what clients may have, and may set, changes at once.
func TestReloadClientLimits(t *testing.T) {
	inWorld(t, func(w *world) {
		const hook = `{"client_id":"acme","event_type":"user.created","target_url":"http://127.0.0.1:9001/"%s}`
		w.register(9001, "")
		w.reload(func(c *Config) { c.ClientMaxWebhooks = 1 }, "client-max-webhooks", "")
		w.call("POST", "/api/webhooks", fmt.Sprintf(hook, ""), 409)
		w.reload(func(c *Config) { c.ClientLimits = []string{"acme/webhooks=2"} }, "client-max-webhooks client-limits", "")
		w.call("POST", "/api/webhooks", fmt.Sprintf(hook, ""), 201)
		w.call("POST", "/api/webhooks", fmt.Sprintf(hook, ""), 409)
		w.reload(func(c *Config) { c.MaxWebhookAttempts = 7 }, "max-webhook-attempts client-limits", "")
		w.call("POST", "/api/webhooks", fmt.Sprintf(hook, `,"retry_policy":{"max_attempts":8}`), 422)
		w.call("POST", "/api/webhooks", fmt.Sprintf(hook, `,"retry_policy":{"max_attempts":7}`), 201)
	})
}

// TestReloadNotRunning: before the start and after the stop there is nothing to reload.
func TestReloadNotRunning(t *testing.T) {
	a := newApp(t, testConfig(t))
	if _, err := a.Reload(testConfig(t)); !errors.Is(err, errNotRunning) {
		t.Errorf("before the start: %v", err)
	}
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Reload(a.config); err != nil {
		t.Errorf("running: %v", err)
	}
	stop(t, a)
	if _, err := a.Reload(testConfig(t)); !errors.Is(err, errNotRunning) {
		t.Errorf("after the stop: %v", err)
	}
}
