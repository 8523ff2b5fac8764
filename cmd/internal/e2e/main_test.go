package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// binaries is the folder that the binaries under test are built into.
var binaries string

func TestMain(m *testing.M) {
	var err error
	if binaries, err = os.MkdirTemp("", "astrohook-e2e-"); err != nil {
		fmt.Fprintln(os.Stderr, "make a folder for the binaries:", err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(tests{m},
		// fasthttp's clock runs for ever; its pool of workers wakes up every
		// 10 s, and only then sees that its server has stopped.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
	)
}

// tests removes what was built, and closes idle connections before leaks are looked for.
type tests struct{ *testing.M }

func (t tests) Run() int {
	code := t.M.Run()
	http.DefaultClient.CloseIdleConnections()
	if err := closePostgres(); err != nil {
		fmt.Fprintln(os.Stderr, "end PostgreSQL:", err)
		return 1
	}
	if err := os.RemoveAll(binaries); err != nil {
		fmt.Fprintln(os.Stderr, "remove the binaries:", err)
		return 1
	}
	return code
}

// The binaries, each built once when the first test asks for it.
var (
	plainBinary  = sync.OnceValues(func() (string, error) { return build("astrohook") })
	racingBinary = sync.OnceValues(func() (string, error) { return build("astrohook-race", "-race") })
)

// build builds as `make build` does: with the patched Badger.
func build(name string, flags ...string) (string, error) {
	path := filepath.Join(binaries, name)
	out, err := exec.Command("make", "-s", "-C", repository, "patch").CombinedOutput()
	if err == nil {
		args := append([]string{"build", "-o", path}, flags...)
		out, err = exec.Command("go", append(args, "github.com/corpastro/astrohook/cmd/astrohook")...).CombinedOutput()
	}
	if err != nil {
		return "", fmt.Errorf("build the server: %w\n%s", err, out)
	}
	return path, nil
}

// repository is where the Makefile is, seen from this folder.
var repository = filepath.Join("..", "..", "..")

// binaryVariable names a binary that was built before, in place of one that is built here.
const binaryVariable = "ASTROHOOK_E2E_BINARY"

// astrohook is the path of the binary under test.
func astrohook(t *testing.T) string {
	t.Helper()
	if built := os.Getenv(binaryVariable); built != "" {
		return built
	}
	path, err := plainBinary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
