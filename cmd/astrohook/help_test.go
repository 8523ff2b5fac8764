package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/corpastro/astrohook/cmd/internal/settings"
	"github.com/corpastro/astrohook/webhook"
)

// commandModel returns the parser's model of the command line.
func commandModel(t *testing.T) *kong.Application {
	t.Helper()
	parser, err := newParser(t.Context(), "astrohook", streams{In: strings.NewReader(""), Out: &strings.Builder{}, Err: &strings.Builder{}})
	if err != nil {
		t.Fatal(err)
	}
	return parser.Model
}

// flagOf returns a flag of a command.
func flagOf(t *testing.T, command, name string) *kong.Flag {
	t.Helper()
	for _, node := range commandModel(t).Leaves(false) {
		for _, flag := range node.Flags {
			if node.Name == command && flag.Name == name {
				return flag
			}
		}
	}
	t.Fatalf("%s has no flag --%s", command, name)
	return nil
}

// TestAsFlags: what people type before they know the flags becomes --help; nothing else
// is touched.
func TestAsFlags(t *testing.T) {
	model := commandModel(t)
	for _, c := range []struct{ args, want string }{
		{"", "--help"},
		{"help", "--help"},
		{"help serve", "serve --help"},
		{"help key create", "key create --help"},
		{"key", "key --help"},
		{"key create", "key create"},
		{"key --token=x", "key --token=x"},
		{"serve", "serve"},
		{"serve help", "serve help"},
		{"--help", "--help"},
	} {
		args := strings.Fields(c.args)
		before := slices.Clone(args)
		if got := strings.Join(asFlags(model, args), " "); got != c.want {
			t.Errorf("%q became %q, want %q", c.args, got, c.want)
		}
		if !slices.Equal(args, before) {
			t.Errorf("%q: the arguments themselves were changed to %q", c.args, args)
		}
	}
}

// TestExplain: the help of a flag has its default and its name in the environment, and
// the kind of value that it takes.
func TestExplain(t *testing.T) {
	for _, c := range []struct{ command, flag, place, end string }{
		{"serve", "retention", "DURATION", ". Default: 720h ($ASTROHOOK_RETENTION)."},
		{"serve", "max-pending", "N", ". Default: 50000000 ($ASTROHOOK_MAX_PENDING)."},
		{"serve", "webhook-rate", "NUMBER", "0 for no limit. Default: 0 ($ASTROHOOK_WEBHOOK_RATE)."},
		{"serve", "sync", "", ". Default: on ($ASTROHOOK_SYNC)."},
		{"serve", "profiling", "", ". Default: off ($ASTROHOOK_PROFILING)."},
		{"serve", "jwt-secret", "SECRET", ". Default: none ($ASTROHOOK_JWT_SECRET)."},
		{"serve", "jwt-issuer", "ISS", "must have. Default: anything ($ASTROHOOK_JWT_ISSUER)."},
		{"serve", "header-prefix", "TEXT", ". Default: X-Corp-Astro ($ASTROHOOK_HEADER_PREFIX)."},
		{"serve", "log-format", "auto|text|json", ". Default: auto ($ASTROHOOK_LOG_FORMAT)."},
		{"token", "lifetime", "DURATION", ". Default: 24h ($ASTROHOOK_LIFETIME)."},
		{"publish", "for-client", "ID", "default: every client's ($ASTROHOOK_FOR_CLIENT)."},
	} {
		flag := flagOf(t, c.command, c.flag)
		if text := explain(flag.Value); !strings.HasSuffix(text, c.end) || strings.Contains(text, "..") {
			t.Errorf("--%s: %q, want it to end in %q", c.flag, text, c.end)
		}
		if flag.PlaceHolder != c.place {
			t.Errorf("--%s=%s, want %s", c.flag, flag.PlaceHolder, c.place)
		}
	}
}

// TestCommandsWith: the error about a misplaced flag names the commands that have it.
func TestCommandsWith(t *testing.T) {
	model := commandModel(t)
	for flag, want := range map[string]string{
		"retention": "serve", "tolerance": "verify", "secret-keys": "serve, check", "scope": "token, key create", "none": "",
	} {
		if got := strings.Join(commandsWith(model, flag), ", "); got != want {
			t.Errorf("--%s is said to be a flag of %q, want %q", flag, got, want)
		}
	}
}

// TestExplainRefusal has the parser's errors, and the errors that users read instead.
func TestExplainRefusal(t *testing.T) {
	model := commandModel(t)
	var inFile *settings.File
	_, fault := new(settings.File).Load(strings.NewReader("- a"))
	for _, c := range []struct {
		err  error
		want string
	}{
		{errors.New("unknown flag --retention"), "--retention is a flag of serve, and belongs behind the command's name"},
		{errors.New("unknown flag --retentoin"), "unknown flag --retentoin: did you mean --retention?"},
		{errors.New("unknown flag --colour"), "unknown flag --colour"},
		{errors.New("unknown flag -x"), "unknown flag -x"},
		{errors.New("--retention: expected a duration"), "--retention: expected a duration"},
		{errors.New("unexpected argument x"), "unexpected argument x"},
		{fmt.Errorf("parse: %w", fault), "settings file:1: the file must hold settings, one a line, such as listen: 127.0.0.1:8080"},
	} {
		if got := explainRefusal(c.err, inFile, model); got.Error() != c.want {
			t.Errorf("%v\nbecame %v\nwant   %s", c.err, got, c.want)
		}
	}
}

// TestSettingFault: the error about a setting names the flag and the variable, where no file
// has set it.
func TestSettingFault(t *testing.T) {
	fault := &webhook.FieldError{Field: "webhook-retry-max", Reason: "is less than webhook-retry-initial"}
	const want = "--webhook-retry-max (ASTROHOOK_WEBHOOK_RETRY_MAX) is less than webhook-retry-initial"
	for _, file := range []*settings.File{nil, {}} {
		if got := settingFault(fault, file); got.Error() != want {
			t.Errorf("%v, want %s", got, want)
		}
	}
	var out strings.Builder
	if code := fail(&out, fmt.Errorf("a line%s", "\n"), exitUsage); code != exitUsage || out.String() != "astrohook: a line\n" {
		t.Errorf("%d, %q", code, out.String())
	}
}
