package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// asProgram has the binary of the tests run as the program itself, for tests with a shell.
const asProgram = "RUN_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	for _, setting := range os.Environ() { // what the developer has set must not decide
		if name, _, _ := strings.Cut(setting, "="); strings.HasPrefix(name, "ASTROHOOK_") {
			if err := os.Unsetenv(name); err != nil {
				panic(err)
			}
		}
	}
	home, err := os.MkdirTemp("", "astrohook-home-")
	if err != nil {
		panic(err)
	}
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME"} { // and so must not whom the developer is logged in as
		if err := os.Setenv(name, home); err != nil {
			panic(err)
		}
	}
	time.Local = time.UTC // of what tail shows in golden files; before any goroutine reads it
	goleak.VerifyTestMain(homely{m, home},
		// fasthttp's clock runs for ever; its pool of workers notices within 10 s that it has stopped.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

// homely removes the home directory of the tests at their end.
type homely struct {
	*testing.M
	home string
}

func (h homely) Run() int {
	defer func() { _ = os.RemoveAll(h.home) }()
	return h.M.Run()
}

// result is the exit code and the output of a command.
type result struct {
	code     int
	out, err string
}

// runCommand runs a command line to its end.
func runCommand(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var out, err buffer
	code := run(t.Context(), append([]string{"astrohook"}, args...), streams{In: strings.NewReader(stdin), Out: &out, Err: &err})
	return result{code, out.String(), err.String()}
}

// background is a command that runs until it is interrupted.
type background struct {
	out, err *buffer
	stop     func() result
}

// startCommand runs a command line until stop is called, or the test ends.
func startCommand(t *testing.T, args ...string) background {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var out, errOut buffer
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, append([]string{"astrohook"}, args...), streams{In: strings.NewReader(""), Out: &out, Err: &errOut})
	}()
	stop := sync.OnceValue(func() result {
		cancel()
		return result{<-done, out.String(), errOut.String()}
	})
	t.Cleanup(func() { stop() })
	return background{&out, &errOut, stop}
}

// buffer is a bytes.Buffer that can be waited on.
type buffer struct {
	mu      sync.Mutex
	content bytes.Buffer
	changed chan struct{}
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
	return b.content.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.content.String()
}

// awaitLine waits until a whole line with the text was written behind the first bytes,
// and returns it.
func (b *buffer) awaitLine(t *testing.T, behind int, text string) string {
	t.Helper()
	return b.awaitMatch(t, text, func(content string) (string, bool) {
		for line := range strings.Lines(content[behind:]) {
			if strings.Contains(line, text) && strings.HasSuffix(line, "\n") {
				return line, true
			}
		}
		return "", false
	})
}

// await waits until what was written contains the text, and returns all of it.
func (b *buffer) await(t *testing.T, text string) string {
	t.Helper()
	return b.awaitMatch(t, text, func(content string) (string, bool) { return content, strings.Contains(content, text) })
}

// awaitMatch waits until match accepts what was written, and returns its result.
func (b *buffer) awaitMatch(t *testing.T, what string, match func(string) (string, bool)) string {
	t.Helper()
	for {
		b.mu.Lock()
		content := b.content.String()
		if b.changed == nil {
			b.changed = make(chan struct{})
		}
		changed := b.changed
		b.mu.Unlock()
		if found, ok := match(content); ok {
			return found
		}
		select {
		case <-changed:
		case <-t.Context().Done():
			t.Fatalf("waited for %q, got:\n%s", what, content)
		}
	}
}

const (
	testSecret    = "0123456789abcdef0123456789abcdef"
	testSecretKey = "test:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
)

