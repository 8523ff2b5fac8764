package httpapi

import (
	"errors"
	"testing"
	"time"
)

// member is a place in a cluster that a test sets.
type member struct {
	serving, ready error
	nodes          []Node
	free           int
}

func (m *member) Serving() error       { return m.serving }
func (m *member) Ready() error         { return m.ready }
func (m *member) Nodes() ([]Node, int) { return m.nodes, m.free }

// TestMembership shows what a node answers without a lease, and while it leaves: without a
// lease nothing but what needs no token, while it leaves everything.
func TestMembership(t *testing.T) {
	m := &member{}
	f := newFixture(t, func(o *Options) { o.Membership = m })
	f.SetReady(true)
	calls := []string{"/api/webhooks", "/api/event-types", "/api/nodes"}
	want := func(reason string, ready, api int) {
		t.Helper()
		if got := f.do(t, "", "GET", "/readyz", "").status; got != ready {
			t.Errorf("%s: /readyz is %d, want %d", reason, got, ready)
		}
		for _, path := range calls {
			r := f.do(t, admin, "GET", path, "")
			if r.status != api || api == 503 && (r.header.Get("Retry-After") == "" || r.text(t, "detail") != "no lease") {
				t.Errorf("%s: %s is %d: %s", reason, path, r.status, r.body)
			}
		}
		f.want(t, 200, "", "GET", "/healthz", "")
	}
	want("in order", 200, 200)
	m.ready = errors.New("it leaves")
	want("while it leaves", 503, 200)
	m.serving = errors.New("no lease")
	want("without a lease", 503, 503)
	m.serving, m.ready = nil, nil
	want("with a lease again", 200, 200)
	f.SetReady(false)
	want("before the start is complete", 503, 200)
}

// TestListNodes shows the nodes, and that a server without others has none.
func TestListNodes(t *testing.T) {
	m := &member{free: 3, nodes: []Node{
		{ID: "a", Name: "one", Version: "v1", Self: true, Alive: true, Parts: 253, Expires: time.Unix(1e9, 0), Applied: 7},
		{ID: "b", Name: "two", Address: "10.0.0.2:8090", Version: "v1", Leaving: true, Expires: time.Unix(1e9, 0)},
	}}
	f := newFixture(t, func(o *Options) { o.Membership = m })
	const want = `{"data":[` +
		`{"id":"a","name":"one","version":"v1","self":true,"alive":true,"leaving":false,"parts":253,"lease_expires_at":"2001-09-09T01:46:40.000Z","registrations_version":7},` +
		`{"id":"b","name":"two","address":"10.0.0.2:8090","version":"v1","self":false,"alive":false,"leaving":true,"parts":0,"lease_expires_at":"2001-09-09T01:46:40.000Z","registrations_version":0}` +
		`],"parts":256,"free_parts":3}` + "\n"
	if r := f.want(t, 200, admin, "GET", "/api/nodes", ""); string(r.body) != want {
		t.Errorf("got\n%s\nwant\n%s", r.body, want)
	}
	if r := newFixture(t).want(t, 200, admin, "GET", "/api/nodes", ""); string(r.body) != `{"data":[],"parts":0,"free_parts":0}`+"\n" {
		t.Errorf("without a cluster: %s", r.body)
	}
}
