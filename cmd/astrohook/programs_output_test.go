package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"gopkg.in/yaml.v3"
)

// forPrograms has a command line of each command that takes -o, by the command.
var forPrograms = map[string]string{
	"audit": "audit", "open": "open", "top": "top --once", "status": "status --admin http://127.0.0.1:1", "tail": "tail --count 4",
	"doctor": "doctor --data-dir .", "config print": "config print",
	"key list": "key list", "profiles list": "profiles",
	"webhooks list": "webhooks list", "webhooks get": "webhooks get wh_1", "webhooks health": "webhooks health wh_1",
	"webhooks add": "webhooks add https://hooks.acme.example/", "webhooks set": "webhooks set wh_1 --timeout 5s", "webhooks pause": "webhooks pause wh_1",
	"webhooks resume": "webhooks resume wh_1", "webhooks rotate": "webhooks rotate wh_1", "webhooks test": "webhooks test wh_1",
	"deliveries list": "deliveries list", "deliveries get": "deliveries get whd_1", "deliveries retry": "deliveries retry whd_1",
	"deliveries cancel": "deliveries cancel --webhook wh_1 --yes",
	"jobs list":         "jobs list", "jobs get": "jobs get job_1", "jobs pause": "jobs pause job_1", "jobs resume": "jobs resume job_1", "jobs cancel": "jobs cancel job_1",
	"events list": "events list", "events get": "events get evt_1",
	"types list": "types", "types add": "types add invoice.paid", "types set": "types set invoice.paid Paid.",
	"replay": "replay wh_1 --dry-run",
}

// forPeople are the commands that do not take -o, with the reason.
var forPeople = map[string]string{
	"serve": "runs, and logs in JSON", "listen": "runs", "version": "a line", "help": "help", "completion": "a script",
	"config check": "says whether, by its exit code", "token": "the token alone, for $(…)", "secret-key": "the key alone, for $(…)", "key create": "the key alone, for $(…)",
	"key revoke": "nothing to show", "webhooks remove": "nothing to show", "types remove": "nothing to show",
	"login": "nothing to show", "logout": "nothing to show", "profiles use": "nothing to show",
	"publish": "the server's receipt in JSON; a line for each event that was refused with --batch", "verify": "says whether, by its exit code",
	"check": "says whether, by its exit code", "backup": "the result is a file", "restore": "the result is a directory or a database",
	"reencrypt": "progress", "migrate": "the result is a database",
}

// leaves returns the commands, and whether each takes -o.
func leaves(t *testing.T) map[string]bool {
	t.Helper()
	parser, err := newParser(t.Context(), "astrohook", streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, node := range parser.Model.Leaves(true) {
		name := strings.TrimPrefix(node.FullPath(), "astrohook ")
		out[name] = slices.ContainsFunc(node.Flags, func(f *kong.Flag) bool { return f.Name == "output" })
	}
	return out
}

// TestEveryCommandForPrograms walks the command tree: what takes -o prints JSON that jq
// accepts, in one document or one a line, and YAML, and nothing besides on the standard
// output. What takes no -o is known here, with the reason.
func TestEveryCommandForPrograms(t *testing.T) {
	server := startFixture(t)
	t.Setenv("ASTROHOOK_SERVER", server.URL)
	t.Setenv("ASTROHOOK_TOKEN", "tok")
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("BROWSER", "/no/such/browser")
	t.Chdir(t.TempDir())
	all := leaves(t)
	for name := range all {
		if (forPrograms[name] != "") != all[name] || (forPeople[name] != "") == all[name] {
			t.Errorf("%s takes -o: %t, and the tables of this test say otherwise", name, all[name])
		}
	}
	var documents strings.Builder
	for name, line := range forPrograms {
		if _, there := all[name]; !there {
			t.Errorf("there is no command %s", name)
			continue
		}
		for _, format := range []string{"json", "ndjson", "yaml"} {
			// Some have findings to report, or ask a server that this is not.
			got := runCommand(t, "", append(strings.Fields(line), "-o", format)...)
			if fault := malformed(format, got.out); fault != nil || got.out == "" && name != "profiles list" {
				t.Errorf("%s -o %s: %v in %q, %s", line, format, fault, got.out, got.err)
			}
			if format == "json" {
				documents.WriteString(got.out)
			}
		}
	}
	needJQ(t)
	jq := exec.CommandContext(t.Context(), "jq", "-n", "[inputs] | length")
	jq.Stdin = strings.NewReader(documents.String())
	if out, err := jq.CombinedOutput(); err != nil || string(out) != fmt.Sprintln(len(forPrograms)) {
		t.Errorf("jq counts %s of %d documents, %v", out, len(forPrograms), err)
	}
}

// malformed returns what is wrong with an output in a format.
func malformed(format, text string) error {
	if format == "yaml" {
		return yaml.Unmarshal([]byte(text), new(any))
	}
	values := 0
	for decoder := json.NewDecoder(strings.NewReader(text)); ; values++ {
		var value json.RawMessage
		switch err := decoder.Decode(&value); {
		case err == io.EOF && (format == "ndjson" || values == 1):
			return nil
		case err != nil:
			return err
		case format == "ndjson" && strings.Contains(string(value), "\n"):
			return io.ErrUnexpectedEOF
		}
	}
}

// TestJQ pipes the program into jq, as users do.
func TestJQ(t *testing.T) {
	needJQ(t)
	programDir(t)
	server := startFixture(t)
	t.Setenv("ASTROHOOK_SERVER", server.URL)
	t.Setenv("ASTROHOOK_TOKEN", "tok")
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "astrohook webhooks list -o json | jq -r 'map(.id) | length > 1'")
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != "true\n" {
		t.Errorf("%v\n%s", err, out)
	}
}

// needJQ skips a test where jq is missing.
func needJQ(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("jq"); err != nil {
		t.Skip("missing: jq (make setup-browser)")
	}
}
