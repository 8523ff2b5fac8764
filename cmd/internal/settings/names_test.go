package settings_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/corpastro/astrohook/cmd/internal/settings"
)

func TestMain(m *testing.M) {
	for _, entry := range os.Environ() { // the developer's own settings must not decide
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "ASTROHOOK_") {
			if err := os.Unsetenv(name); err != nil {
				panic(err)
			}
		}
	}
	os.Exit(m.Run())
}

// TestNearest has the names that are suggested for a wrong one, the nearest first.
func TestNearest(t *testing.T) {
	known := []string{
		"allow-addresses", "allow-hosts", "allow-ports", "deny-hosts", "listen", "retention",
		"webhook-rate", "webhook-retry-initial", "webhook-retry-max", "webhook-timeout",
	}
	for _, c := range []struct {
		reason, wrong string
		want          []string
	}{
		{"a letter is missing", "lisen", []string{"listen"}},
		{"two letters are swapped", "retentoin", []string{"retention"}},
		{"one is much nearer than the rest", "allow-host", []string{"allow-hosts"}},
		{"two are as near", "allow-posts", []string{"allow-hosts", "allow-ports"}},
		{"half a name", "webhook-retry", []string{"webhook-rate", "webhook-retry-max"}},
		{"like no other", "colour", nil},
		{"short names allow two differences", "x", nil},
		{"empty", "", nil},
		{"renamed", "endpoint-timeout", []string{"webhook-timeout"}},
		{"renamed, and misspelt", "endpoint-timeot", []string{"webhook-timeout"}},
		{"renamed, and gone", "endpoint-nonsense-of-old", nil},
	} {
		if got := settings.Nearest(c.wrong, known); !slices.Equal(got, c.want) {
			t.Errorf("%s: Nearest(%q) is %q, want %q", c.reason, c.wrong, got, c.want)
		}
	}
	many := []string{"aa1", "aa2", "aa3", "aa4"}
	if got := settings.Nearest("aa5", many); !slices.Equal(got, many[:3]) {
		t.Errorf("of four alike: %q, want the first three", got)
	}
}

// TestCheckEnvironment: a variable that was meant as a setting is refused, and one that
// belongs to somebody else is not.
func TestCheckEnvironment(t *testing.T) {
	for _, c := range []struct{ reason, name, want string }{
		{"a setting", "ASTROHOOK_LISTEN", ""},
		{"a setting of another command", "ASTROHOOK_LIFETIME", ""},
		{"the file", "ASTROHOOK_CONFIG", ""},
		{"Kubernetes' own, for a service called astrohook", "ASTROHOOK_PORT", ""},
		{"Kubernetes' own, with a port", "ASTROHOOK_SERVICE_PORT_HTTP", ""},
		{"another program's", "OTHER_LISEN", ""},
		{"misspelt", "ASTROHOOK_LISEN", "ASTROHOOK_LISEN is not a setting: did you mean ASTROHOOK_LISTEN?"},
		{"renamed", "ASTROHOOK_ENDPOINT_TIMEOUT", "ASTROHOOK_ENDPOINT_TIMEOUT is not a setting: did you mean ASTROHOOK_WEBHOOK_TIMEOUT?"},
		{"of a renamed group, and gone", "ASTROHOOK_ENDPOINT_NONSENSE_OF_OLD", "ASTROHOOK_ENDPOINT_NONSENSE_OF_OLD is not a setting"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Setenv(c.name, "secret value")
			err := settings.CheckEnvironment(model(t))
			if c.want == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			var usage *settings.UsageError
			if !errors.As(err, &usage) || err.Error() != c.want {
				t.Errorf("error %v, want a usage error %q", err, c.want)
			}
		})
	}
}

// TestEnvName: the name of the environment is the one that the parser reads.
func TestEnvName(t *testing.T) {
	for _, flag := range model(t).Children[0].Flags {
		if flag.Name == "help" {
			continue
		}
		if got := settings.EnvName(flag.Name); !slices.Equal(flag.Envs, []string{got}) {
			t.Errorf("%s: the parser reads %q, EnvName is %s", flag.Name, flag.Envs, got)
		}
	}
}

func ExampleNearest() {
	known := []string{"allow-hosts", "deny-hosts", "listen"}
	fmt.Println("lisen is not a setting" + settings.DidYouMean("", settings.Nearest("lisen", known)))
	fmt.Println("unknown flag --deny-host" + settings.DidYouMean("--", settings.Nearest("deny-host", known)))
	fmt.Println("colour is not a setting" + settings.DidYouMean("", settings.Nearest("colour", known)))
	// Output:
	// lisen is not a setting: did you mean listen?
	// unknown flag --deny-host: did you mean --deny-hosts?
	// colour is not a setting
}

func ExampleEnvName() {
	fmt.Println(settings.EnvName("webhook-retry-max"))
	// Output: ASTROHOOK_WEBHOOK_RETRY_MAX
}

// TestDidYouMean: a question that ends an error, or nothing.
func TestDidYouMean(t *testing.T) {
	for _, c := range []struct {
		prefix string
		names  []string
		want   string
	}{
		{"", nil, ""},
		{"--", []string{}, ""},
		{"", []string{"listen"}, ": did you mean listen?"},
		{"--", []string{"allow-hosts", "deny-hosts"}, ": did you mean --allow-hosts or --deny-hosts?"},
	} {
		if got := settings.DidYouMean(c.prefix, c.names); got != c.want {
			t.Errorf("%q, %q: %q, want %q", c.prefix, c.names, got, c.want)
		}
	}
}

// TestUsageError: the exit code depends on the type, so that must survive wrapping.
func TestUsageError(t *testing.T) {
	wrapped := fmt.Errorf("serve: %w", settings.Misuse("--dev and --listen do not go together"))
	var usage *settings.UsageError
	if !errors.As(wrapped, &usage) || usage.Error() != "--dev and --listen do not go together" {
		t.Errorf("%v", wrapped)
	}
	if errors.As(errors.New("no such file"), &usage) {
		t.Error("every error counts as wrong usage")
	}
}

// TestCheckEnvironmentFirst: with no variable of this program in the environment there is
// nothing to refuse, whatever others are called.
func TestCheckEnvironmentFirst(t *testing.T) {
	t.Setenv("LISEN", "x")
	t.Setenv("astrohook_lisen", "x") // names differ by case on this system
	if err := settings.CheckEnvironment(model(t)); err != nil {
		t.Errorf("refused: %v", err)
	}
}
