package main

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(tests{m},
		// fasthttp's clock runs for ever; its pool of workers wakes up every
		// 10 s, and only then sees that its server has stopped.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
	)
}

// tests closes the client's idle connections before leaks are looked for.
type tests struct{ *testing.M }

func (t tests) Run() int {
	defer client.CloseIdleConnections()
	return t.M.Run()
}
