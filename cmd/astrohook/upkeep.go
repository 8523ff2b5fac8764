package main

import (
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
	Dir  string `arg:"" placeholder:"DIR" help:"Data directory of a server that is stopped."`
	File string `arg:"" placeholder:"FILE" help:"File to make. Its secrets stay encrypted: keep the keys as long as it."`
}

// Run backs a data directory up, and prints what it holds.
func (c *backupCommand) Run(std streams) error {
	if err := isDir(c.Dir); err != nil {
		return err
	}
	found, err := app.Backup(c.Dir, c.File)
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
	fmt.Fprintf(std.out, "%d endpoints, secrets decrypted of %d, %d event types, %d events; deliveries: %d queued, %d retrying, %d delivered, %d failed; damaged: %d\n",
		c.Endpoints, c.Opened, c.EventTypes, c.Events, c.Queued, c.Retrying, c.Delivered, c.Failed, c.Damaged)
}
