package http1_test

import (
	"fmt"
	"net"
	"time"

	"github.com/corpastro/astrohook/actors/sender/http1"
)

// answer plays a server on one end of a pipe, and returns the other end.
func answer(text string) net.Conn {
	near, far := net.Pipe()
	go func() {
		defer func() { _ = far.Close() }()
		_, _ = far.Write([]byte(text))
	}()
	return near
}

// The status line decides. The rest explains, and says whether the connection can
// carry another request.
func ExampleResponseReader() {
	conn := answer("HTTP/1.1 503 Busy\r\nRetry-After: 30\r\nContent-Length: 9\r\n\r\ntry later")
	defer func() { _ = conn.Close() }()
	r := http1.NewResponseReader(conn)
	defer r.Release()
	head, err := r.ReadHead()
	if err != nil {
		fmt.Println(err)
		return
	}
	body := r.ReadBody(&head, 3, time.Now().Add(time.Second))
	fmt.Println(head.Status, head.RetryAfter)
	fmt.Printf("%q, more: %v\n", body.Excerpt, body.More)
	fmt.Println("usable again:", body.Clean && head.Reusable() && r.Empty())
	// Output:
	// 503 30
	// "try", more: true
	// usable again: true
}

// Headers that contradict one another cost the connection, and not the verdict.
func ExampleHead_Reusable() {
	conn := answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok")
	defer func() { _ = conn.Close() }()
	r := http1.NewResponseReader(conn)
	defer r.Release()
	head, err := r.ReadHead()
	fmt.Println(head.Status, err)
	fmt.Println(head.Reusable(), head.Note)
	// Output:
	// 200 <nil>
	// false the response's headers do not say for sure where its body ends
}

// The pieces of a head, appended to one buffer.
func ExampleRequestStart() {
	request := []byte(http1.RequestStart("POST", "/hook", "example.com"))
	request = append(request, http1.FieldStart("X-Event")...)
	request = http1.AppendValue(request, "user.created")
	request = append(request, http1.HeadEnd...)
	fmt.Printf("%q\n", request)
	// Output:
	// "POST /hook HTTP/1.1\r\nHost: example.com\r\nX-Event: user.created\r\n\r\n"
}
