package webhook

import (
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

func BenchmarkAppendBody(b *testing.B) {
	dst := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		AppendBody(dst, benchmarkID, benchmarkTime, "user.created", typical)
	}
}

// BenchmarkIDText measures the text of an ID, of which each request has three.
func BenchmarkIDText(b *testing.B) {
	var buf [64]byte
	for b.Loop() {
		DeliveryID.Append(buf[:0], benchmarkID)
	}
}

// BenchmarkAppendTime measures a time, of which each request has three.
func BenchmarkAppendTime(b *testing.B) {
	var buf [64]byte
	for b.Loop() {
		AppendTime(buf[:0], benchmarkTime)
	}
}
