package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// fakeServer is a small dispatcher with the part of the API that the bench uses. It keeps
// endpoints and waiting deliveries in a file, if it has one, and breaks promises on demand.
type fakeServer struct {
	// fault is what happens to every third delivery: "lose", "double", "corrupt", "misroute"
	// or "unsign"; or to every stream: "mute" says hello only, "cut" ends.
	fault string
	// file is where the state is kept; "" if it does not outlive the process.
	file   string
	client *http.Client
	ctx    context.Context
	stop   context.CancelFunc
	work   sync.WaitGroup

	mu         sync.Mutex
	endpoints  map[string]*fakeEndpoint
	registered int
	events     int
	deliveries int
	// streamed and listed are how many streams were opened, and lists read.
	streamed, listed int
}

type fakeEndpoint struct {
	ID, Client, Type, URL, Secret string
	Paused                        bool
	// Pending are the bodies that wait while the endpoint is paused.
	Pending [][]byte
	// slots bounds the attempts in flight.
	slots chan struct{}
}

func newFakeServer(file, fault string) (*fakeServer, error) {
	s := &fakeServer{fault: fault, file: file, endpoints: map[string]*fakeEndpoint{}}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.client = &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: 64,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if host, port, err := net.SplitHostPort(address); err == nil && strings.HasSuffix(host, ".localhost") {
				address = "127.0.0.1:" + port
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}}
	if file == "" {
		return s, nil
	}
	raw, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &s.endpoints)
	}
	for _, e := range s.endpoints {
		e.slots = make(chan struct{}, 64)
	}
	s.registered = len(s.endpoints)
	return s, err
}

// save writes the state, so that a kill at any moment leaves the last one whole. The
// caller holds the lock.
func (s *fakeServer) save() {
	if s.file == "" {
		return
	}
	raw, err := json.Marshal(s.endpoints)
	if err == nil {
		err = os.WriteFile(s.file+".part", raw, 0o600)
	}
	if err == nil {
		err = os.Rename(s.file+".part", s.file)
	}
	if err != nil {
		panic(err)
	}
}

// count returns how many endpoints there are, and how many were ever registered.
func (s *fakeServer) count() (left, registered int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.endpoints), s.registered
}

func (s *fakeServer) close() {
	s.stop()
	s.work.Wait()
	s.client.CloseIdleConnections()
}

// ServeHTTP answers the management API and accepts events.
func (s *fakeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if r.URL.Path == "/api/stream" {
		s.stream(w, r)
		return
	}
	rest, isWebhook := strings.CutPrefix(r.URL.Path, "/api/webhooks")
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.URL.Path == "/readyz":
	case isWebhook && r.Method == http.MethodGet || r.URL.Path == "/api/deliveries":
		s.listed++
		fmt.Fprint(w, `{"data":[]}`)
	case r.URL.Path == "/api/overview":
		fmt.Fprint(w, `{"pending":0,"in_flight":0}`)
	case r.URL.Path == "/api/nodes":
		s.nodes(w)
	case isWebhook && rest == "":
		s.register(w, r.URL.Query().Get("client_id"), body)
	case isWebhook:
		s.change(w, r.Method, strings.Split(strings.TrimPrefix(rest, "/"), "/"))
	case strings.HasPrefix(r.URL.Path, "/api/events"):
		s.publish(w, body)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// nodes lists the fakes that have joined, each with an even share.
func (s *fakeServer) nodes(w http.ResponseWriter) {
	raw, err := os.ReadFile(s.file + ".nodes")
	joined := strings.Fields(string(raw))
	if err != nil || len(joined) == 0 {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	list := make([]string, len(joined))
	for i := range joined {
		list[i] = fmt.Sprintf(`{"parts":%d}`, 256/len(joined))
	}
	fmt.Fprintf(w, `{"data":[%s],"free_parts":0}`, strings.Join(list, ","))
}

// join adds a fake to the nodes of its folder. The second one fails on demand.
func join(file, address string) error {
	all, err := os.OpenFile(file+".nodes", os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer all.Close()
	info, err := all.Stat()
	if err != nil {
		return err
	}
	if info.Size() > 0 && os.Getenv("BENCH_FAKE_NODES") == "broken" {
		return errors.New("this node is broken")
	}
	_, err = fmt.Fprintln(all, address)
	return err
}

func (s *fakeServer) register(w http.ResponseWriter, client string, body []byte) {
	var in struct {
		EventType string `json:"event_type"`
		TargetURL string `json:"target_url"`
		Secret    string `json:"secret"`
	}
	if err := json.Unmarshal(body, &in); err != nil || client == "" {
		w.WriteHeader(http.StatusUnprocessableEntity)
		return
	}
	s.registered++
	id := "wh_" + strconv.Itoa(s.registered)
	s.endpoints[id] = &fakeEndpoint{ID: id, Client: client, Type: in.EventType, URL: in.TargetURL, Secret: in.Secret, slots: make(chan struct{}, 64)}
	if len(s.endpoints) < 50 { // many are registered to be idle
		s.save()
	}
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, `{"id":%q}`, id)
}

// change pauses, resumes or deletes an endpoint.
func (s *fakeServer) change(w http.ResponseWriter, method string, parts []string) {
	e := s.endpoints[parts[0]]
	switch {
	case e == nil:
		w.WriteHeader(http.StatusNotFound)
		return
	case method == http.MethodDelete:
		delete(s.endpoints, e.ID)
	default:
		e.Paused = parts[1] == "pause"
	}
	if !e.Paused {
		for _, body := range e.Pending {
			s.start(e, body)
		}
		e.Pending = nil
	}
	s.save()
}

// publish accepts one event or an array of them.
func (s *fakeServer) publish(w http.ResponseWriter, body []byte) {
	type posted struct {
		EventType string          `json:"event_type"`
		ClientID  string          `json:"client_id"`
		Data      json.RawMessage `json:"data"`
	}
	events := make([]posted, 1)
	batch := bytes.HasPrefix(body, []byte("["))
	var err error
	if batch {
		err = json.Unmarshal(body, &events)
	} else {
		err = json.Unmarshal(body, &events[0])
	}
	if err != nil {
		w.WriteHeader(http.StatusUnprocessableEntity)
		return
	}
	answers := make([]string, len(events))
	waits := false
	for i, event := range events {
		s.events++
		answers[i] = fmt.Sprintf(`{"id":"evt_%d"}`, s.events)
		for _, e := range s.endpoints {
			if e.Type != event.EventType || e.Client != event.ClientID {
				continue
			}
			s.deliveries++
			body := fmt.Appendf(nil, `{"id":"whd_%d","data":%s}`, s.deliveries, event.Data)
			if e.Paused {
				e.Pending, waits = append(e.Pending, body), true
			} else {
				s.start(e, body)
			}
		}
	}
	if waits {
		s.save()
	}
	answer := strings.Join(answers, ",")
	if batch {
		answer = "[" + answer + "]"
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(answer))) // the generator reads no chunks
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, answer)
}

