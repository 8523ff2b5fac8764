package httpapi

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/webhook"
)

// failingStore is a store one of whose calls fails, counted from arm.
type failingStore struct {
	Store

	mu   sync.Mutex
	left int      // calls up to the one that fails; 0 if none is to fail
	err  error    // of that call
	only []string // the calls that count; empty for all
	hit  string   // the call that failed
}

// arm makes the n-th call from now fail.
func (s *failingStore) arm(n int, err error, only ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left, s.err, s.only, s.hit = n, err, only, ""
}

// failed returns which call failed; "" if none did.
func (s *failingStore) failed() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hit
}

// fault returns the error of this call; nil if it is to succeed.
func (s *failingStore) fault(call string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left == 0 || len(s.only) > 0 && !slices.Contains(s.only, call) {
		return nil
	}
	if s.left--; s.left > 0 {
		return nil
	}
	s.hit = call
	return s.err
}

func (s *failingStore) CreateEndpoint(ctx context.Context, e webhook.Endpoint) (webhook.Endpoint, error) {
	if err := s.fault("CreateEndpoint"); err != nil {
		return e, err
	}
	return s.Store.CreateEndpoint(ctx, e)
}

func (s *failingStore) UpdateEndpoint(ctx context.Context, n webhook.EndpointNumber, change func(*webhook.Endpoint) error) (webhook.Endpoint, error) {
	if err := s.fault("UpdateEndpoint"); err != nil {
		return webhook.Endpoint{}, err
	}
	return s.Store.UpdateEndpoint(ctx, n, change)
}

func (s *failingStore) Endpoint(ctx context.Context, n webhook.EndpointNumber) (webhook.Endpoint, error) {
	if err := s.fault("Endpoint"); err != nil {
		return webhook.Endpoint{}, err
	}
	return s.Store.Endpoint(ctx, n)
}

func (s *failingStore) ListEndpoints(ctx context.Context, client string, before webhook.EndpointNumber, limit int) ([]webhook.Endpoint, error) {
	if err := s.fault("ListEndpoints"); err != nil {
		return nil, err
	}
	return s.Store.ListEndpoints(ctx, client, before, limit)
}

func (s *failingStore) CreateEventType(ctx context.Context, t webhook.EventType) error {
	if err := s.fault("CreateEventType"); err != nil {
		return err
	}
	return s.Store.CreateEventType(ctx, t)
}

func (s *failingStore) UpdateEventType(ctx context.Context, t webhook.EventType) error {
	if err := s.fault("UpdateEventType"); err != nil {
		return err
	}
	return s.Store.UpdateEventType(ctx, t)
}

func (s *failingStore) DeleteEventType(ctx context.Context, name string) error {
	if err := s.fault("DeleteEventType"); err != nil {
		return err
	}
	return s.Store.DeleteEventType(ctx, name)
}

func (s *failingStore) CreateAPIKey(ctx context.Context, k webhook.APIKey) error {
	if err := s.fault("CreateAPIKey"); err != nil {
		return err
	}
	return s.Store.CreateAPIKey(ctx, k)
}

func (s *failingStore) DeleteAPIKey(ctx context.Context, id string) error {
	if err := s.fault("DeleteAPIKey"); err != nil {
		return err
	}
	return s.Store.DeleteAPIKey(ctx, id)
}

func (s *failingStore) Event(ctx context.Context, id webhook.ID) (webhook.Event, error) {
	if err := s.fault("Event"); err != nil {
		return webhook.Event{}, err
	}
	return s.Store.Event(ctx, id)
}

func (s *failingStore) Delivery(ctx context.Context, id webhook.ID) (webhook.Delivery, error) {
	if err := s.fault("Delivery"); err != nil {
		return webhook.Delivery{}, err
	}
	return s.Store.Delivery(ctx, id)
}

func (s *failingStore) ListDeliveries(ctx context.Context, q webhook.DeliveryQuery) (webhook.DeliveryPage, error) {
	if err := s.fault("ListDeliveries"); err != nil {
		return webhook.DeliveryPage{}, err
	}
	return s.Store.ListDeliveries(ctx, q)
}

func (s *failingStore) SecretKeys(ctx context.Context) ([]webhook.SecretKey, error) {
	if err := s.fault("SecretKeys"); err != nil {
		return nil, err
	}
	return s.Store.SecretKeys(ctx)
}

func (s *failingStore) Reencrypt(ctx context.Context, limit int) (int, error) {
	if err := s.fault("Reencrypt"); err != nil {
		return 0, err
	}
	return s.Store.Reencrypt(ctx, limit)
}

// failingScene is a scene on a store that can fail.
func failingScene(t *testing.T) (*scene, *failingStore) {
	t.Helper()
	store := &failingStore{}
	s := newScene(t, func(o *Options) { store.Store, o.Store = o.Store, store })
	return s, store
}

