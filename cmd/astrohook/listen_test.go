package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/signing"
)

// signed makes a delivery's request as a server would.
func signed(t *testing.T, url, secret, body string) *http.Request {
	t.Helper()
	signer, err := signing.NewSigner([]signing.Secret{{Value: secret}})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	names := webhook.HeadersFor(webhook.DefaultHeaderPrefix)
	request.Header.Set(names.ID, "whd_1")
	request.Header.Set(names.Event, "user.created")
	request.Header.Set(names.Signature, string(signer.AppendHex(nil, now, []byte(body))))
	request.Header.Set(signing.HeaderID, "whd_1")
	request.Header.Set(signing.HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
	request.Header.Set(signing.HeaderSignature, string(signer.AppendStandard(nil, now, "whd_1", []byte(body))))
	return request
}

// send makes a request and returns the answer's status code.
func send(t *testing.T, request *http.Request) int {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode
}

// listening starts the command and returns its URL.
func listening(t *testing.T, args ...string) (background, string) {
	t.Helper()
	command := startCommand(t, append([]string{"listen"}, args...)...)
	line, _, _ := strings.Cut(command.out.await(t, "\n"), "\n")
	return command, strings.TrimPrefix(line, "Listening at ")
}

func TestListenVerifies(t *testing.T) {
	const body = `{"id":"whd_1","data":{"user_id":42}}`
	for _, c := range []struct {
		reason string
		change func(*http.Request)
		status int
		want   []string
	}{
		{"both signatures are right", func(*http.Request) {}, 204, []string{
			"user.created  whd_1  answered 204", "X-Corp-Astro-Signature: valid", "webhook-signature: valid", body,
		}},
		{"the hex signature is wrong", func(r *http.Request) { r.Header.Set("X-Corp-Astro-Signature", strings.Repeat("0", 64)) }, 401, []string{
			"answered 401", "X-Corp-Astro-Signature: NOT VALID", "webhook-signature: valid",
		}},
		{"the standard signature is wrong", func(r *http.Request) { r.Header.Set("webhook-id", "whd_2") }, 401, []string{
			"X-Corp-Astro-Signature: valid", "webhook-signature: NOT VALID",
		}},
		{"one is missing", func(r *http.Request) { r.Header.Del("webhook-signature") }, 401, []string{"a signature is missing"}},
		{"another body", func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(strings.NewReader("{}")), 2 }, 401, []string{
			"X-Corp-Astro-Signature: NOT VALID", "webhook-signature: NOT VALID",
		}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			command, url := listening(t, "--secret", testSecret)
			request := signed(t, url, testSecret, body)
			c.change(request)
			if status := send(t, request); status != c.status {
				t.Errorf("status %d, want %d", status, c.status)
			}
			got := command.stop()
			for _, want := range c.want {
				if !strings.Contains(got.out, want) {
					t.Errorf("no %q in\n%s", want, got.out)
				}
			}
			if got.code != 0 || got.err != "" {
				t.Errorf("exit code %d, error %q", got.code, got.err)
			}
		})
	}
}

// TestListenDuringRotation: while a new secret replaces an old one, a receiver accepts
// deliveries with the old one, with the new one, and with both.
func TestListenDuringRotation(t *testing.T) {
	const body, oldSecret = `{"id":"whd_1"}`, "the secret before the rotation"
	names := webhook.HeadersFor(webhook.DefaultHeaderPrefix)
	for _, c := range []struct {
		reason  string
		secrets []string
		status  int
		want    string
	}{
		{"the secret before", []string{oldSecret}, 204, "\n  X-Corp-Astro-Signature: valid\n  webhook-signature: valid\n"},
		{"the new secret", []string{testSecret}, 204, "\n  X-Corp-Astro-Signature-Next: valid\n  webhook-signature: valid\n"},
		{"both", []string{testSecret, oldSecret}, 204, "\n  X-Corp-Astro-Signature: valid\n  webhook-signature: valid\n"},
		{"another", []string{"some other secret of a webhook"}, 401, "\n  X-Corp-Astro-Signature: NOT VALID"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			var args []string
			for _, secret := range c.secrets {
				args = append(args, "--secret", secret)
			}
			command, url := listening(t, args...)
			request, next := signed(t, url, oldSecret, body), signed(t, url, testSecret, body)
			request.Header.Set(names.SignatureNext, next.Header.Get(names.Signature))
			request.Header.Set("webhook-signature", next.Header.Get("webhook-signature")+" "+request.Header.Get("webhook-signature"))
			if status := send(t, request); status != c.status {
				t.Errorf("status %d, want %d", status, c.status)
			}
			if got := command.stop(); !strings.Contains(got.out, c.want) {
				t.Errorf("no %q in\n%s", c.want, got.out)
			}
		})
	}
}

// TestListenShowsTheEvent: the output has the event's id, the time of its acceptance and
// the number of the attempt.
func TestListenShowsTheEvent(t *testing.T) {
	command, url := listening(t, "--secret", testSecret)
	request := signed(t, url, testSecret, `{"id":"whd_1"}`)
	request.Header.Set("X-Corp-Astro-Event-ID", "evt_1")
	request.Header.Set("X-Corp-Astro-Event-Timestamp", "2025-05-17T10:30:45.123Z")
	request.Header.Set("X-Corp-Astro-Attempt", "3")
	send(t, request)
	const want = "  event evt_1, accepted at 2025-05-17T10:30:45.123Z, attempt 3\n"
	if got := command.stop(); !strings.Contains(got.out, want) {
		t.Errorf("no %q in\n%s", want, got.out)
	}
}

