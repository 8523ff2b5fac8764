package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/corpastro/astrohook/cmd/internal/apiclient"
	"github.com/corpastro/astrohook/cmd/internal/cli/connection"
	"github.com/corpastro/astrohook/cmd/internal/cli/live"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// reencryptCommand completes the replacement of a key: when nothing remains, the server
// can run without the old one.
type reencryptCommand struct {
	connection.Flags `embed:""` // the token needs the scope admin
}

// progressInterval is the time between two lines about the progress, where no terminal shows
// a bar. A step takes milliseconds, and there may be thousands.
const progressInterval = time.Second

// Run has the server encrypt all secrets with the first of its keys, in small steps.
// After an interruption the next run continues.
func (c *reencryptCommand) Run(ctx context.Context, std streams) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	defer client.Close()
	total, printed := 0, time.Now()
	shown := terminal.Is(std.Err)
	progress := live.Items(std.Err, "Reencrypting", 1)
	defer progress.Stop()
	for { // each step is one call, so that no call can run into a time limit
		var step struct {
			Reencrypted int `json:"reencrypted"`
			Remaining   int `json:"remaining"`
		}
		if err := client.Do(ctx, apiclient.Request{Method: http.MethodPost, Path: "/api/secret-keys/reencrypt"}, &step); err != nil {
			return fmt.Errorf("reencrypt: %w (%d webhooks done before)", err, total)
		}
		total += step.Reencrypted
		done := step.Remaining == 0
		progress.Set(int64(total), int64(total+step.Remaining))
		if done {
			progress.Stop()
		}
		if done || !shown && time.Since(printed) >= progressInterval {
			printed = time.Now()
			if _, err := fmt.Fprintf(std.Out, "%d webhooks reencrypted, %d remain\n", total, step.Remaining); err != nil {
				return fmt.Errorf("print the progress: %w", err)
			}
		}
		if done {
			return nil
		}
	}
}
