package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/auth/authtest"
	"github.com/corpastro/astrohook/httpapi/inbound"
	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/memstore"
	"github.com/corpastro/astrohook/webhook"
)

// testBackup is what storage holds.
const testBackup = "everything that storage holds"

// The kinds of caller.
const (
	nobody     = "nobody"
	badToken   = "bad token"
	expired    = "expired"
	acme       = "client acme"
	globex     = "client globex"
	backend    = "publisher"
	acmeWriter = "publisher of acme"
	narrow     = "client acme with an unknown scope"
	bare       = "publisher without a client"
	wide       = "publisher to all of acme"
	admin      = "admin"

	keyAcme       = "API key of acme"
	keyGlobex     = "API key of globex"
	keyBackend    = "API key of a publisher"
	keyBare       = "API key of a publisher without a client"
	keyAcmeWriter = "API key of a publisher of acme"
	keyAdmin      = "API key of an admin"
	keyExpired    = "expired API key"
	keyRevoked    = "revoked API key"
	keyGuessed    = "API key with another secret"
)

// Lengths in the text of an API key: of its ID, and of its secret.
const (
	apiKeyID     = 10
	apiKeySecret = 43
)

// fixture is a server with its store and its fake dispatcher, behind an
// in-memory listener.
type fixture struct {
	*Server
	store      storage.Store
	dispatcher *fakeDispatcher
	listener   *fasthttputil.InmemoryListener
	client     *http.Client
	tokens     map[string]string
	log        *logBuffer
	listening  []net.Listener
	serving    sync.WaitGroup
	woken      atomic.Int64 // how often jobs were to be looked at
}

// logBuffer keeps the log for a test to look at.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// checkTestTarget takes the place of the address guard: it refuses 127.0.0.1.
func checkTestTarget(_ context.Context, raw string) (string, error) {
	wrong := func(reason string) (string, error) { return "", problem.OfField("target_url", reason) }
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "":
		return wrong("is not a valid URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return wrong("is not an http or https URL")
	case u.User != nil:
		return wrong("has user information")
	case strings.Contains(raw, "#"):
		return wrong("has a fragment")
	case u.Hostname() == "127.0.0.1":
		return "", &webhook.FieldError{Field: "target_url", Reason: "points to an address that is not allowed", Cause: webhook.ErrBlockedAddress}
	}
	return u.String(), nil
}

func newFixture(t testing.TB, change ...func(*Options)) *fixture {
	t.Helper()
	store := memstore.Open(memstore.Options{})
	f := &fixture{store: store, log: &logBuffer{}}
	sequence := &webhook.Sequence{}
	f.dispatcher = &fakeDispatcher{store: store, sequence: sequence, health: webhook.Health{Breaker: webhook.BreakerClosed}}
	key, err := auth.SecretKey("", authtest.Secret)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Store: store, Dispatcher: f.dispatcher, Keys: []auth.Key{key}, CheckTarget: checkTestTarget,
		Sequence: sequence, EventTypes: testEventTypes, Version: "test",
		Backup: func(_ context.Context, w io.Writer) error {
			_, err := io.WriteString(w, testBackup)
			return err
		},
		WakeJobs: func() { f.woken.Add(1) },
		Log:      f.log.logger(),
	}
	for _, c := range change {
		c(&o)
	}
	if f.Server, err = New(o); err != nil {
		t.Fatal(err)
	}
	f.SetReady(true)
	later, now := time.Now().Add(time.Hour), time.Now()
	f.tokens = map[string]string{
		badToken:   authtest.Mint(t, "x", "", "admin", later) + "x",
		expired:    authtest.Mint(t, "x", "", "admin", now.Add(-time.Minute)),
		acme:       authtest.Mint(t, "alice", "acme", "", later),
		globex:     authtest.Mint(t, "gus", "globex", "", later),
		backend:    authtest.Mint(t, "backend", "", "events:write:all", later),
		acmeWriter: authtest.Mint(t, "writer", "acme", "events:write", later),
		narrow:     authtest.Mint(t, "narrow", "acme", "email profile billing:read", later),
		bare:       authtest.Mint(t, "bare", "", "events:write", later),
		wide:       authtest.Mint(t, "wide", "acme", "events:write:all", later),
		admin:      authtest.Mint(t, "root", "", "admin", later),
	}
	f.makeKeys(t)
	f.start(t)
	return f
}

