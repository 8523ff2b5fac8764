package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// authority signs the certificates of nodes.
type authority struct {
	dir         string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// newAuthority makes an authority, whose certificate is in the file ca.pem of a directory.
func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	var der []byte
	a.key, der = certify(t, template, nil)
	var err error
	if a.certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(a.dir, "ca.pem"), "CERTIFICATE", der)
	return a
}

// certify makes a key, and a certificate for it that a or, without one, the key itself signs.
func certify(t *testing.T, template *x509.Certificate, by *authority) (*ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.certificate, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	return key, der
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// settings returns those of a node whose certificate the authority has signed, and that
// trusts another one.
func (a *authority) settings(t *testing.T, name string, trusts *authority) []string {
	t.Helper()
	key, der := certify(t, &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}, a)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert, keyFile := filepath.Join(a.dir, name+".pem"), filepath.Join(a.dir, name+".key")
	writePEM(t, cert, "CERTIFICATE", der)
	writePEM(t, keyFile, "PRIVATE KEY", private)
	return []string{
		"ASTROHOOK_CLUSTER_TLS_CERT=" + cert, "ASTROHOOK_CLUSTER_TLS_KEY=" + keyFile,
		"ASTROHOOK_CLUSTER_TLS_CA=" + filepath.Join(trusts.dir, "ca.pem"),
	}
}

// TestClusterWithTLS: three nodes talk over TLS, and a node that does not trust their
// authority, or talks without TLS, is refused with a line that names the setting.
func TestClusterWithTLS(t *testing.T) {
	ours, other := newAuthority(t, "ours"), newAuthority(t, "another one")
	at := database(t)
	node := func(name string, more []string) []string {
		return append(append(onDatabase(at), asNode(t, name)...), more...)
	}
	var nodes []*server
	for i := range 3 {
		name := fmt.Sprintf("tls-%d", i+1)
		nodes = append(nodes, startServer(t, node(name, ours.settings(t, name, ours))...))
	}
	awaitShares(t, nodes)
	forwardedOverTLS(t, nodes)
	for _, s := range nodes {
		if strings.Contains(s.log.String(), "nodes talk without TLS") {
			t.Error("a node talks without TLS")
		}
	}
	for _, c := range []struct {
		reason   string
		settings []string
		want     []string
	}{
		{"trusts another authority", ours.settings(t, "mistrustful", other), []string{"cluster-tls-ca", "not of one authority"}},
		{"is of another authority, and trusts that", other.settings(t, "stranger", other), []string{"cluster-tls-ca", "not of one authority"}},
		{"has no TLS", nil, []string{"cluster-tls-cert", "one of the two nodes talks over TLS"}},
	} {
		refusedNode(t, "a node that "+c.reason, node("wrong", c.settings), c.want)
	}
	awaitShares(t, nodes) // those that were refused have left nothing behind
}

// refusedNode starts a node, which must end by itself with a line that has all words.
func refusedNode(t *testing.T, reason string, settings, words []string) {
	t.Helper()
	s := newServer(t, settings...)
	s.start(t)
	if code := s.awaitExit(t); code == 0 || code == -1 {
		t.Errorf("%s ended with code %d", reason, code)
	}
	lines := strings.Split(strings.TrimSpace(s.log.String()), "\n")
	for _, word := range words {
		if last := lines[len(lines)-1]; !strings.Contains(last, word) {
			t.Errorf("%s ends without %q: %s", reason, word, last)
		}
	}
}

// forwardedOverTLS publishes through each node for endpoints of all of them: the hints, and
// the questions that only an owner can answer, go from node to node.
func forwardedOverTLS(t *testing.T, nodes []*server) {
	t.Helper()
	var got atomic.Int64
	receiver := startSubscriber(t, func(*fasthttp.RequestCtx) { got.Add(1) })
	const endpoints = 6 // consecutive numbers are in consecutive parts
	var ids []string
	for range endpoints {
		ids = append(ids, nodes[0].register(t, "acme", fields{"event_type": "*", "target_url": receiver.url("/"), "secret": plainSecret}))
	}
	for _, s := range nodes {
		s.call(t, http.MethodPost, "/api/events", fields{"event_type": "user.created", "data": 1}, nil)
	}
	await(t, "all deliveries", func() error {
		if n := got.Load(); n < int64(endpoints*len(nodes)) {
			return fmt.Errorf("%d arrived", n)
		}
		return nil
	})
	for _, s := range nodes {
		for _, id := range ids {
			var health struct {
				Owner string `json:"owner"`
			}
			s.call(t, http.MethodGet, "/api/webhooks/"+id+"/health", nil, &health)
			if health.Owner != "" {
				t.Errorf("the owner of %s is %s", id, health.Owner)
			}
		}
	}
}