// TestRefusals checks that wrong input leads to one clear line and the right exit code.
func TestRefusals(t *testing.T) {
	short := strings.Repeat("x", 31)
	badKey := writeFile(t, "key.pem", "no key")
	otherPEM := writeFile(t, "other.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	brokenPEM := writeFile(t, "broken.pem", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")
	serve := func(args ...string) []string {
		return append([]string{"serve", "--jwt-secret", testSecret, "--secret-keys", testSecretKey, "--data-dir", "/dev/null/never"}, args...)
	}
	for _, c := range []struct {
		reason string
		args   []string
		code   int
		want   string
	}{
		{"a flag without its command", []string{"--listen=:1"}, 2, "--listen is a flag of serve, and belongs behind the command's name"},
		{"a flag of another command", []string{"publish", "--lifetime=1h", "x"}, 2, "--lifetime is a flag of token, key create, and belongs"},
		{"an unknown flag that was renamed", serve("--endpoint-timeout=1s"), 2, "unknown flag --endpoint-timeout: did you mean --webhook-timeout?"},
		{"an unknown command", []string{"sevre"}, 2, "sevre"},
		{"an unknown flag", serve("--lisen=:1"), 2, "--lisen"},
		{"a wrong address, and nothing else yet", []string{"serve", "--listen=127.0.0.1:99999"}, 2, "the port 99999 is not from 0 to 65535"},
		{"no secret", []string{"serve"}, 2, "--jwt-secret (ASTROHOOK_JWT_SECRET) is not set"},
		{"a short secret", []string{"serve", "--jwt-secret", short}, 2, "--jwt-secret (ASTROHOOK_JWT_SECRET) is 31 bytes long, less than 32"},
		{"no key for secrets", []string{"serve", "--jwt-secret", testSecret}, 2, "--secret-keys (ASTROHOOK_SECRET_KEYS) is not set: without a key no secret can be kept; `astrohook secret-key` makes one"},
		{"a short key for secrets", serve("--secret-keys", "k:"+testSecret), 2, `--secret-keys (ASTROHOOK_SECRET_KEYS) cannot be used: key 2 of 2 with the id "k" is not 32 bytes`},
		{"two keys of one id", serve("--secret-keys", testSecretKey+","+testSecretKey), 2, `two keys with the id "test"`},
		{"a key with a wrong id", []string{"secret-key", "--id", "a:b"}, 2, "id"},
		{"reencrypt without a token", []string{"reencrypt"}, 2, "--token (ASTROHOOK_TOKEN)"},
		{"a key file that is missing", serve("--jwt-public-keys", "/no/such.pem"), 2, "--jwt-public-keys (ASTROHOOK_JWT_PUBLIC_KEYS) cannot be used: open /no/such.pem: no such file"},
		{"a key file without a key", serve("--jwt-public-keys", badKey), 2, "--jwt-public-keys (ASTROHOOK_JWT_PUBLIC_KEYS) cannot be used: " + badKey + ": token key is not PEM"},
		{"a key file with something else", serve("--jwt-public-keys", otherPEM), 2, otherPEM + `: token key is a PEM block of type "CERTIFICATE", not PUBLIC KEY`},
		{"a key file with a key that cannot be read", serve("--jwt-public-keys", brokenPEM), 2, brokenPEM + ": parse token key: "},
		{"an address without a port", serve("--listen", "8080"), 2, `--listen (ASTROHOOK_LISTEN) is "8080", not HOST:PORT or :PORT: the port is missing`},
		{"a port that is too large", serve("--listen", "127.0.0.1:99999"), 2, `is "127.0.0.1:99999": the port 99999 is not from 0 to 65535`},
		{"a host that is none", serve("--listen", "256.0.0.1:80"), 2, `the host "256.0.0.1" is neither an IP address nor a name`},
		{"a wrong admin address", serve("--admin-listen", "::1:80"), 2, "--admin-listen (ASTROHOOK_ADMIN_LISTEN) is \"::1:80\", not HOST:PORT or :PORT: an IPv6 address stands in brackets"},
		{"a range that is too long", serve("--allow-addresses", "10.0.0.0/8,10.0.0.0/33"), 2, `holds "10.0.0.0/33", which is not an address range such as 10.0.0.0/8: the length "33" is not a number from 0 to 32`},
		{"a range without an address", serve("--deny-addresses", "10.0.0.300/8"), 2, `"10.0.0.300" is not an IP address`},
		{"a port range with a wrong end", serve("--allow-ports", "8000-99999"), 2, `"99999" is not a number from 1 to 65535`},
		{"a port range that goes down", serve("--deny-ports", "9000-8000"), 2, "9000 is greater than 8000"},
		{"a URL of keys with a wrong port", serve("--jwt-keys-url", "https://id.example:99999/"), 2, "has a port that is not within 1 to 65535"},
		{"a URL of keys with a port of letters", serve("--jwt-keys-url", "https://id.example:x/"), 2, "has a port that is not within 1 to 65535"},
		{"a URL of keys without a scheme", serve("--jwt-keys-url", "id.example/keys"), 2, "is not an http or https URL"},
		{"a proxy with a wrong port", serve("--egress-proxy", "http://proxy.example:0"), 2, "has a port that is not within 1 to 65535"},
		{"a wrong log level", serve("--log-level", "loud"), 2, "--log-level"},
		{"a wrong duration", serve("--retention", "month"), 2, "--retention"},
		{"too short a retention", serve("--retention", "1s"), 2, "--retention (ASTROHOOK_RETENTION) is less than 1m"},
		{"a size without a number", serve("--disk-reserve", "lots"), 2, `--disk-reserve: "lots" has no number`},
		{"a size with a wrong unit", serve("--disk-reserve", "5XB"), 2, `"5XB" has the unit "XB"`},
		{"a wrong header prefix", serve("--header-prefix", "X Y"), 2, "--header-prefix (ASTROHOOK_HEADER_PREFIX) is not"},
		{"no attempts", serve("--webhook-max-attempts", "0"), 2, "--webhook-max-attempts (ASTROHOOK_WEBHOOK_MAX_ATTEMPTS) is less than 1"},
		{"jitter over 1", serve("--webhook-retry-jitter", "1.5"), 2, "--webhook-retry-jitter"},
		{"jitter that is no number", serve("--webhook-retry-jitter", "NaN"), 2, "--webhook-retry-jitter"},
		{"a data directory that cannot be", serve(), 1, "storage"},
		{"a token without a secret", []string{"token", "--client=acme"}, 2, "--jwt-secret (ASTROHOOK_JWT_SECRET) is not set"},
		{"a token with a short secret", []string{"token", "--client=acme", "--jwt-secret", short}, 2, "is 31 bytes long"},
		{"a token for nothing", []string{"token", "--jwt-secret", testSecret}, 2, "--client"},
		{"a token that ends before it begins", []string{"token", "--client=acme", "--jwt-secret", testSecret, "--lifetime=-1h"}, 2, "--lifetime"},
		{"publish without a token", []string{"publish", "user.created", "{}"}, 2, "--token (ASTROHOOK_TOKEN)"},
		{"publish without a type", []string{"publish", "--token=t"}, 2, "event type"},
		{"publish what is not JSON", []string{"publish", "--token=t", "user.created", "{"}, 2, "not JSON"},
		{"publish to what is no URL", []string{"publish", "--token=t", "--server=localhost:8080", "user.created", "{}"}, 2, "localhost:8080"},
		{"publish to a wrong port", []string{"publish", "--token=t", "--server=http://127.0.0.1:99999", "user.created", "{}"}, 2, "the port 99999 is not from 1 to 65535"},
		{"publish to no host", []string{"publish", "--token=t", "--server=http://:80", "user.created", "{}"}, 2, "the host is missing"},
		{"publish with two sources", []string{"publish", "--token=t", "--batch=x", "user.created"}, 2, "--batch"},
		{"publish a file that is missing", []string{"publish", "--token=t", "user.created", "@/no/such"}, 1, "/no/such"},
		{"listen with a wrong status", []string{"listen", "--fail-status=99"}, 2, "99"},
		{"listen at a wrong address", []string{"listen", "--address=256.0.0.1:0"}, 2, `--address is "256.0.0.1:0": the host "256.0.0.1" is neither`},
		{"listen at a wrong port", []string{"listen", "--address=127.0.0.1:99999"}, 2, "the port 99999 is not from 0 to 65535"},
		{"listen where one cannot", []string{"listen", "--address=192.0.2.1:0"}, 1, "listen: listen tcp"},
		{"too short a lease", []string{"listen", "--register=http://127.0.0.1:1", "--token=t", "--lease=1s"}, 2, "--lease 1s is not from 30s to 1h0m0s"},
		{"a lease that the API cannot have", []string{"listen", "--register=http://127.0.0.1:1", "--token=t", "--lease=90500ms"}, 2, "--lease 1m30.5s is no multiple of 1s"},
		{"register without a token", []string{"listen", "--register=http://127.0.0.1:1"}, 2, "--token"},
		{"register at a server that is down", []string{"listen", "--register=http://127.0.0.1:1", "--token=t"}, 1, "register"},
		{"verify without a secret", []string{"verify", "-H", "a: b"}, 2, "--secret"},
		{"verify without a signature", []string{"verify", "--secret", testSecret}, 2, "no signature to check"},
		{"verify with half a header", []string{"verify", "--secret", testSecret, "-H", "a"}, 2, "--header"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			got := runCommand(t, "", c.args...)
			if got.code != c.code || !strings.Contains(got.err, c.want) {
				t.Errorf("exit code %d, want %d; standard error %q, want %q in it", got.code, c.code, got.err, c.want)
			}
			if strings.Count(got.err, "\n") != 1 || !strings.HasPrefix(got.err, "astrohook: ") {
				t.Errorf("not one line: %q", got.err)
			}
			if strings.Contains(got.err, testSecret) || strings.Contains(got.err, short) || strings.Contains(got.err, testSecretKey[5:]) {
				t.Errorf("the secret is shown: %q", got.err)
			}
		})
	}
}

