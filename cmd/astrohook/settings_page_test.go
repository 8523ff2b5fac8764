package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

const settingsPage = "../../docs/settings.md"

// TestPageListsEverySetting compares the table of docs/settings.md with the flags of serve.
func TestPageListsEverySetting(t *testing.T) {
	parser, err := newParser(t.Context(), "astrohook", streams{In: strings.NewReader(""), Out: &strings.Builder{}, Err: &strings.Builder{}})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(settingsPage)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "| setting | default | what |\n| --- | --- | --- |\n")
	got, _, _ := strings.Cut(rest, "\n\n")
	if want := settingsTable(parser.Model); strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("the table of docs/settings.md should be\n%s", want)
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
