package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/corpastro/astrohook/cmd/internal/settings"
	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/webhook"
)

// tokenCommand signs a token with the server's secret, without asking the server. It is
// for operators who have the secret; a server with public keys takes its issuer's tokens.
type tokenCommand struct {
	// The first three are settings of the server, under the same names.
	JWTSecret   string   `placeholder:"SECRET" help:"The server's token secret, 32 bytes or more."`
	JWTIssuer   string   `placeholder:"ISS" help:"The iss that the server requires, if any."`
	JWTAudience []string `placeholder:"AUD" help:"The aud that the server requires, if any."`
	Subject     string   `placeholder:"NAME" help:"Who the token is for. A publisher without a client has idempotency keys of its own under this name."`
	Client      string   `placeholder:"ID" help:"Client that the token is for."`
	// Scopes are split at spaces, as in the claim that they become.
	Scope    []string      `sep:" " placeholder:"SCOPE" help:"events:write to publish to the client, events:write:all to publish to every client, admin for everything; can be repeated."`
	Lifetime time.Duration `default:"24h" help:"How long the token is valid."`
}

// Run prints a token and nothing else, so that a script can take it.
func (c *tokenCommand) Run(std streams) error {
	if err := c.check(); err != nil {
		return err
	}
	content := claims{
		issuer: c.JWTIssuer, audience: c.JWTAudience, subject: c.Subject,
		client: c.Client, scopes: c.Scope, lifetime: c.Lifetime,
	}
	text, err := content.sign(c.JWTSecret, time.Now())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(std.Out, text)
	return err
}

// check refuses flags that make a token which the server refuses, or one that allows
// nothing: users would find out at their first call only.
func (c *tokenCommand) check() error {
	switch {
	case c.JWTSecret == "":
		return &webhook.FieldError{Field: "jwt-secret", Reason: "is not set; it is the secret that the server runs with"}
	case len(c.JWTSecret) < auth.MinSecret:
		return &webhook.FieldError{Field: "jwt-secret", Reason: fmt.Sprintf("is %d bytes long, less than %d", len(c.JWTSecret), auth.MinSecret)}
	case c.Client == "" && len(c.Scope) == 0:
		return settings.Misuse("a token needs --client, --scope or both")
	// Without a client only scopes that reach every client allow anything.
	case c.Client == "" && !slices.ContainsFunc(c.Scope, func(scope string) bool { return scope != auth.ScopePublish }):
		return settings.Misuse("the scope events:write publishes to the token's client: give --client too, or --scope=events:write:all to publish to every client")
	case slices.ContainsFunc(c.Scope, func(scope string) bool { return !auth.ValidScope(scope) }):
		return settings.Misuse("--scope holds a name that is empty or has other characters than printable ASCII")
	case c.Lifetime < time.Second:
		return settings.Misuse("--lifetime is less than 1s")
	}
	return nil
}

// claims are the contents of a token. What is empty is left out.
type claims struct {
	issuer   string        // iss
	audience []string      // aud
	subject  string        // sub
	client   string        // client_id
	scopes   []string      // scope, joined with a space (RFC 6749, section 3.3)
	lifetime time.Duration // from iat to exp, which count whole seconds
}

// sign returns a token that is valid from now on: HS256, with the claims that
// docs/design.md, section 6, names.
func (c claims) sign(secret string, now time.Time) (string, error) {
	content := jwt.MapClaims{"iat": now.Unix(), "exp": now.Add(c.lifetime).Unix()}
	for name, value := range map[string]string{"iss": c.issuer, "sub": c.subject, "client_id": c.client} {
		if value != "" {
			content[name] = value
		}
	}
	if len(c.audience) > 0 {
		content["aud"] = c.audience
	}
	if len(c.scopes) > 0 {
		content["scope"] = strings.Join(c.scopes, " ")
	}
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, content).SignedString([]byte(secret))
	if err != nil {
		return "", fmt.Errorf("sign the token: %w", err)
	}
	return text, nil
}
