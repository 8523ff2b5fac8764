// Command astrohook is a webhook dispatcher: `astrohook serve` runs the server,
// the other commands publish, receive and verify.
//
// Every setting can be given as a flag, in the environment or in a YAML file;
// the flag wins over the environment, and the environment over the file.
//
// Exit codes: 0 done, 1 failed, 2 wrong usage or a wrong setting.
//
// Flags, signals, exit codes and what a command prints belong here, one file for each
// command. Building and running a server belongs to cmd/internal/app, and everything
// about webhooks to the packages that it builds on.
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
	"github.com/corpastro/astrohook/cmd/internal/cli/completion"
	"github.com/corpastro/astrohook/cmd/internal/cli/connection"
	"github.com/corpastro/astrohook/cmd/internal/cli/inspect"
	"github.com/corpastro/astrohook/cmd/internal/cli/resource"
	"github.com/corpastro/astrohook/cmd/internal/process"
	"github.com/corpastro/astrohook/cmd/internal/settings"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
	"github.com/corpastro/astrohook/webhook"
)

// The exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// commandLine has the commands and their flags, as the parser reads them. A command
// that takes a setting of the server takes it under the same name, so that one settings
// file, and one environment, serves all commands. The texts in the tags are the help.
type commandLine struct {
	// Neither of these is a setting: a file cannot name another one, and a variable that
	// prints the version would break every command.
	Config      kong.ConfigFlag `placeholder:"FILE" help:"YAML file with settings, named as the flags are."`
	ShowVersion versionFlag     `name:"version" short:"v" env:"-" help:"Print the version."`

	Serve     serveCommand     `cmd:"" group:"Run a server" help:"Run the server."`
	ConfigCmd configCommand    `cmd:"" name:"config" group:"Run a server" help:"Check or print the settings of a server."`
	Doctor    doctorCommand    `cmd:"" group:"Run a server" help:"Look for what keeps a server, or its deliveries, from working."`
	Token     tokenCommand     `cmd:"" group:"Run a server" help:"Make a token, signed with the configured secret."`
	Key       keyCommand       `cmd:"" group:"Run a server" help:"Make, list and revoke API keys."`
	SecretKey secretKeyCommand `cmd:"" group:"Run a server" help:"Make a key that encrypts the secrets on disk."`
	Reencrypt reencryptCommand `cmd:"" group:"Run a server" help:"Encrypt all secrets of a running server with its first key."`
	Check     checkCommand     `cmd:"" group:"Run a server" help:"Verify a data directory, and count what it holds."`
	Backup    backupCommand    `cmd:"" group:"Run a server" help:"Write all that a server holds to a file."`
	Restore   restoreCommand   `cmd:"" group:"Run a server" help:"Make a data directory, or fill a database, from a backup."`
	Migrate   migrateCommand   `cmd:"" group:"Run a server" help:"Make or update the tables of a database."`

	Status     inspect.Status      `cmd:"" group:"See and act" help:"Show whether a server is ready, and what it is doing."`
	Top        resource.Top        `cmd:"" group:"See and act" help:"Show the webhooks that are worst off, again and again."`
	Webhooks   resource.Webhooks   `cmd:"" group:"See and act" help:"List, register and change webhooks."`
	Deliveries resource.Deliveries `cmd:"" group:"See and act" help:"List, show, retry and cancel deliveries."`
	Jobs       resource.Jobs       `cmd:"" group:"See and act" help:"List, pause and cancel changes of many deliveries."`
	Events     resource.Events     `cmd:"" group:"See and act" help:"List and show events."`
	Types      resource.Types      `cmd:"" group:"See and act" help:"List, register and change event types."`
	Tail       resource.Tail       `cmd:"" group:"See and act" help:"Show attempts, deliveries, breakers and changes as they happen."`
	Audit      resource.Audit      `cmd:"" group:"See and act" help:"List who changed what."`
	Replay     resource.Replay     `cmd:"" group:"See and act" help:"Send finished deliveries of a webhook again, or events that it was never sent."`
	Open       openCommand         `cmd:"" group:"See and act" help:"Open the console in a browser, signed in."`

	Publish publishCommand `cmd:"" group:"Publish and receive" help:"Publish an event, or many."`
	Listen  listenCommand  `cmd:"" group:"Publish and receive" help:"Receive deliveries, verify their signatures and print them."`
	Verify  verifyCommand  `cmd:"" group:"Publish and receive" help:"Check the signatures of one delivery."`

	Login      connection.Login    `cmd:"" group:"This program" help:"Keep a server and a token for the commands."`
	Logout     connection.Logout   `cmd:"" group:"This program" help:"Forget a server and its token."`
	Profiles   connection.Profiles `cmd:"" group:"This program" help:"List the servers that login keeps, or use another one."`
	Completion completion.Command  `cmd:"" group:"This program" help:"Print a script that completes command lines in a shell."`
	Version    versionCommand      `cmd:"" group:"This program" help:"Print the version."`
	Help       helpCommand         `cmd:"" group:"This program" help:"Explain a command."`
}

// streams are the standard streams, in the short form that every command here uses.
type streams = terminal.Streams

