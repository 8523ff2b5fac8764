// Command astrohook is a webhook dispatcher: `astrohook serve` runs the server,
// the other commands publish, receive and verify.
//
// Every setting can be given as a flag, in the environment or in a YAML file;
// the flag wins over the environment, and the environment over the file.
//
// Exit codes: 0 done, 1 failed, 2 wrong usage or a wrong setting.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/corpastro/astrohook/cmd/internal/app"
	"github.com/corpastro/astrohook/webhook"
)

// The exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// commandLine is what can be asked for. Commands that take settings of the
// server share their names with it.
type commandLine struct {
	Config kong.ConfigFlag `placeholder:"FILE" help:"YAML file with settings, named as the flags are."`

	Serve     serveCommand     `cmd:"" help:"Run the server."`
	Token     tokenCommand     `cmd:"" help:"Make a token, signed with the configured secret."`
	Key       keyCommand       `cmd:"" help:"Make, list and revoke API keys."`
	SecretKey secretKeyCommand `cmd:"" help:"Make a key that encrypts the secrets on disk."`
	Reencrypt reencryptCommand `cmd:"" help:"Encrypt all secrets of a running server with its first key."`
	Publish   publishCommand   `cmd:"" help:"Publish an event, or many."`
	Listen    listenCommand    `cmd:"" help:"Receive deliveries, verify their signatures and print them."`
	Verify    verifyCommand    `cmd:"" help:"Check the signatures of one delivery."`
	Check     checkCommand     `cmd:"" help:"Verify a data directory, and count what it holds."`
	Backup    backupCommand    `cmd:"" help:"Write all that a server holds to a file."`
	Restore   restoreCommand   `cmd:"" help:"Make a data directory of a backup."`
	Version   versionCommand   `cmd:"" help:"Print the version."`
}

// streams are a process's standard streams.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

func main() {
	os.Exit(run(context.Background(), os.Args, streams{os.Stdin, os.Stdout, os.Stderr}))
}

// run carries out a command line and returns the exit code. An interrupt ends
// ctx; a second one ends the process at once.
func run(ctx context.Context, args []string, std streams) int {
	ctx, stop := interruptible(ctx)
	defer stop()
	parser, err := newParser(ctx, args[0], std)
	if err != nil {
		return fail(std.err, err, exitFailed)
	}
	command, err := parser.Parse(args[1:])
	if err != nil {
		return fail(std.err, err, exitUsage)
	}
	err = command.Run()
	var setting *webhook.FieldError
	var usage *usageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &setting):
		return fail(std.err, fmt.Errorf("%s %s", settingName(setting.Field), setting.Reason), exitUsage)
	case errors.As(err, &usage):
		return fail(std.err, err, exitUsage)
	}
	return fail(std.err, err, exitFailed)
}

// program is how this process was called, as a user would type it again.
type program string

func newParser(ctx context.Context, name string, std streams) (*kong.Kong, error) {
	return kong.New(&commandLine{},
		kong.Name("astrohook"),
		kong.Description("A webhook dispatcher: publish events, have them delivered, signed, at least once."),
		kong.DefaultEnvars("ASTROHOOK"),
		kong.Configuration(loadFile),
		app.Durations(),
		kong.Writers(std.out, std.err),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(std, program(name)),
	)
}

// usageError is a fault of the command line that its parser cannot see.
type usageError struct{ reason string }

func (e *usageError) Error() string { return e.reason }

func fail(w io.Writer, err error, code int) int {
	_, _ = fmt.Fprintf(w, "astrohook: %s\n", strings.TrimSpace(err.Error()))
	return code
}

// settingName tells a setting's flag and its name in the environment.
func settingName(flag string) string {
	return fmt.Sprintf("--%s (ASTROHOOK_%s)", flag, strings.ToUpper(strings.ReplaceAll(flag, "-", "_")))
}

// interruptible gives a context that the first SIGINT or SIGTERM ends. The
// second one ends the process with the exit code that shells give to a signal.
func interruptible(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case <-signals:
			cancel()
		case <-done:
			return
		}
		select {
		case second := <-signals:
			number, _ := second.(syscall.Signal)
			os.Exit(128 + int(number))
		case <-done:
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel()
	}
}
