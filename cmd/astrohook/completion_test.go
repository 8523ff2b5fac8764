package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// programDir returns a folder with the program under its name, for shells to find.
func programDir(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(self, filepath.Join(dir, "astrohook")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv(asProgram, "1")
	return dir
}

// bashTry completes a line as bash does when a user presses the tab key at its end.
const bashTry = `
source <(astrohook completion bash) || exit 1
compopt() { :; } # there is no line that is being edited here
try() {
	COMP_LINE="$1" COMP_POINT=${#1} COMPREPLY=()
	read -ra COMP_WORDS <<<"$1"
	[[ "$1" == *" " ]] && COMP_WORDS+=("")
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	__start_astrohook
	echo "${COMPREPLY[*]}"
}
while IFS= read -r line; do try "$line"; done
`

// TestBashCompletion sources the script in bash, without the package bash-completion, and
// completes commands, flags, values, and what the server knows.
func TestBashCompletion(t *testing.T) {
	programDir(t)
	server := startFixture(t)
	t.Setenv("ASTROHOOK_SERVER", server.URL)
	t.Setenv("ASTROHOOK_TOKEN", "tok")
	var lines, want []string
	for _, c := range []struct{ line, want string }{
		{"astrohook del", "deliveries"},
		{"astrohook webhooks re", "remove resume"}, // bash shows these with their descriptions, cut here
		{"astrohook deliveries list --sta", "--status"},
		{"astrohook deliveries list --status=fa", "failed"},
		{"astrohook deliveries list -o ", "table json ndjson yaml"},
		{"astrohook completion ", "bash zsh fish"},
		{"astrohook serve --log-level ", "debug info warn error"},
		{"astrohook webhooks get wh_38gwvb57w0000000000nvbzehp", "wh_38gwvb57w0000000000nvbzehp"},
		{"astrohook deliveries list --event-type user.s", "user.subscription_changed"},
		{"astrohook publish user.c", "user.created"},
		{"astrohook webhooks get wh_1 ", ""},
		{"astrohook nothing-like-it ", ""},
	} {
		lines, want = append(lines, c.line), append(want, c.want)
	}
	cmd := exec.CommandContext(t.Context(), "bash", "--norc", "-c", bashTry)
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(got) != len(want) {
		t.Fatalf("%d answers to %d lines:\n%s", len(got), len(lines), out)
	}
	for i, line := range lines {
		if words := commonWords(got[i]); words != want[i] {
			t.Errorf("%q: %q, want %q", line, words, want[i])
		}
	}
}

// commonWords returns the completions in an answer, sorted, without the descriptions that
// stand in parentheses.
func commonWords(answer string) string {
	var words []string
	depth := 0
	for word := range strings.FieldsSeq(answer) {
		depth += strings.Count(word, "(")
		if depth == 0 {
			words = append(words, word)
		}
		depth -= strings.Count(word, ")")
	}
	return strings.Join(words, " ")
}

// TestBashTab presses the tab key in a bash on a terminal.
func TestBashTab(t *testing.T) {
	dir := programDir(t)
	rc := filepath.Join(dir, "rc")
	if err := os.WriteFile(rc, []byte("source <(astrohook completion bash)\nPS1='ready> '\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash", "--rcfile", rc, "-i")
	cmd.Env = append(os.Environ(), "TERM=dumb", "HISTFILE=")
	terminal, err := pty.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = terminal.Close() }()
	var seen buffer
	go func() { _, _ = io.Copy(&seen, terminal) }() // ends with an error when bash has gone
	for _, step := range []struct{ await, keys string }{
		{"ready> ", "astrohook webh\t"}, {"astrohook webhooks ", "li\t"}, {"astrohook webhooks list ", "--ou\t"}, {"webhooks list --output", "\x15exit\r"},
	} {
		seen.await(t, step.await)
		if _, err := io.WriteString(terminal, step.keys); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Error(fmt.Errorf("bash: %w\n%s", err, seen.String()))
	}
}

// TestCompletionScripts: each shell gets a script of its own, which that shell can read where
// it is installed.
func TestCompletionScripts(t *testing.T) {
	for shell, want := range map[string]string{"bash": "complete -o default", "zsh": "#compdef astrohook", "fish": "complete -c astrohook"} {
		got := runCommand(t, "", "completion", shell)
		if got.code != 0 || got.err != "" || !strings.Contains(got.out, want) {
			t.Errorf("%s: exit code %d, %s", shell, got.code, got.err)
		}
		if _, err := exec.LookPath(shell); err != nil {
			continue
		}
		cmd := exec.CommandContext(t.Context(), shell, "-n", writeFile(t, "script", got.out))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", shell, err, out)
		}
	}
	if got := runCommand(t, "", "completion", "tcsh"); got.code != exitUsage || !strings.Contains(got.err, `but got "tcsh"`) {
		t.Errorf("%+v", got)
	}
}

// TestCompletionIsSilent: without a server, a token or a right there are no completions, and
// no errors between the lines of a shell.
func TestCompletionIsSilent(t *testing.T) {
	for _, args := range [][]string{
		{"__complete", "webhooks", "get", ""},
		{"__complete", "webhooks", "get", "--server=http://127.0.0.1:1", "--token=t", ""},
		{"__complete", "webhooks", "get", "--profile=none", ""},
		{"__complete", "logout", ""},
	} {
		if got := runCommand(t, "", args...); got.code != 0 || got.out != ":4\n" {
			t.Errorf("%q: %+v", args, got)
		}
	}
}
