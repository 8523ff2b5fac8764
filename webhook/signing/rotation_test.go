package signing

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestRotationForReceivers: a receiver that changes its secret at any time within the overlap
// never refuses a delivery, by Standard Webhooks or in hex; outside of it only one secret holds.
func TestRotationForReceivers(t *testing.T) {
	const older, newer = plainSecret, vectorSecret
	rotated := time.Unix(vectorSeconds, 0)
	end := rotated.Add(time.Hour)
	before := newSigner(t, Secret{Value: older})
	after := newSigner(t, Secret{Value: newer}, Secret{Value: older, ExpiresAt: end})
	for _, c := range []struct {
		why          string
		signer       *Signer
		at           time.Time
		older, newer bool // which secret a receiver may have
	}{
		{"before the rotation", before, rotated.Add(-time.Second), true, false},
		{"the first moment of the overlap", after, rotated, true, true},
		{"within the overlap", after, rotated.Add(30 * time.Minute), true, true},
		{"the last moment of the overlap", after, end.Add(-1), true, true},
		{"the first moment after it", after, end, false, true},
		{"long after it", after, end.Add(1000 * time.Hour), false, true},
	} {
		body := []byte(vectorBody)
		headers := map[string]string{
			HeaderID: vectorID, HeaderTimestamp: signedHeaders(vectorID, c.at, "")(HeaderTimestamp),
			HeaderSignature:  string(c.signer.AppendStandard(nil, c.at, vectorID, body)),
			DefaultHexHeader: string(c.signer.AppendHex(nil, c.at, body)),
		}
		if c.signer.SignsNext(c.at) {
			headers[DefaultHexHeader+NextSuffix] = string(c.signer.AppendHexNext(nil, c.at, body))
		}
		header := func(name string) string { return headers[name] }
		for secret, right := range map[string]bool{older: c.older, newer: c.newer} {
			v := Verifier{Secrets: []string{secret}}
			if _, err := v.Verify(header, body, c.at); (err == nil) != right || err != nil && !errors.Is(err, ErrBadSignature) {
				t.Errorf("%s: a receiver with %.8s…: %v", c.why, secret, err)
			}
			if err := v.VerifyHex(header, body); (err == nil) != right || err != nil && !errors.Is(err, ErrBadSignature) {
				t.Errorf("%s: a receiver with %.8s…, in hex: %v", c.why, secret, err)
			}
		}
		both := Verifier{Secrets: []string{older, newer}}
		if _, err := both.Verify(header, body, c.at); err != nil {
			t.Errorf("%s: a receiver with both: %v", c.why, err)
		}
	}
}

// TestMessagesForgetBodies: a message in the pool keeps no caller's body alive, nor the memory
// of a large one.
func TestMessagesForgetBodies(t *testing.T) {
	s := newSigner(t, Secret{Value: vectorPrivate}, Secret{Value: vectorSecret})
	at := time.Unix(vectorSeconds, 0)
	for _, size := range []int{10, 2 * maxPooledMessage} {
		s.AppendStandard(nil, at, vectorID, make([]byte, size))
		s.AppendHex(nil, at, make([]byte, size))
		for range 4 {
			if m := messages.Get().(*message); m.body != nil || cap(m.text) > maxPooledMessage {
				t.Errorf("a body of %d bytes: %d bytes are kept, and %d of the body", size, cap(m.text), len(m.body))
			}
		}
	}
}

func TestVerifierIsSafeForConcurrentUse(t *testing.T) {
	at, body := time.Unix(vectorSeconds, 0), []byte(vectorBody)
	v := Verifier{Secrets: []string{plainSecret, vectorSecret}, PublicKeys: []string{vectorPublic}}
	var done sync.WaitGroup
	for i := range 4 {
		signatures := []string{vectorSignature, vectorPrivateSignature, vectorSignature + " " + vectorPrivateSignature, "v1,x"}[i]
		done.Go(func() {
			for range 50 {
				_, err := v.Verify(signedHeaders(vectorID, at, signatures), body, at)
				if right := !strings.HasSuffix(signatures, "x"); (err == nil) != right {
					t.Errorf("%s: %v", signatures, err)
				}
			}
		})
	}
	done.Wait()
}
