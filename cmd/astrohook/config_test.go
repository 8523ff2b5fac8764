package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// secretSettings are values of all settings that hold secrets, with the word seecret in each
// part that nobody may read.
var secretSettings = []string{
	"--jwt-secret=seecret-0123456789abcdef0123456789", "--jwt-secrets=kid1=seecret-0123456789abcdef0123456789,kid2=seecret-0123456789abcdef0123456=789",
	"--secret-keys=k1:seecret,seecret-without-an-id", "--egress-proxy=http://seecret:seecret@proxy.example:3128", "--jwt-keys-url=https://seecret@id.example/keys?key=seecret",
	"--cluster-secret=seecret-0123456789abcdef0123456789", "--database-url=postgres://astrohook:seecret@db.example:5432/astrohook?password=seecret",
}

// TestConfigPrintMasks: no format shows a secret, and every setting whose placeholder says
// that it holds one is masked.
func TestConfigPrintMasks(t *testing.T) {
	for _, format := range []string{"table", "json", "ndjson", "yaml"} {
		got := runCommand(t, "", append([]string{"config", "print", "-o", format}, secretSettings...)...)
		if got.code != 0 || strings.Contains(got.out, "seecret") {
			t.Errorf("%s: %+v", format, got)
		}
		for _, want := range []string{"kid1=***,kid2=***", "k1:***,***", "http://xxxxx@proxy.example:3128", "https://xxxxx@id.example/keys?xxxxx", "postgres://xxxxx@db.example:5432/astrohook?xxxxx"} {
			if !strings.Contains(got.out, want) {
				t.Errorf("%s: no %q in\n%s", format, want, got.out)
			}
		}
	}
	for _, text := range []string{"host=db password=seecret", "seecret", "postgres:seecret", "http://[seecret"} {
		if got := maskPassword(text); got != mask {
			t.Errorf("%s is shown as %s", text, got)
		}
	}
	masked := 0
	for _, node := range commandModel(t).Leaves(false) {
		if node.Name != "serve" {
			continue
		}
		for _, flag := range node.Flags {
			place := flag.PlaceHolder
			if strings.Contains(place, "SECRET") || strings.Contains(place, "KEY") || strings.Contains(place, "TOKEN") || strings.Contains(place, "URL") {
				masked++
				if masks[flag.Name] == nil {
					t.Errorf("--%s=%s is not masked", flag.Name, place)
				}
			}
		}
	}
	if masked != len(masks) {
		t.Errorf("%d settings hold secrets, and %d are masked", masked, len(masks))
	}
}

// TestConfigPrintOrigins: each setting with its value, and the place that it comes from.
func TestConfigPrintOrigins(t *testing.T) {
	file := writeFile(t, "settings.yaml", "retention: 14d\nlisten: 127.0.0.1:1\nwebhook: {timeout: 5s}\n")
	t.Setenv("ASTROHOOK_LISTEN", "127.0.0.1:2")
	t.Setenv("ASTROHOOK_ALLOW_PORTS", "443,8000-8999")
	got := runCommand(t, "", "--config", file, "config", "print", "-o", "json", "--data-dir=/d", "--no-sync")
	var settings []setting
	if err := json.Unmarshal([]byte(got.out), &settings); err != nil || got.code != 0 {
		t.Fatalf("%v: %+v", err, got)
	}
	found := map[string]setting{}
	for _, s := range settings {
		found[s.Name] = s
	}
	for _, want := range []setting{
		{"retention", "336h", file + ":1"},
		{"listen", "127.0.0.1:2", "ASTROHOOK_LISTEN"},
		{"webhook-timeout", "5s", file + ":3"},
		{"allow-ports", "443,8000-8999", "ASTROHOOK_ALLOW_PORTS"},
		{"data-dir", "/d", "--data-dir"},
		{"sync", "false", "--sync"},
		{"profiling", "false", "default"},
		{"webhook-retry-jitter", "0.1", "default"},
		{"webhook-rate", "0", "default"},
		{"jwt-secret", "", "default"},
		{"log-level", "info", "default"},
	} {
		if found[want.Name] != want {
			t.Errorf("%+v, want %+v", found[want.Name], want)
		}
	}
	if _, there := found["config"]; there || len(found) != strings.Count(settingsTable(commandModel(t)), "\n") {
		t.Errorf("%d settings", len(found))
	}
}

// TestConfigCheck: the settings are checked as serve checks them, and no directory is made.
func TestConfigCheck(t *testing.T) {
	dir := t.TempDir() + "/data"
	good := []string{"config", "check", "--data-dir", dir, "--jwt-secret", testSecret, "--secret-keys", testSecretKey}
	for _, c := range []struct {
		args []string
		want string // of the error; "" for none
	}{
		{good, ""},
		{[]string{"config", "check", "--dev", "--data-dir", dir}, ""},
		{append(good, "--retention=1s"), "--retention (ASTROHOOK_RETENTION) is less than 1m"},
		{append(good, "--jwt-public-keys=/no/such.pem"), "open /no/such.pem: no such file"},
		{good[:4], "--jwt-secret (ASTROHOOK_JWT_SECRET) is not set"},
		{append(good, "--lisen=:1"), "unknown flag --lisen"},
	} {
		got := runCommand(t, "", c.args...)
		if c.want == "" && (got.code != 0 || got.out != "The settings are right.\n" || got.err != "") {
			t.Errorf("%q: %+v", c.args, got)
		}
		if c.want != "" && (got.code != exitUsage || !strings.Contains(got.err, c.want) || got.out != "") {
			t.Errorf("%q: %+v, want an error with %q", c.args, got, c.want)
		}
	}
	t.Setenv("ASTROHOOK_RETENTOIN", "1h")
	if got := runCommand(t, "", good...); got.code != exitUsage || !strings.Contains(got.err, "did you mean ASTROHOOK_RETENTION?") {
		t.Errorf("%+v", got)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the data directory was made: %v", err)
	}
}

// TestRepeatedFlagsAreHidden: the commands that take all settings of serve do not list them.
func TestRepeatedFlagsAreHidden(t *testing.T) {
	for _, command := range []string{"config check", "config print", "doctor"} {
		got := runCommand(t, "", append([]string{"help"}, strings.Fields(command)...)...)
		if got.code != 0 || strings.Contains(got.out, "--retention") || !strings.Contains(got.out, "--config") {
			t.Errorf("%s:\n%s", command, got.out)
		}
	}
	if got := runCommand(t, "", "help", "serve"); !strings.Contains(got.out, "--retention") {
		t.Error("serve hides its own settings")
	}
}