func main() {
	os.Exit(run(context.Background(), os.Args, streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}

// run carries out a command line and returns the exit code. An interrupt ends ctx; a
// second one ends the process. At a hang-up a server reads its settings again; the
// other commands end, as at an interrupt.
func run(ctx context.Context, args []string, std streams) int {
	ctx, stop := process.Interruptible(ctx)
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	file, shown := new(settings.File), false
	// A hang-up that the parent has ignored (nohup) stays ignored by the other commands. The
	// channel has room for one: a second hang-up before a reload begins adds nothing.
	hung, unheard := make(hangups, 1), signal.Ignored(syscall.SIGHUP)
	signal.Notify(hung, syscall.SIGHUP)
	defer signal.Stop(hung)
	parser, err := newParser(ctx, args[0], std, kong.Configuration(file.Load), kong.Exit(func(int) { shown = true }),
		kong.Bind(hung, readAgain(ctx, args, std), file))
	if err != nil {
		return fail(std.Err, err, exitFailed)
	}
	if completion.IsRequest(args[1:]) {
		return complete(ctx, parser.Model, args[1:], std)
	}
	command, err := parser.Parse(asFlags(parser.Model, args[1:]))
	if shown { // help, or the version
		return exitDone
	}
	// What the parser refuses is wrong usage; what Run refuses is that only if the error
	// says so.
	if err != nil {
		return fail(std.Err, explainRefusal(err, file, parser.Model), exitUsage)
	}
	if command.Command() != "serve" && !unheard {
		go endAt(ctx, hung, cancel)
	}
	err = command.Run()
	var setting *webhook.FieldError
	var usage *settings.UsageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &setting):
		return fail(std.Err, withPlace(err, file), exitUsage)
	case errors.As(err, &usage):
		return fail(std.Err, err, exitUsage)
	}
	return fail(std.Err, err, exitFailed)
}

// complete answers a shell that asks for completions. A shell shows no errors.
func complete(ctx context.Context, model *kong.Application, args []string, std streams) int {
	values := func(kind string, flags map[string]string) []completion.Value {
		return resource.Known(ctx, kind, flags)
	}
	if err := completion.Answer(model, args, values, std.Out); err != nil {
		return exitFailed
	}
	return exitDone
}

// program is the name that this process was called by, for commands that users paste.
type program string

// newParser returns a parser of the command line, for one use: it writes into a
// commandLine of its own. A later option replaces an earlier one of the same kind, so
// that run and readAgain pass the settings file whose places they need.
func newParser(ctx context.Context, name string, std streams, more ...kong.Option) (*kong.Kong, error) {
	options := []kong.Option{
		kong.Name("astrohook"),
		kong.Description("A webhook dispatcher: publish events, have them delivered, signed, at least once."),
		kong.DefaultEnvars("ASTROHOOK"),
		app.Durations(),
		kong.PostBuild(namePlaces),
		kong.PostBuild(hideRepeated),
		kong.Configuration(new(settings.File).Load),
		kong.Writers(std.Out, std.Err),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.ValueFormatter(explain),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(std, program(name)),
		kong.PostBuild(func(k *kong.Kong) error { return kong.Bind(k.Model).Apply(k) }),
	}
	return kong.New(&commandLine{}, append(options, more...)...)
}

// The parser's errors are texts only. A test has one of each kind, so that an update of
// the parser that changes them is noticed.
var (
	// flagName finds the flag that an error of the parser begins with.
	flagName = regexp.MustCompile(`^--([a-z0-9-]+)`)
	// unknownFlag finds the flag in the parser's error about an unknown one.
	unknownFlag = regexp.MustCompile(`^unknown flag --([A-Za-z0-9-]+)$`)
)

// explainRefusal returns an error of the parser with what the parser does not know:
// the line of the settings file, the command that has the flag, or the flag's new name.
func explainRefusal(err error, file *settings.File, model *kong.Application) error {
	if inFile, ok := errors.AsType[*settings.FileError](err); ok {
		return inFile
	}
	text := err.Error()
	if name := flagName.FindStringSubmatch(text); name != nil && file.Where(name[1]) != "" {
		return fmt.Errorf("%s: %w", file.Where(name[1]), err)
	}
	if name := unknownFlag.FindStringSubmatch(text); name != nil {
		if commands := commandsWith(model, name[1]); len(commands) > 0 {
			return settings.Misuse(fmt.Sprintf("--%s is a flag of %s, and belongs behind the command's name", name[1], strings.Join(commands, ", ")))
		}
		return settings.Misuse(text + settings.DidYouMean("--", settings.Nearest(name[1], settings.Names(model))))
	}
	return err
}

// commandsWith returns the names of the commands that have a flag.
func commandsWith(model *kong.Application, flag string) (commands []string) {
	for _, node := range model.Leaves(true) {
		if slices.ContainsFunc(node.Flags, func(f *kong.Flag) bool { return f.Name == flag && !f.Hidden }) {
			commands = append(commands, strings.TrimSpace(strings.TrimPrefix(node.Path(), model.Name)))
		}
	}
	return commands
}

// settingFault returns the error of a wrong setting, with the place where it was set: the
// line of the file, or else both names under which it can be set, as the value may have
// come from either.
func settingFault(fault *webhook.FieldError, file *settings.File) error {
	if at := file.Where(fault.Field); at != "" {
		return fmt.Errorf("%s: %s %s", at, fault.Field, fault.Reason)
	}
	return fmt.Errorf("--%s (%s) %s", fault.Field, settings.EnvName(fault.Field), fault.Reason)
}

// withPlace returns an error with the place of the setting that it is about, if it is about
// one.
func withPlace(err error, file *settings.File) error {
	if fault, wrong := errors.AsType[*webhook.FieldError](err); wrong {
		return settingFault(fault, file)
	}
	return err
}

// fail writes one line about an error and returns the exit code. Nothing can be done if
// even that line cannot be written.
func fail(w io.Writer, err error, code int) int {
	_, _ = fmt.Fprintf(w, "astrohook: %s\n", strings.TrimSpace(err.Error()))
	return code
}

// endAt calls cancel at a signal. It returns then, or when ctx ends.
func endAt(ctx context.Context, signals <-chan os.Signal, cancel context.CancelFunc) {
	select {
	case <-signals:
		cancel()
	case <-ctx.Done():
	}
}
