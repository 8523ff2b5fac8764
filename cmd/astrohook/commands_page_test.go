package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

const commandsPage = "../../docs/commands.md"

// TestPageListsEveryCommand compares the table of docs/commands.md with the commands.
func TestPageListsEveryCommand(t *testing.T) {
	text, err := os.ReadFile(commandsPage)
	if err != nil {
		t.Fatal(err)
	}
	_, got, _ := strings.Cut(string(text), "| command | what |\n| --- | --- |\n")
	if want := commandsTable(commandModel(t)); strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("the table of docs/commands.md should be\n%s", want)
	}
}

func commandsTable(model *kong.Application) string {
	var table strings.Builder
	for _, node := range model.Leaves(true) {
		arguments := ""
		for _, argument := range node.Positional {
			arguments += " " + argument.Summary()
		}
		path := strings.TrimSpace(strings.TrimPrefix(node.Path(), model.Name))
		fmt.Fprintf(&table, "| `%s%s` | %s |\n", path, arguments, node.Help)
	}
	return table.String()
}
