package main

import (
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A door refuses connections until it is opened, then serves deliveries.
func TestDoor(t *testing.T) {
	r := newReceiver()
	r.listenOn = "127.0.0.1"
	control := api{base: "http://" + serve(t, r.handle)}
	t.Cleanup(func() {
		if err := r.closeDoor(); err != nil {
			t.Error(err)
		}
	})
	if err := control.call(t.Context(), http.MethodPost, "/control/expect", expectation{Run: 3, FanOut: true}, nil); err != nil {
		t.Fatal(err)
	}
	var address string
	if err := control.call(t.Context(), http.MethodPost, "/control/door", nil, &address); err != nil {
		t.Fatal(err)
	}
	if _, err := net.Dial("tcp", address); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("a closed door: %v", err)
	}
	if err := control.call(t.Context(), http.MethodPost, "/control/door/open", nil, nil); err != nil {
		t.Fatal(err)
	}
	p, err := generate(t.Context(), bareLoad(address, 1))
	if err != nil {
		t.Fatal(err)
	}
	if c := r.tally.Load().counts(); c.Distinct != p.acknowledged || c.Distinct == 0 {
		t.Errorf("published %d, received %+v", p.acknowledged, c)
	}
	if err := control.call(t.Context(), http.MethodPost, "/control/door/open", nil, nil); err == nil {
		t.Error("an open door was opened")
	}
}

// A black hole takes requests, and never answers.
func TestBlackHole(t *testing.T) {
	conn, err := net.Dial("tcp", serve(t, newReceiver().handle))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("POST " + holePath + "0 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}")); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%d bytes of an answer, %v", n, err)
	}
}

func TestParseMemory(t *testing.T) {
	got, err := parseMemory("Name:\tserver\nVmHWM:\t  2048 kB\nVmRSS:\t  1500 kB\nRssAnon:\t   1000 kB\nRssFile:\t    500 kB\n")
	if want := (memory{2048 << 10, 1000 << 10, 500 << 10}); got != want || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	for _, wrong := range []string{"", "VmHWM:\tmuch kB\n"} {
		if _, err := parseMemory(wrong); err == nil {
			t.Errorf("%q was read", wrong)
		}
	}
	if own, err := readMemory(os.Getpid()); err != nil || own.anon == 0 || own.peak < own.anon {
		t.Errorf("this process: %+v, %v", own, err)
	}
}

func TestDiskUse(t *testing.T) {
	dir := t.TempDir()
	empty, err := diskUse(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/file", []byte(strings.Repeat("x", 1<<20)), 0o600); err != nil {
		t.Fatal(err)
	}
	full, err := diskUse(dir)
	if err != nil || full-empty < 1<<20 || full-empty > 2<<20 {
		t.Errorf("a file of 1 MiB takes up %d bytes, %v", full-empty, err)
	}
}

// Slow receivers are late only when they are told to be.
func TestSlowReceiver(t *testing.T) {
	r := newReceiver()
	control := api{base: "http://" + serve(t, r.handle)}
	for n := range int64(3) {
		if err := control.call(t.Context(), http.MethodPost, slowPath+"0", nil, nil); err != nil {
			t.Fatal(err)
		}
		var c slowCounts
		err := control.call(t.Context(), http.MethodPost, "/control/slow", nil, &c)
		if err != nil || c != (slowCounts{Started: n + 1}) || r.slow.late.Load() {
			t.Fatalf("%+v, %v", c, err)
		}
	}
	for _, late := range []bool{true, false} {
		if err := control.call(t.Context(), http.MethodPost, "/control/slow", late, nil); err != nil || r.slow.late.Load() != late {
			t.Fatalf("told to be late: %v, is: %v, %v", late, r.slow.late.Load(), err)
		}
	}
	if err := control.call(t.Context(), http.MethodPost, "/control/slow", "maybe", nil); err == nil {
		t.Error("told nonsense, and does not mind")
	}
}
