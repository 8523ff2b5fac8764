package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/corpastro/astrohook/bench/process"
	"github.com/corpastro/astrohook/bench/receiver"
)

// receiverArgument, as the first one, makes the bench its receiver.
const receiverArgument = "receiver"

// receiverCommand runs the receiver as a process of its own, so that its processor time
// is known by itself. It ends with its standard input.
type receiverCommand struct {
	Listen string `help:"Address to listen on." default:"127.0.0.1:0"`
}

// Run prints the address that the receiver listens on, then serves.
func (c *receiverCommand) Run(context.Context) error {
	return receiver.Run(c.Listen, os.Stdin, os.Stdout)
}

// startReceiver runs this program's receiver in a process of its own, and returns the
// address on which it listens.
func startReceiver(listen string) (*process.Program, string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", fmt.Errorf("find the bench's own file: %w", err)
	}
	cmd := exec.Command(self, receiverArgument, "--listen", listen)
	cmd.Stderr = os.Stderr
	in, inErr := cmd.StdinPipe()
	// Not StdoutPipe: Wait closes that, and process.Start calls Wait at once.
	out, outEnd, outErr := os.Pipe()
	if err := errors.Join(inErr, outErr); err != nil {
		return nil, "", fmt.Errorf("start the receiver: %w", err)
	}
	cmd.Stdout = outEnd
	p, err := process.Start(cmd, in.Close)
	_ = outEnd.Close() // the receiver has its own
	if err != nil {
		return nil, "", err
	}
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, "", errors.Join(fmt.Errorf("read the receiver's address: %w", err), p.Close())
	}
	return p, strings.TrimSpace(address), nil
}
