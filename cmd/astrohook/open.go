package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/corpastro/astrohook/cmd/internal/apiclient"
	"github.com/corpastro/astrohook/cmd/internal/cli/connection"
	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// openCommand opens the console in a browser. The browser gets a link that works once and for
// minutes, and never the token: other users can read a command line, and a browser keeps
// addresses.
type openCommand struct {
	Server connection.Flags `embed:""`
	Format output.Flags     `embed:""`

	ReadOnly bool `env:"-" help:"Look only: the session changes nothing."`
	Print    bool `env:"-" help:"Print the link, and start no browser. So do the formats other than table."`
}

// signInLink is what the server answers with.
type signInLink struct {
	URL       string `json:"url"`
	ExpiresAt string `json:"expires_at"`
}

// Run makes a sign-in link, and opens it in a browser or prints it.
func (c *openCommand) Run(ctx context.Context, std streams) error {
	client, err := c.Server.Client()
	if err != nil {
		return err
	}
	defer client.Close()
	request := apiclient.Request{Method: http.MethodPost, Path: "/api/sign-in-links"}
	if c.ReadOnly {
		request.ContentType, request.Body = "application/json", []byte(`{"scope":"read"}`)
	}
	var answer json.RawMessage
	if err := client.Do(ctx, request, &answer); err != nil {
		return fmt.Errorf("sign in at %s: %w", terminal.Printable(client.Server), err)
	}
	return output.One(c.Format.Printer(std), answer, func(p *output.Printer, link signInLink) error { return c.open(ctx, p, link) })
}

// open opens a link in a browser, or prints it.
func (c *openCommand) open(ctx context.Context, p *output.Printer, link signInLink) error {
	// What is started with the address must not take it for a flag or a file.
	if !strings.HasPrefix(link.URL, "https://") && !strings.HasPrefix(link.URL, "http://") || link.URL != terminal.Printable(link.URL) {
		return errors.New("the server's answer has no link that a browser could open")
	}
	if !c.Print {
		err := browse(ctx, link.URL)
		if err == nil {
			p.Note("Opened the console in a browser.")
			return nil
		}
		p.Note(fmt.Sprintf("No browser could be started: %v. Open this address in one:", err))
	}
	if err := p.Text(link.URL + "\n"); err != nil {
		return err
	}
	p.Note("The link works once, until " + output.When(link.ExpiresAt) + ".")
	return nil
}

// browserGrace is how long a browser may take to fail. One that still runs then has opened.
var browserGrace = 3 * time.Second // tests wait longer, on machines that are busy

// browse opens an address in the user's browser.
func browse(ctx context.Context, url string) error {
	name, args, err := browser(runtime.GOOS, os.Getenv)
	if err != nil {
		return err
	}
	cmd := exec.Command(name, append(args, url)...) // not CommandContext: the browser outlives this command
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "ASTROHOOK_") })
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	case <-ctx.Done():
	case <-time.After(browserGrace):
	}
	return nil
}

// browser returns the command that opens an address on an operating system: the variable
// BROWSER, or the system's own. Without a display there is none: what opens an address then
// is a program for texts, which could not show the console.
func browser(system string, env func(string) string) (name string, args []string, err error) {
	if own := strings.Fields(env("BROWSER")); len(own) > 0 {
		return own[0], own[1:], nil
	}
	switch system {
	case "darwin":
		return "open", nil, nil
	case "windows":
		return "rundll32", []string{"url.dll,FileProtocolHandler"}, nil
	}
	if env("DISPLAY")+env("WAYLAND_DISPLAY") == "" {
		return "", nil, errors.New("there is no display (DISPLAY, WAYLAND_DISPLAY, or a command in BROWSER)")
	}
	return "xdg-open", nil, nil
}