// start delivers a body until it is delivered or the server stops. The caller holds the lock.
func (s *fakeServer) start(e *fakeEndpoint, body []byte) {
	times, target, secret := 1, e.URL, e.Secret
	if s.deliveries%3 == 0 {
		switch s.fault {
		case "lose":
			times = 0
		case "double":
			times = 2
		case "corrupt":
			body = bytes.Replace(body, []byte(`"pad":"`), []byte(`"pad":"!`), 1)
		case "misroute":
			target += "0"
		case "unsign":
			secret = "of another endpoint"
		}
	}
	s.work.Go(func() {
		select {
		case e.slots <- struct{}{}:
		case <-s.ctx.Done():
			return
		}
		defer func() { <-e.slots }()
		for times > 0 && s.ctx.Err() == nil {
			if s.attempt(target, secret, body) {
				times--
			} else {
				time.Sleep(5 * time.Millisecond)
			}
		}
	})
}

func (s *fakeServer) attempt(target, secret string, body []byte) bool {
	req, err := http.NewRequestWithContext(s.ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	req.Header.Set("X-Corp-Astro-Signature", hex.EncodeToString(mac.Sum(nil)))
	mac.Reset()
	mac.Write([]byte("whd_1.1700000000." + string(body)))
	req.Header.Set("Webhook-Id", "whd_1")
	req.Header.Set("Webhook-Timestamp", "1700000000")
	req.Header.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	resp, err := s.client.Do(req)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// serveFake is the test binary as a server of its own, with the settings of a real one.
func serveFake() error {
	s, err := newFakeServer(os.Getenv("ASTROHOOK_DATA_DIR"), "")
	if err != nil {
		return err
	}
	if node := os.Getenv("ASTROHOOK_CLUSTER_LISTEN"); node != "" {
		if err := join(s.file, node); err != nil {
			return err
		}
	}
	web := &http.Server{Addr: os.Getenv("ASTROHOOK_LISTEN"), Handler: s, ReadHeaderTimeout: time.Minute}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() { _ = web.Close() })
	if err := web.ListenAndServe(); err != http.ErrServerClosed {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.save()
	return nil
}

// listenFake serves a fake server inside the test, as a server that somebody else started.
func listenFake(t *testing.T, fault string) (*fakeServer, string) {
	t.Helper()
	s, err := newFakeServer("", fault)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s)
	t.Cleanup(func() {
		web.Close()
		s.close()
	})
	return s, web.URL
}
