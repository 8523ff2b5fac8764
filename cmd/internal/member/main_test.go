package member

import (
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
	code = pgtest.Run(func(s *pgtest.Server) int {
		if postgres = s; s == nil {
			return 0
		}
		return m.Run()
	})
	if err := goleak.Find(
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"), // ends within 10 s
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),    // never ends
	); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	return code
}
