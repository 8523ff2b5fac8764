package main

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

type reencryptCommand struct {
	Server string `default:"http://127.0.0.1:8080" placeholder:"URL" help:"The server."`
	Token  string `placeholder:"TOKEN" help:"Token with the scope admin."`
}

// progressInterval is how often it is told how far the work came.
const progressInterval = time.Second

// Run has the server encrypt all secrets with the first of its keys. The server
// works in small steps; broken off, the next run goes on.
func (c *reencryptCommand) Run(ctx context.Context, std streams) error {
	client, err := newClient(c.Server, c.Token)
	if err != nil {
		return err
	}
	defer client.close()
	total, told := 0, time.Now()
	for {
		var step struct {
			Reencrypted int `json:"reencrypted"`
			Remaining   int `json:"remaining"`
		}
		if err := client.do(ctx, apiRequest{method: http.MethodPost, path: "/api/secret-keys/reencrypt"}, &step); err != nil {
			return fmt.Errorf("reencrypt: %w (%d webhooks done before)", err, total)
		}
		total += step.Reencrypted
		done := step.Remaining == 0
		if done || time.Since(told) >= progressInterval {
			told = time.Now()
			if _, err := fmt.Fprintf(std.out, "%d webhooks reencrypted, %d remain\n", total, step.Remaining); err != nil {
				return fmt.Errorf("print the progress: %w", err)
			}
		}
		if done {
			return nil
		}
	}
}
