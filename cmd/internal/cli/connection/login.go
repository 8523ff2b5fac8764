package connection

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"

	"golang.org/x/term"

	"github.com/corpastro/astrohook/cmd/internal/apiclient"
	"github.com/corpastro/astrohook/cmd/internal/settings"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// maxToken bounds what login reads, in bytes. The server takes tokens of 8 KiB at most.
const maxToken = 16 << 10

// profileName is what profiles may be called: names that need no quotes in a shell.
var profileName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// Login keeps a server and a token as a profile.
type Login struct {
	Server  string `placeholder:"URL" help:"The server. Default: http://127.0.0.1:8080."`
	Token   string `placeholder:"TOKEN" help:"Token, or API key; in the environment or the settings file, since other users of the machine can read a command line. Default: asked for, or read from the standard input."`
	NoCheck bool   `env:"-" help:"Keep the token without calling the server."`
	Name    string `arg:"" optional:"" default:"default" help:"Name of the profile."`
}

// Run asks the server whether it takes the token, keeps both, and makes the profile the one
// that commands use.
func (c *Login) Run(ctx context.Context, std terminal.Streams) error {
	if !profileName.MatchString(c.Name) {
		return settings.Misuse(fmt.Sprintf("%q is not a name of a profile: letters, digits, dots, hyphens and underscores, 64 at most", c.Name))
	}
	if c.Server == "" {
		c.Server = DefaultServer
	}
	token, err := c.token(ctx, std)
	if err != nil {
		return err
	}
	client, err := apiclient.New(c.Server, token)
	if err != nil {
		return err
	}
	defer client.Close()
	if !c.NoCheck {
		if err := verifyToken(ctx, client); err != nil {
			return fmt.Errorf("log in at %s: %w", terminal.Printable(client.Server), err)
		}
	}
	file, err := readOrNew()
	if err != nil {
		return err
	}
	file.Profiles[c.Name] = profile{Server: client.Server, Token: client.Token}
	file.Current = c.Name
	if err := file.write(); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(std.Err, "Logged in at %s. Commands use the profile %s from now on; it is in %s.\n", terminal.Printable(client.Server), c.Name, file.path)
	return nil
}

// token returns the token of the flag, or of the standard input: without an echo from a
// terminal, and the first line otherwise.
func (c *Login) token(ctx context.Context, std terminal.Streams) (string, error) {
	if c.Token != "" {
		return c.Token, nil
	}
	if file, ok := std.In.(*os.File); ok && terminal.Is(file) {
		_, _ = fmt.Fprintf(std.Err, "Token or API key for %s: ", terminal.Printable(c.Server))
		defer fmt.Fprintln(std.Err)
		return readSecret(ctx, file)
	}
	line, err := bufio.NewReader(io.LimitReader(std.In, maxToken)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the token: %w", err)
	}
	if strings.TrimSpace(line) == "" {
		return "", settings.Misuse("no token on the standard input: `astrohook token` makes one, and an API key does as well")
	}
	return line, nil
}

// errInterrupted ends a question that a user does not answer.
var errInterrupted = errors.New("interrupted")

// readSecret reads a line from a terminal without an echo. An interrupt brings the echo
// back: a shell that shows nothing is a puzzle.
func readSecret(ctx context.Context, file *os.File) (string, error) {
	fd := int(file.Fd())
	state, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	type line struct {
		text []byte
		err  error
	}
	read := make(chan line, 1) // the goroutine is left behind at an interrupt, and ends with the process
	go func() {
		text, err := term.ReadPassword(fd)
		read <- line{text, err}
	}()
	select {
	case l := <-read:
		return string(l.text), l.err
	case <-ctx.Done():
		return "", errors.Join(errInterrupted, term.Restore(fd, state))
	}
}

// verifyToken returns an error if the server does not know the token. One that may not list
// webhooks, such as a publisher's, is as good as any other.
func verifyToken(ctx context.Context, client *apiclient.Client) error {
	status, text, err := client.Send(ctx, apiclient.Request{Method: http.MethodGet, Path: "/api/webhooks?limit=1"})
	switch {
	case err != nil:
		return err
	case status == http.StatusOK, status == http.StatusForbidden:
		return nil
	}
	return apiclient.Refusal(status, text)
}

// Logout removes a profile.
type Logout struct {
	Name string `arg:"" optional:"" complete:"profile" help:"Name of the profile. Default: the one in use."`
}

// Run removes the profile with its token. The token itself stays valid: the server, or who
// issued it, must revoke it.
func (c *Logout) Run(std terminal.Streams) error {
	file, err := readOrNew()
	if err != nil {
		return err
	}
	name := c.Name
	if name == "" {
		name = file.Current
	}
	if name == "" {
		return settings.Misuse("no profile is in use")
	}
	if _, there := file.Profiles[name]; !there {
		return file.unknown(name)
	}
	delete(file.Profiles, name)
	if file.Current == name {
		file.Current = ""
	}
	if err := file.write(); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(std.Err, "Removed the profile %s. Its token stays valid until it expires or is revoked.\n", name)
	return nil
}
