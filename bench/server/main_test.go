package server

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/corpastro/astrohook/bench/benchtest"
)

// fakeServer, in the environment, makes the test binary a server for the length of a
// process: its value says how that server behaves.
const fakeServer = "BENCH_FAKE_SERVER"

func TestMain(m *testing.M) {
	if behaviour := os.Getenv(fakeServer); behaviour != "" {
		if err := serveFake(behaviour); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		return
	}
	benchtest.Main(m, CloseIdleConnections)
}

// serveFake is ready at its third question, and stops at SIGTERM.
func serveFake(behaviour string) error {
	if behaviour == "broken" {
		return fmt.Errorf("this server fails on purpose")
	}
	if err := os.WriteFile(os.Getenv("ASTROHOOK_DATA_DIR"), []byte(os.Getenv("ASTROHOOK_SYNC")), 0o600); err != nil {
		return err
	}
	asked := 0
	server := &http.Server{
		Addr: os.Getenv("ASTROHOOK_LISTEN"), ReadHeaderTimeout: time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if asked++; asked < 3 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		}),
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		return err
	}
	return nil
}
