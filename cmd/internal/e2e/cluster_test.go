package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// clusterSecret is what the nodes here recognise one another by.
const clusterSecret = "a secret for nothing but the nodes of these tests"

// asNode returns the settings of a node, besides the database.
func asNode(t *testing.T, name string) []string {
	t.Helper()
	return []string{
		"ASTROHOOK_NODE_NAME=" + name, "ASTROHOOK_CLUSTER_LISTEN=" + reserveAddress(t), "ASTROHOOK_CLUSTER_SECRET=" + clusterSecret,
		"ASTROHOOK_REQUIRE_STANDBY=false", // after a failover to the only standby they live with one copy
	}
}

// startNodes starts nodes on one database, and returns when each has its share of parts.
func startNodes(t *testing.T, n int, at string) []*server {
	t.Helper()
	var nodes []*server
	for i := range n {
		nodes = append(nodes, startServer(t, append(onDatabase(at), asNode(t, fmt.Sprintf("node-%d", i+1))...)...))
	}
	awaitShares(t, nodes)
	return nodes
}

// nodeList is the answer of GET /api/nodes.
type nodeList struct {
	Data []struct {
		Name    string `json:"name"`
		Self    bool   `json:"self"`
		Alive   bool   `json:"alive"`
		Leaving bool   `json:"leaving"`
		Parts   int    `json:"parts"`
	} `json:"data"`
	Free int `json:"free_parts"`
}

// listOf returns the nodes as one of them sees them.
func listOf(s *server) (list nodeList, err error) {
	err = s.try(http.MethodGet, "/api/nodes", nil, &list)
	return list, err
}

// awaitShares waits until each of the nodes, which all run, has its share of the parts.
func awaitShares(t *testing.T, nodes []*server) {
	t.Helper()
	await(t, "the parts to be shared", func() error {
		list, err := listOf(nodes[0])
		if err != nil {
			return err
		}
		if list.Free > 0 || len(list.Data) != len(nodes) {
			return fmt.Errorf("%+v", list)
		}
		for _, n := range list.Data {
			if most := (256 + len(nodes) - 1) / len(nodes); !n.Alive || n.Parts > most {
				return fmt.Errorf("%+v", list)
			}
		}
		return nil
	})
}

// TestCluster has three nodes on one database, first in order, then without one of them.
func TestCluster(t *testing.T) {
	at := database(t)
	nodes := startNodes(t, 3, at)
	t.Run("a node with TLS", func(t *testing.T) {
		ours := newAuthority(t, "ours")
		settings := append(append(onDatabase(at), asNode(t, "wrong")...), ours.settings(t, "wrong", ours)...)
		refusedNode(t, "a node with TLS beside nodes without", settings, []string{"cluster-tls-cert", "one of the two nodes talks over TLS"})
		awaitShares(t, nodes)
	})
	t.Run("answers alike", func(t *testing.T) { answerAlike(t, nodes[0], nodes[1]) })
	t.Run("registrations", func(t *testing.T) { registerAndPublish(t, nodes, 4, roundsOr(t, 100)) })
	t.Run("keys", func(t *testing.T) { revokeKeys(t, nodes) })
	t.Run("an owner is away", func(t *testing.T) {
		jobs := beginJobs(t, nodes)
		loseOwner(t, nodes)
		jobs.finish(t, nodes)
	})
	t.Run("a node leaves", func(t *testing.T) { leave(t, nodes) })
}

