// Package process starts programs, stops them, and measures what they use.
//
// What belongs here: child processes, their processor time and memory as the kernel
// counts them, the size of a folder on disk. What does not: what a program is for
// (server, and the receiver's process in the command). It imports nothing of the
// bench. It works on Linux only, because it reads /proc.
package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Program is a process that the bench started. Its methods are safe for concurrent use.
type Program struct {
	cmd    *exec.Cmd
	stop   func() error
	exited chan struct{}
	// patience is how long Close waits.
	patience time.Duration
	err      error // how the process ended; to be read after exited is closed
}

// Start starts a program in a process group of its own: a signal that a terminal
// sends to the bench must not end its server before the bench has read its figures.
// Close calls stop to ask the program to end; nil sends SIGTERM.
func Start(cmd *exec.Cmd, stop func() error) (*Program, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	if stop == nil {
		stop = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	}
	p := &Program{cmd: cmd, stop: stop, exited: make(chan struct{}), patience: stopTimeout}
	go func() { // ends with the process, which Close and Kill see to
		p.err = cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

// Exited is closed when the process has ended.
func (p *Program) Exited() <-chan struct{} { return p.exited }

// PID returns the process id; 0 of a nil program, which stands for a program that
// somebody else started.
func (p *Program) PID() int {
	if p == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// stopTimeout bounds how long a process may take to stop: a server that drains its
// deliveries takes up to 30 s.
const stopTimeout = 40 * time.Second

// Close asks the process to stop, waits for it, and kills one that does not stop in
// 40 s. It returns how the process ended, unless that is exit code 0.
func (p *Program) Close() error {
	// A process that has ended by itself has no input to close any more.
	if err := p.stop(); err != nil && !errors.Is(err, os.ErrProcessDone) && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("stop %s: %w", p.cmd.Path, err)
	}
	select {
	case <-p.exited:
		if p.err != nil {
			return fmt.Errorf("%s: %w", p.cmd.Path, p.err)
		}
		return nil
	case <-time.After(p.patience):
		return errors.Join(fmt.Errorf("%s did not stop in %s", p.cmd.Path, p.patience), p.Kill())
	}
}

// Kill ends the process at once, as kill -9 does, and waits until it is gone.
func (p *Program) Kill() error {
	if err := p.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("kill %s: %w", p.cmd.Path, err)
	}
	<-p.exited
	return nil
}
