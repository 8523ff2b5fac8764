package auth

import "testing"

// TestDocumentHash: an issuer that writes its key set in another way each time has
// not changed it.
func TestDocumentHash(t *testing.T) {
	first := documentHash([]byte(`{"keys":[{"kty":"OKP","x":"a"},{"kty":"EC","x":"b"}]}`))
	for text, same := range map[string]bool{
		"{ \"keys\": [ {\"x\":\"a\",\n\"kty\":\"OKP\"}, {\"kty\":\"EC\",\"x\":\"b\"} ] }": true,
		`{"keys":[{"kty":"OKP","x":"a"},{"kty":"EC","x":"c"}]}`:                           false,
		`{"keys":[`: false,
	} {
		if got := documentHash([]byte(text)) == first; got != same {
			t.Errorf("%s: same is %v", text, got)
		}
	}
	if documentHash([]byte(`{"a":1,"a":2}`)) == documentHash([]byte(`{"a":1,"a":3}`)) {
		t.Error("documents that are not canonical are all the same")
	}
}
