package resource

import "testing"

// TestAttemptCard: an attempt with what it met, what it sent and what came back; and one
// of which little is known.
func TestAttemptCard(t *testing.T) {
	for answer, want := range map[string]string{
		`{"number":1,"started_at":"t1","duration_ms":54.8,"requests":1,"from_address":"10.0.0.1:40000","to_address":"93.184.216.34:443",
			"timings_ms":{"dns":4.2,"connect":11.5,"tls":23.9,"first_byte":53.1},"response_code":503,"response_body":"no\u0007","reason":"http_5xx",
			"error_message":"the receiver failed","response_line":"HTTP/1.1 503 No","response_headers":[["Set-Cookie","***"],["X","\u202e<b>"]],
			"response_headers_truncated":true,"request":{"method":"POST","url":"https://a.example/","headers":[["Host","a.example"],["Authorization","***"]],
			"body_base64":"eyJuIjoxMjM0NTY3ODkwMTIzNDU2Nzg5MH0="}}`: `started  t1
took     55ms
failure  http_5xx: the receiver failed
from     10.0.0.1:40000
to       93.184.216.34:443
times    dns 4ms, connect 12ms, tls 24ms, first byte 53ms

Request
POST           https://a.example/
Host           a.example
Authorization  ***
body           {"n":12345678901234567890}

Response
status      HTTP/1.1 503 No
Set-Cookie  ***
X           ?<b>
…           there were more headers
body        no?
`,
		`{"number":2,"started_at":"t2","duration_ms":1,"requests":1,"reused":true,"proxied":true,"response_code":204,"response_headers_not_kept":"delivered","request_not_kept":"settings_changed"}`: `started  t2
took     1ms
to       the egress proxy
times    kept connection

Request
not kept  settings_changed

Response
status   204
headers  not kept: delivered
`,
		`{"number":3,"started_at":"t3","duration_ms":5000,"requests":0,"reason":"dns","error_message":"no such name","timings_ms":{"dns":5000},"request_not_kept":"nothing_sent"}`: `started  t3
took     5s
failure  dns: no such name
times    dns 5s

Request
not kept  nothing_sent
`,
		`{"number":4,"to_address":"192.0.2.1:3128","proxied":true,"request_not_kept":"nothing_sent"}`: `took  0s
to    192.0.2.1:3128, the egress proxy

Request
not kept  nothing_sent
`,
	} {
		if got, _ := card(t, answer, showAttempt); got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
	}
}