// answerAlike registers webhooks until every node owns some. Whatever is asked or changed,
// each node answers for all of them.
func answerAlike(t *testing.T, a, b *server) {
	var mu sync.Mutex
	status := fasthttp.StatusInternalServerError
	receiver := startSubscriber(t, func(ctx *fasthttp.RequestCtx) {
		mu.Lock()
		defer mu.Unlock()
		ctx.SetStatusCode(status)
	})
	for i := range 6 { // consecutive numbers are in consecutive parts
		id := a.register(t, "acme", fields{
			"event_types": []string{"user.created"}, "target_url": receiver.url("/"), "secret": plainSecret,
			"retry_policy": fields{"max_attempts": 2, "initial_delay_ms": 3_600_000, "multiplier": 1, "max_delay_ms": 3_600_000},
		})
		t.Run(fmt.Sprint(i), func(t *testing.T) { answersAlike(t, id, a, b) })
		a.call(t, http.MethodDelete, "/api/webhooks/"+id, nil, nil)
	}
	mu.Lock()
	status = fasthttp.StatusOK
	mu.Unlock()
	for i, by := range []*server{a, b, a, b} { // a test with wait, whoever makes the attempt
		id := a.register(t, "acme", fields{"event_type": "*", "target_url": receiver.url("/"), "secret": plainSecret})
		var d delivery
		by.call(t, http.MethodPost, "/api/webhooks/"+id+"/test?wait=10s", fields{}, &d)
		if d.Status != "delivered" {
			t.Errorf("test %d: %+v", i, d)
		}
	}
}

// answersAlike has a delivery fail once, and asks both nodes about it.
func answersAlike(t *testing.T, id string, a, b *server) {
	t.Helper()
	if _, err := b.publish("user.created", []byte(`{"a":1}`)); err != nil {
		t.Fatal(err)
	}
	var first delivery
	await(t, "the first attempt", func() error {
		list := b.deliveries(t, id)
		if len(list) != 1 || list[0].Attempts != 1 {
			return fmt.Errorf("%+v", list)
		}
		first = list[0]
		return nil
	})
	for _, node := range []*server{a, b} {
		var health struct {
			Retrying int    `json:"retrying"`
			Owner    string `json:"owner"`
			LastHour struct {
				Failures int `json:"failures"`
			} `json:"last_hour"`
		}
		node.call(t, http.MethodGet, "/api/webhooks/"+id+"/health", nil, &health)
		if health.Retrying != 1 || health.LastHour.Failures != 1 || health.Owner != "" {
			t.Errorf("health by %s: %+v", node.base, health)
		}
	}
	a.call(t, http.MethodPost, "/api/deliveries/"+first.ID+"/retry", nil, nil)
	await(t, "the retry to have failed", func() error {
		var d delivery
		if err := b.try(http.MethodGet, "/api/deliveries/"+first.ID, nil, &d); err != nil || d.Attempts != 2 {
			return fmt.Errorf("%+v, %w", d, err)
		}
		return nil
	})
	if _, err := a.publish("user.created", []byte(`{"a":2}`)); err != nil {
		t.Fatal(err)
	}
	await(t, "the second delivery to wait for its retry, and to be cancelled by the other node", func() error {
		for _, d := range a.deliveries(t, id) {
			if d.ID != first.ID && d.Status == "retrying" {
				return b.try(http.MethodDelete, "/api/deliveries/"+d.ID, nil, nil)
			}
		}
		return errors.New("it is not there yet")
	})
}

// registerAndPublish registers on one node and publishes on another, at once and again
// and again: every event is matched with what was answered before. So many callers do it at
// the same time, each so often.
func registerAndPublish(t *testing.T, nodes []*server, callers, rounds int) {
	t.Helper()
	var workers sync.WaitGroup
	for w := range callers {
		workers.Go(func() {
			for i := range rounds {
				client := fmt.Sprintf("client-%d-%d", w, i)
				on, by := nodes[(w+i)%3], nodes[(w+i+1+i%2)%3]
				id := on.register(t, client, fields{"event_type": "*", "target_url": "http://127.0.0.1:1/", "secret": plainSecret})
				var got accepted
				if err := by.try(http.MethodPost, "/api/events?client_id="+client, fields{"event_type": "user.created", "data": i}, &got); err != nil || got.Deliveries != 1 {
					t.Errorf("%s: an event after the registration has %d deliveries, %v", client, got.Deliveries, err)
				}
				on.call(t, http.MethodDelete, "/api/webhooks/"+id, nil, nil)
				if err := by.try(http.MethodPost, "/api/events?client_id="+client, fields{"event_type": "user.created", "data": i}, &got); err != nil || got.Deliveries != 0 {
					t.Errorf("%s: an event after the deletion has %d deliveries, %v", client, got.Deliveries, err)
				}
			}
		})
	}
	workers.Wait()
}

