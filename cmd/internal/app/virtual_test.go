package app

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/corpastro/astrohook/actors/sender/receivertest"
)

// The tests of this file run the whole server in virtual time: real storage on
// disk, HTTP over listeners in memory, receivers behind an injected dialer.

const virtualSecret = "virtual-secret-of-32-bytes-or-more"

// world is a server in a bubble, with the receivers that its dialer finds by port.
type world struct {
	t         *testing.T
	dir       string
	receivers map[uint16]*fasthttputil.InmemoryListener
	settings  func(*Config) // made on top of the usual ones; may be nil
	app       *App
	client    *fasthttp.Client
}

// inWorld runs a test with a started server.
func inWorld(t *testing.T, test func(w *world)) { inWorldOf(t, nil, test) }

// inWorldOf runs a test with a started server that has some settings of its own.
func inWorldOf(t *testing.T, settings func(*Config), test func(w *world)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, dir: dir, receivers: make(map[uint16]*fasthttputil.InmemoryListener), settings: settings}
		w.start()
		defer w.end()
		test(w)
	})
}

// closeOnce makes a second Close harmless, as it is for sockets.
type closeOnce struct {
	net.Listener
	once sync.Once
}

func (c *closeOnce) Close() (err error) {
	c.once.Do(func() { err = c.Listener.Close() })
	return err
}

// config are the settings that the server starts with.
func (w *world) config() Config {
	config := Defaults()
	config.DataDir, config.JWTSecret, config.AllowAddresses = w.dir, virtualSecret, []string{"127.0.0.0/8"}
	config.Log, config.SecretKeys = slog.New(slog.DiscardHandler), []string{testSecretKey}
	config.Dial = func(_ context.Context, _ string, addr netip.AddrPort) (net.Conn, error) {
		if ln := w.receivers[addr.Port()]; ln != nil {
			return ln.Dial()
		}
		return nil, fmt.Errorf("nobody listens at %v", addr)
	}
	config.MinWebhookRetry, config.MaxWebhookAttempts, config.MaxWebhookConcurrency, config.MaxWebhookBreakerFailures = time.Millisecond, 100, 1024, 10_000
	if w.settings != nil {
		w.settings(&config)
	}
	return config
}

func (w *world) start() {
	public, admin := fasthttputil.NewInmemoryListener(), fasthttputil.NewInmemoryListener()
	config := w.config()
	config.PublicListener, config.AdminListener = &closeOnce{Listener: public}, &closeOnce{Listener: admin}
	app, err := New(config)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := app.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.app = app
	w.client = &fasthttp.Client{Dial: func(string) (net.Conn, error) { return public.Dial() }, MaxIdleConnDuration: time.Second}
}

func (w *world) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := w.app.Stop(ctx); err != nil {
		w.t.Error(err)
	}
	w.client.CloseIdleConnections()
}

// restart stops the server and starts it again on the same directory.
func (w *world) restart() {
	w.stop()
	w.start()
}

// end waits until goroutines that only wait for their idle time have ended: a synctest
// bubble requires that none is left.
func (w *world) end() {
	w.stop()
	time.Sleep(2 * time.Minute)
}

// receiver starts a subscriber at a port of its own.
func (w *world) receiver(port uint16, behave func(receivertest.Request) receivertest.Reply) *receivertest.Receiver {
	ln := fasthttputil.NewInmemoryListener()
	w.receivers[port] = ln
	s := receivertest.Start(ln)
	s.Behave(behave)
	w.t.Cleanup(s.Close)
	return s
}

// call makes a request as the client acme, with admin rights, and decodes the answer.
func (w *world) call(method, path, body string, wantStatus int) map[string]any {
	w.t.Helper()
	status, text := w.try(method, path, body)
	if status != wantStatus {
		w.t.Fatalf("%s %s: %d %s", method, path, status, text)
	}
	var answer map[string]any
	if len(text) > 0 {
		if err := json.Unmarshal(text, &answer); err != nil {
			w.t.Fatal(err)
		}
	}
	return answer
}

// try makes a request as call does, whatever the answer.
func (w *world) try(method, path, body string) (status int, answer []byte) {
	w.t.Helper()
	token := w.token()
	req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(resp)
	req.Header.SetMethod(method)
	req.SetRequestURI("http://astrohook" + path)
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.SetContentType("application/json")
	req.SetBodyString(body)
	if err := w.client.DoTimeout(req, resp, 20*time.Second); err != nil {
		w.t.Fatal(method, path, err)
	}
	return resp.StatusCode(), slices.Clone(resp.Body())
}

