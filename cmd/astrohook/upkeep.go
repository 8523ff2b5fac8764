package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/dustin/go-humanize"

	"github.com/corpastro/astrohook/cmd/internal/app"
	"github.com/corpastro/astrohook/cmd/internal/cli/connection"
	"github.com/corpastro/astrohook/cmd/internal/cli/live"
	"github.com/corpastro/astrohook/cmd/internal/settings"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// checkCommand verifies the data directory of a server that is stopped.
type checkCommand struct {
	// SecretKeys is the server's setting; without it secrets are checked in their encrypted
	// form only.
	SecretKeys []string `placeholder:"ID:KEY" help:"The server's keys: with them all secrets are decrypted."`

	Dir string `arg:"" placeholder:"DIR" help:"Data directory of a server that is stopped."`
}

// Run verifies a data directory and prints what it holds. After a fault it prints what was
// whole, so that an operator can weigh a backup against the rest.
func (c *checkCommand) Run(std streams) error {
	if app.IsDatabase(c.Dir) {
		return settings.Misuse("check is about data directories; a database checks its own pages: initdb --data-checksums, pg_amcheck")
	}
	if err := isDir(c.Dir); err != nil {
		return err
	}
	working := live.Share(std.Err, "Checking")
	found, err := app.Check(c.Dir, c.SecretKeys, working.Set)
	working.Stop()
	if err != nil {
		if found != (app.CheckReport{}) {
			fmt.Fprintln(std.Out, "Whole: "+contents(found))
		}
		return err
	}
	fmt.Fprintf(std.Out, "Checked %s (%s): every record is whole.\nIt holds %s\n%s\n", c.Dir, sizeOf(c.Dir), contents(found), decrypted(found, len(c.SecretKeys) > 0))
	return nil
}

// backupCommand backs up a running server through its API, or a data directory. The
// number of arguments decides: a server's data directory is locked.
type backupCommand struct {
	connection.Flags `embed:""` // the token needs the scope admin

	Paths []string `arg:"" name:"path" help:"FILE to back up a running server to; or DIR FILE, with the data directory of a server that is stopped. Secrets in the file stay encrypted: keep the keys as long as the file."`
}

// Run backs up a running server, or a data directory and prints what that holds.
func (c *backupCommand) Run(ctx context.Context, std streams) error {
	switch len(c.Paths) {
	case 1:
		return c.online(ctx, std, c.Paths[0])
	case 2:
		if app.IsDatabase(c.Paths[0]) {
			return settings.Misuse("backup is about data directories; back a database up by its own means, such as pg_dump or pgBackRest")
		}
		return c.offline(std, c.Paths[0], c.Paths[1])
	}
	return settings.Misuse("backup takes FILE, or DIR FILE")
}

// online saves what a running server streams. A stream that is cut off leaves no file.
func (c *backupCommand) online(ctx context.Context, std streams, file string) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	defer client.Close()
	stream, err := client.Open(ctx, "/api/backup")
	if err != nil {
		return fmt.Errorf("back up %s: %w", client.Server, err)
	}
	progress := live.Bytes(std.Err, "Backing up", 0)
	found, err := app.SaveBackup(io.TeeReader(stream, progress), file)
	progress.Stop()
	if err = errors.Join(err, stream.Close()); err != nil {
		return fmt.Errorf("back up %s: %w", client.Server, err)
	}
	printBackup(std, client.Server, file, found)
	return nil
}

// printBackup prints what a backup holds, and where it came from: a URL or a directory.
func printBackup(std streams, from, file string, found app.CheckReport) {
	fmt.Fprintf(std.Out, "Backed up %s to %s (%s, verified).\nIt holds %s\n", terminal.Printable(from), file, sizeOf(file), contents(found))
}

// offline saves a data directory that no server uses.
func (c *backupCommand) offline(std streams, dir, file string) error {
	if err := isDir(dir); err != nil {
		return err
	}
	working := live.Share(std.Err, "Backing up")
	found, err := app.Backup(dir, file, working.Set)
	working.Stop()
	if err != nil {
		return err
	}
	printBackup(std, dir, file, found)
	return nil
}

// restoreCommand makes a data directory, or fills a database, which a server can then
// start with. The server's keys must be those that the backup's secrets were encrypted with.
type restoreCommand struct {
	DatabaseURL string `placeholder:"URL" help:"The server's setting: the database to fill if no place is named."`

	File string `arg:"" placeholder:"FILE" help:"Backup that the backup command made."`
	Dir  string `arg:"" optional:"" placeholder:"DIR" help:"Data directory to make; or postgres://user:password@host:port/database, an empty database to fill: the way from one machine to a cluster."`
}

// Run makes a data directory or fills a database from a backup, checks it, and prints what
// it holds.
func (c *restoreCommand) Run(ctx context.Context, std streams) error {
	place := c.Dir
	if place == "" {
		place = c.DatabaseURL
	}
	if place == "" {
		return settings.Misuse("restore takes FILE DIR, or FILE postgres://…")
	}
	if app.IsDatabase(place) {
		working := live.Work(std.Err, "Restoring")
		found, err := app.RestoreDatabase(ctx, c.File, place)
		working.Stop()
		if err != nil {
			return err
		}
		fmt.Fprintf(std.Out, "Restored %s (%s) into %s: every record was checked, and every row counted.\nIt holds %s\n",
			c.File, sizeOf(c.File), app.DescribeDatabase(place), contents(found))
		return nil
	}
	working := live.Share(std.Err, "Restoring")
	found, err := app.Restore(c.File, place, working.Set)
	working.Stop()
	if err != nil {
		return err
	}
	fmt.Fprintf(std.Out, "Restored %s (%s) into %s (%s): every record was compared and checked.\nIt holds %s\n",
		c.File, sizeOf(c.File), place, sizeOf(place), contents(found))
	return nil
}

// isDir returns an error unless dir is a directory: a mistyped name must not become an
// empty data directory.
func isDir(dir string) error {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = settings.Misuse(dir + " is not a directory")
	}
	return err
}

// contents returns the numbers of what was found, in one line. Statuses are counted apart
// only if there are deliveries.
func contents(c app.CheckReport) string {
	line := fmt.Sprintf("%s, %s, %s; ", terminal.CountedOrNo(c.Endpoints, "webhook"), terminal.CountedOrNo(c.EventTypes, "event type"), terminal.CountedOrNo(c.Events, "event"))
	all := c.Queued + c.Retrying + c.Delivered + c.Failed
	line += terminal.CountedOrNo(all, "delivery")
	if all > 0 {
		line += fmt.Sprintf(": %s queued, %s retrying, %s delivered, %s failed or cancelled",
			orNone(c.Queued), orNone(c.Retrying), orNone(c.Delivered), orNone(c.Failed))
	}
	return line + "."
}

// decrypted returns the number of webhooks whose secrets were decrypted, in one line. It
// says so when keys were missing, so that nobody takes a check without them for more.
func decrypted(c app.CheckReport, keys bool) string {
	if !keys {
		return "No secret was decrypted: that takes --secret-keys."
	}
	return "Secrets decrypted of " + terminal.CountedOrNo(c.Opened, "webhook") + "."
}

// orNone returns a number, or "none" for 0.
func orNone(n int64) string {
	if n == 0 {
		return "none"
	}
	return strconv.FormatInt(n, 10)
}

// sizeOf returns the size of a file, or of all files in a directory, for people. It is an
// ornament of a line: an error must not fail a command that has done its work.
func sizeOf(path string) string {
	var size int64
	err := filepath.WalkDir(path, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	if err != nil {
		return "size unknown"
	}
	return humanize.IBytes(uint64(size))
}
