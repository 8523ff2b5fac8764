package signing

import (
	"strings"
	"testing"
	"time"
)

// typicalBody has the size of most bodies, 0.6 KB.
var typicalBody = []byte(strings.Repeat("x", 600))

var benchmarkTime = time.Unix(vectorSeconds, 123e6)

func benchmarkSigner(tb testing.TB, secret string) *Signer {
	tb.Helper()
	s, err := NewSigner([]Secret{{Value: secret}})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func BenchmarkSign(b *testing.B) {
	s, dst := benchmarkSigner(b, vectorSecret), make([]byte, 0, 256)
	b.Run("hex", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.AppendHex(dst, benchmarkTime, typicalBody)
		}
	})
	for _, c := range []struct{ name, secret string }{{"v1", vectorSecret}, {"v1a", vectorPrivate}} {
		s := benchmarkSigner(b, c.secret)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.AppendStandard(dst, benchmarkTime, "whd_06c0", typicalBody)
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
