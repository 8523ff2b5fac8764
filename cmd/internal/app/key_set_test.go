package app

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"
)

// status asks for the event types with a token, and returns the answer's status.
func (w *world) status(token string) int {
	w.t.Helper()
	req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(resp)
	req.SetRequestURI("http://astrohook/api/event-types")
	req.Header.Set("Authorization", "Bearer "+token)
	if err := w.client.DoTimeout(req, resp, time.Minute); err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode()
}

// TestKeySetOfAnIssuer starts a server whose token issuer cannot be reached: it
// serves, and refuses the issuer's tokens until it can be.
func TestKeySetOfAnIssuer(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	document := `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"2026","x":"` + base64.RawURLEncoding.EncodeToString(public) + `"}]}`
	var reachable atomic.Pointer[fasthttputil.InmemoryListener]
	settings := func(c *Config) {
		c.JWTKeysURL = "http://127.0.0.1:9009/keys"
		c.Dial = func(_ context.Context, _ string, addr netip.AddrPort) (net.Conn, error) {
			if ln := reachable.Load(); ln != nil && addr.Port() == 9009 {
				return ln.Dial()
			}
			return nil, errors.New("connection refused")
		}
	}
	inWorldOf(t, settings, func(w *world) {
		issued := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{"client_id": "acme", "exp": time.Now().Add(time.Hour).Unix()})
		issued.Header["kid"] = "2026"
		token, err := issued.SignedString(private)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.status(token); got != 503 {
			t.Errorf("before the issuer can be reached: %d", got)
		}
		if got := w.status(w.token()); got != 200 {
			t.Errorf("a token of the configured secret: %d", got)
		}
		ln := fasthttputil.NewInmemoryListener()
		server := &fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) { ctx.SetBodyString(document) }}
		served := make(chan error, 1)
		go func() { served <- server.Serve(ln) }()
		reachable.Store(ln)
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := w.status(token); got != 200 {
			t.Errorf("a minute after the issuer could be reached: %d", got)
		}
		reachable.Store(nil)
		time.Sleep(30 * time.Minute)
		if got := w.status(token); got != 200 {
			t.Errorf("after the issuer was lost again: %d", got)
		}
		if err := errors.Join(server.Shutdown(), <-served); err != nil {
			t.Error(err)
		}
	})
}