// makeKeys makes the API keys of the kinds of caller.
func (f *fixture) makeKeys(t testing.TB) {
	t.Helper()
	publish, publishAll := []string{auth.ScopePublish}, []string{auth.ScopePublishAll}
	for caller, k := range map[string]webhook.APIKey{
		keyAcme:       {ClientID: "acme"},
		keyGlobex:     {ClientID: "globex"},
		keyBackend:    {Scopes: publishAll},
		keyBare:       {Scopes: publish}, // made before there was events:write:all
		keyAcmeWriter: {ClientID: "acme", Scopes: publish},
		keyAdmin:      {Scopes: []string{auth.ScopeAdmin}},
		keyExpired:    {Scopes: []string{auth.ScopeAdmin}, ExpiresAt: time.Now().Add(-time.Millisecond)},
		keyRevoked:    {Scopes: []string{auth.ScopeAdmin}},
		keyGuessed:    {Scopes: []string{auth.ScopeAdmin}},
	} {
		k.Name = caller
		made, text, err := f.callers.APIKeys().Create(t.Context(), k)
		if err != nil {
			t.Fatal(err)
		}
		switch caller {
		case keyRevoked:
			err = f.callers.APIKeys().Remove(t.Context(), made.ID)
		case keyGuessed:
			text = text[:len(text)-apiKeySecret] + strings.Repeat("A", apiKeySecret)
		}
		if err != nil {
			t.Fatal(err)
		}
		f.tokens[caller] = text
	}
}

func (f *fixture) start(t testing.TB) {
	f.listener = fasthttputil.NewInmemoryListener()
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return f.listener.Dial() }}
	f.client = &http.Client{Transport: transport}
	f.serveOn(t, f.listener)
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := f.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		for _, ln := range f.listening {
			_ = ln.Close() // of one that was not served yet, Shutdown does not know
		}
		f.serving.Wait()
		if err := f.store.Close(); err != nil {
			t.Error(err)
		}
	})
}

// serveOn serves on a listener until the test ends.
func (f *fixture) serveOn(t testing.TB, ln net.Listener) {
	f.listening = append(f.listening, ln)
	f.serving.Go(func() {
		if err := f.Serve(ln); err != nil {
			t.Error(err)
		}
	})
}

// reply is an answer, read.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// object returns the answer's JSON object.
func (r *reply) object(t testing.TB) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(r.body, &v); err != nil {
		t.Fatalf("answer %d %q: %v", r.status, r.body, err)
	}
	return v
}

// text returns a member of the answer that is a string; "" if it is absent.
func (r *reply) text(t testing.TB, name string) string {
	t.Helper()
	text, _ := r.object(t)[name].(string)
	return text
}

// data returns the entries of a list.
func (r *reply) data(t testing.TB) []map[string]any {
	t.Helper()
	var v struct{ Data []map[string]any }
	if err := json.Unmarshal(r.body, &v); err != nil {
		t.Fatal(err)
	}
	return v.Data
}

// do makes a request, and checks the request and the answer against openapi.yaml.
func (f *fixture) do(t testing.TB, caller, method, path, body string, headers ...string) *reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://astrohook"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if token := f.tokens[caller]; token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	client := f.client
	if len(body) > inbound.MaxBody { // it is answered before it is sent whole, which needs a socket that can be half closed
		address := f.socket(t)
		transport := &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("tcp", address) }}
		client = &http.Client{Transport: transport}
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	r := &reply{status: resp.StatusCode, header: resp.Header}
	if r.body, err = io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	checkContract(t, req, body, r)
	return r
}

// want is do for a request that must be answered with this status.
func (f *fixture) want(t testing.TB, status int, caller, method, path, body string, headers ...string) *reply {
	t.Helper()
	r := f.do(t, caller, method, path, body, headers...)
	if r.status != status {
		t.Fatalf("%s: %s %s %.200s\ngot %d %s\nwant %d", caller, method, path, body, r.status, r.body, status)
	}
	return r
}

// register makes a webhook for all types and returns its id.
func (f *fixture) register(t testing.TB, caller string) string {
	t.Helper()
	r := f.want(t, 201, caller, "POST", "/api/webhooks", `{"event_type":"*","target_url":"https://example.com/hook"}`)
	return r.text(t, "id")
}

// publishOne publishes an event for everyone and returns its id.
func (f *fixture) publishOne(t testing.TB) webhook.ID {
	t.Helper()
	r := f.want(t, 202, backend, "POST", "/api/events", `{"event_type":"user.created","data":{"n":1}}`)
	id, err := webhook.EventID.Parse(r.text(t, "id"))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// deliveryTo returns the id of the delivery that an event owes to a webhook.
func deliveryTo(t testing.TB, event webhook.ID, webhookID string) webhook.ID {
	t.Helper()
	id, err := webhook.EndpointID.Parse(webhookID)
	if err != nil {
		t.Fatal(err)
	}
	return event.For(id.Endpoint)
}