// TestFirstGuesses: what people type before they have read anything explains itself.
func TestFirstGuesses(t *testing.T) {
	help := runCommand(t, "", "--help")
	if help.code != 0 || !strings.HasPrefix(help.out, "Usage: astrohook <command>") || !strings.Contains(help.out, "secret-key") {
		t.Fatalf("%+v", help)
	}
	version := "astrohook " + currentVersion() + " (go"
	for _, c := range []struct {
		args []string
		want string // the beginning
	}{
		{nil, help.out},
		{[]string{"-h"}, help.out},
		{[]string{"help"}, help.out},
		{[]string{"-v"}, version},
		{[]string{"--version"}, version},
		{[]string{"version"}, version},
		{[]string{"serve", "--version"}, version},
		{[]string{"help", "serve"}, "Usage: astrohook serve [flags]"},
		{[]string{"help", "key", "create"}, "Usage: astrohook key create <name> [flags]"},
		{[]string{"publish", "--help"}, "Usage: astrohook publish"},
		{[]string{"key"}, "Usage: astrohook key <command> [flags]"},
	} {
		if got := runCommand(t, "", c.args...); got.code != 0 || got.err != "" || !strings.HasPrefix(got.out, c.want) {
			t.Errorf("%q: %+v", c.args, got)
		}
	}
	if got := runCommand(t, "", "help", "sevre"); got.code != exitUsage || !strings.Contains(got.err, `did you mean "serve"`) {
		t.Errorf("%+v", got)
	}
}

