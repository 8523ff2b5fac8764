// Package completion completes command lines in bash, zsh and fish.
//
// The scripts, and the protocol between a shell and the program, are cobra's: the commands
// themselves are kong's, and this package translates their model into a tree that cobra
// completes. What values a flag or an argument may have stands in its tags: enum,
// placeholder FILE or DIR, and complete with a name that Values knows.
package completion

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/spf13/cobra"

	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// Command prints a script for a shell.
type Command struct {
	Shell string `arg:"" enum:"bash,zsh,fish" placeholder:"SHELL" help:"bash, zsh or fish."`
}

// Run prints the script. Its comment says how to load it.
func (c *Command) Run(std terminal.Streams, model *kong.Application) error {
	var script bytes.Buffer
	root := tree(model, nil)
	var err error
	switch c.Shell {
	case "bash":
		script.WriteString(bashHead)
		err = root.GenBashCompletionV2(&script, true)
	case "zsh":
		err = root.GenZshCompletion(&script)
	default:
		err = root.GenFishCompletion(&script, true)
	}
	if err == nil {
		_, err = std.Out.Write(script.Bytes())
	}
	if err != nil {
		return fmt.Errorf("print the script: %w", err)
	}
	return nil
}

// bashHead stands before cobra's script. That needs functions of the package bash-completion,
// which containers and macOS do not have; here is what it needs of them.
const bashHead = `# Load it in this shell:     source <(astrohook completion bash)
# Load it in every new one:  astrohook completion bash > ~/.local/share/bash-completion/completions/astrohook
if ! declare -F _get_comp_words_by_ref >/dev/null && ! declare -F _init_completion >/dev/null; then
    # Words as the user sees them: bash itself divides them at = and : as well.
    _init_completion() {
        local line="${COMP_LINE:0:COMP_POINT}"
        read -ra words <<<"$line"
        [[ "$line" == *[[:space:]] ]] && words+=("")
        cword=$((${#words[@]} - 1))
        cur="${words[cword]}" prev="${words[cword > 0 ? cword - 1 : 0]}"
    }
fi
if ! declare -F _filedir >/dev/null; then
    _filedir() {
        local kind=-f IFS=$'\n'
        [[ "${1-}" == -d ]] && kind=-d
        COMPREPLY=($(compgen "$kind" -- "$cur"))
    }
fi
if ! declare -F __ltrim_colon_completions >/dev/null; then
    __ltrim_colon_completions() {
        if [[ "$1" == *:* && "$COMP_WORDBREAKS" == *:* ]]; then
            local before="${1%"${1##*:}"}" i
            for i in "${!COMPREPLY[@]}"; do COMPREPLY[i]="${COMPREPLY[i]#"$before"}"; done
        fi
    }
fi
`

// Value is one completion, with what a shell shows beside it.
type Value struct{ Text, Description string }

// Values returns what a tag complete names. The flags are those of the command line so far.
// It must return soon: a user waits at a prompt. What it cannot find out is left out.
type Values func(kind string, flags map[string]string) []Value

// IsRequest reports whether a shell asks for completions: the arguments are the program's,
// without its name.
func IsRequest(args []string) bool {
	return len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd)
}

// Answer prints the completions for a request of a shell.
func Answer(model *kong.Application, args []string, values Values, out io.Writer) error {
	root := tree(model, values)
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(io.Discard) // what is said there a shell would show between its own lines
	return root.Execute()
}

// tree returns the commands of a model as cobra's.
func tree(model *kong.Application, values Values) *cobra.Command {
	root := command(model.Node, values)
	root.CompletionOptions.DisableDefaultCmd = true
	help := &cobra.Command{Use: "help"} // cobra would add a command with flags of its own
	for _, child := range root.Commands() {
		if child.Name() == help.Name() {
			help = child
		}
	}
	root.SetHelpCommand(help)
	root.SilenceErrors, root.SilenceUsage = true, true
	return root
}

// command returns one command with those below it.
func command(node *kong.Node, values Values) *cobra.Command {
	c := &cobra.Command{Use: node.Name, Short: strings.TrimSuffix(node.Help, "."), Hidden: node.Hidden, ValidArgsFunction: arguments(node, values)}
	for _, child := range node.Children {
		c.AddCommand(command(child, values))
	}
	if len(node.Children) == 0 || node.DefaultCmd != nil {
		c.Run = func(*cobra.Command, []string) {} // cobra completes only what could run
	}
	flags := c.Flags()
	if node.Type == kong.ApplicationNode {
		flags = c.PersistentFlags()
	}
	for _, flag := range node.Flags {
		if flag.Name == "help" || flag.Hidden { // cobra has a help flag of its own
			continue
		}
		short, usage := "", strings.TrimSuffix(flag.Help, ".")
		if flag.Short != 0 {
			short = string(flag.Short)
		}
		if flag.IsBool() {
			flags.BoolP(flag.Name, short, false, usage)
			continue
		}
		flags.StringArrayP(flag.Name, short, nil, usage)
		_ = c.RegisterFlagCompletionFunc(flag.Name, choices(flag.Value, flag.PlaceHolder, values)) // fails for a flag that is not there
	}
	return c
}

// arguments returns the completions of a command's arguments. The last one may be repeated.
func arguments(node *kong.Node, values Values) cobra.CompletionFunc {
	return func(c *cobra.Command, before []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		last := len(node.Positional) - 1
		if last < 0 || len(before) > last && !node.Positional[last].IsCumulative() {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		value := node.Positional[min(len(before), last)]
		found, directive := choices(value, value.Tag.PlaceHolder, values)(c, before, begun)
		var left []cobra.Completion
		for _, completion := range found {
			text, _, _ := strings.Cut(completion, "\t")
			if !slices.Contains(before, text) {
				left = append(left, completion)
			}
		}
		return left, directive
	}
}

// choices returns the completions of one value.
func choices(value *kong.Value, place string, values Values) cobra.CompletionFunc {
	return func(c *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		kind := value.Tag.Get("complete")
		switch {
		case value.Enum != "":
			return strings.Split(value.Enum, ","), cobra.ShellCompDirectiveNoFileComp
		case kind != "" && values != nil:
			var found []cobra.Completion
			for _, v := range values(kind, given(c)) {
				found = append(found, cobra.CompletionWithDesc(v.Text, terminal.Printable(v.Description)))
			}
			return found, cobra.ShellCompDirectiveNoFileComp
		case place == "DIR":
			return nil, cobra.ShellCompDirectiveFilterDirs
		case strings.Contains(place, "FILE"), strings.Contains(value.Help, "FILE"):
			return nil, cobra.ShellCompDirectiveDefault
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// given returns the flags of a command line so far that have a value.
func given(c *cobra.Command) map[string]string {
	flags := map[string]string{}
	for _, name := range []string{"server", "token", "profile", "client"} {
		if list, err := c.Flags().GetStringArray(name); err == nil && len(list) > 0 {
			flags[name] = list[len(list)-1]
		}
	}
	return flags
}
