package app

import (
	"log/slog"
	"testing"

	"github.com/corpastro/astrohook/httpapi/inbound/inboundtest"
)

func TestMain(m *testing.M) { inboundtest.Main(m) }

const testSecret = "0123456789abcdef0123456789abcdef"

// testSecretKey encrypts the secrets of all servers here.
const testSecretKey = "test:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

// testConfig are the settings of a server in a folder of the test's own, on free ports.
func testConfig(t *testing.T) Config {
	t.Helper()
	c := Defaults()
	c.DataDir = t.TempDir()
	c.Listen, c.AdminListen = "127.0.0.1:0", "127.0.0.1:0"
	c.JWTSecret, c.SecretKeys = testSecret, []string{testSecretKey}
	c.Log = slog.New(slog.DiscardHandler)
	return c
}
