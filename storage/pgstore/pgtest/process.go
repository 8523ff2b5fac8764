package pgtest

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a postmaster and its children.
type process struct {
	pid   int
	ended chan struct{} // closed once it was waited for
}

// endTimeout bounds how long a server may take to end.
const endTimeout = 30 * time.Second

// startProcess starts a command, in a network namespace unless that is "", and waits for it
// in a goroutine that keeps its thread: the system kills the server when the thread ends
// that started it. The thread ends with the goroutine, because nobody else may have one
// that is in another namespace.
func startProcess(cmd *exec.Cmd, namespace string) (*process, error) {
	p := &process{ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := enter(namespace)
		if err == nil {
			err = cmd.Start()
		}
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		started <- err
		if err == nil {
			_ = cmd.Wait() // whoever ends it knows how
			close(p.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// end sends a signal and waits until the server has ended. SIGKILL goes to its children
// too, which would live on for a moment. It does nothing if the server has ended before.
func (p *process) end(sig syscall.Signal) error {
	select {
	case <-p.ended:
		return nil
	default:
	}
	children := p.children()
	if err := signal(p.pid, sig); err != nil {
		return err
	}
	_ = signal(p.pid, syscall.SIGCONT) // a suspended server hears sig then; a killed one may have gone
	if sig == syscall.SIGKILL {
		for _, pid := range children {
			_ = signal(pid, sig) // it may have ended with its parent
		}
	}
	select {
	case <-p.ended:
	case <-time.After(endTimeout):
		return fmt.Errorf("PostgreSQL, process %d, has not ended after %v", p.pid, endTimeout)
	}
	return awaitGone(children)
}

// awaitGone returns once no process has any of these numbers: they share memory, and a
// server that starts meanwhile would refuse to.
func awaitGone(pids []int) error {
	deadline := time.Now().Add(endTimeout)
	for _, pid := range pids {
		for syscall.Kill(pid, 0) == nil && !zombie(pid) {
			if time.Now().After(deadline) {
				return fmt.Errorf("process %d of PostgreSQL has not ended after %v", pid, endTimeout)
			}
			time.Sleep(time.Millisecond)
		}
	}
	return nil
}

// zombie reports whether a process has ended and nobody waits for it. In a container
// without init, orphans stay so.
func zombie(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	_, state, found := strings.Cut(string(stat), ") ")
	return err == nil && found && strings.HasPrefix(state, "Z")
}

// signalAll sends a signal to the server and its children, the parent first.
func (p *process) signalAll(sig syscall.Signal) error {
	err := signal(p.pid, sig)
	for _, pid := range p.children() {
		_ = signal(pid, sig) // it may have ended meanwhile
	}
	return err
}

// children returns the processes that the server has started and that run.
func (p *process) children() []int {
	parent := strconv.Itoa(p.pid)
	out, _ := exec.Command("ps", "-o", "pid=", "--ppid", parent).Output() // fails if there are none
	var pids []int
	for _, field := range strings.Fields(string(out)) {
		if pid, err := strconv.Atoi(field); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// signal sends a signal to a process.
func signal(pid int, sig syscall.Signal) error {
	if err := syscall.Kill(pid, sig); err != nil {
		return fmt.Errorf("send %v to PostgreSQL, process %d: %w", sig, pid, err)
	}
	return nil
}
