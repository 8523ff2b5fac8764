package e2e

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/webhook/signing"
)

// newSecretKey makes a key that encrypts secrets.
func newSecretKey(t *testing.T, id string) string {
	t.Helper()
	out, err := exec.Command(astrohook(t), "secret-key", "--id", id).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// strictReceiver lets in only what is signed with a secret and carries a credential.
type strictReceiver struct {
	*subscriber
	mu                 sync.Mutex
	secret, credential string
}

func startStrict(t *testing.T) *strictReceiver {
	t.Helper()
	r := &strictReceiver{}
	r.subscriber = startSubscriber(t, func(ctx *fasthttp.RequestCtx) {
		r.mu.Lock()
		defer r.mu.Unlock()
		get := func(name string) string { return string(ctx.Request.Header.Peek(name)) }
		v := signing.Verifier{Secrets: []string{r.secret}}
		if v.VerifyHex(get, ctx.PostBody()) != nil || get("Authorization") != r.credential {
			ctx.SetStatusCode(http.StatusUnauthorized)
		}
	})
	return r
}

func (r *strictReceiver) expect(secret, credential string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secret, r.credential = secret, credential
}

// secretsRun is a server that does everything that might write a secret to disk, with the
// secrets to search for.
type secretsRun struct {
	*server
	receiver *strictReceiver
	cores    string // folder of the log, and of core files
	secrets  []string
	endpoint string
	events   int
}

func startSecretsRun(t *testing.T, keys ...string) *secretsRun {
	t.Helper()
	r := &secretsRun{server: newServer(t), receiver: startStrict(t), cores: t.TempDir()}
	// What the process prints goes to a file, and a core file would stand beside it.
	r.wrap = []string{"sh", "-c", `cd "$CORES" && ulimit -c "$(ulimit -H -c)" && exec "$@" >>log 2>&1`, "sh"}
	r.env = []string{"CORES=" + r.cores, "GOTRACEBACK=crash", "ASTROHOOK_LOG_LEVEL=debug", ""}
	r.useKeys(keys...)
	t.Cleanup(func() {
		if t.Failed() {
			text, _ := os.ReadFile(filepath.Join(r.cores, "log"))
			t.Logf("the log ends with\n%s", text[max(0, len(text)-2000):])
		}
	})
	return r
}

// useKeys sets the keys from the next start on.
func (r *secretsRun) useKeys(keys ...string) {
	r.env[3] = "ASTROHOOK_SECRET_KEYS=" + strings.Join(keys, ",")
}

func (r *secretsRun) begin(t *testing.T) {
	t.Helper()
	r.start(t)
	r.awaitReady(t)
}

// end stops the server in order, because Badger writes its tables at a stop.
func (r *secretsRun) end(t *testing.T) {
	t.Helper()
	r.signal(t, syscall.SIGTERM)
	if code := r.awaitExit(t); code != 0 {
		t.Fatalf("exit code %d", code)
	}
}

// plant makes up a credential, and remembers it.
func (r *secretsRun) plant(prefix string) string {
	text := prefix + rand.Text()
	r.secrets = append(r.secrets, text)
	return text
}

func (r *secretsRun) plantStandard() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails
	text := "whsec_" + base64.StdEncoding.EncodeToString(key)
	r.secrets = append(r.secrets, text)
	return text
}

// deliver publishes an event that the receiver lets in only if secret and
// credential are right.
func (r *secretsRun) deliver(t *testing.T) {
	t.Helper()
	if _, err := r.publish("user.created", []byte(`{"marker":"`+marker+`"}`)); err != nil {
		t.Fatal(err)
	}
	r.events++
	r.awaitDrained(t, patience, r.endpoint)
	for _, d := range r.deliveries(t, r.endpoint) {
		if d.Status != "delivered" || d.Attempts != 1 {
			t.Fatalf("%+v: the receiver did not get what it expects", d)
		}
	}
}

// marker is in the events, which are not encrypted: a search has to find it.
const marker = "what is meant to be found"

// use registers, changes, rotates and deletes webhooks, and makes deliveries fail.
func (r *secretsRun) use(t *testing.T) {
	t.Helper()
	secret, credential := r.plant("first secret "), r.plant("Bearer ")
	r.endpoint = r.register(t, "acme", fields{
		"event_type": "user.*", "target_url": r.receiver.url("/"), "secret": secret,
		"headers": fields{"Authorization": credential, "X-Api-Key": r.plant("key ")},
	})
	r.receiver.expect(secret, credential)
	r.deliver(t)

	var made struct {
		ID, Secret string
	}
	r.call(t, http.MethodPost, "/api/webhooks?client_id=acme", fields{"event_type": "none.*", "target_url": r.receiver.url("/")}, &made)
	r.secrets = append(r.secrets, made.Secret)
	r.call(t, http.MethodDelete, "/api/webhooks/"+made.ID, nil, nil)

	secret, credential = r.plantStandard(), r.plant("Bearer changed ")
	r.call(t, http.MethodPost, "/api/webhooks/"+r.endpoint+"/rotate-secret", fields{"secret": secret}, nil)
	r.call(t, http.MethodPatch, "/api/webhooks/"+r.endpoint, fields{"headers": fields{"Authorization": credential}}, nil)
	r.receiver.expect(secret, credential)
	r.deliver(t)

	for _, refused := range []fields{
		{"event_type": "user.*", "target_url": r.receiver.url("/"), "secret": r.plant("whsec_?")},
		{"event_type": "user.*", "target_url": r.receiver.url("/"), "headers": fields{"Host": r.plant("refused ")}},
	} {
		if err := r.try(http.MethodPost, "/api/webhooks?client_id=acme", refused, nil); err == nil {
			t.Errorf("%v was accepted", refused)
		}
	}
}

