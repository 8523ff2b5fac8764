package canonicaljson

import (
	"strings"
	"testing"
)

// typical is a document of about 512 bytes in the form that publishers send.
var typical = []byte(`{"user_id":"usr_8f14e45fceea167a5a36dedd4bea2543","email":"someone@example.com","name":"Jörg Müller",` +
	`"created_at":"2025-05-17T10:30:45.123Z","plan":{"name":"professional","price":49.95,"currency":"EUR","seats":12,"trial":false},` +
	`"tags":["early-adopter","newsletter","beta"],"address":{"street":"12 Long Road","city":"Springfield","zip":"04109","country":"DE",` +
	`"geo":{"lat":51.3397,"lon":12.3731}},"last_login":null,"score":987654321,"notes":"asked about <billing> & invoices; call back on Monday"}`)

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
				if _, err := Append(dst, src); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
