package completion_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/corpastro/astrohook/cmd/internal/cli/completion"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// commands has one of each kind of value.
type commands struct {
	Verbose bool `short:"V" help:"Say more."`

	Things struct {
		List struct {
			Kind   string `short:"k" enum:"small,large" default:"small" help:"Kind of things."`
			Server string `help:"The server."`
			Owner  string `complete:"owner" help:"Whose things."`
			Hidden string `hidden:"" help:"Not shown."`
			Input  string `placeholder:"FILE" help:"Where from."`
			Output string `placeholder:"DIR" help:"Where to."`
			Note   string `help:"Any text."`
		} `cmd:"" help:"List things."`
		Remove struct {
			IDs []string `arg:"" complete:"thing" help:"Things."`
		} `cmd:"" help:"Remove things."`
		Copy struct {
			From string `arg:"" complete:"thing"`
			To   string `arg:"" placeholder:"DIR"`
		} `cmd:"" help:"Copy a thing."`
	} `cmd:"" help:"Things."`
	Secret struct{} `cmd:"" hidden:"" help:"Not shown."`
}

// model returns the model of the commands.
func model(t *testing.T) *kong.Application {
	t.Helper()
	parser, err := kong.New(&commands{}, kong.Name("things"))
	if err != nil {
		t.Fatal(err)
	}
	return parser.Model
}

// TestAnswer: commands, flags and values, with their descriptions, and whether a shell may
// offer files as well: :4 forbids that, :0 allows it, :16 is for folders only.
func TestAnswer(t *testing.T) {
	values := func(kind string, flags map[string]string) []completion.Value {
		switch kind {
		case "thing":
			return []completion.Value{{Text: "one", Description: "the first\n\x1b[2J"}, {Text: "two"}}
		case "owner":
			return []completion.Value{{Text: "at " + flags["server"]}}
		}
		t.Errorf("asked for %q", kind)
		return nil
	}
	for _, c := range []struct{ line, want string }{
		{"", "help|things\tThings|:4"},
		{"s", ":4"},
		{"things ", "copy\tCopy a thing|list\tList things|remove\tRemove things|:4"},
		{"things list --k", "--kind\tKind of things|:4"},
		{"things list --h", "--help\thelp for list|:4"},
		{"things list --verb", "--verbose\tSay more|:4"},
		{"things list --kind ", "small|large|:4"},
		{"things list -k l", "small|large|:4"}, // the scripts leave out what does not begin so
		{"things list --kind=s", "small|large|:4"},
		{"things list --server http://a --owner ", "at http://a|:4"},
		{"things list --server=http://b --owner=", "at http://b|:4"},
		{"things list --input ", ":0"},
		{"things list --output ", ":16"},
		{"things list --note ", ":4"},
		{"things list ", ":4"},
		{"things remove ", "one\tthe first??[2J|two|:4"},
		{"things remove one ", "two|:4"},
		{"things copy ", "one\tthe first??[2J|two|:4"},
		{"things copy one ", ":16"},
		{"things copy one two ", ":4"},
		{"nothing ", ":0"},
	} {
		args := append([]string{"__complete"}, strings.Split(c.line, " ")...)
		if !completion.IsRequest(args) {
			t.Errorf("%q is no request", args)
		}
		var out strings.Builder
		if err := completion.Answer(model(t), args, values, &out); err != nil {
			t.Errorf("%q: %v", c.line, err)
		}
		if got := strings.ReplaceAll(strings.TrimSuffix(out.String(), "\n"), "\n", "|"); got != c.want {
			t.Errorf("%q: %q, want %q", c.line, got, c.want)
		}
	}
}

// TestIsRequest: only what cobra's scripts send is one.
func TestIsRequest(t *testing.T) {
	for _, args := range [][]string{nil, {"serve"}, {"completion", "bash"}, {"serve", "__complete"}} {
		if completion.IsRequest(args) {
			t.Errorf("%q is a request", args)
		}
	}
	if !completion.IsRequest([]string{"__completeNoDesc", ""}) {
		t.Error("a request without descriptions is none")
	}
}

// TestScripts: each asks the program, by the name of the model, and each can be printed twice
// alike.
func TestScripts(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		var scripts []string
		for range 2 {
			var out strings.Builder
			if err := (&completion.Command{Shell: shell}).Run(terminal.Streams{Out: &out}, model(t)); err != nil {
				t.Fatal(err)
			}
			scripts = append(scripts, out.String())
		}
		if !strings.Contains(scripts[0], "__complete") || !strings.Contains(scripts[0], "things") || !slices.Equal(scripts[:1], scripts[1:]) {
			t.Errorf("%s:\n%s", shell, scripts[0])
		}
	}
}
