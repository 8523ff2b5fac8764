package process

import (
	"testing"

	"github.com/corpastro/astrohook/bench/benchtest"
)

func TestMain(m *testing.M) { benchtest.Main(m) }
