package httpapi

import (
	"testing"

	"github.com/corpastro/astrohook/httpapi/inbound/inboundtest"
)

func TestMain(m *testing.M) { inboundtest.Main(m) }
