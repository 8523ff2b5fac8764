package pgtest

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// asUser makes a command run as a user that PostgreSQL accepts: it refuses root. The
// command ends with this process, however that ends.
func asUser(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		return nil
	}
	uid, gid, err := account()
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uid, Gid: gid}
	return err
}

// enter moves the thread of the caller into a network namespace, unless that is "".
func enter(namespace string) error {
	if namespace == "" {
		return nil
	}
	f, err := os.Open(namespace)
	if err != nil {
		return fmt.Errorf("open a network namespace: %w", err)
	}
	defer func() { _ = f.Close() }() // nothing was written
	if err := unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter the network namespace %s: %w", namespace, err)
	}
	return nil
}

// handOver makes a directory the server's own.
func handOver(dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	uid, gid, err := account()
	if err != nil {
		return err
	}
	if err := os.Chown(dir, int(uid), int(gid)); err != nil {
		return fmt.Errorf("hand a directory over to PostgreSQL: %w", err)
	}
	return nil
}

// account returns the user that root runs PostgreSQL as.
func account() (uid, gid uint32, err error) {
	found, err := user.Lookup("postgres")
	if err != nil {
		found, err = user.Lookup("nobody")
	}
	if err != nil {
		return 0, 0, fmt.Errorf("PostgreSQL refuses root, and there is no other user: %w", err)
	}
	u, err := strconv.ParseUint(found.Uid, 10, 32)
	if err != nil {
		return 0, 0, fmt.Errorf("user %s: %w", found.Username, err)
	}
	g, err := strconv.ParseUint(found.Gid, 10, 32)
	if err != nil {
		return 0, 0, fmt.Errorf("user %s: %w", found.Username, err)
	}
	return uint32(u), uint32(g), nil
}