// TestListenPublicKey: a delivery of a webhook that signs with a private key carries
// one signature, and two while a secret is being replaced by the key.
func TestListenPublicKey(t *testing.T) {
	private, err := signing.SchemeEd25519.Generate(strings.NewReader("a seed for a test, 32 bytes long"))
	if err != nil {
		t.Fatal(err)
	}
	key := signing.Secret{Value: private}.PublicKey()
	for _, c := range []struct {
		reason string
		args   []string
		secret string
		header string // that is left out
		status int
	}{
		{"signed", []string{"--public-key", key}, private, "X-Corp-Astro-Signature", 204},
		{"not signed", []string{"--public-key", key}, private, "webhook-signature", 401},
		{"signed with a secret only", []string{"--public-key", key}, testSecret, "", 401},
		{"signed with a secret that is known too", []string{"--public-key", key, "--secret", testSecret}, testSecret, "", 204},
		{"another public key", []string{"--public-key", vectorPublic}, private, "X-Corp-Astro-Signature", 401},
	} {
		t.Run(c.reason, func(t *testing.T) {
			_, url := listening(t, c.args...)
			request := signed(t, url, c.secret, "{}")
			request.Header.Del(c.header)
			if status := send(t, request); status != c.status {
				t.Errorf("status %d, want %d", status, c.status)
			}
		})
	}
}

func TestListenFails(t *testing.T) {
	for _, c := range []struct {
		reason string
		args   []string
		want   []int
	}{
		{"the first two", []string{"--fail=2"}, []int{503, 503, 204, 204}},
		{"all, with a status", []string{"--fail=-1", "--fail-status=410"}, []int{410, 410, 410}},
		{"none, with a status", []string{"--status=200"}, []int{200}},
		{"none that was not signed", []string{"--fail=0"}, []int{204}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			_, url := listening(t, append([]string{"--secret", testSecret}, c.args...)...)
			for i, want := range c.want {
				if status := send(t, signed(t, url, testSecret, "{}")); status != want {
					t.Errorf("delivery %d: status %d, want %d", i+1, status, want)
				}
			}
		})
	}
}

// TestListenHidesControls: a sender cannot steer the terminal.
func TestListenHidesControls(t *testing.T) {
	command, url := listening(t)
	request := signed(t, url, testSecret, "{\"a\":\"\x1b[2J\"}")
	if status := send(t, request); status != 204 {
		t.Errorf("status %d", status)
	}
	got := command.stop()
	if strings.Contains(got.out, "\x1b") || !strings.Contains(got.out, "signatures not checked") {
		t.Errorf("%q", got.out)
	}
}

// TestListenStopsWhileAnswering: a delayed answer does not delay the end of the command.
func TestListenStopsWhileAnswering(t *testing.T) {
	command, url := listening(t, "--delay=1h")
	status := make(chan int, 1)
	go func() { status <- send(t, signed(t, url, testSecret, "{}")) }()
	command.out.await(t, "whd_1")
	if got := command.stop(); got.code != 0 {
		t.Errorf("%+v", got)
	}
	if got := <-status; got != 204 {
		t.Errorf("status %d", got)
	}
}

// registrar stands for a server's API for endpoints; it remembers the calls.
type registrar struct {
	mu    sync.Mutex
	calls []string
	body  map[string]any
}

// ServeHTTP answers as the API does.
func (r *registrar) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, request.Method+" "+request.URL.RequestURI()+" "+request.Header.Get("Authorization"))
	if request.Method == http.MethodDelete {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if err := json.NewDecoder(request.Body).Decode(&r.body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, `{"id":"wh_7","secret":"ignored"}`)
}

func TestListenRegisters(t *testing.T) {
	api := &registrar{}
	server := httptest.NewServer(api)
	defer server.Close()
	command, url := listening(t, "--register", server.URL, "--token=tok", "--client=acme", "--event-types=user.*,report.generated")
	command.out.await(t, "Registered as wh_7")
	secret, _ := api.body["secret"].(string)
	if err := signing.ValidateSecret(secret); err != nil || !strings.HasPrefix(secret, "whsec_") {
		t.Errorf("secret %q: %v", secret, err)
	}
	if status := send(t, signed(t, url, secret, "{}")); status != 204 {
		t.Errorf("a delivery signed with the registered secret got %d", status)
	}
	if got := command.stop(); got.code != 0 || strings.Contains(got.out, secret) || !strings.HasSuffix(got.out, "\nDeregistered wh_7.\n") {
		t.Errorf("%+v", got)
	}
	if api.body["lease_seconds"] != 60.0 {
		t.Errorf("lease %v", api.body["lease_seconds"])
	}
	if api.body["target_url"] != url {
		t.Errorf("target %v, want %s", api.body["target_url"], url)
	}
	if types, _ := json.Marshal(api.body["event_types"]); string(types) != `["user.*","report.generated"]` {
		t.Errorf("event types %s", types)
	}
	want := []string{"POST /api/webhooks?client_id=acme Bearer tok", "DELETE /api/webhooks/wh_7?client_id=acme Bearer tok"}
	if strings.Join(api.calls, "\n") != strings.Join(want, "\n") {
		t.Errorf("calls %q, want %q", api.calls, want)
	}
}

func TestListenRegistrationRefused(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = io.WriteString(w, `{"title":"Invalid input","field":"target_url","detail":"points at an address that is not allowed"}`)
	}))
	defer server.Close()
	got := runCommand(t, "", "listen", "--register", server.URL, "--token=tok")
	const want = "register: the server answered 422 Unprocessable Entity: Invalid input: target_url: points at an address that is not allowed"
	if got.code != 1 || !strings.Contains(got.err, want) {
		t.Errorf("%+v", got)
	}
}
