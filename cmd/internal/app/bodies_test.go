package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corpastro/astrohook/actors/sender/receivertest"
)

const distinctBodies = 1000

// distinctData returns the data of event i: text that no other event has, and its hash.
// Lengths repeat, so that a request can get the buffer of an earlier one.
func distinctData(random *rand.Rand, i int) string {
	text := make([]byte, 50+(i%40)*200)
	for j := range text {
		text[j] = byte(random.Uint32())
	}
	written := hex.EncodeToString(text)
	return fmt.Sprintf(`{"n":%d,"text":"%s","sum":"%x"}`, i, written, sha256.Sum256([]byte(written)))
}

// TestDistinctBodies publishes 1,000 events with bodies of their own at the same
// time, alone, in chunks and in batches, and delivers them late: to an endpoint
// that takes its time, to one that fails first, and to one that is paused, with a
// restart in between. Each arrives as it was published: nothing of a request's
// buffer outlives its handler.
func TestDistinctBodies(t *testing.T) {
	inWorld(t, func(w *world) {
		held := make(chan struct{})
		receivers := map[string]*receivertest.Receiver{
			"late": w.receiver(9001, func(receivertest.Request) receivertest.Reply {
				<-held
				return receivertest.Answer(200)
			}),
			"failing": w.receiver(9002, func(receivertest.Request) receivertest.Reply { return receivertest.Answer(503) }),
			"paused":  w.receiver(9003, func(receivertest.Request) receivertest.Reply { return receivertest.Answer(200) }),
		}
		late := w.register(9001, `,"timeout_ms":60000`)
		failing := w.register(9002, `,"retry_policy":{"max_attempts":100,"initial_delay_ms":1000,"multiplier":1,"max_delay_ms":1000}`)
		paused := w.register(9003, "")
		w.call("POST", "/api/webhooks/"+paused+"/pause", "", 200)

		data := make([]string, distinctBodies)
		random := rand.New(rand.NewPCG(1, 2))
		for i := range data {
			data[i] = distinctData(random, i)
		}
		w.publishTogether(data, 202)
		scribble := make([]string, len(data)) // over the buffers; no event has that member
		for i := range scribble {
			scribble[i] = `"` + strings.Repeat("#", len(data[i])) + `","extra":1`
		}
		w.publishTogether(scribble, 422)
		time.Sleep(30 * time.Second)
		close(held)
		receivers["failing"].Always(receivertest.Answer(200))
		w.awaitDelivered(late)
		w.awaitDelivered(failing)
		w.restart()
		w.call("POST", "/api/webhooks/"+paused+"/resume", "", 200)
		w.awaitDelivered(paused)
		for name, r := range receivers {
			compareBodies(w.t, name, r.Requests(), data)
		}
	})
}

// awaitDelivered waits until an endpoint has no pending deliveries.
func (w *world) awaitDelivered(endpoint string) {
	w.t.Helper()
	for range 3600 {
		health := w.call("GET", "/api/webhooks/"+endpoint+"/health", "", 200)
		if health["queued"] == 0.0 && health["retrying"] == 0.0 {
			return
		}
		time.Sleep(time.Second)
	}
	w.t.Fatal("deliveries are pending after an hour")
}

// publishTogether publishes one event for each data, all at the same time: the
// first with a length or in chunks, and the last in batches of ten. It fails unless all
// are answered with this status.
func (w *world) publishTogether(data []string, status int) {
	token := w.token()
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return w.client.Dial("") },
	}}
	post := func(path string, body io.Reader) {
		req, err := http.NewRequest(http.MethodPost, "http://astrohook"+path, body)
		if err != nil {
			w.t.Error(err)
			return
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := client.Do(req)
		if err != nil {
			w.t.Error(err)
			return
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != status {
			w.t.Errorf("%s: %d %.300s, %v", path, resp.StatusCode, text, err)
		}
	}
	event := func(data string) string { return `{"event_type":"user.created","data":` + data + `}` }
	begin := make(chan struct{})
	var publishers sync.WaitGroup
	publish := func(path string, body io.Reader) {
		publishers.Go(func() {
			<-begin
			post(path, body)
		})
	}
	inBatches := len(data) * 4 / 5
	for i, text := range data[:inBatches] {
		if i%2 == 0 {
			publish("/api/events", strings.NewReader(event(text)))
		} else {
			publish("/api/events", struct{ io.Reader }{strings.NewReader(event(text))}) // its length is not known
		}
	}
	for batch := range slices.Chunk(data[inBatches:], 10) {
		var lines strings.Builder
		for _, text := range batch {
			lines.WriteString(event(text) + "\n")
		}
		publish("/api/events/batch", strings.NewReader(lines.String()))
	}
	close(begin)
	publishers.Wait()
}

// compareBodies checks that a receiver got the data of each event, and no other.
func compareBodies(t *testing.T, name string, requests []receivertest.Request, data []string) {
	t.Helper()
	arrived := make([]int, len(data))
	for _, r := range requests {
		var envelope struct {
			Data json.RawMessage `json:"data"`
		}
		var body struct {
			N    int
			Text string
			Sum  string
		}
		if err := json.Unmarshal(r.Body, &envelope); err != nil {
			t.Fatalf("%s: %v in %.200s", name, err, r.Body)
		}
		if err := json.Unmarshal(envelope.Data, &body); err != nil || body.N < 0 || body.N >= len(data) {
			t.Fatalf("%s: %v in %.200s", name, err, r.Body)
		}
		if fmt.Sprintf("%x", sha256.Sum256([]byte(body.Text))) != body.Sum || string(envelope.Data) != data[body.N] {
			t.Fatalf("%s: event %d has another's bytes: %.200s", name, body.N, r.Body)
		}
		arrived[body.N]++
	}
	for i, n := range arrived {
		if n == 0 || n > 1 && name != "failing" {
			t.Errorf("%s: event %d arrived %d times", name, i, n)
		}
	}
}
