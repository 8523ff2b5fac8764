package process

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// tick is the unit of processor time in /proc: 1/100 s on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// CPUTime returns the processor time, user and system, that a process has used so far,
// to 10 ms.
func CPUTime(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read processor time: %w", err)
	}
	return parseCPUTime(stat)
}

// parseCPUTime adds up the fields utime and stime of /proc/PID/stat (proc_pid_stat(5)).
func parseCPUTime(stat []byte) (time.Duration, error) { return addTimes(stat, 11) }

// parseEnded adds up cutime and cstime: those of children that were waited for.
func parseEnded(stat []byte) (time.Duration, error) { return addTimes(stat, 13) }

// addTimes adds up two fields of /proc/PID/stat, counted from behind the command.
func addTimes(stat []byte, at int) (time.Duration, error) {
	// The second field, the command, may hold anything; it ends with the last ')'.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < at+2 {
		return 0, errors.New("read processor time: the file is too short")
	}
	user, userErr := strconv.Atoi(fields[at])
	system, systemErr := strconv.Atoi(fields[at+1])
	if err := errors.Join(userErr, systemErr); err != nil {
		return 0, fmt.Errorf("read processor time: %w", err)
	}
	return time.Duration(user+system) * tick, nil
}

// CPUTimeOf returns the processor time that all processes of a name have used so far, and
// those of their children that have ended.
func CPUTimeOf(name string) (sum time.Duration, err error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, fmt.Errorf("read processor time: %w", err)
	}
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // the process has ended; whoever waited for it has its time
		}
		_, rest, _ := bytes.Cut(stat, []byte("("))
		if command, _, _ := bytes.Cut(rest, []byte(")")); string(command) != name {
			continue
		}
		own, err := parseCPUTime(stat)
		if err != nil {
			return 0, err
		}
		ended, err := parseEnded(stat)
		if err != nil {
			return 0, err
		}
		sum += own + ended
	}
	return sum, nil
}

// Memory is the resident memory of a process, in bytes.
type Memory struct {
	// Peak is the largest sum of all parts since the process began.
	Peak int64
	// Anon is the part that the process allocated, File the part that it mapped of files.
	Anon, File int64
}

// Max returns the larger of each part.
func (m Memory) Max(b Memory) Memory {
	return Memory{max(m.Peak, b.Peak), max(m.Anon, b.Anon), max(m.File, b.File)}
}

// ReadMemory returns the memory of a process. It fails when the process is gone.
func ReadMemory(pid int) (m Memory, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return m, fmt.Errorf("read the memory of a process: %w", err)
	}
	return parseMemory(string(status))
}

// parseMemory reads the lines of /proc/PID/status that matter; a process that is about
// to end has none of them.
func parseMemory(status string) (m Memory, err error) {
	for line := range strings.Lines(status) {
		name, value, _ := strings.Cut(line, ":")
		field := map[string]*int64{"VmHWM": &m.Peak, "RssAnon": &m.Anon, "RssFile": &m.File}[name]
		if field == nil {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
		if err != nil {
			return m, fmt.Errorf("read the memory of a process: %w", err)
		}
		*field = kib << 10
	}
	if m.Peak == 0 {
		return m, errors.New("read the memory of a process: it has none")
	}
	return m, nil
}

// DiskUse returns how much of the disk a folder takes up, in bytes: blocks, not lengths,
// because the server preallocates files. Files that vanish meanwhile do not count: the
// server may be merging tables.
func DiskUse(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		var stat unix.Stat_t
		if err == nil {
			err = unix.Lstat(path, &stat)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		total += stat.Blocks * 512
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("measure the folder %s: %w", dir, err)
	}
	return total, nil
}