// token is one of the client acme, with admin rights.
func (w *world) token() string {
	w.t.Helper()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"client_id": "acme", "scope": "admin", "exp": time.Now().Add(time.Hour).Unix(),
	}).SignedString([]byte(virtualSecret))
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

// register makes an endpoint at a port; settings are further members of its body.
func (w *world) register(port uint16, settings string) string {
	w.t.Helper()
	body := fmt.Sprintf(`{"client_id":"acme","event_type":"user.created","target_url":"http://127.0.0.1:%d/hook"%s}`, port, settings)
	return w.call("POST", "/api/webhooks", body, 201)["id"].(string)
}

func (w *world) publish() string {
	w.t.Helper()
	return w.call("POST", "/api/events", `{"event_type":"user.created","data":{"n":1}}`, 202)["id"].(string)
}

// deliveries lists an endpoint's deliveries in a status, newest first.
func (w *world) deliveries(endpoint, status string) []map[string]any {
	w.t.Helper()
	answer := w.call("GET", "/api/webhooks/"+endpoint+"/deliveries?status="+status, "", 200)
	var all []map[string]any
	for _, d := range answer["data"].([]any) {
		all = append(all, d.(map[string]any))
	}
	return all
}

// arrivals notes when a subscriber's requests come, from a start on.
type arrivals struct {
	start time.Time
	mu    sync.Mutex
	times []time.Duration
}

// answering notes the time of each request, and answers it.
func (a *arrivals) answering(reply receivertest.Reply) func(receivertest.Request) receivertest.Reply {
	a.start = time.Now()
	return func(receivertest.Request) receivertest.Reply {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.times = append(a.times, time.Since(a.start))
		return reply
	}
}

func (a *arrivals) all() []time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.times)
}

// near reports whether times match the schedule. They may be later by a tenth of each
// wait, which is the jitter, and by a little for the machine's own work.
func near(at []time.Duration, schedule ...time.Duration) bool {
	if len(at) != len(schedule) {
		return false
	}
	for i := range schedule {
		if at[i] < schedule[i] || at[i] > schedule[i]+schedule[i]/10+time.Second {
			return false
		}
	}
	return true
}

var defaultSchedule = []time.Duration{0, 30 * time.Second, 90 * time.Second, 210 * time.Second, 450 * time.Second}

// TestDefaultSchedule walks the default schedule of a delivery that fails, and sends it again by hand.
func TestDefaultSchedule(t *testing.T) {
	inWorld(t, func(w *world) {
		var arrived arrivals
		receiver := w.receiver(9001, arrived.answering(receivertest.Answer(500)))
		endpoint := w.register(9001, "")
		w.publish()
		time.Sleep(10 * time.Minute)

		if at := arrived.all(); !near(at, defaultSchedule...) {
			t.Fatal("attempts at", at)
		}
		failed := w.deliveries(endpoint, "failed")
		if len(failed) != 1 || failed[0]["attempts"] != 5.0 || failed[0]["reason"] != "http_5xx" {
			t.Fatalf("failed deliveries: %v", failed)
		}
		id := failed[0]["id"].(string)
		whole := w.call("GET", "/api/deliveries/"+id, "", 200)
		log := whole["attempt_log"].([]any)
		if len(log) != 5 || whole["payload"] == nil || whole["failed_at"] == nil {
			t.Fatalf("failed delivery: %v", whole)
		}

		receiver.Always(receivertest.Answer(200))
		w.call("POST", "/api/deliveries/"+id+"/retry", "", 202)
		time.Sleep(time.Second)
		again := w.call("GET", "/api/deliveries/"+id, "", 200)
		if again["status"] != "delivered" || again["attempts"] != 6.0 || len(again["attempt_log"].([]any)) != 6 {
			t.Fatalf("after the retry: %v", again)
		}
		for i, r := range receiver.Requests() {
			if !strings.Contains(string(r.Body), id) {
				t.Fatal("request", i, "is for another delivery:", string(r.Body))
			}
		}
	})
}

