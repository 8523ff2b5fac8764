package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

const readme = "../../README.md"

// TestReadmeListsEverySetting compares the README's table with the flags of serve.
func TestReadmeListsEverySetting(t *testing.T) {
	parser, err := newParser(t.Context(), "astrohook", streams{strings.NewReader(""), &strings.Builder{}, &strings.Builder{}})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "| setting | default | what |\n| --- | --- | --- |\n")
	got, _, _ := strings.Cut(rest, "\n\n")
	if want := settingsTable(parser.Model); strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("the settings table of the README should be\n%s", want)
	}
}

func settingsTable(model *kong.Application) string {
	var table strings.Builder
	for _, node := range model.Children {
		if node.Name != "serve" {
			continue
		}
		for _, flag := range node.Flags {
			value := defaultOf(flag.Value)
			if value != "" && flag.HasDefault && !flag.IsBool() {
				value = "`" + value + "`"
			}
			fmt.Fprintf(&table, "| `%s` | %s | %s |\n", flag.Name, value, flag.Help)
		}
	}
	return table.String()
}