// TestHelpShowsDefaults: the help has one default for each flag of each command.
func TestHelpShowsDefaults(t *testing.T) {
	parser, err := newParser(t.Context(), "astrohook", streams{In: strings.NewReader(""), Out: &strings.Builder{}, Err: &strings.Builder{}})
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range parser.Model.Leaves(false) {
		for _, flag := range node.Flags {
			text := explain(flag.Value)
			if strings.Count(text, "efault: ") != 1 {
				t.Errorf("%s --%s: not one default in %q", node.Path(), flag.Name, text)
			}
			if flag.HasDefault && flag.Default != "" && !flag.IsBool() && !strings.Contains(text, "Default: "+flag.Default) {
				t.Errorf("%s --%s: the default %s is not in %q", node.Path(), flag.Name, flag.Default, text)
			}
		}
	}
	got := runCommand(t, "", "help", "serve")
	for _, want := range []string{"--data-dir=DIR", "Default: ./astrohook-data", "--log-level=debug|info|warn|error", "--webhook-timeout=DURATION"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("no %q in\n%s", want, got.out)
		}
	}
}

// TestEnvironmentTypos: a variable that was meant as a setting is refused, not ignored.
func TestEnvironmentTypos(t *testing.T) {
	for name, want := range map[string]string{
		"ASTROHOOK_ENDPOINT_RETRY_MAX": "ASTROHOOK_ENDPOINT_RETRY_MAX is not a setting: did you mean ASTROHOOK_WEBHOOK_RETRY_MAX?",
		"ASTROHOOK_RETENTOIN":          "ASTROHOOK_RETENTOIN is not a setting: did you mean ASTROHOOK_RETENTION?",
		"ASTROHOOK_PORT":               "--jwt-secret (ASTROHOOK_JWT_SECRET) is not set", // Kubernetes' own
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, "1s")
			if got := runCommand(t, "", "serve"); got.code != exitUsage || !strings.Contains(got.err, want) {
				t.Errorf("%+v", got)
			}
		})
	}
}
