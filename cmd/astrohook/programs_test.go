package main

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

// reading are command lines whose results programs read, with the number of values that
// each has.
var reading = map[string]int{
	"webhooks list": 3, "webhooks list --client nobody": 0, "webhooks get wh_1": 1, "webhooks health wh_1": 1,
	"webhooks add https://example.com/": 1, "webhooks set wh_1 --timeout 5s": 1, "webhooks pause wh_1": 1, "webhooks resume wh_1": 1,
	"webhooks rotate wh_1": 1, "webhooks rotate wh_1 --end": 1, "webhooks test wh_1": 1,
	"deliveries list": 6, "deliveries get whd_1": 1, "deliveries retry whd_1": 1, "deliveries cancel whd_1": 1,
	"events list": 2, "events get evt_1": 1, "audit": 2, "types": 2, "types list": 2, "types add invoice.paid": 1, "types set invoice.paid Paid.": 1,
	"top": 1, "jobs list": 3, "jobs get job_1": 1, "jobs pause job_1": 1, "jobs resume job_1": 1, "jobs cancel job_1": 1,
	"deliveries retry --webhook wh_1 --yes": 1, "deliveries cancel --webhook wh_1 --yes --detach": 1, "replay wh_1 --missing --dry-run": 1,
	"replay wh_1 --dry-run": 1, "replay wh_1 --yes": 1, "profiles": 0, "key list": 1, "status --admin http://127.0.0.1:1": 1,
}

// readJSON returns what jq, or Python where there is no jq, reads as JSON; of a stream, one
// value a line.
func readJSON(t *testing.T, text string, stream bool) string {
	t.Helper()
	args := []string{"jq", "-c", "."}
	if _, err := exec.LookPath("jq"); err != nil {
		args = []string{"python3", "-m", "json.tool"}
		if stream {
			args = append(args, "--json-lines")
		}
	}
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Stdin = strings.NewReader(text)
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("%q: %v: %s\nof\n%s", args, err, errOut.String(), text)
	}
	return string(out)
}

// TestPrograms: another program can read the result of each command, and people's words
// about it are elsewhere. The API's numbers keep their digits.
func TestPrograms(t *testing.T) {
	server := startFixture(t)
	t.Setenv("ASTROHOOK_SERVER", server.URL)
	t.Setenv("ASTROHOOK_TOKEN", "tok")
	for line, want := range reading {
		args := append(strings.Fields(line), "-o")
		asJSON, asLines, asYAML := runCommand(t, "", append(args, "json")...), runCommand(t, "", append(args, "ndjson")...), runCommand(t, "", append(args, "yaml")...)
		for _, got := range []result{asJSON, asLines, asYAML} {
			if got.code != 0 || strings.Contains(got.err, "astrohook:") {
				t.Errorf("%s: %+v", line, got)
			}
		}
		readJSON(t, asJSON.out, false)
		if n := strings.Count(asLines.out, "\n"); n != want || n > 0 && strings.Count(readJSON(t, asLines.out, true), "\n") < n {
			t.Errorf("%s: %d lines, want %d:\n%s", line, n, want, asLines.out)
		}
		if !json.Valid([]byte(asJSON.out)) {
			t.Errorf("%s: not JSON:\n%s", line, asJSON.out)
		}
		for _, exact := range []string{"12345678901234567890", "1e400"} {
			if strings.Contains(asLines.out, exact) && !(strings.Contains(asJSON.out, exact) && strings.Contains(asYAML.out, exact)) {
				t.Errorf("%s: %s has other digits:\n%s\n%s", line, exact, asJSON.out, asYAML.out)
			}
		}
	}
	if got := runCommand(t, "", "deliveries", "get", "whd_1", "-o", "yaml"); !strings.Contains(got.out, "n: 12345678901234567890") {
		t.Errorf("%+v", got)
	}
}
