package inbound_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/inbound"
)

// A handler calls Begin before anything else, and Conclude when its answer is complete. A
// request whose end another server could see elsewhere gets no further than Begin.
func ExampleServer() {
	metrics, err := inbound.NewMetrics(prometheus.NewRegistry())
	if err != nil {
		fmt.Println(err)
		return
	}
	server := inbound.NewServer(inbound.Options{
		Handler: func(ctx *fasthttp.RequestCtx) {
			defer inbound.Conclude(ctx)
			if err := inbound.Begin(ctx); err != nil {
				ctx.Error(err.Error(), fasthttp.StatusBadRequest)
				return
			}
			ctx.SetBodyString("hello")
		},
		Refuse: func(ctx *fasthttp.RequestCtx, why *inbound.Refusal) {
			ctx.Error(why.Error(), fasthttp.StatusBadRequest)
		},
		Connections: 100, Read: time.Minute, Write: time.Minute, Idle: time.Minute,
		Metrics: metrics, Log: slog.New(slog.DiscardHandler),
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	for _, request := range []string{
		"GET / HTTP/1.1\r\nHost: api.example\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: api.example\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	} {
		fmt.Println(ask(listener.Addr().String(), request))
	}
	fmt.Println(server.Shutdown(context.Background()), <-served)
	// Output:
	// 200 OK
	// 400 Bad Request
	// <nil> <nil>
}

// ask sends bytes over a connection of its own, and returns the status of the answer.
func ask(address, request string) string {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte(request)); err != nil {
		return err.Error()
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err.Error()
	}
	return answer.Status
}
