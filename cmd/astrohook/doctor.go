package main

import (
	"context"
	"log/slog"

	"github.com/alecthomas/kong"

	"github.com/corpastro/astrohook/cmd/internal/app"
	"github.com/corpastro/astrohook/cmd/internal/cli/connection"
	"github.com/corpastro/astrohook/cmd/internal/cli/inspect"
	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/settings"
)

// doctorCommand examines a server, its machine, and the way to a target. It takes the
// settings of serve, under the same names, because the guard and the disk depend on them.
type doctorCommand struct {
	serveCommand `embed:""`
	Connection   connection.Flags `embed:""`
	Format       output.Flags     `embed:""`

	Admin  string `placeholder:"URL" help:"The server's admin listener. Default: http://127.0.0.1:9090 for a server on this machine, none for others."`
	Target string `env:"-" placeholder:"URL" help:"Examine the way to this target of a webhook as well: address guard, DNS, connection, certificate."`
}

// Run examines, and prints what it finds.
func (c *doctorCommand) Run(ctx context.Context, std streams, command *kong.Context, file *settings.File) error {
	config, err := c.stoodIn()
	if err != nil {
		return err
	}
	d := inspect.Doctor{
		Config: config, Flags: c.Connection, Admin: c.Admin, Target: c.Target,
		Check: func() error {
			if err := settings.CheckEnvironment(command.Model); err != nil {
				return err
			}
			config.Log = c.logger(std.Err, new(slog.LevelVar))
			_, err := app.New(config)
			return withPlace(err, file)
		},
	}
	return d.Run(ctx, c.Format.Printer(std))
}
