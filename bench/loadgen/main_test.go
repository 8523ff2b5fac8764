package loadgen_test

import (
	"testing"

	"github.com/corpastro/astrohook/bench/benchtest"
	"github.com/corpastro/astrohook/bench/server"
)

func TestMain(m *testing.M) { benchtest.Main(m, server.CloseIdleConnections) }
