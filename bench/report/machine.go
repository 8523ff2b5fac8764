package report

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Machine describes the machine on which the figures were measured.
type Machine struct {
	Processor string `json:"processor"`
	Cores     int    `json:"cores"`
	Memory    uint64 `json:"memory_bytes"`
	Kernel    string `json:"kernel"`
	Go        string `json:"go"`
	// Sync is how long this disk takes to make 4 KiB durable, in the median.
	Sync float64 `json:"sync_ms"`
}

// LookAround describes this machine. dir is a folder on the disk that is measured; without
// it the disk is left out. What /proc does not say stays empty: a report without a
// processor's name is still a report.
func LookAround(dir string) (m Machine, err error) {
	m = Machine{Cores: runtime.NumCPU(), Go: runtime.Version()}
	if cpus, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		m.Processor = valueOf(string(cpus), "model name")
	}
	if memory, err := os.ReadFile("/proc/meminfo"); err == nil {
		kib, _ := strconv.ParseUint(strings.TrimSuffix(valueOf(string(memory), "MemTotal"), " kB"), 10, 64)
		m.Memory = kib << 10 // 0 if it cannot be read
	}
	if kernel, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(kernel))
	}
	if dir != "" {
		m.Sync, err = syncTime(dir)
	}
	return m, err
}

// valueOf returns the value of the first line "name : value".
func valueOf(text, name string) string {
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// syncs is how many syncs the median is taken of: an odd number, and over in a second
// on a slow disk.
const syncs = 101

// syncTime measures how long an append of 4 KiB takes to be durable, in milliseconds. An
// acknowledgement waits for one such sync, so a report without it says little.
func syncTime(dir string) (ms float64, err error) {
	file, err := os.CreateTemp(dir, "astrohook-sync-")
	if err != nil {
		return 0, fmt.Errorf("measure the disk: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	block := make([]byte, 4096)
	var times []time.Duration
	for range syncs {
		begin := time.Now()
		_, err := file.Write(block)
		if err := errors.Join(err, unix.Fdatasync(int(file.Fd()))); err != nil {
			return 0, fmt.Errorf("measure the disk: %w", err)
		}
		times = append(times, time.Since(begin))
	}
	slices.Sort(times)
	return float64(times[syncs/2].Microseconds()) / 1000, nil
}

// Commit returns the name of the checkout's commit, with -dirty if files were changed since;
// "unknown" without git.
func Commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty", "--exclude", "*").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
