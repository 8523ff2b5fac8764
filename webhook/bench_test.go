package webhook

import (
	"strings"
	"testing"
	"time"
)

// typical is a document of about 512 bytes in the form that publishers send.
var typical = []byte(`{"user_id":"usr_8f14e45fceea167a5a36dedd4bea2543","email":"someone@example.com","name":"Jörg Müller",` +
	`"created_at":"2025-05-17T10:30:45.123Z","plan":{"name":"professional","price":49.95,"currency":"EUR","seats":12,"trial":false},` +
	`"tags":["early-adopter","newsletter","beta"],"address":{"street":"12 Long Road","city":"Springfield","zip":"04109","country":"DE",` +
	`"geo":{"lat":51.3397,"lon":12.3731}},"last_login":null,"score":987654321,"notes":"asked about <billing> & invoices; call back on Monday"}`)

var (
	benchmarkID   = ID{Seq: 1 << 60, Endpoint: 7, Nonce: 99}.For(7)
	benchmarkTime = time.Date(2025, 5, 17, 10, 30, 45, 123e6, time.UTC)
)

func benchmarkSigner(tb testing.TB, secret string) *Signer {
	tb.Helper()
	s, err := NewSigner([]Secret{{Value: secret}})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func BenchmarkCanonical(b *testing.B) {
	for _, c := range []struct{ name, doc string }{
		{"typical", string(typical)},
		{"numbers", `[` + strings.Repeat("1e2,0.1,19.990,", 34) + `0]`},
		{"indices", `[` + strings.Repeat(`{"name":"a","2":1,"1":2},`, 20) + `0]`},
		{"escapes", `["` + strings.Repeat(`line\n\u00e9\/ `, 36) + `"]`},
	} {
		b.Run(c.name, func(b *testing.B) {
			src, dst := []byte(c.doc), make([]byte, 0, 4096)
			b.SetBytes(int64(len(src)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Canonical(dst, src); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendBody(b *testing.B) {
	dst := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		AppendBody(dst, benchmarkID, benchmarkTime, "user.created", typical)
	}
}

func BenchmarkSign(b *testing.B) {
	s, dst := benchmarkSigner(b, vectorSecret), make([]byte, 0, 256)
	body := AppendBody(nil, benchmarkID, benchmarkTime, "user.created", typical)
	b.Run("hex", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.AppendHex(dst, benchmarkTime, body)
		}
	})
	for _, c := range []struct{ name, secret string }{{"v1", vectorSecret}, {"v1a", vectorPrivate}} {
		s := benchmarkSigner(b, c.secret)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.AppendStandard(dst, benchmarkTime, "whd_06c0", body)
			}
		})
	}
	b.Run("new", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			benchmarkSigner(b, vectorSecret)
		}
	})
}
