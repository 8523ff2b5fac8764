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
	"regexp"
	"slices"
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
	Config      kong.ConfigFlag `placeholder:"FILE" help:"YAML file with settings, named as the flags are."`
	ShowVersion versionFlag     `name:"version" short:"v" env:"-" help:"Print the version."`

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
	Help      helpCommand      `cmd:"" help:"Explain a command."`
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
// ctx; a second one ends the process at once. A server reads its settings again at a
// hang-up, which ends the other commands as an interrupt does.
func run(ctx context.Context, args []string, std streams) int {
	ctx, stop := interruptible(ctx)
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	file, shown := new(settingsFile), false
	hung, unheard := make(hangups, 1), signal.Ignored(syscall.SIGHUP)
	signal.Notify(hung, syscall.SIGHUP)
	defer signal.Stop(hung)
	parser, err := newParser(ctx, args[0], std, kong.Configuration(file.load), kong.Exit(func(int) { shown = true }),
		kong.Bind(hung, readAgain(ctx, args, std)))
	if err != nil {
		return fail(std.err, err, exitFailed)
	}
	command, err := parser.Parse(asFlags(parser.Model, args[1:]))
	if shown { // help, or the version
		return exitDone
	}
	if err != nil {
		return fail(std.err, explainRefusal(err, file, parser.Model), exitUsage)
	}
	if command.Command() != "serve" && !unheard {
		go endAt(ctx, hung, cancel)
	}
	err = command.Run()
	var setting *webhook.FieldError
	var usage *usageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &setting):
		return fail(std.err, settingFault(setting, file), exitUsage)
	case errors.As(err, &usage):
		return fail(std.err, err, exitUsage)
	}
	return fail(std.err, err, exitFailed)
}

// program is how this process was called, as a user would type it again.
type program string

func newParser(ctx context.Context, name string, std streams, more ...kong.Option) (*kong.Kong, error) {
	options := []kong.Option{
		kong.Name("astrohook"),
		kong.Description("A webhook dispatcher: publish events, have them delivered, signed, at least once."),
		kong.DefaultEnvars("ASTROHOOK"),
		app.Durations(),
		kong.PostBuild(namePlaces),
		kong.Configuration(new(settingsFile).load),
		kong.Writers(std.out, std.err),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.ValueFormatter(explain),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(std, program(name)),
	}
	return kong.New(&commandLine{}, append(options, more...)...)
}

// flagName finds the flag that an error of the parser begins with, and one that is unknown.
var (
	flagName    = regexp.MustCompile(`^--([a-z0-9-]+)`)
	unknownFlag = regexp.MustCompile(`^unknown flag --([A-Za-z0-9-]+)$`)
)

// explainRefusal adds to an error of the parser what that does not know: where in
// the settings file a value stands, and what a flag is called now.
func explainRefusal(err error, file *settingsFile, model *kong.Application) error {
	if inFile, ok := errors.AsType[*fileError](err); ok {
		return inFile
	}
	text := err.Error()
	if name := flagName.FindStringSubmatch(text); name != nil && file.where(name[1]) != "" {
		return fmt.Errorf("%s: %w", file.where(name[1]), err)
	}
	if name := unknownFlag.FindStringSubmatch(text); name != nil {
		if commands := commandsWith(model, name[1]); len(commands) > 0 {
			return &usageError{fmt.Sprintf("--%s is a flag of %s, and stands behind the command's name", name[1], strings.Join(commands, ", "))}
		}
		return &usageError{text + didYouMean("--", nearestNames(name[1], settingNames(model)))}
	}
	return err
}

// commandsWith are the commands that have a flag.
func commandsWith(model *kong.Application, flag string) (commands []string) {
	for _, node := range model.Leaves(true) {
		if slices.ContainsFunc(node.Flags, func(f *kong.Flag) bool { return f.Name == flag }) {
			commands = append(commands, strings.TrimSpace(strings.TrimPrefix(node.Path(), model.Name)))
		}
	}
	return commands
}

// settingFault names a wrong setting, and the place where it was set.
func settingFault(fault *webhook.FieldError, file *settingsFile) error {
	if at := file.where(fault.Field); at != "" {
		return fmt.Errorf("%s: %s %s", at, fault.Field, fault.Reason)
	}
	return fmt.Errorf("--%s (%s) %s", fault.Field, envName(fault.Field), fault.Reason)
}

// usageError is a fault of the command line that its parser cannot see.
type usageError struct{ reason string }

func (e *usageError) Error() string { return e.reason }

func fail(w io.Writer, err error, code int) int {
	_, _ = fmt.Fprintf(w, "astrohook: %s\n", strings.TrimSpace(err.Error()))
	return code
}

// endAt ends a context at a signal.
func endAt(ctx context.Context, signals <-chan os.Signal, cancel context.CancelFunc) {
	select {
	case <-signals:
		cancel()
	case <-ctx.Done():
	}
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
