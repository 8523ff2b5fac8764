package auth

import (
	"testing"
	"time"

	"github.com/corpastro/astrohook/httpapi/auth/authtest"
)

// claimCases are the members of tokens, with whether a token that has them beside
// a good expiry is taken.
var claimCases = []struct {
	members string
	good    bool
}{
	{`"client_id":"acme"`, true},
	{`"client_id":null`, false},
	{`"client_id":""`, false},
	{`"client_id":7`, false},
	{`"client_id":["acme"]`, false},
	{`"client_id":{"id":"acme"}`, false},
	{`"client_id":"ac me"`, false},
	{`"CLIENT_ID":"acme"`, false},
	{`"Client_Id":"acme"`, false},
	{`"client_\u0049d":"acme"`, false},
	{`"client_id":"acme","Client_id":"globex"`, false},
	{`"client_id":"acme","client_id":"acme"`, false},
	{`"clientId":"acme","azp":"acme","email":null,"roles":[]`, true}, // no claims of ours

	{`"scope":"a"`, true},
	{`"scope":"admin events:write"`, true},
	{`"scope":"email profile https://example.com/x"`, true},
	{`"scope":null`, false},
	{`"scope":""`, false},
	{`"scope":" "`, false},
	{`"scope":"admin "`, false},
	{`"scope":" admin"`, false},
	{`"scope":"admin  events:write"`, false},
	{`"scope":"admin\tevents:write"`, false},
	{`"scope":"admin\nevents:write"`, false},
	{`"scope":"admin\u00a0events:write"`, false},
	{`"scope":"admin\u2003events:write"`, false},
	{`"scope":"adm\u0000in"`, false},
	{`"scope":"a\"b"`, false},
	{`"scope":"a\\b"`, false},
	{`"scope":"ädmin"`, false},
	{`"scope":["admin"]`, false},
	{`"scope":true`, false},
	{`"SCOPE":"admin"`, false},
	{`"\u017fcope":"admin"`, false}, // folds to scope

	{`"sub":"a"`, true},
	{`"sub":null`, false},
	{`"sub":""`, false},
	{`"sub":1`, false},
	{`"Sub":"a"`, false},
	{`"iss":""`, false},
	{`"iss":["a"]`, false},
	{`"ISS":"a"`, false},
	{`"jti":"a"`, true},
	{`"jti":1`, false},
	{`"aud":"a"`, true},
	{`"aud":["a","b"]`, true},
	{`"aud":null`, false},
	{`"aud":[]`, false},
	{`"aud":""`, false},
	{`"aud":["a",null]`, false},
	{`"aud":["a",1]`, false},
	{`"AUD":"a"`, false},

	{`"nbf":1,"iat":1.5`, true},
	{`"nbf":"1"`, false},
	{`"nbf":null`, false},
	{`"nbf":1e300`, false},
	{`"NBF":1`, false},
	{`"iat":"1"`, false},
	{`"iat":-1`, false},
	{`"iat":[1]`, false},
	{`"EXP":4102444800`, false},
}

// TestClaims: a claim that could be mistaken for one of ours and is not exactly
// it refuses the token. None counts as absent, since absence can mean more.
func TestClaims(t *testing.T) {
	verifier := testTokens(t, 10, secretKeyNamed(t, "", authtest.Secret))
	for _, c := range claimCases {
		text := `{"exp":4102444800,` + c.members + `}`
		who, err := verifier.Verify(t.Context(), []byte(authtest.Forge(t, text)), time.Now())
		if (err == nil) != c.good {
			t.Errorf("%s: %+v, %v", c.members, who, err)
		}
	}
	for exp, good := range map[string]bool{
		`4102444800`: true, `4102444800.5`: true, `41024448e2`: true,
		`"4102444800"`: false, `null`: false, `[4102444800]`: false, `true`: false, `1e400`: false,
		`4102444800000`: false, // milliseconds
	} {
		if _, err := verifier.Verify(t.Context(), []byte(authtest.Forge(t, `{"exp":`+exp+`,"sub":"a"}`)), time.Now()); (err == nil) != good {
			t.Errorf("exp %s: %v", exp, err)
		}
	}
}
