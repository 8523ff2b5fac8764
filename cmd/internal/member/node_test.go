package member

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/corpastro/astrohook/actors"
	"github.com/corpastro/astrohook/httpapi"
	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/auth/authtest"
	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/keyring"
	"github.com/corpastro/astrohook/storage/pgstore"
	"github.com/corpastro/astrohook/storage/sealed"
	"github.com/corpastro/astrohook/webhook"
)

// node is a server of a cluster without what does not differ there: storage on PostgreSQL,
// the dispatcher, the API behind a listener in memory, and the member that connects them.
// Its receivers answer 200 at once.
type node struct {
	*testing.T
	member *Member
	client *http.Client
	tokens map[string]string
	limits webhook.ClientLimits
	sent   chan webhook.ID // attempts for this node's endpoints

	metrics *prometheus.Registry
}

const admin, publisher, acme = "admin", "publisher", "acme"

// receiver takes the attempts for a node's endpoints.
type receiver struct{ sent chan<- webhook.ID }

func (r receiver) Send(due webhook.Due) webhook.Attempt {
	r.sent <- due.Delivery.ID
	return webhook.Attempt{At: time.Now(), StatusCode: 200}
}
func (receiver) Close() {}

// shared is the store as a member needs it.
type shared struct {
	storage.Shared
	storage.History
}

// secretKeys are those that all nodes have.
func secretKeys(t testing.TB) *keyring.Keyring {
	key, err := keyring.Generate("k1", strings.NewReader(strings.Repeat("k", keyring.KeySize)))
	if err != nil {
		t.Fatal(err)
	}
	ring, err := keyring.New(key)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// start starts a node in a database, until the test ends; change adapts its options.
func start(t *testing.T, url string, limits webhook.ClientLimits, change ...func(*Options)) *node {
	t.Helper()
	metrics := prometheus.NewRegistry()
	n := &node{T: t, limits: limits, sent: make(chan webhook.ID, 10_000), metrics: metrics}
	backend, err := pgstore.Open(t.Context(), pgstore.Options{URL: url, LonePrimary: true})
	n.must(err)
	t.Cleanup(func() { n.must(backend.Close()) })
	store, err := sealed.New(backend, secretKeys(t))
	n.must(err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	n.must(err)
	o := Options{
		Store: shared{backend, store}, Info: storage.NodeInfo{Name: "n", Address: listener.Addr().String()},
		Secret: strings.Repeat("s", 32), Listener: listener, Log: slog.New(slog.DiscardHandler), Metrics: metrics,
	}
	for _, c := range change {
		c(&o)
	}
	n.member, err = Join(t.Context(), o)
	n.must(err)
	sequence := new(webhook.Sequence)
	sequence.Spread(rand.Uint64N)
	d, err := actors.New(actors.Options{
		Store: store, Cluster: n.member, Sequence: sequence, Log: slog.New(slog.DiscardHandler), Metrics: metrics, Abort: func() {},
		Open: func(webhook.Endpoint, webhook.Settings) (actors.Target, error) { return receiver{n.sent}, nil },
	})
	n.must(err)
	n.must(d.Start())
	t.Cleanup(func() {
		ctx := context.Background()
		n.must(errors.Join(n.member.HandOver(ctx), d.Stop(ctx), n.member.Close(ctx), n.member.Leave(ctx)))
	})
	n.must(n.member.Serve(t.Context(), d, n.openAPI(store, d, sequence)))
	return n
}

func (n *node) must(err error) {
	n.Helper()
	if err != nil {
		n.Fatal(err)
	}
}

// openAPI makes the API of the node, and serves it.
func (n *node) openAPI(store storage.Store, d *actors.Dispatcher, sequence *webhook.Sequence) *httpapi.Server {
	n.Helper()
	key, err := auth.SecretKey("", authtest.Secret)
	n.must(err)
	api, err := httpapi.New(httpapi.Options{
		Store: store, Dispatcher: n.member.Dispatcher(d), Peers: n.member, Membership: n.member, Keys: []auth.Key{key}, Sequence: sequence,
		CheckTarget:  func(_ context.Context, raw string) (string, error) { return raw, nil },
		ClientLimits: func(string) webhook.ClientLimits { return n.limits },
		EventTypes:   []webhook.EventType{{Name: "user.created"}},
	})
	n.must(err)
	listener, later := fasthttputil.NewInmemoryListener(), time.Now().Add(time.Hour)
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return listener.Dial() }}
	n.client = &http.Client{Transport: transport}
	n.tokens = map[string]string{
		admin: authtest.Mint(n, "root", "", "admin", later), acme: authtest.Mint(n, "alice", "acme", "", later),
		publisher: authtest.Mint(n, "backend", "", "events:write:all", later),
	}
	served := make(chan error, 1)
	go func() { served <- api.Serve(listener) }()
	n.Cleanup(func() {
		transport.CloseIdleConnections()
		n.must(errors.Join(api.Shutdown(context.Background()), <-served))
	})
	api.SetReady(true)
	return api
}

// do makes a request, and returns the status and the body of the answer.
func (n *node) do(caller, method, path, body string) (status int, text []byte) {
	req, err := http.NewRequestWithContext(n.Context(), method, "http://node"+path, strings.NewReader(body))
	if err != nil {
		return 0, []byte(err.Error())
	}
	req.Header.Set("Authorization", "Bearer "+n.tokens[caller])
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := n.client.Do(req)
	if err != nil {
		return 0, []byte(err.Error())
	}
	defer resp.Body.Close()
	if text, err = io.ReadAll(resp.Body); err != nil {
		return 0, []byte(err.Error())
	}
	return resp.StatusCode, text
}

// call makes a request that must be answered with this status, and returns the answer.
func (n *node) call(status int, caller, method, path, body string) (answer map[string]any) {
	n.Helper()
	got, text := n.do(caller, method, path, body)
	if got != status {
		n.Fatalf("%s %s: got %d %s, want %d", method, path, got, text, status)
	}
	if len(text) > 0 {
		n.must(json.Unmarshal(text, &answer))
	}
	return answer
}