// TestScheduleSurvivesRestart: the due time and the count of attempts are the
// same after a restart between two attempts.
func TestScheduleSurvivesRestart(t *testing.T) {
	inWorld(t, func(w *world) {
		var arrived arrivals
		w.receiver(9001, arrived.answering(receivertest.Answer(500)))
		endpoint := w.register(9001, "")
		w.publish()
		for range 5 {
			time.Sleep(20 * time.Second)
			w.restart()
		}
		time.Sleep(10 * time.Minute)
		if at := arrived.all(); !near(at, defaultSchedule...) {
			t.Fatal("attempts at", at)
		}
		if failed := w.deliveries(endpoint, "failed"); len(failed) != 1 || failed[0]["attempts"] != 5.0 {
			t.Fatal(failed)
		}
	})
}

// TestBreakerSurvivesRestart: an open breaker stays open until its time, and the
// deliveries that wait meanwhile use up no attempts.
func TestBreakerSurvivesRestart(t *testing.T) {
	inWorld(t, func(w *world) {
		var arrived arrivals
		receiver := w.receiver(9001, arrived.answering(receivertest.Answer(500)))
		endpoint := w.register(9001, `,"circuit_breaker":{"failures":3,"open_ms":60000},"concurrency":1`)
		for range 5 {
			w.publish()
		}
		time.Sleep(10 * time.Second)
		if at := arrived.all(); len(at) != 3 {
			t.Fatal("an open breaker let attempts through:", at)
		}
		w.restart()
		if health := w.call("GET", "/api/webhooks/"+endpoint+"/health", "", 200); health["circuit_breaker"].(map[string]any)["state"] != "open" {
			t.Fatalf("health after a restart: %v", health)
		}
		time.Sleep(45 * time.Second) // retries were due at 30 s
		if at := arrived.all(); len(at) != 3 {
			t.Fatal("after a restart the open breaker let attempts through:", at)
		}
		// The breaker opens for a minute after the third failure. The attempt after that fails,
		// too, so the breaker opens for two minutes.
		time.Sleep(30 * time.Second)
		if at := arrived.all(); len(at) != 4 || at[3] < time.Minute {
			t.Fatal("half-open:", at)
		}
		receiver.Always(receivertest.Answer(200))
		time.Sleep(3 * time.Minute)
		if delivered := w.deliveries(endpoint, "delivered"); len(delivered) != 5 {
			t.Fatal("delivered after the receiver came back:", delivered)
		}
	})
}

// TestPauseSurvivesRestart: a paused endpoint accepts and holds, over a restart too.
func TestPauseSurvivesRestart(t *testing.T) {
	inWorld(t, func(w *world) {
		receiver := w.receiver(9001, func(receivertest.Request) receivertest.Reply { return receivertest.Answer(200) })
		endpoint := w.register(9001, "")
		w.call("POST", "/api/webhooks/"+endpoint+"/pause", "", 200)
		w.publish()
		time.Sleep(time.Hour)
		w.restart()
		w.publish()
		time.Sleep(time.Hour)
		if n := receiver.Count(); n != 0 {
			t.Fatal("a paused endpoint got", n, "deliveries")
		}
		w.call("POST", "/api/webhooks/"+endpoint+"/resume", "", 200)
		time.Sleep(time.Second)
		if delivered := w.deliveries(endpoint, "delivered"); len(delivered) != 2 {
			t.Fatal("after resuming:", delivered)
		}
	})
}

// TestBlackHoleHurtsOnlyItself: while one endpoint never answers, the others get
// theirs at once, and it holds no more connections than its own bound.
func TestBlackHoleHurtsOnlyItself(t *testing.T) {
	inWorld(t, func(w *world) {
		hole := w.receiver(9000, func(receivertest.Request) receivertest.Reply { return receivertest.Silence() })
		w.register(9000, "")
		var healthy []*receivertest.Receiver
		for port := uint16(9001); port < 9010; port++ {
			healthy = append(healthy, w.receiver(port, func(receivertest.Request) receivertest.Reply { return receivertest.Answer(200) }))
			w.register(port, "")
		}
		for i := range 200 {
			w.publish()
			time.Sleep(10 * time.Millisecond)
			for _, s := range healthy {
				if s.Count() != i+1 {
					t.Fatal("10 ms after event", i, "a healthy endpoint has", s.Count())
				}
			}
			if open := hole.Open(); open > 64 {
				t.Fatal("the black hole holds", open, "connections")
			}
		}
	})
}
