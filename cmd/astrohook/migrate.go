package main

import (
	"context"
	"fmt"

	"github.com/corpastro/astrohook/cmd/internal/app"
)

// migrateCommand makes the tables of a database, or brings those of an older version up to
// date. A server does the same at its start; the command is for those who want to see it
// done, or whose servers may not change tables.
type migrateCommand struct {
	DatabaseURL string `required:"" placeholder:"URL" help:"The server's setting: postgres://user:password@host:port/database."`
}

// Run migrates a database, and prints from which version to which.
func (c *migrateCommand) Run(ctx context.Context, std streams) error {
	before, after, err := app.Migrate(ctx, c.DatabaseURL)
	if err != nil {
		return err
	}
	place := app.DescribeDatabase(c.DatabaseURL)
	switch before {
	case after:
		_, err = fmt.Fprintf(std.Out, "%s has the tables of version %d: nothing to do.\n", place, after)
	case 0:
		_, err = fmt.Fprintf(std.Out, "Made the tables of version %d in %s.\n", after, place)
	default:
		_, err = fmt.Fprintf(std.Out, "Migrated %s from version %d to %d.\n", place, before, after)
	}
	return err
}
