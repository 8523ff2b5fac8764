package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type helpCommand struct {
	Command []string `arg:"" optional:"" help:"Command to explain, such as serve or key create."`
}

// versionFlag prints the version wherever it stands.
type versionFlag bool

// BeforeReset prints the version, before anything else of the command line counts.
func (versionFlag) BeforeReset(k *kong.Kong) error {
	if err := (&versionCommand{}).Run(streams{out: k.Stdout}); err != nil {
		return err
	}
	k.Exit(exitDone)
	return nil
}

// asFlags turns what people try first into what the parser knows: nothing at all,
// "help", "help COMMAND", and a command that needs another word ask for help.
func asFlags(model *kong.Application, args []string) []string {
	switch {
	case len(args) == 0:
		return []string{"--help"}
	case args[0] == "help":
		return append(slices.Clone(args[1:]), "--help")
	case len(args) == 1 && slices.ContainsFunc(model.Children, func(n *kong.Node) bool {
		return n.Name == args[0] && len(n.Children) > 0
	}):
		return append(slices.Clone(args), "--help")
	}
	return args
}

// explain is a flag's or an argument's text in the help: what it means, its default
// and its name in the environment.
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

// defaultOf writes a value's default for people; "" where there is none to name:
// the text says it, or the value is an argument that must be there.
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

// namePlaces gives flags without a placeholder one that says what they take; the
// parser would show the default there.
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
