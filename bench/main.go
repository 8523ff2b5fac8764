// Command bench loads an Astrohook server over its public HTTP API and reports
// how much it delivers, how fast and at what cost. See README.md.
//
// What belongs here: the scenarios, how each is played, and the order of a run. What
// does not: publishing (loadgen), receiving (receiver), starting and watching a server
// (server, process), and what is made of the results (report).
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var command interface{ Run(context.Context) error } = &runCommand{}
	name, args := "bench", os.Args[1:]
	if len(args) > 0 {
		switch args[0] {
		case receiverArgument:
			command, args = &receiverCommand{}, args[1:]
		case chartsArgument:
			command, name, args = &chartsCommand{}, "bench charts", args[1:]
		}
	}
	parser := kong.Must(command, kong.Name(name), kong.Description("Load an Astrohook server over its HTTP API and report what it delivers, how fast and at what cost."))
	_, err := parser.Parse(args)
	parser.FatalIfErrorf(err)
	err = command.Run(ctx)
	stop()
	parser.FatalIfErrorf(err)
}
