package e2e

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/webhook/signing"
)

const (
	plainSecret    = "a plain secret, not in base64"
	standardSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

// Receivers as subscribers write them, unmodified, accept whatever is published.
func TestReceiversAccept(t *testing.T) {
	texts := corpus(1, 300)
	s := startServer(t)
	endpoints := map[string]string{}
	for name, receiver := range map[string]struct{ target, secret string }{
		"Express, plain secret":             {startNode(t, "express.js", plainSecret), plainSecret},
		"Express, whsec_ secret":            {startNode(t, "express.js", standardSecret), standardSecret},
		"standardwebhooks, plain secret":    {startNode(t, "standard.js", plainSecret), plainSecret},
		"standardwebhooks, standard_secret": {startNode(t, "standard.js", signing.Secret{Value: plainSecret}.Standard()), plainSecret},
		"standardwebhooks, whsec_ secret":   {startNode(t, "standard.js", standardSecret), standardSecret},
		"standard-webhooks for Go, plain":   {startStandard(t, plainSecret), plainSecret},
		"standard-webhooks for Go, whsec_":  {startStandard(t, standardSecret), standardSecret},
	} {
		endpoints[name] = s.register(t, "subscriber", fields{"event_type": "content.*", "target_url": receiver.target, "secret": receiver.secret})
	}
	published := publishCorpus(t, s, texts)
	for name, endpoint := range endpoints {
		s.awaitDrained(t, patience, endpoint)
		all := s.deliveries(t, endpoint)
		for _, d := range all {
			if d.Status != "delivered" || d.Attempts != 1 {
				t.Errorf("%s: %s after %d attempts, answered %d %q: %s", name, d.Status, d.Attempts, d.ResponseCode, d.ResponseBody, published[d.EventID])
			}
			if _, known := published[d.EventID]; !known {
				t.Errorf("%s: delivery of the event %s, which nobody published", name, d.EventID)
			}
		}
		if len(all) != len(texts) {
			t.Errorf("%s: %d deliveries of %d events", name, len(all), len(texts))
		}
	}
}

// The reference receiver checks signatures: with a wrong secret the delivery fails.
func TestReceiverRefusesAWrongSecret(t *testing.T) {
	s := startServer(t)
	for _, script := range []string{"express.js", "standard.js"} {
		endpoint := s.register(t, "subscriber", fields{
			"event_type": "content.updated", "target_url": startNode(t, script, plainSecret), "secret": plainSecret + "!",
			"retry_policy": fields{"max_attempts": 1},
		})
		if _, err := s.publish("content.updated", []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
		s.awaitDrained(t, patience, endpoint)
		for _, d := range s.deliveries(t, endpoint) {
			if d.Status != "failed" || d.ResponseCode != http.StatusUnauthorized || d.Reason != "http_4xx" {
				t.Errorf("%s: %+v", script, d)
			}
		}
	}
}

// Strings that JavaScript accepts and UTF-8 cannot encode are refused by the API.
func TestLoneSurrogatesAreRefused(t *testing.T) {
	s := startServer(t)
	for _, text := range []string{`"\ud800"`, `{"\udc00":1}`, `"\ud83d\u0041"`} {
		var refused *statusError
		if _, err := s.publish("content.updated", []byte(text)); !errors.As(err, &refused) || refused.status != http.StatusBadRequest {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// publishCorpus publishes half of the texts alone and half in batches, each as it
// is written, and returns them by the ids of their events.
func publishCorpus(t *testing.T, s *server, texts []string) map[string]string {
	t.Helper()
	const batch = 20
	published := map[string]string{}
	for chunk := range slices.Chunk(texts, 2*batch) {
		half := len(chunk) / 2
		for _, text := range chunk[:half] {
			keep(t, s, published, []string{text}, "/api/events", `{"event_type":"content.published","data":`+text+`}`)
		}
		var events []string
		for _, text := range chunk[half:] {
			events = append(events, `{"event_type":"content.updated","data":`+text+`}`)
		}
		keep(t, s, published, chunk[half:], "/api/events/batch", "["+strings.Join(events, ",")+"]")
	}
	return published
}

// keep publishes texts and notes the ids of their events.
func keep(t *testing.T, s *server, published map[string]string, texts []string, path, body string) {
	t.Helper()
	answer, err := s.send(http.MethodPost, path, []byte(body))
	if err != nil {
		t.Fatalf("publish %s: %v", body, err)
	}
	var got struct {
		accepted
		Results []accepted `json:"results"`
	}
	if err := json.Unmarshal(answer, &got); err != nil {
		t.Fatal(err)
	}
	if got.ID != "" {
		got.Results = []accepted{got.accepted}
	}
	if len(got.Results) != len(texts) {
		t.Fatalf("publish %s: %s", body, answer)
	}
	for i, text := range texts {
		published[got.Results[i].ID] = text
	}
}

// startStandard runs a receiver that verifies with the Standard Webhooks library
// for Go, and returns its target URL.
func startStandard(t *testing.T, secret string) string {
	t.Helper()
	verifier, err := standardwebhooks.NewWebhookRaw([]byte(secret))
	if secret == standardSecret {
		verifier, err = standardwebhooks.NewWebhook(secret)
	}
	if err != nil {
		t.Fatal(err)
	}
	return startSubscriber(t, func(ctx *fasthttp.RequestCtx) {
		header := http.Header{}
		for name, value := range ctx.Request.Header.All() {
			header.Add(string(name), string(value))
		}
		if err := verifier.Verify(ctx.PostBody(), header); err != nil {
			ctx.Error(err.Error(), fasthttp.StatusUnauthorized)
		}
	}).url("/")
}

// TestReceiversDuringRotation: receivers that know nothing of rotations continue with
// the secret before until the overlap ends.
func TestReceiversDuringRotation(t *testing.T) {
	s := startServer(t)
	for _, script := range []string{"express.js", "standard.js"} {
		endpoint := s.register(t, "subscriber", fields{
			"event_type": "content.updated", "target_url": startNode(t, script, standardSecret), "secret": standardSecret,
			"retry_policy": fields{"max_attempts": 1},
		})
		s.call(t, http.MethodPost, "/api/webhooks/"+endpoint+"/rotate-secret", fields{"overlap_seconds": 3600}, nil)
		if _, err := s.publish("content.updated", []byte(`{"a":1}`)); err != nil {
			t.Fatal(err)
		}
		s.awaitDrained(t, patience, endpoint)
		for _, d := range s.deliveries(t, endpoint) {
			if d.Status != "delivered" {
				t.Errorf("%s with the secret before: %+v", script, d)
			}
		}
	}
}
