package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/corpastro/astrohook/cmd/internal/app"
)

type checkCommand struct {
	SecretKeys []string `placeholder:"ID:KEY" help:"The server's keys: with them all secrets are decrypted."`

	Dir string `arg:"" placeholder:"DIR" help:"Data directory of a server that is stopped."`
}

// Run verifies a data directory and prints what it holds.
func (c *checkCommand) Run(std streams) error {
	if err := isDir(c.Dir); err != nil {
		return err
	}
	found, err := app.Check(c.Dir, c.SecretKeys)
	printCensus(std, found)
	return err
}

type backupCommand struct {
	Server string   `default:"http://127.0.0.1:8080" placeholder:"URL" help:"The running server."`
	Token  string   `placeholder:"TOKEN" help:"Token with the scope admin."`
	Paths  []string `arg:"" name:"path" help:"FILE to make of what a running server holds; or DIR FILE, with the data directory of one that is stopped. Secrets in the file stay encrypted: keep the keys as long as it."`
}

// Run backs up a running server, or a data directory and prints what that holds.
func (c *backupCommand) Run(ctx context.Context, std streams) error {
	switch len(c.Paths) {
	case 1:
		return c.online(ctx, c.Paths[0])
	case 2:
		return c.offline(std, c.Paths[0], c.Paths[1])
	}
	return &usageError{"backup takes FILE, or DIR FILE"}
}

func (c *backupCommand) online(ctx context.Context, file string) error {
	client, err := newClient(c.Server, c.Token)
	if err != nil {
		return err
	}
	defer client.close()
	stream, err := client.open(ctx, "/api/backup")
	if err == nil {
		err = errors.Join(app.SaveBackup(stream, file), stream.Close())
	}
	if err != nil {
		return fmt.Errorf("back up %s: %w", c.Server, err)
	}
	return nil
}

func (c *backupCommand) offline(std streams, dir, file string) error {
	if err := isDir(dir); err != nil {
		return err
	}
	found, err := app.Backup(dir, file)
	printCensus(std, found)
	return err
}

type restoreCommand struct {
	File string `arg:"" placeholder:"FILE" help:"Backup that the backup command made."`
	Dir  string `arg:"" placeholder:"DIR" help:"Data directory to make."`
}

// Run makes a data directory of a backup, checks it, and prints what it holds.
func (c *restoreCommand) Run(std streams) error {
	found, err := app.Restore(c.File, c.Dir)
	printCensus(std, found)
	return err
}

// isDir keeps a mistyped name from making an empty data directory.
func isDir(dir string) error {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = &usageError{dir + " is not a directory"}
	}
	return err
}

func printCensus(std streams, c app.Census) {
	if c == (app.Census{}) {
		return
	}
	fmt.Fprintf(std.out, "%d webhooks, secrets decrypted of %d, %d event types, %d events; deliveries: %d queued, %d retrying, %d delivered, %d failed; damaged: %d\n",
		c.Endpoints, c.Opened, c.EventTypes, c.Events, c.Queued, c.Retrying, c.Delivered, c.Failed, c.Damaged)
}
