package pgtest

import (
	"errors"
	"os/exec"
)

// asUser does nothing: tests on macOS run as a user that PostgreSQL accepts.
func asUser(*exec.Cmd) error { return nil }

// handOver does nothing, as asUser.
func handOver(string) error { return nil }

// enter fails: macOS has no network namespaces.
func enter(namespace string) error {
	if namespace != "" {
		return errors.New("this system has no network namespaces")
	}
	return nil
}
