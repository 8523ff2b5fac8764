package connection

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/settings"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// TestKept: what is written is read back, whatever the texts look like, and a second write
// replaces the file and leaves nothing beside it.
func TestKept(t *testing.T) {
	path := home(t)
	names := []string{"1", "1.0", "true", "null", "a.b-c_d", "no", strings.Repeat("x", 64)}
	keep(t, "1.0", names...)
	keep(t, "null", "more")
	file, err := readProfiles()
	if err != nil || file.Current != "null" || len(file.Profiles) != len(names)+1 {
		t.Fatalf("%+v, %v", file, err)
	}
	for _, name := range names {
		got, err := (&Flags{Profile: name}).Target()
		if want := (Target{"https://" + name + ".example", name + "-token", name}); err != nil || got != want {
			t.Errorf("%+v, want %+v, %v", got, want, err)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("%d files beside one another, %v", len(entries), err)
	}
}

// TestNowhereToKeep: without a home directory, or with a file in the folder's place, every
// command that keeps something fails, and says why.
func TestNowhereToKeep(t *testing.T) {
	commands := map[string]func(terminal.Streams) error{
		"login": func(std terminal.Streams) error {
			return (&Login{Name: "a", Token: "s3cret", NoCheck: true}).Run(t.Context(), std)
		},
		"logout": (&Logout{Name: "a"}).Run, "use": (&profilesUse{Name: "a"}).Run, "list": (&profilesList{Flags: output.Flags{Output: output.Table}}).Run,
	}
	try := func(reason, want string) {
		t.Helper()
		for name, run := range commands {
			var said strings.Builder
			err := run(terminal.Streams{In: strings.NewReader(""), Out: io.Discard, Err: &said})
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error()+said.String(), "s3cret") || strings.Contains(said.String(), "Logged in") {
				t.Errorf("%s with %s: %v, said %q", name, reason, err, said.String())
			}
		}
	}
	path := home(t)
	if err := os.WriteFile(filepath.Dir(path), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	try("a file in the folder's place", "not a directory")
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "AppData"} {
		t.Setenv(name, "")
	}
	try("no home", "no place for profiles: ")
}

// TestNoProfiles: a list without entries has a hint for people, and is a list for programs;
// what needs a profile says how to make one.
func TestNoProfiles(t *testing.T) {
	path := home(t)
	for format, want := range map[string][2]string{
		output.Table: {"", "No profiles; `astrohook login` makes one.\n"}, output.JSON: {"[]\n", ""}, output.NDJSON: {"", ""}, output.YAML: {"[]\n", ""},
	} {
		var out, said strings.Builder
		c := profilesList{Flags: output.Flags{Output: format}}
		if err := c.Run(terminal.Streams{Out: &out, Err: &said}); err != nil || out.String() != want[0] || said.String() != want[1] {
			t.Errorf("%s: %v, %q, %q", format, err, out.String(), said.String())
		}
	}
	std := terminal.Streams{Err: io.Discard}
	_, named := (&Flags{Profile: "a"}).Target()
	for what, err := range map[string]error{"use": (&profilesUse{Name: "a"}).Run(std), "logout": (&Logout{Name: "a"}).Run(std), "--profile": named} {
		_, usage := errors.AsType[*settings.UsageError](err)
		if err == nil || !usage || err.Error() != "there is no profile \"a\": `astrohook login` makes one" {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := os.Stat(filepath.Dir(path)); !os.IsNotExist(err) {
		t.Errorf("commands that keep nothing made the folder: %v", err)
	}
}

// TestLogoutOfAnother: the profile in use stays in use when another one goes, and a login
// under its name replaces both server and token.
func TestLogoutOfAnother(t *testing.T) {
	home(t)
	keep(t, "a", "a", "b")
	std := terminal.Streams{Out: io.Discard, Err: io.Discard, In: strings.NewReader("")}
	if err := (&Logout{Name: "b"}).Run(std); err != nil {
		t.Fatal(err)
	}
	if got, err := new(Flags).Target(); err != nil || got.Profile != "a" {
		t.Errorf("%+v is in use, %v", got, err)
	}
	if err := (&Login{Name: "a", Server: "https://c.example", Token: "new", NoCheck: true}).Run(t.Context(), std); err != nil {
		t.Fatal(err)
	}
	if got, err := new(Flags).Target(); err != nil || got != (Target{"https://c.example", "new", "a"}) {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestLoginRefuses: names that a shell or a file would trip over, servers that are none and
// standard inputs without a token keep nothing.
func TestLoginRefuses(t *testing.T) {
	home(t)
	for _, c := range []struct {
		reason string
		login  Login
		in     io.Reader
	}{
		{"a name of 65 characters", Login{Name: strings.Repeat("x", 65), Token: "t"}, nil},
		{"a name with a letter beyond ASCII", Login{Name: "ü", Token: "t"}, nil},
		{"a name that begins with a dot", Login{Name: ".a", Token: "t"}, nil},
		{"a name of two lines", Login{Name: "a\n", Token: "t"}, nil},
		{"another scheme", Login{Name: "a", Server: "ftp://a.example", Token: "t"}, nil},
		{"no host", Login{Name: "a", Server: "https://", Token: "t"}, nil},
		{"an empty input", Login{Name: "a"}, strings.NewReader("")},
		{"spaces", Login{Name: "a"}, strings.NewReader(" \t\r\nt\n")},
		{"an input that fails", Login{Name: "a"}, io.MultiReader(strings.NewReader("half of a tok"), failing{})},
	} {
		c.login.NoCheck = true
		var said strings.Builder
		if err := c.login.Run(t.Context(), terminal.Streams{In: c.in, Out: io.Discard, Err: &said}); err == nil || said.Len() > 0 {
			t.Errorf("%s: %v, said %q", c.reason, err, said.String())
		}
	}
	if names := Names(); len(names) > 0 {
		t.Errorf("kept %q", names)
	}
}

// failing is an input that breaks off.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("input/output error") }