// moreVisits are requests that reach calls of the store which those of visits do not.
var moreVisits = []visit{
	{route: "GET /api/deliveries?status=processing", admin: 200, client: 200},
	{route: "GET /api/webhooks/{id}/deliveries?status=processing", admin: 200, client: 200},
	{route: "POST /api/webhooks/{id}/test?wait=1s", admin: 200, client: 200},
	{route: "PATCH /api/webhooks/{id}", body: `{"target_url":"https://example.com/new","event_types":["user.created","user.updated"]}`, admin: 200, client: 200},
}

// eachFailure makes each good request fail at each of its calls to the store in turn, with
// err, and has check judge the answer. only names the calls that fail; without it all do. The
// delivery of the scene is in flight.
func eachFailure(t *testing.T, err error, check func(t *testing.T, s *scene, what string, r *reply), only ...string) {
	t.Helper()
	failures := map[string]int{}
	for _, v := range slices.Concat(visits, moreVisits) {
		s, store := failingScene(t)
		method, path := v.split()
		if v.route != "DELETE /api/deliveries/{id}" { // what is in flight cannot be cancelled
			s.dispatcher.fly(deliveryTo(t, s.event, s.webhook))
		}
		route, query, _ := strings.Cut(path, "?")
		for n := 1; ; n++ { // a request that failed has changed nothing that the next one needs
			store.arm(n, err, only...)
			r := s.do(t, v.succeeding(), method, s.path(route)+"?"+query, v.body)
			call := store.failed()
			if call == "" {
				break // the request makes fewer calls
			}
			failures[call]++
			check(t, s, fmt.Sprintf("%s, call %d: %s", v.route, n, call), r)
		}
	}
	if len(only) == 0 {
		only = []string{"CreateEndpoint", "UpdateEndpoint", "Endpoint", "ListEndpoints", "CreateEventType", "Event", "Delivery", "ListDeliveries", "SecretKeys", "Reencrypt"}
	}
	for _, call := range only {
		if failures[call] == 0 {
			t.Errorf("%s never failed: no request calls it", call)
		}
	}
}

// succeeding returns a caller for whom the request succeeds.
func (v *visit) succeeding() string {
	if v.admin < 300 {
		return admin
	}
	return acme
}

// TestStoreFails: whatever call of the store fails, the caller gets 500 without a word about
// what is inside, and the log has the error.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	const inside = "input/output error in 000017.vlog"
	eachFailure(t, errors.New(inside), func(t *testing.T, s *scene, what string, r *reply) {
		if r.status != 500 || r.text(t, "type") != problem.TypePrefix+string(problem.Internal) || strings.Contains(string(r.body), "vlog") {
			t.Errorf("%s: %d %s", what, r.status, r.body)
		}
		if !strings.Contains(s.log.String(), inside) {
			t.Errorf("%s: the log does not have the error", what)
		}
	})
}

// TestStoreIsSlow: a call that does not finish in time is 503, which callers repeat, and is
// not logged: as long as the cause lasts, every call would be.
func TestStoreIsSlow(t *testing.T) {
	t.Parallel()
	eachFailure(t, context.DeadlineExceeded, func(t *testing.T, s *scene, what string, r *reply) {
		if r.status != 503 || r.header.Get("Retry-After") == "" || strings.Contains(s.log.String(), "request failed") {
			t.Errorf("%s: %d %s", what, r.status, r.body)
		}
	})
}

// TestThingsVanish: what a request has found may expire or be deleted before its next call.
// That is no fault of the server: the answer is 404, or leaves it out.
func TestThingsVanish(t *testing.T) {
	t.Parallel()
	eachFailure(t, webhook.ErrNotFound, func(t *testing.T, _ *scene, what string, r *reply) {
		if r.status != 404 && r.status >= 300 {
			t.Errorf("%s: %d %s", what, r.status, r.body)
		}
	}, "Endpoint", "UpdateEndpoint", "Delivery", "Event")
}

// TestDispatcherFails: the same for the dispatcher, which stops before the server does.
func TestDispatcherFails(t *testing.T) {
	t.Parallel()
	asked := 0
	for i := range visits {
		v := &visits[i]
		s := newScene(t)
		method, path := v.split()
		for _, c := range []struct {
			err    error
			status int
		}{{errors.New("a bug"), 500}, {webhook.ErrShuttingDown, 503}, {webhook.ErrBroken, 503}} {
			s.dispatcher.setFailure(c.err)
			r := s.do(t, v.succeeding(), method, s.path(path), v.body)
			if r.status < 500 {
				break // the dispatcher was not asked
			}
			asked++
			if r.status != c.status || strings.Contains(string(r.body), "a bug") {
				t.Errorf("%s: %v: %d %s", v.route, c.err, r.status, r.body)
			}
		}
	}
	if asked < 3*8 {
		t.Errorf("the dispatcher failed %d times only", asked)
	}
}
