package settings_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/alecthomas/kong"

	"github.com/corpastro/astrohook/cmd/internal/settings"
)

// sample is a command line with a flag of each kind, some of them of one command only.
type sample struct {
	Config kong.ConfigFlag
	Serve  struct {
		Listen         string
		Sync           bool `default:"true" negatable:""`
		Retention      time.Duration
		AllowPorts     []string
		Secret         string
		WebhookTimeout time.Duration
		WebhookRetry   int
		Format         string `default:"auto" enum:"auto,text"`
	} `cmd:""`
	Token struct {
		Secret   string
		Lifetime time.Duration
	} `cmd:""`
}

// parse reads a command line with the settings in a file.
func parse(t *testing.T, file *settings.File, content string, args ...string) (*sample, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "settings.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	var line sample
	parser, err := kong.New(&line, kong.DefaultEnvars("ASTROHOOK"), kong.Configuration(file.Load))
	if err != nil {
		t.Fatal(err)
	}
	if len(args) == 0 {
		args = []string{"serve"}
	}
	_, err = parser.Parse(append(args, "--config="+path))
	return &line, err
}

// TestFile reads what a file may hold.
func TestFile(t *testing.T) {
	for _, c := range []struct {
		reason, content string
		get             func(*sample) any
		want            any
	}{
		{"a text", "listen: 127.0.0.1:1", func(s *sample) any { return s.Serve.Listen }, "127.0.0.1:1"},
		{"a text in quotes", `listen: ":1"`, func(s *sample) any { return s.Serve.Listen }, ":1"},
		{"a switch", "sync: false", func(s *sample) any { return s.Serve.Sync }, false},
		{"a duration", "retention: 90m", func(s *sample) any { return s.Serve.Retention }, 90 * time.Minute},
		{"a list", "allow-ports: [443, 8000-8999]", func(s *sample) any { return fmt.Sprint(s.Serve.AllowPorts) }, "[443 8000-8999]"},
		{"a list, one a line", "allow-ports:\n- 443\n- 80", func(s *sample) any { return fmt.Sprint(s.Serve.AllowPorts) }, "[443 80]"},
		{"digits that are no number", "secret: 0123", func(s *sample) any { return s.Serve.Secret }, "0123"},
		{"a word that is no switch", "secret: yes", func(s *sample) any { return s.Serve.Secret }, "yes"},
		{"a group", "webhook: {timeout: 3s}", func(s *sample) any { return s.Serve.WebhookTimeout }, 3 * time.Second},
		{"a group and a whole name", "webhook: {timeout: 3s}\nwebhook-retry: 2", func(s *sample) any { return s.Serve.WebhookRetry }, 2},
		{"a repeated value", "secret: &s text\nlisten: *s", func(s *sample) any { return s.Serve.Listen }, "text"},
		{"a repeated value in a list", "listen: &s text\nallow-ports: [*s]", func(s *sample) any { return fmt.Sprint(s.Serve.AllowPorts) }, "[text]"},
		{"a merged group", "webhook: &w {timeout: 3s}\n<<: {listen: a}", func(s *sample) any { return s.Serve.Listen }, "a"},
		{"no value: the default stays", "format:", func(s *sample) any { return s.Serve.Format }, "auto"},
		{"an empty file", "", func(s *sample) any { return s.Serve.Format }, "auto"},
		{"comments only", "# nothing\n", func(s *sample) any { return s.Serve.Format }, "auto"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			line, err := parse(t, new(settings.File), c.content)
			if err != nil {
				t.Fatal(err)
			}
			if got := c.get(line); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// TestFileFaults: each error names the line, and what to write in its place.
func TestFileFaults(t *testing.T) {
	for _, c := range []struct{ reason, content, want string }{
		{"an unknown name", "sync: true\nlisen: :1", ":2: lisen is not a setting: did you mean listen?"},
		{"the first of two unknown names", "zzz: 1\nyyy: 2", ":1: zzz is not a setting"},
		{"a setting of another command is no mistake", "lifetime: 1h\nlisen: :1", ":2: lisen is not"},
		{"an unknown name in a group", "webhook:\n  timeot: 3s", ":2: webhook-timeot is not a setting: did you mean webhook-timeout?"},
		{"the file in the file", "config: a.yaml", ":1: config is not a setting"},
		{"no YAML", "listen: [", ":1: "},
		{"a list on top", "- listen", ":1: the file must hold settings"},
		{"a text on top", "listen", ":1: the file must hold settings"},
		{"a name twice", "listen: :1\nlisten: :2", `:2: mapping key "listen" already defined at line 1`},
		{"a name twice, once in a group", "webhook-timeout: 1s\nwebhook:\n  timeout: 2s", ":3: webhook-timeout is set already at line 1"},
		{"a wrong value", "sync: true\nwebhook-retry: many", ":2: webhook-retry: expected a valid 64 bit int but got \"many\""},
		{"a wrong value in a group", "webhook:\n  retry: many", ":2: webhook-retry: expected"},
		{"a mapping for a value", "listen: {}", ":1: listen: a mapping stands where one value is expected"},
		{"a list in a list", "allow-ports: [[1]]", ":1: allow-ports: a list holds something other than values"},
		{"a mapping in a list", "allow-ports: [{a: 1}]", ":1: allow-ports: a list holds something other than values"},
		{"a merge of a wrong group", "<<: {lisen: a}", ":1: lisen is not a setting"},
		{"a merge of a name that is there", "listen: a\n<<: {listen: b}", ":2: listen is set already at line 1"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			_, err := parse(t, new(settings.File), c.content)
			var fault *settings.FileError
			if !errors.As(err, &fault) || !strings.Contains(fault.Error(), "settings.yaml"+c.want) {
				t.Errorf("error %v, want a FileError with %q", err, c.want)
			}
		})
	}
}

// TestOrder: a flag wins over the environment, and that over the file, also where the
// value of the environment is empty.
func TestOrder(t *testing.T) {
	const content = "listen: file\nsecret: file\nretention: 1h"
	t.Setenv("ASTROHOOK_LISTEN", "environment")
	t.Setenv("ASTROHOOK_SECRET", "")
	file := new(settings.File)
	line, err := parse(t, file, content, "serve", "--retention=2h")
	if err != nil {
		t.Fatal(err)
	}
	if got := line.Serve; got.Listen != "environment" || got.Secret != "" || got.Retention != 2*time.Hour {
		t.Errorf("%+v", got)
	}
	line, err = parse(t, file, content, "token")
	if err != nil || line.Token.Secret != "" {
		t.Errorf("another command: %+v, %v", line.Token, err)
	}
}

// TestWhere: an error about a value can only name the file if the value came from it.
func TestWhere(t *testing.T) {
	t.Setenv("ASTROHOOK_LISTEN", "environment")
	file := new(settings.File)
	if _, err := parse(t, file, "\nlisten: file\nsecret: file\nformat:\n"); err != nil {
		t.Fatal(err)
	}
	if at := file.Where("secret"); !strings.HasSuffix(at, "settings.yaml:3") {
		t.Errorf("secret: %q", at)
	}
	for name, reason := range map[string]string{
		"listen": "the environment wins", "format": "no value stands there", "sync": "the file does not have it", "none": "there is no such setting",
	} {
		if at := file.Where(name); at != "" {
			t.Errorf("%s is said to come from %q, but %s", name, at, reason)
		}
	}
	if at := (*settings.File)(nil).Where("listen"); at != "" {
		t.Errorf("without a file: %q", at)
	}
}

// TestLoadFails: a file that cannot be read to its end is not taken for a shorter one.
func TestLoadFails(t *testing.T) {
	broken := io.MultiReader(strings.NewReader("listen: :1\n"), iotest.ErrReader(errors.New("input/output error")))
	if _, err := new(settings.File).Load(broken); err == nil || err.Error() != "read the settings file: input/output error" {
		t.Errorf("%v", err)
	}
	if _, err := new(settings.File).Load(strings.NewReader("- a")); err == nil || !strings.HasPrefix(err.Error(), "settings file:1: ") {
		t.Errorf("a reader without a name: %v", err)
	}
}

// TestNames: each setting once, whichever commands have it, without the flags that
// cannot be in a file.
func TestNames(t *testing.T) {
	want := []string{"allow-ports", "format", "lifetime", "listen", "retention", "secret", "sync", "webhook-retry", "webhook-timeout"}
	if got := settings.Names(model(t)); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func model(t *testing.T) *kong.Application {
	t.Helper()
	parser, err := kong.New(new(sample), kong.DefaultEnvars("ASTROHOOK"))
	if err != nil {
		t.Fatal(err)
	}
	return parser.Model
}

// TestSecretLine: editors and echo end a file with a line end, which is no part of a
// secret. Other white space may be.
func TestSecretLine(t *testing.T) {
	for content, want := range map[string]string{
		"text": "text", "text\n": "text", "text\r\n": "text", "text\n\n": "text", " text \n": " text ", "two\nlines\n": "two\nlines", "": "", "\n": "",
	} {
		if got := settings.SecretLine([]byte(content)); got != want {
			t.Errorf("%q: %q, want %q", content, got, want)
		}
	}
}

// TestLoadAgain: a reload reads the file with a File of its own, but one that is used
// twice must not mix two files either.
func TestLoadAgain(t *testing.T) {
	file := new(settings.File)
	if _, err := parse(t, file, "listen: first\nsecret: first"); err != nil {
		t.Fatal(err)
	}
	line, err := parse(t, file, "listen: second")
	if err != nil || line.Serve.Listen != "second" || line.Serve.Secret != "" || file.Where("secret") != "" {
		t.Errorf("%+v, %v; secret from %q", line.Serve, err, file.Where("secret"))
	}
}

// TestRequiredByParser: an error that only the parser finds does not name the line; the
// command adds it with Where.
func TestRequiredByParser(t *testing.T) {
	file := new(settings.File)
	_, err := parse(t, file, "sync: false\nformat: loud")
	if err == nil || !strings.HasPrefix(err.Error(), "--format must be one of") {
		t.Fatalf("%v", err)
	}
	if at := file.Where("format"); !strings.HasSuffix(at, "settings.yaml:2") {
		t.Errorf("the value is said to come from %q", at)
	}
}

// FuzzFile: no file makes the program panic or hang, and an error is one that names the
// file, or one of the parser's about a flag.
func FuzzFile(f *testing.F) {
	for _, seed := range []string{
		"listen: a\nwebhook: {timeout: 3s}", "- a", "a: &a [*a]", "<<: *x", "<<: [{listen: a}, {sync: true}]", "? [a, b]\n: c",
		"listen: |\n  a\n  b", "a: b: c", "\"listen\": !!binary aGk=", "listen: *listen", "---\nlisten: a\n---\nlisten: b", "\xff", "1: 2",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		file := new(settings.File)
		_, err := parse(t, file, content)
		var fault *settings.FileError
		if err == nil || errors.As(err, &fault) && strings.Contains(fault.Error(), "settings.yaml") {
			return
		}
		if !strings.HasPrefix(err.Error(), "--") {
			t.Errorf("%q: %v", content, err)
		}
	})
}

func ExampleFile() {
	var line struct {
		Listen         string
		WebhookTimeout time.Duration
	}
	file := new(settings.File)
	parser, err := kong.New(&line, kong.Name("astrohook"))
	if err != nil {
		fmt.Println(err)
		return
	}
	resolver, err := file.Load(strings.NewReader("listen: 127.0.0.1:8080\nwebhook:\n  timeout: 3s\n"))
	if err == nil {
		err = kong.Resolvers(resolver).Apply(parser)
	}
	if err == nil {
		_, err = parser.Parse(nil)
	}
	fmt.Println(line.Listen, line.WebhookTimeout, err)
	fmt.Println(file.Where("webhook-timeout"))
	// Output:
	// 127.0.0.1:8080 3s <nil>
	// settings file:3
}
