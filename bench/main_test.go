package main

import (
	"fmt"
	"os"
	"testing"

	"github.com/corpastro/astrohook/bench/benchtest"
	"github.com/corpastro/astrohook/bench/server"
)

// The bench starts itself as its receiver, and a binary with serve as the server. The test
// binary stands in for both.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case receiverArgument:
			main()
			return
		case "serve":
			if err := serveFake(); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			return
		}
	}
	benchtest.Main(m, server.CloseIdleConnections)
}
