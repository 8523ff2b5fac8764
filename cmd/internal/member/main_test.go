package member

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/corpastro/astrohook/storage/pgstore/pgtest"
)

// postgres is the server of all tests of this package. Each test has a database of it.
var postgres *pgtest.Server

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	started, err := pgtest.Start(context.Background(), pgtest.Options{})
	if pgtest.Leaves(err) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	postgres = started
	code = m.Run()
	if err := postgres.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if err := goleak.Find(
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"), // ends within 10 s
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),    // never ends
	); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	return code
}
