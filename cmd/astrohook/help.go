package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// helpCommand is there to be listed. It has no Run: asFlags turns it into --help.
type helpCommand struct {
	Command []string `arg:"" optional:"" help:"Command to explain, such as serve or key create."`
}

// versionFlag prints the version wherever it stands.
type versionFlag bool

// BeforeReset prints the version before the parser looks at the rest of the command
// line, so that a mistake there does not matter.
func (versionFlag) BeforeReset(k *kong.Kong) error {
	if err := (&versionCommand{}).Run(streams{Out: k.Stdout}); err != nil {
		return err
	}
	k.Exit(exitDone)
	return nil
}

// asFlags returns the arguments with --help in place of what people try first: no
// argument, "help", "help COMMAND", and a command that needs a second word. The parser
// answers these with an error.
func asFlags(model *kong.Application, args []string) []string {
	switch {
	case len(args) == 0:
		return []string{"--help"}
	case args[0] == "help":
		return append(slices.Clone(args[1:]), "--help")
	case len(args) == 1 && slices.ContainsFunc(model.Children, func(n *kong.Node) bool {
		return n.Name == args[0] && len(n.Children) > 0 && n.DefaultCmd == nil
	}):
		return append(slices.Clone(args), "--help")
	}
	return args
}

// explain returns the help text of a flag or an argument: its meaning, its default and
// its name in the environment. The last two come from the parser's model, so that the
// help cannot differ from what holds.
func explain(v *kong.Value) string {
	text := strings.TrimSuffix(v.Help, ".")
	if preset := defaultOf(v); preset != "" {
		text += ". Default: " + preset
	}
	if len(v.Tag.Envs) > 0 {
		text += " ($" + strings.Join(v.Tag.Envs, ", $") + ")"
	}
	return text + "."
}

// defaultOf returns a value's default for people. It is "" where the help text names
// the default itself, and for a required argument.
func defaultOf(v *kong.Value) string {
	switch {
	case v.Name == "help", v.Name == "version", strings.Contains(v.Help, "efault:"), v.Flag == nil && v.Required:
		return ""
	case v.IsBool():
		if v.HasDefault && v.Default == "true" {
			return "on"
		}
		return "off"
	case v.HasDefault && v.Default != "":
		return v.Default
	}
	return "none"
}

// hideRepeated hides the flags of serve in the help of the commands that take all of them:
// there would be a hundred, and the help of serve has them.
func hideRepeated(k *kong.Kong) error {
	settings := map[string]bool{}
	for _, node := range k.Model.Children {
		if node.Name == "serve" {
			for _, flag := range node.Flags {
				settings[flag.Name] = true
			}
		}
	}
	for _, node := range k.Model.Leaves(false) {
		if node.Name != "doctor" && node.Parent.Name != "config" {
			continue
		}
		for _, flag := range node.Flags {
			flag.Hidden = flag.Hidden || settings[flag.Name]
		}
	}
	return nil
}

// namePlaces sets the placeholders of flags that have none to the kind of value that
// they take. The parser would show the default there, which explain shows already.
func namePlaces(k *kong.Kong) error {
	for _, node := range append([]*kong.Node{k.Model.Node}, k.Model.Leaves(false)...) {
		for _, flag := range node.Flags {
			if flag.PlaceHolder == "" {
				flag.PlaceHolder = placeFor(flag)
			}
		}
	}
	return nil
}

// placeFor returns the kind of value that a flag takes, as it stands behind the equals
// sign in the help; "" for a switch, and for kinds that the parser names well.
func placeFor(flag *kong.Flag) string {
	kind := fmt.Sprint(flag.Target.Type())
	switch {
	case flag.Enum != "":
		return strings.ReplaceAll(flag.Enum, ",", "|")
	case strings.HasSuffix(kind, "Duration"):
		return "DURATION"
	case strings.HasPrefix(kind, "int"), strings.HasPrefix(kind, "uint"):
		return "N"
	case strings.HasPrefix(kind, "float"):
		return "NUMBER"
	case kind == "string":
		return "TEXT"
	}
	return ""
}
