package signing_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/corpastro/astrohook/webhook/signing"
)

// A receiver verifies the raw body before it reads anything from it.
func ExampleVerifier_Verify() {
	verifier := signing.Verifier{Secrets: []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}
	receive := func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if err != nil {
			http.Error(w, "unreadable", http.StatusBadRequest)
			return
		}
		now := time.Unix(1614265330, 0) // time.Now() outside of an example
		message, err := verifier.Verify(r.Header.Get, body, now)
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		fmt.Println("received", message.ID)
		w.WriteHeader(http.StatusNoContent)
	}

	signer, err := signing.NewSigner([]signing.Secret{{Value: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}})
	if err != nil {
		log.Fatal(err)
	}
	body, sentAt := `{"test": 2432232314}`, time.Unix(1614265330, 0)
	for _, sent := range []string{body, body + " and more"} {
		r := httptest.NewRequest(http.MethodPost, "/hooks", strings.NewReader(sent))
		r.Header.Set(signing.HeaderID, "whd_1")
		r.Header.Set(signing.HeaderTimestamp, "1614265330")
		r.Header.Set(signing.HeaderSignature, string(signer.AppendStandard(nil, sentAt, "whd_1", []byte(body))))
		w := httptest.NewRecorder()
		receive(w, r)
		fmt.Println("answered", w.Code)
	}
	// Output:
	// received whd_1
	// answered 204
	// answered 401
}

// A receiver of an endpoint that signs with a private key has the public key only.
// While the endpoint changes over, it takes both schemes.
func ExampleVerifier_publicKey() {
	verifier := signing.Verifier{
		PublicKeys: []string{"whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="},
		Secrets:    []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, // until it expires
	}
	header := http.Header{}
	header.Set(signing.HeaderID, "msg_p5jXN8AQM9LWM0D4loKWxJek")
	header.Set(signing.HeaderTimestamp, "1614265330")
	body, now := []byte(`{"test": 2432232314}`), time.Unix(1614265330, 0)
	for _, signatures := range []string{
		"v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==",
		"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
		"v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
	} {
		header.Set(signing.HeaderSignature, signatures)
		_, err := verifier.Verify(header.Get, body, now)
		fmt.Println(err)
	}
	// Output:
	// <nil>
	// <nil>
	// verify: signature does not match
}

// A rotation: the newest secret signs first, and the one before it signs until it expires.
func ExampleSigner() {
	now := time.Unix(1614265330, 0)
	signer, err := signing.NewSigner([]signing.Secret{
		{Value: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
		{Value: "the secret before it", ExpiresAt: now.Add(time.Hour)},
	})
	if err != nil {
		log.Fatal(err)
	}
	count := func(at time.Time) int {
		return len(strings.Fields(string(signer.AppendStandard(nil, at, "whd_1", []byte(`{}`)))))
	}
	fmt.Println(count(now), count(now.Add(time.Hour)))
	// Output: 2 1
}

// A receiver without Standard Webhooks verifies the hex signature alone. It takes the id and
// the time from the body: they are not signed otherwise.
func ExampleVerifier_VerifyHex() {
	const secret = "a secret of the receiver's own"
	signer, err := signing.NewSigner([]signing.Secret{{Value: secret}})
	if err != nil {
		log.Fatal(err)
	}
	body := []byte(`{"id":"whd_1"}`)
	header := http.Header{}
	header.Set(signing.DefaultHexHeader, string(signer.AppendHex(nil, time.Now(), body)))

	verifier := signing.Verifier{Secrets: []string{secret}}
	fmt.Println(verifier.VerifyHex(header.Get, body))
	fmt.Println(verifier.VerifyHex(header.Get, []byte(`{"id":"whd_2"}`)))
	// Output:
	// <nil>
	// verify: signature does not match
}

// A receiver of v1a gets the public key, as text or as a JSON web key, and never the secret.
func ExampleSecret_PublicKey() {
	private, err := signing.SchemeEd25519.Generate(strings.NewReader("32 bytes that are not random at a"))
	if err != nil {
		log.Fatal(err)
	}
	secret := signing.Secret{Value: private}
	key, _ := secret.JSONWebKey()
	fmt.Println(secret.PublicKey())
	fmt.Println(key.Curve, key.X)
	// Output:
	// whpk_DnxpVy8QRtQWIEvUcs/xwiR2jWv7b14GYEWrqiUqpxs=
	// Ed25519 DnxpVy8QRtQWIEvUcs_xwiR2jWv7b14GYEWrqiUqpxs
}

// Secrets that were pasted wrong are refused when they are set: no receiver could verify.
func ExampleValidateSecret() {
	for _, text := range []string{
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
		"too short",
		"Whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
		"whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=",
	} {
		fmt.Println(signing.ValidateSecret(text))
	}
	// Output:
	// <nil>
	// is shorter than 16 characters
	// begins with whsec_ in another casing
	// is a public key (whpk_)
}

// A plain text of a client's own has a form that every Standard Webhooks library takes.
func ExampleSecret_Standard() {
	fmt.Println(signing.Secret{Value: "a plain secret, not in base64"}.Standard())
	// Output: whsec_YSBwbGFpbiBzZWNyZXQsIG5vdCBpbiBiYXNlNjQ=
}
