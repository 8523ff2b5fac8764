package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// program is a process that the bench started.
type program struct {
	cmd *exec.Cmd
	// exited is closed when the process is gone; err is what became of it.
	exited chan struct{}
	err    error
	stop   func() error
}

func start(cmd *exec.Cmd) (*program, error) {
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	p := &program{cmd: cmd, exited: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.exited)
	}()
	p.stop = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	return p, nil
}

// pid is its process id; 0 of a program that somebody else started.
func (p *program) pid() int {
	if p == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// stopTimeout bounds how long a process may take to stop.
const stopTimeout = 40 * time.Second

// close asks the process to stop, waits for it, and kills one that does not.
func (p *program) close() error {
	if err := p.stop(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.cmd.Path, err)
	}
	select {
	case <-p.exited:
		if p.err != nil {
			return fmt.Errorf("%s: %w", p.cmd.Path, p.err)
		}
		return nil
	case <-time.After(stopTimeout):
		return errors.Join(fmt.Errorf("%s did not stop in %s", p.cmd.Path, stopTimeout), p.kill())
	}
}

// kill ends the process at once, as kill -9 does.
func (p *program) kill() error {
	if err := p.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("kill %s: %w", p.cmd.Path, err)
	}
	<-p.exited
	return nil
}

// startReceiver runs this program's receiver in a process of its own, and gives
// the address that it listens on.
func startReceiver(listen string) (*program, string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", fmt.Errorf("find the bench's own file: %w", err)
	}
	cmd := exec.Command(self, receiverArgument, "--listen", listen)
	cmd.Stderr = os.Stderr
	// A signal to the bench's group must not end it before its server.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, inErr := cmd.StdinPipe()
	// Not StdoutPipe: Wait closes that, and start's goroutine calls Wait at once.
	out, outEnd, outErr := os.Pipe()
	if err := errors.Join(inErr, outErr); err != nil {
		return nil, "", fmt.Errorf("start the receiver: %w", err)
	}
	cmd.Stdout = outEnd
	p, err := start(cmd)
	_ = outEnd.Close() // the receiver has its own
	if err != nil {
		return nil, "", err
	}
	p.stop = in.Close
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, "", errors.Join(fmt.Errorf("read the receiver's address: %w", err), p.close())
	}
	return p, strings.TrimSpace(address), nil
}
