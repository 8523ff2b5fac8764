package actors

import (
	"os"
	"regexp"
	"testing"
)

// messageRow is a row of a table in docs/messages.md.
var messageRow = regexp.MustCompile("(?m)^\\| `([A-Za-z.]+)` \\|")

// TestPageHasEveryMessage: docs/messages.md has a row for each message, and for nothing else.
func TestPageHasEveryMessage(t *testing.T) {
	page, err := os.ReadFile("../docs/messages.md")
	if err != nil {
		t.Fatal(err)
	}
	declared := messageDocs(sources(t)["messages.go"])
	declared["lane.Change"] = "a client's change, which package lane declares"
	for _, row := range messageRow.FindAllStringSubmatch(string(page), -1) {
		if _, there := declared[row[1]]; !there {
			t.Errorf("docs/messages.md has a row for %s twice, or messages.go does not declare it", row[1])
		}
		delete(declared, row[1])
	}
	for name := range declared {
		t.Errorf("docs/messages.md has no row for %s", name)
	}
}
