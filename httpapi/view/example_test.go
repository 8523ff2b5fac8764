package view_test

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/corpastro/astrohook/httpapi/view"
	"github.com/corpastro/astrohook/webhook"
)

// An attempt that failed is shown with its reason, and with what the receiver answered.
func ExampleNewAttempts() {
	log := []webhook.Attempt{{
		Number: 1, At: time.Date(2025, 5, 17, 10, 30, 45, 123e6, time.UTC),
		Duration: 2500 * time.Microsecond, Latency: 2 * time.Millisecond, Requests: 1,
		StatusCode: 503, Response: []byte("come back later"), ResponseHead: "HTTP/1.1 503 Busy\nContent-Length: 15",
	}}
	text, err := json.MarshalIndent(view.NewAttempts(log, true), "", "  ")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(text))
	// Output:
	// [
	//   {
	//     "number": 1,
	//     "started_at": "2025-05-17T10:30:45.123Z",
	//     "duration_ms": 2.5,
	//     "latency_ms": 2,
	//     "requests": 1,
	//     "response_code": 503,
	//     "response_body": "come back later",
	//     "response_line": "HTTP/1.1 503 Busy",
	//     "response_headers": [
	//       [
	//         "Content-Length",
	//         "15"
	//       ]
	//     ],
	//     "reason": "http_5xx",
	//     "error_message": "the receiver failed"
	//   }
	// ]
}
