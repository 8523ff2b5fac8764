package signing

import (
	"bytes"
	"reflect"
	"testing"
	"time"
)

// held returns every string and byte string that a value leads to.
func held(v reflect.Value, seen map[uintptr]bool) (all [][]byte) {
	switch v.Kind() {
	case reflect.String:
		return [][]byte{[]byte(v.String())}
	case reflect.Pointer:
		if v.IsNil() || seen[v.Pointer()] {
			return nil
		}
		seen[v.Pointer()] = true
		return held(v.Elem(), seen)
	case reflect.Interface:
		if !v.IsNil() {
			return held(v.Elem(), seen)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			all = append(all, held(v.Field(i), seen)...)
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			text := make([]byte, v.Len())
			for i := range text {
				text[i] = byte(v.Index(i).Uint())
			}
			return [][]byte{text}
		}
		for i := range v.Len() {
			all = append(all, held(v.Index(i), seen)...)
		}
	}
	return all
}

// TestSignerForgetsSecrets: a signer keeps states of the hash, in which the secret
// is not to be read, nor padded as HMAC does it (RFC 2104).
func TestSignerForgetsSecrets(t *testing.T) {
	secrets := []Secret{{Value: vectorSecret}, {Value: plainSecret, ExpiresAt: time.Unix(1<<40, 0)}}
	s := newSigner(t, secrets...)
	s.AppendHex(nil, time.Unix(vectorSeconds, 0), []byte(vectorBody))
	s.AppendStandard(nil, time.Unix(vectorSeconds, 0), vectorID, []byte(vectorBody))
	memory := held(reflect.ValueOf(s), map[uintptr]bool{})
	if len(memory) < 8 {
		t.Fatalf("only %d texts were found in a signer", len(memory))
	}
	for _, secret := range secrets {
		decoded, err := sharedKey(secret.Value)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range [][]byte{[]byte(secret.Value), decoded} {
			for _, pad := range []byte{0, 0x36, 0x5c} {
				form := bytes.Clone(key[:min(16, len(key))])
				for i := range form {
					form[i] ^= pad
				}
				for _, text := range memory {
					if bytes.Contains(text, form) {
						t.Errorf("a signer holds a secret, xor %#x", pad)
					}
				}
			}
		}
	}
}
