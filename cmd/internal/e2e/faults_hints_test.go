//go:build faults

package e2e

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"
)

// What a meddler does to a request of one node to another. It cannot forge any: they and
// their answers are authenticated.
const (
	passOn     = iota
	dropIt     // it never arrives
	loseAnswer // it arrives, and the sender hears nothing, and says the same again
	doubleIt   // it arrives twice, byte for byte
	delayIt    // the sender hears nothing; it arrives after what the sender says next
	fates
)

// fateNames are for the log.
var fateNames = [fates]string{"passed on", "dropped", "answer lost", "doubled", "delayed"}

// meddler stands in front of a node's listener for other nodes, and meddles with what they
// send, at random.
type meddler struct {
	target string
	client *http.Client
	server *http.Server

	mu      sync.Mutex
	meddles bool
	random  *rand.Rand
	held    []*parcel
	met     [fates]int
	refused int // second copies that the node refused
	late    int // requests that it took after a later one
	faults  []string
}

// parcel is a request as it came.
type parcel struct {
	method, path string
	header       http.Header
	body         []byte
}

func startMeddler(t *testing.T, target string, seed uint64) (m *meddler, address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 32, DisableCompression: true}
	m = &meddler{target: "http://" + target, client: &http.Client{Transport: transport, Timeout: patience}, random: rand.New(rand.NewPCG(seed, 0))}
	m.server = &http.Server{Handler: m}
	served := make(chan error, 1)
	go func() { served <- m.server.Serve(listener) }()
	t.Cleanup(func() {
		_ = m.server.Close() // connections that are open have no more to say
		<-served
		transport.CloseIdleConnections()
	})
	return m, listener.Addr().String()
}

// ServeHTTP meddles with one request.
func (m *meddler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the sender has given up
	}
	p := &parcel{r.Method, r.URL.EscapedPath(), r.Header.Clone(), body}
	switch m.fate(p) {
	case dropIt, delayIt:
		panic(http.ErrAbortHandler) // ends the connection without an answer
	case loseAnswer:
		_, _, _ = m.deliver(p)
		panic(http.ErrAbortHandler)
	case doubleIt:
		m.passOn(w, p)
		m.again(p)
	default:
		m.passOn(w, p)
	}
	m.release()
}

// fate decides about a request.
func (m *meddler) fate(p *parcel) (what int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := m.random.IntN(100); m.meddles && n < 40 {
		what = 1 + n/10
	}
	m.met[what]++
	if what == delayIt {
		m.held = append(m.held, p)
	}
	return what
}

// passOn delivers a request and returns its answer.
func (m *meddler) passOn(w http.ResponseWriter, p *parcel) {
	status, header, body := m.deliver(p)
	if status == 0 {
		panic(http.ErrAbortHandler) // the node is away
	}
	maps.Copy(w.Header(), header)
	w.WriteHeader(status)
	_, _ = w.Write(body) // the sender may have given up
}

// again delivers a request that the node has had. It must not be heard a second time.
func (m *meddler) again(p *parcel) {
	status, header, _ := m.deliver(p)
	m.mu.Lock()
	defer m.mu.Unlock()
	switch reason := header.Get("Astrohook-Error"); {
	case status == http.StatusUnprocessableEntity && (reason == "repeated" || reason == "stranger"):
		m.refused++
	case status != 0: // else the node is away
		m.faults = append(m.faults, fmt.Sprintf("a second copy for %s was answered with %d %s", p.path, status, reason))
	}
}

// release delivers what was held back, the latest first, after something else has passed.
func (m *meddler) release() {
	m.mu.Lock()
	held := m.held
	m.held = nil
	m.mu.Unlock()
	for i := range held {
		status, _, _ := m.deliver(held[len(held)-1-i])
		if status == http.StatusOK {
			m.mu.Lock()
			m.late++
			m.mu.Unlock()
		}
	}
}

