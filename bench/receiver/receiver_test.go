package receiver

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/bench/event"
	"github.com/corpastro/astrohook/bench/server"
)

// Run serves until its input ends: the process that started it may be killed at any time.
func TestRunEndsWithItsInput(t *testing.T) {
	input, endInput := io.Pipe()
	output, printed := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- Run("127.0.0.1:0", input, printed) }()
	address, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address = strings.TrimSpace(address)
	control := Control{server.API{Base: "http://" + address}}
	if err := control.Expect(t.Context(), Expectation{Run: 3, Endpoints: 1, FanOut: true}); err != nil {
		t.Fatal(err)
	}
	refused, err := control.Refuse(t.Context())
	if err != nil || !strings.HasPrefix(refused, "127.0.0.1:") {
		t.Errorf("refuses at %s, %v", refused, err)
	}
	if err := post(t, address, DeliverPath+"0", 0); err != nil {
		t.Error(err)
	}
	server.CloseIdleConnections()
	if err := endInput.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the receiver outlives its input")
	}
	for _, closed := range []string{address, refused} {
		if conn, err := net.Dial("tcp", closed); err == nil {
			t.Errorf("%s still accepts connections, %v", closed, conn.Close())
		}
	}
}

// The input may have ended before the receiver serves.
func TestRunEndsThoughItsInputEndedBefore(t *testing.T) {
	for range 20 {
		ended := make(chan error, 1)
		go func() { ended <- Run("127.0.0.1:0", strings.NewReader(""), io.Discard) }()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("the receiver outlives its input")
		}
	}
}

func TestRunNeedsAnAddress(t *testing.T) {
	if err := Run("192.0.2.1:0", strings.NewReader(""), io.Discard); err == nil {
		t.Error("listens on an address that this machine does not have")
	}
}

// sign is what the server does, written once more.
func sign(req *http.Request, secret string, body []byte) {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	req.Header.Set("X-Corp-Astro-Signature", hex.EncodeToString(mac.Sum(nil)))
	mac.Reset()
	mac.Write([]byte("msg_1.1614265330." + string(body)))
	req.Header.Set("Webhook-Id", "msg_1")
	req.Header.Set("Webhook-Timestamp", "1614265330")
	req.Header.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

// The headers of sampled deliveries reach the check; those of the others are not looked at.
func TestSignaturesAreCheckedOnTheWire(t *testing.T) {
	_, control := listen(t)
	base := control.Caller.(server.API).Base
	for name, c := range map[string]struct {
		signed            string
		sampled, unsigned uint64
	}{
		"signed with the secret":  {"the secret", 5, 0},
		"signed with another one": {"another one", 5, 5},
	} {
		if err := control.Expect(t.Context(), Expectation{Run: 3, Endpoints: 1, FanOut: true, Secret: "the secret", SampleEvery: 2}); err != nil {
			t.Fatal(err)
		}
		for seq := range uint64(10) {
			body := delivery(event.Stamp{Run: 3, Seq: seq})
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+DeliverPath+"0", strings.NewReader(string(body)))
			if err != nil {
				t.Fatal(err)
			}
			sign(req, c.signed, body)
			resp, err := http.DefaultClient.Do(req)
			if err != nil || resp.Body.Close() != nil || resp.StatusCode != http.StatusOK {
				t.Fatalf("%v, %v", resp, err)
			}
		}
		got, err := control.Counts(t.Context())
		if err != nil || got.Distinct != 10 || got.Sampled != c.sampled || got.Unsigned != c.unsigned {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

// A wrong delivery is counted, and answered 200: a failure would make the server try again.
func TestWrongDeliveriesAreAnswered(t *testing.T) {
	_, control := listen(t)
	address := strings.TrimPrefix(control.Caller.(server.API).Base, "http://")
	if err := control.Expect(t.Context(), Expectation{Run: 4, Endpoints: 1}); err != nil {
		t.Fatal(err)
	}
	if err := post(t, address, DeliverPath+"0", 1); err != nil { // of run 3
		t.Error(err)
	}
	if err := control.Call(t.Context(), "POST", DeliverPath+"0", "no event", nil); err != nil {
		t.Error(err)
	}
	if err := control.Call(t.Context(), "POST", DeliverPath+"first", "no event", nil); err == nil {
		t.Error("an endpoint without a number exists")
	}
	if got, err := control.Counts(t.Context()); err != nil || got.Foreign != 1 || got.Corrupt != 1 || got.Distinct != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

// Each control reaches what it is for, and what it does not understand is an error.
func TestControls(t *testing.T) {
	_, control := listen(t)
	address := strings.TrimPrefix(control.Caller.(server.API).Base, "http://")
	if err := control.Expect(t.Context(), Expectation{Run: 3}); err != nil { // 0 endpoints would divide by 0
		t.Fatal(err)
	}
	for seq := range uint64(3) {
		if err := post(t, address, DeliverPath+"0", seq); err != nil {
			t.Fatal(err)
		}
	}
	if w, err := control.Window(t.Context()); err != nil || w.Count != 3 {
		t.Errorf("window %+v, %v", w, err)
	}
	if w, err := control.Window(t.Context()); err != nil || w.Count != 0 {
		t.Errorf("the window after it %+v, %v", w, err)
	}
	a, err := control.Audit(t.Context(), AuditRequest{Issued: 5, Unknown: []uint64{4}})
	if err != nil || a.Distinct != 3 || a.Lost != 1 || a.Latency.Count != 3 || a.FirstAt.After(a.LastAt) {
		t.Errorf("audit %+v, %v", a, err)
	}
	for path, body := range map[string]any{
		"/control/nonsense": nil,
		expectPath:          "no expectation",
		auditPath:           "no account",
		latePath:            3,
		"/":                 nil,
	} {
		if control.Call(t.Context(), "POST", path, body, nil) == nil {
			t.Errorf("%s with %v was understood", path, body)
		}
	}
}
