//go:build faults

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/corpastro/astrohook/storage/pgstore/pgtest"
)

// Tests of the network run in a process of their own, in a network namespace that routes
// between those of the servers that it starts. Nothing of it touches this machine's network.
//
//	node-1 ── router, with the tests ── primary
//	node-2 ──┤                       └─ standby
//	node-3 ──┘

// insideVariable is set in that process, to what the names of its namespaces begin with.
const insideVariable = "ASTROHOOK_E2E_INSIDE"

// routerAddress is the address of the tests there. Host i has the last number 10 + i.
const (
	routerAddress = "10.77.0.1"
	hostAddresses = "10.77.0."
	firstHost     = 10
)

// hostNames are the hosts of a network, in the order of their addresses.
var hostNames = []string{"node-1", "node-2", "node-3", "primary", "standby"}

// inside reports whether this process is in its own network. If not, it runs the test in
// one that is, to its end.
func inside(t *testing.T) bool {
	t.Helper()
	if os.Getenv(insideVariable) != "" {
		return true
	}
	if os.Geteuid() != 0 {
		leaveOut(t, "needs root, for network namespaces")
	}
	for _, program := range []string{"ip", "tc"} {
		if _, err := exec.LookPath(program); err != nil {
			leaveOut(t, "needs "+program+" (Debian: apt-get install iproute2)")
		}
	}
	prefix := fmt.Sprintf("e2e-%d-", os.Getpid())
	t.Cleanup(func() { // also if the process was killed
		for _, name := range hostNames {
			_ = exec.Command("ip", "netns", "del", prefix+name).Run() // it has gone, usually
		}
	})
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.count=1", "-test.timeout=8h")
	cmd.Env = append(os.Environ(), insideVariable+"="+prefix, hostVariable+"="+routerAddress, binaryVariable+"="+astrohook(t))
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	err := cmd.Run()
	t.Logf("in a network of its own:\n%s", said.String())
	if err != nil {
		t.Fatal(err)
	}
	return false
}

// host is a network namespace with one address.
type host struct {
	name, address string
	device        string // its end of the cable at the router
}

// mustRun runs a program to its end.
func mustRun(t *testing.T, command ...string) {
	t.Helper()
	if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(command, " "), err, out)
	}
}

// layNetwork makes the hosts, and cables from each to the router that this process is in.
func layNetwork(t *testing.T) map[string]host {
	t.Helper()
	mustRun(t, "ip", "link", "set", "lo", "up")
	mustRun(t, "ip", "address", "add", routerAddress+"/32", "dev", "lo")
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
	hosts := map[string]host{}
	for i, name := range hostNames {
		h := host{name: os.Getenv(insideVariable) + name, address: hostAddresses + strconv.Itoa(firstHost+i), device: "to-" + name}
		mustRun(t, "ip", "netns", "add", h.name)
		t.Cleanup(func() { mustRun(t, "ip", "netns", "del", h.name) })
		mustRun(t, "ip", "link", "add", h.device, "type", "veth", "peer", "name", "eth0", "netns", h.name)
		mustRun(t, "ip", "link", "set", h.device, "up")
		mustRun(t, "ip", "route", "add", h.address+"/32", "dev", h.device, "src", routerAddress)
		for _, command := range [][]string{
			{"link", "set", "lo", "up"},
			{"link", "set", "eth0", "up"},
			{"address", "add", h.address + "/32", "dev", "eth0"},
			{"route", "add", routerAddress + "/32", "dev", "eth0", "scope", "link"},
			{"route", "add", "default", "via", routerAddress, "dev", "eth0"},
		} {
			mustRun(t, append([]string{"ip", "-n", h.name}, command...)...)
		}
		hosts[name] = h
	}
	return hosts
}

// cut has the router drop every packet between two hosts, without a word.
func cut(t *testing.T, a, b host) {
	t.Helper()
	mustRun(t, "ip", "rule", "add", "from", a.address, "to", b.address, "blackhole")
	mustRun(t, "ip", "rule", "add", "from", b.address, "to", a.address, "blackhole")
}

// heal ends cut.
func heal(t *testing.T, a, b host) {
	t.Helper()
	mustRun(t, "ip", "rule", "del", "from", a.address, "to", b.address, "blackhole")
	mustRun(t, "ip", "rule", "del", "from", b.address, "to", a.address, "blackhole")
}

// slowly lets what a host sends, or what is sent to it, pass at 1 MB/s, until the function
// that it returns is called.
func (h host) slowly(t *testing.T, towards bool) (end func()) {
	t.Helper()
	tc := []string{"tc", "-n", h.name}
	device := "eth0"
	if towards {
		tc, device = tc[:1], h.device
	}
	mustRun(t, append(tc, "qdisc", "add", "dev", device, "root", "tbf", "rate", "8mbit", "burst", "128kb", "latency", "2s")...)
	return func() { mustRun(t, append(tc[:len(tc):len(tc)], "qdisc", "del", "dev", device, "root")...) }
}

// passed returns how many bytes the router has had from a host, or has sent to it.
func (h host) passed(t *testing.T, towards bool) int {
	t.Helper()
	devices, err := os.ReadFile("/proc/thread-self/net/dev") // other threads may be elsewhere
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(devices)) {
		name, figures, found := strings.Cut(strings.TrimSpace(line), ":")
		if !found || name != h.device {
			continue
		}
		at := 0 // bytes received; 8 of the figures are about receiving
		if towards {
			at = 8
		}
		n, err := strconv.Atoi(strings.Fields(figures)[at])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	t.Fatal("there is no device " + h.device)
	return 0
}

// place is where a database server runs.
func (h host) place() pgtest.Place {
	return pgtest.Place{Host: h.address, Namespace: "/run/netns/" + h.name}
}

// move has a node run on the host.
func (h host) move(s *server) {
	s.wrap = []string{"ip", "netns", "exec", h.name}
	s.base, s.admin = "http://"+h.address+":8080", h.address+":9090"
	s.env = append(s.env, "ASTROHOOK_CLUSTER_LISTEN="+h.address+":7070", "ASTROHOOK_ALLOW_ADDRESSES="+hostAddresses+"0/24")
}
