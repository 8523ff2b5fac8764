package app

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/corpastro/astrohook/actors/sender/receivertest"
)

// selfSigned returns the TLS of a receiver whose certificate nobody else signed.
func selfSigned(t *testing.T, host string) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{host}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	raw, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{raw}, PrivateKey: key}}}
}

// TestTLSClassIsTheSameEverywhere: why TLS failed is the same word in the API, the
// log and the metrics.
func TestTLSClassIsTheSameEverywhere(t *testing.T) {
	var log bytes.Buffer
	settings := func(c *Config) {
		c.Log, c.RootCAs = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})), x509.NewCertPool()
	}
	inWorldOf(t, settings, func(w *world) {
		ln := fasthttputil.NewInmemoryListener()
		w.receivers[9443] = ln
		s := receivertest.Start(tls.NewListener(ln, selfSigned(t, "localhost")))
		defer s.Close()
		endpoint := w.call("POST", "/api/webhooks",
			`{"client_id":"acme","event_type":"user.created","target_url":"https://localhost:9443/","retry_policy":{"max_attempts":1}}`, 201)["id"].(string)
		w.publish()
		time.Sleep(time.Second)
		synctest.Wait()
		failed := w.deliveries(endpoint, "failed")
		if len(failed) != 1 || failed[0]["reason"] != "tls_authority" {
			t.Errorf("the API says %v", failed)
		}
		if !strings.Contains(log.String(), `"reason":"tls_authority"`) {
			t.Errorf("the log says\n%s", log.String())
		}
		families, err := w.app.parts.registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		counted := ""
		for _, f := range families {
			for _, m := range f.GetMetric() {
				for _, l := range m.GetLabel() {
					if f.GetName() == "astrohook_attempts_total" && l.GetValue() == "tls_authority" {
						counted += fmt.Sprint(m.GetCounter().GetValue())
					}
				}
			}
		}
		if counted != "1" {
			t.Errorf("the metrics count %q", counted)
		}
	})
}

// TestRefusedTargetIsInTheLog of the server, with the setting that would let it through.
func TestRefusedTargetIsInTheLog(t *testing.T) {
	var log bytes.Buffer
	settings := func(c *Config) { c.Log = slog.New(slog.NewJSONHandler(&log, nil)) }
	inWorldOf(t, settings, func(w *world) {
		w.call("POST", "/api/webhooks", `{"client_id":"acme","event_type":"user.created","target_url":"http://10.0.0.5/"}`, 422)
		synctest.Wait()
		if text := log.String(); !strings.Contains(text, `"refused":"address 10.0.0.5"`) || !strings.Contains(text, "allow-addresses would let it through") {
			t.Errorf("the log says\n%s", text)
		}
	})
}