// deliver sends a request to the node as it came. Status 0 if there is no answer.
func (m *meddler) deliver(p *parcel) (status int, header http.Header, body []byte) {
	target, err := url.Parse(m.target + p.path)
	if err != nil {
		return 0, nil, nil
	}
	answer, err := m.client.Do(&http.Request{
		Method: p.method, URL: target, Header: p.header, ContentLength: int64(len(p.body)), Body: io.NopCloser(bytes.NewReader(p.body)),
	})
	if err != nil {
		return 0, nil, nil
	}
	defer func() { _ = answer.Body.Close() }() // it is read to its end
	if body, err = io.ReadAll(answer.Body); err != nil {
		return 0, nil, nil
	}
	return answer.StatusCode, answer.Header, body
}

// behindMeddlers has each node reached by the others through a meddler.
func behindMeddlers(t *testing.T) clusterOptions {
	t.Helper()
	seed := crashSeed(t)
	return clusterOptions{node: func(c *clusterTrial, i int, s *server) {
		listen := reserveAddress(t)
		m, address := startMeddler(t, listen, seed+uint64(i))
		c.meddlers = append(c.meddlers, m)
		s.env = append(s.env, "ASTROHOOK_CLUSTER_LISTEN="+listen, "ASTROHOOK_CLUSTER_ADDRESS="+address)
	}}
}

// meddle begins or ends the meddling in front of all nodes.
func (c *clusterTrial) meddle(is bool) {
	for _, m := range c.meddlers {
		m.mu.Lock()
		m.meddles = is
		m.mu.Unlock()
	}
}

// TestFaultClusterHints drops, doubles and reorders at random what the nodes tell one
// another. Nothing is lost, and nothing is delivered twice; what is registered on one node
// is matched with what is published on another.
func TestFaultClusterHints(t *testing.T) {
	c := startCluster(t, behindMeddlers(t)) // parts move meanwhile, too
	c.meddle(true)
	c.run("hints", c.loseHints)
	c.run("registrations", c.registerAndPublish)
	c.wantMeddled()
}

// loseHints publishes until many requests have met each fate.
func (c *clusterTrial) loseHints(t *testing.T) {
	t.Helper()
	for range faults(t, 1, 20) {
		stop := c.load()
		before := c.fatesMet()
		awaitFor(t, 5*patience, "requests to meet each fate", func() error {
			for what, n := range c.fatesMet() {
				if n -= before[what]; n < 50 {
					return fmt.Errorf("%d were %s", n, fateNames[what])
				}
			}
			return nil
		})
		stop()
		c.audit() // no kills: nothing arrives twice
	}
}

// registerAndPublish registers on one node and publishes on another while notices of
// registrations are lost too.
func (c *clusterTrial) registerAndPublish(t *testing.T) {
	t.Helper()
	const callers = 20
	rounds := faults(t, 15, 5000)
	registerAndPublish(t, c.nodes, callers, rounds)
	t.Logf("%d registrations and as many deletions", callers*rounds)
}

// fatesMet returns how many requests have met each fate.
func (c *clusterTrial) fatesMet() (met [fates]int) {
	for _, m := range c.meddlers {
		m.mu.Lock()
		for what, n := range m.met {
			met[what] += n
		}
		m.mu.Unlock()
	}
	return met
}

// wantMeddled checks that every second copy was refused, and that messages did arrive out
// of order.
func (c *clusterTrial) wantMeddled() {
	c.t.Helper()
	refused, late := 0, 0
	for _, m := range c.meddlers {
		m.mu.Lock()
		refused, late = refused+m.refused, late+m.late
		for _, fault := range m.faults {
			c.t.Error(fault)
		}
		m.mu.Unlock()
	}
	for what, n := range c.fatesMet() {
		c.t.Logf("%d requests were %s", n, fateNames[what])
	}
	c.t.Logf("second copies refused: %d; taken after a later one: %d", refused, late)
	if refused == 0 || late == 0 {
		c.t.Error("no second copy was refused, or nothing came late")
	}
}
