package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	for _, setting := range os.Environ() { // what the developer has set must not decide
		if name, _, _ := strings.Cut(setting, "="); strings.HasPrefix(name, "ASTROHOOK_") {
			if err := os.Unsetenv(name); err != nil {
				panic(err)
			}
		}
	}
	goleak.VerifyTestMain(m,
		// fasthttp's clock runs for ever; its pool of workers notices within 10 s that it has stopped.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

// result is what a command left behind.
type result struct {
	code     int
	out, err string
}

// runCommand runs a command line to its end.
func runCommand(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var out, err buffer
	code := run(t.Context(), append([]string{"astrohook"}, args...), streams{strings.NewReader(stdin), &out, &err})
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
		done <- run(ctx, append([]string{"astrohook"}, args...), streams{strings.NewReader(""), &out, &errOut})
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

// await waits until what was written contains the text, and returns all of it.
func (b *buffer) await(t *testing.T, text string) string {
	t.Helper()
	for {
		b.mu.Lock()
		content := b.content.String()
		if b.changed == nil {
			b.changed = make(chan struct{})
		}
		changed := b.changed
		b.mu.Unlock()
		if strings.Contains(content, text) {
			return content
		}
		select {
		case <-changed:
		case <-t.Context().Done():
			t.Fatalf("waited for %q, got:\n%s", text, content)
		}
	}
}

const (
	testSecret    = "0123456789abcdef0123456789abcdef"
	testSecretKey = "test:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
)

// TestRefusals checks that wrong input gives one clear line and the right exit code.
func TestRefusals(t *testing.T) {
	short := strings.Repeat("x", 31)
	badKey := writeFile(t, "key.pem", "no key")
	serve := func(args ...string) []string {
		return append([]string{"serve", "--jwt-secret", testSecret, "--secret-keys", testSecretKey, "--data-dir", "/dev/null/never"}, args...)
	}
	for _, c := range []struct {
		reason string
		args   []string
		code   int
		want   string
	}{
		{"no command", nil, 2, "serve"},
		{"an unknown command", []string{"sevre"}, 2, "sevre"},
		{"an unknown flag", serve("--lisen=:1"), 2, "--lisen"},
		{"no secret", []string{"serve"}, 2, "--jwt-secret (ASTROHOOK_JWT_SECRET) is not set"},
		{"a short secret", []string{"serve", "--jwt-secret", short}, 2, "--jwt-secret (ASTROHOOK_JWT_SECRET) is 31 bytes long, less than 32"},
		{"no key for secrets", []string{"serve", "--jwt-secret", testSecret}, 2, "--secret-keys (ASTROHOOK_SECRET_KEYS) is not set: without a key no secret can be kept; `astrohook secret-key` makes one"},
		{"a short key for secrets", serve("--secret-keys", "k:"+testSecret), 2, `--secret-keys (ASTROHOOK_SECRET_KEYS) cannot be used: key 2 of 2 with the id "k" is not 32 bytes`},
		{"two keys of one id", serve("--secret-keys", testSecretKey+","+testSecretKey), 2, `two keys with the id "test"`},
		{"a key with a wrong id", []string{"secret-key", "--id", "a:b"}, 2, "id"},
		{"reencrypt without a token", []string{"reencrypt"}, 2, "--token (ASTROHOOK_TOKEN)"},
		{"a key file that is missing", serve("--jwt-public-keys", "/no/such.pem"), 2, "--jwt-public-keys (ASTROHOOK_JWT_PUBLIC_KEYS) cannot be used"},
		{"a key file without a key", serve("--jwt-public-keys", badKey), 2, "--jwt-public-keys (ASTROHOOK_JWT_PUBLIC_KEYS) cannot be used"},
		{"a wrong address", serve("--listen", "8080"), 2, "--listen (ASTROHOOK_LISTEN) is not"},
		{"a wrong admin address", serve("--admin-listen", "x:y:z"), 2, "--admin-listen (ASTROHOOK_ADMIN_LISTEN) is not"},
		{"a wrong range", serve("--allow-addresses", "10.0.0.0/8,10.0.0.0/33"), 2, `--allow-addresses (ASTROHOOK_ALLOW_ADDRESSES) holds "10.0.0.0/33"`},
		{"a wrong log level", serve("--log-level", "loud"), 2, "--log-level"},
		{"a wrong duration", serve("--retention", "month"), 2, "--retention"},
		{"too short a retention", serve("--retention", "1s"), 2, "--retention (ASTROHOOK_RETENTION) is less than 1m"},
		{"a wrong size", serve("--disk-reserve", "lots"), 2, "--disk-reserve"},
		{"a wrong header prefix", serve("--header-prefix", "X Y"), 2, "--header-prefix (ASTROHOOK_HEADER_PREFIX) is not"},
		{"no attempts", serve("--endpoint-max-attempts", "0"), 2, "--endpoint-max-attempts (ASTROHOOK_ENDPOINT_MAX_ATTEMPTS) is less than 1"},
		{"jitter over 1", serve("--endpoint-retry-jitter", "1.5"), 2, "--endpoint-retry-jitter"},
		{"jitter that is no number", serve("--endpoint-retry-jitter", "NaN"), 2, "--endpoint-retry-jitter"},
		{"a data directory that cannot be", serve(), 1, "storage"},
		{"a token without a secret", []string{"token", "--client=acme"}, 2, "--jwt-secret (ASTROHOOK_JWT_SECRET) is not set"},
		{"a token with a short secret", []string{"token", "--client=acme", "--jwt-secret", short}, 2, "is 31 bytes long"},
		{"a token for nothing", []string{"token", "--jwt-secret", testSecret}, 2, "--client"},
		{"a token that ends before it begins", []string{"token", "--client=acme", "--jwt-secret", testSecret, "--lifetime=-1h"}, 2, "--lifetime"},
		{"publish without a token", []string{"publish", "user.created", "{}"}, 2, "--token (ASTROHOOK_TOKEN)"},
		{"publish without a type", []string{"publish", "--token=t"}, 2, "event type"},
		{"publish what is not JSON", []string{"publish", "--token=t", "user.created", "{"}, 2, "not JSON"},
		{"publish to what is no URL", []string{"publish", "--token=t", "--server=localhost:8080", "user.created", "{}"}, 2, "localhost:8080"},
		{"publish with two sources", []string{"publish", "--token=t", "--batch=x", "user.created"}, 2, "--batch"},
		{"publish a file that is missing", []string{"publish", "--token=t", "user.created", "@/no/such"}, 1, "/no/such"},
		{"listen with a wrong status", []string{"listen", "--fail-status=99"}, 2, "99"},
		{"listen at a wrong address", []string{"listen", "--address=256.0.0.1:0"}, 1, "listen"},
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

func TestVersion(t *testing.T) {
	got := runCommand(t, "", "version")
	if got.code != 0 || !strings.HasPrefix(got.out, "astrohook "+currentVersion()+" (go") {
		t.Errorf("%+v", got)
	}
}
