// Package server is the server under test: it builds one, starts it on an empty data
// directory, and calls its API.
//
// What belongs here: the settings that a measured server runs with, its life from
// start to stop, the calls of its management API. What does not: publishing, which has
// connections of its own (loadgen), and child processes as such (process).
package server

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corpastro/astrohook/bench/process"
)

// Server is an Astrohook server under load.
type Server struct {
	API
	// Data is the folder with its data directory; "" if somebody else started it.
	Data string
	// Stored: everything is in a database, and nothing in the data directory.
	Stored      bool
	drop        func() error // removes that database
	binary      string
	environment []string
	// program is the process that runs; nil before the first start, and if somebody else
	// started the server. It is atomic because the observer of a run asks for the PID while
	// a scenario starts the server again.
	program atomic.Pointer[process.Program]
	// ReadyIn is how long the last start took, from the process to the first 200 of /readyz.
	ReadyIn time.Duration
	// ReadyAt is when that was.
	ReadyAt time.Time
}

// PID returns the id of the server's process; 0 if there is none that the bench started.
func (s *Server) PID() int {
	if s == nil {
		return 0
	}
	return s.program.Load().PID()
}

// Host returns the server's host and port.
func (s *Server) Host() string {
	_, host, _ := strings.Cut(s.Base, "://")
	return strings.TrimSuffix(host, "/")
}

// Build compiles the server of the checkout in the working directory into a folder, and
// returns the binary. A fresh build, so that the figures belong to the commit that the
// report names.
func Build(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "astrohook")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/corpastro/astrohook/cmd/astrohook")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the server: %w\n%s", err, out)
	}
	return binary, nil
}

// Prepare makes an empty data directory below parent, and everything else that a server
// needs to start. The caller closes it, started or not. environment is set in addition
// to the settings that every measured server has: all that costs time is on (synced
// acknowledgements, sealed secrets, both signatures), and no limit is in the way.
func Prepare(binary, parent string, environment []string) (*Server, error) {
	addresses, err := freeAddresses(2)
	if err != nil {
		return nil, err
	}
	secret := rand.Text() + rand.Text()
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails
	token, err := mint(secret)
	if err != nil {
		return nil, err
	}
	data, err := os.MkdirTemp(parent, "astrohook-bench-")
	if err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	s := &Server{API: API{Base: "http://" + addresses[0], Token: token}, binary: binary, Data: data}
	s.environment = append(os.Environ(),
		"ASTROHOOK_LISTEN="+addresses[0],
		"ASTROHOOK_ADMIN_LISTEN="+addresses[1],
		"ASTROHOOK_DATA_DIR="+filepath.Join(data, "data"),
		"ASTROHOOK_JWT_SECRET="+secret,
		"ASTROHOOK_SECRET_KEYS=bench:"+base64.StdEncoding.EncodeToString(key),
		"ASTROHOOK_ALLOW_ADDRESSES=127.0.0.0/8,::1/128",
		"ASTROHOOK_SYNC=true",
		"ASTROHOOK_MIN_WEBHOOK_RETRY=1ms",
		"ASTROHOOK_MAX_WEBHOOK_CONCURRENCY=1024",
		// In some scenarios one client has everything.
		"ASTROHOOK_MAX_WEBHOOKS=100000000",
		"ASTROHOOK_CLIENT_MAX_WEBHOOKS=100000000",
		"ASTROHOOK_CLIENT_MAX_PATTERNS=100000000",
		"ASTROHOOK_CLIENT_MAX_PENDING=1000000000",
		"ASTROHOOK_LOG_LEVEL=error", // scenarios take endpoints down on purpose, which is a warning each
	)
	s.environment = append(s.environment, environment...)
	return s, nil
}

// startTimeout bounds how long a server may take to become ready: a million endpoints
// and ten million deliveries take it seconds.
const startTimeout = 5 * time.Minute

// Start runs the server and returns when it is ready. After an error the process may
// run: Close ends it.
func (s *Server) Start(ctx context.Context) error {
	cmd := exec.Command(s.binary, "serve")
	cmd.Env = s.environment
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	begin := time.Now()
	p, err := process.Start(cmd, nil)
	if err != nil {
		return err
	}
	s.program.Store(p)
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := s.awaitReady(ctx, p.Exited()); err != nil {
		return err
	}
	s.ReadyAt = time.Now()
	s.ReadyIn = s.ReadyAt.Sub(begin)
	return nil
}

// Restart stops the server in order and starts it again on its data.
func (s *Server) Restart(ctx context.Context) error {
	if err := s.program.Load().Close(); err != nil {
		return err
	}
	return s.Start(ctx)
}

// Kill ends the server at once, as kill -9 does.
func (s *Server) Kill() error { return s.program.Load().Kill() }

// Close stops the server, if the bench started it, and removes its data.
func (s *Server) Close() error {
	var err error
	if p := s.program.Load(); p != nil {
		err = p.Close()
	}
	if s.Data != "" {
		err = errors.Join(err, os.RemoveAll(s.Data))
	}
	if s.drop != nil {
		err = errors.Join(err, s.drop())
	}
	return err
}

// freeAddresses returns n different loopback addresses on which nobody listens at the
// moment. Another process could take one before the server does; the start fails then.
func freeAddresses(n int) ([]string, error) {
	var addresses []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer func() { _ = l.Close() }()
		addresses = append(addresses, l.Addr().String())
	}
	return addresses, nil
}

// DiskFolder returns the folder for data: the wanted one, or else the first of the
// system's temporary folder and the working directory that is on a disk. On a
// file system in memory a sync costs nothing, and the figures would mean nothing.
func DiskFolder(wanted string) (string, error) {
	candidates := []string{os.TempDir(), "."}
	if wanted != "" {
		candidates = []string{wanted}
	}
	for _, dir := range candidates {
		var fs unix.Statfs_t
		if err := unix.Statfs(dir, &fs); err != nil {
			return "", fmt.Errorf("look at the folder %s: %w", dir, err)
		}
		if fs.Type != unix.TMPFS_MAGIC && fs.Type != unix.RAMFS_MAGIC {
			return dir, nil
		}
	}
	return "", fmt.Errorf("the folders %v are in memory; choose one on a disk with --data", candidates)
}