// roundsOr returns ASTROHOOK_E2E_ROUNDS, which makes a test longer, or so many if it is not
// set.
func roundsOr(t *testing.T, usual int) int {
	t.Helper()
	text, set := os.LookupEnv("ASTROHOOK_E2E_ROUNDS")
	if !set {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("ASTROHOOK_E2E_ROUNDS: %v", err)
	}
	return n
}

// revokeKeys makes an API key on one node and deletes it on another: every node takes
// it, and refuses it, from the answer on.
func revokeKeys(t *testing.T, nodes []*server) {
	t.Helper()
	for i := range 30 {
		var made struct{ ID, Key string }
		nodes[i%3].call(t, http.MethodPost, "/api/keys", fields{"name": "crm", "client_id": "acme"}, &made)
		caller := func(s *server) error {
			as := api{base: s.base, token: made.Key}
			return as.try(http.MethodGet, "/api/webhooks", nil, nil)
		}
		for _, node := range nodes {
			if err := caller(node); err != nil {
				t.Errorf("a new key: %v", err)
			}
		}
		nodes[(i+1)%3].call(t, http.MethodDelete, "/api/keys/"+url.PathEscape(made.ID), nil, nil)
		for _, node := range nodes {
			var refusal *statusError
			if err := caller(node); !errors.As(err, &refusal) || refusal.status != http.StatusUnauthorized {
				t.Errorf("a deleted key: %v", err)
			}
		}
	}
}

// loseOwner kills a node, and starts it again. Until its lease ends, what only it knows is
// unknown, and said to be; its changes are refused, to be tried again.
func loseOwner(t *testing.T, nodes []*server) {
	t.Helper()
	a, b := nodes[0], nodes[1]
	var ids []string // so many that the other node certainly has some of them
	for range 32 {
		ids = append(ids, a.register(t, "acme", fields{"event_type": "none.*", "target_url": "http://127.0.0.1:1/", "secret": plainSecret}))
	}
	b.kill()
	var away []string
	for _, id := range ids {
		var health struct {
			Owner string `json:"owner"`
		}
		a.call(t, http.MethodGet, "/api/webhooks/"+id+"/health", nil, &health)
		if health.Owner == "unreachable" {
			away = append(away, id)
		}
	}
	if len(away) == 0 || len(away) == len(ids) {
		t.Fatalf("%d of %d webhooks are out of reach", len(away), len(ids))
	}
	await(t, "the other node to be fenced", func() error { return allOf(a, len(nodes)-1) })
	for _, id := range ids {
		if out, err := a.send(http.MethodGet, "/api/webhooks/"+id+"/health", nil); err != nil || strings.Contains(string(out), "unreachable") {
			t.Errorf("%s, %v", out, err)
		}
	}
	b.start(t)
	b.awaitReady(t)
	awaitShares(t, nodes)
}

// allOf returns an error unless so many nodes have all parts.
func allOf(by *server, nodes int) error {
	list, err := listOf(by)
	if err == nil && (list.Free > 0 || len(list.Data) != nodes) {
		err = fmt.Errorf("%+v", list)
	}
	return err
}

// leave ends a node by SIGTERM: the others have its parts when it is gone.
func leave(t *testing.T, nodes []*server) {
	t.Helper()
	began := time.Now()
	nodes[2].signal(t, syscall.SIGTERM)
	if code := nodes[2].awaitExit(t); code != 0 {
		t.Errorf("the node ended with code %d", code)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the node took %s to leave", took)
	}
	awaitFor(t, 3*time.Second, "its parts to be the others'", func() error { return allOf(nodes[0], 2) })
}