// TestSecretsStayInMemory takes secrets, header values and keys through a life,
// and then looks for them wherever the process leaves bytes.
func TestSecretsStayInMemory(t *testing.T) {
	old, young := newSecretKey(t, "old"), newSecretKey(t, "young")
	r := startSecretsRun(t, old)
	r.secrets = []string{old, young, jwtSecret}
	r.begin(t)
	r.use(t)
	r.wantNothing(t, "while it runs") // the records stand in Badger's log
	r.end(t)
	r.wantNothing(t, "after a stop") // and now in a table

	r.useKeys(young)
	r.start(t)
	if code := r.awaitExit(t); code != 2 {
		t.Errorf("exit code %d without the key that is in use", code)
	}
	r.useKeys(young, old)
	r.begin(t)
	r.deliver(t)
	reencrypt := exec.Command(r.binary, "reencrypt", "--server", r.base)
	reencrypt.Env = append(os.Environ(), "ASTROHOOK_TOKEN="+r.token)
	if out, err := reencrypt.CombinedOutput(); err != nil || !strings.HasSuffix(string(out), "1 webhooks reencrypted, 0 remain\n") {
		t.Errorf("reencrypt: %v: %s", err, out)
	}
	r.end(t)
	r.useKeys(young)
	r.begin(t)
	r.deliver(t)
	r.signal(t, syscall.SIGABRT)
	if code := r.awaitExit(t); code == 0 {
		t.Error("exit code 0 after SIGABRT")
	}

	r.wantNothing(t, "in the end")
	r.checkSearch(t)
}

// wantNothing searches everything that the server has written so far, and fails if a
// secret is found.
func (r *secretsRun) wantNothing(t *testing.T, when string) {
	t.Helper()
	for name, places := range search(t, needles(r.secrets), r.dataDir, r.cores) {
		t.Errorf("%s: %s is in %v", when, name, places)
	}
}

// checkSearch shows that the search finds what is there.
func (r *secretsRun) checkSearch(t *testing.T) {
	t.Helper()
	found := search(t, []needle{
		{"the marker", []byte(marker)},
		{"what the log says of a missing key", []byte(`lacks the key \"old\"`)},
		{"what the log says of a missing key, as text", []byte(`lacks the key "old"`)},
		{"an attempt in the log", []byte(`"msg":"attempt"`)},
		{"the stack of SIGABRT", []byte("SIGABRT: abort")},
	}, r.dataDir, r.cores)
	tables := 0
	for _, place := range found["the marker"] {
		if strings.HasSuffix(place, ".sst") {
			tables++
		}
	}
	if len(found) != 4 || tables == 0 {
		t.Errorf("the search found only %v, in %d tables", found, tables)
	}
	cores, err := filepath.Glob(filepath.Join(r.cores, "core*"))
	if err != nil || len(cores) > 0 {
		t.Errorf("core files %v, %v", cores, err)
	}
	// A process that may dump leaves its secrets in a core file, if the system writes one here.
	r.env = append(r.env, "ASTROHOOK_CORE_DUMPS=true")
	r.begin(t)
	r.deliver(t)
	r.signal(t, syscall.SIGABRT)
	r.awaitExit(t)
	if cores, err = filepath.Glob(filepath.Join(r.cores, "core*")); err != nil || len(cores) == 0 {
		t.Logf("the system writes no core files to the working folder: %v", err)
		return
	}
	if found := search(t, needles(r.secrets), r.cores); len(found) == 0 {
		t.Error("the search finds no secret in a core file")
	} else {
		t.Logf("with core-dumps a core file has %d of %d forms", len(found), len(needles(r.secrets)))
	}
}

// TestDevKeepsItsKey: serve --dev makes a key, and uses it again at the next start.
func TestDevKeepsItsKey(t *testing.T) {
	r := startSecretsRun(t)
	r.env = append(r.env, "ASTROHOOK_DEV=true")
	r.begin(t)
	r.use(t)
	r.end(t)
	path := filepath.Join(r.dataDir, "dev-secret-key")
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("%v, %v; want mode 0600", info, err)
	}
	r.begin(t)
	r.deliver(t)
	r.end(t)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	r.start(t)
	if code := r.awaitExit(t); code != 2 {
		t.Errorf("exit code %d with another key of the same id", code)
	}
	if found := search(t, []needle{{"it", []byte(`has a wrong key`)}}, r.cores); len(found) == 0 {
		t.Error("the log does not say so")
	}
}

// needle is a form in which a secret may stand somewhere.
type needle struct {
	name string
	text []byte
}

// needles returns all forms of the secrets: the text, what it decodes to, and both
// in base64 and hex.
func needles(secrets []string) (all []needle) {
	for i, secret := range secrets {
		forms := map[string][]byte{"text": []byte(secret)}
		_, encoded, _ := strings.Cut(strings.TrimPrefix(secret, "whsec_"), ":") // of a key
		if encoded == "" {
			encoded = strings.TrimPrefix(secret, "whsec_")
		}
		if raw, err := base64.StdEncoding.DecodeString(encoded); err == nil && len(raw) == 32 {
			forms["decoded"], forms["base64"] = raw, []byte(encoded)
		}
		for name, form := range forms {
			all = append(all,
				needle{fmt.Sprintf("secret %d, %s", i, name), form},
				needle{fmt.Sprintf("secret %d, %s in base64", i, name), []byte(base64.RawStdEncoding.EncodeToString(form))},
				needle{fmt.Sprintf("secret %d, %s in URL base64", i, name), []byte(base64.RawURLEncoding.EncodeToString(form))},
				needle{fmt.Sprintf("secret %d, %s in hex", i, name), fmt.Appendf(nil, "%x", form)})
		}
	}
	return all
}
