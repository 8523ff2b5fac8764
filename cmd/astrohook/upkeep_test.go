package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/corpastro/astrohook/cmd/internal/app"
	"github.com/corpastro/astrohook/storage/badgerstore"
)

// runUpkeep runs a command and returns its exit code and what it said.
func runUpkeep(args ...string) (int, string) {
	var said bytes.Buffer
	code := run(context.Background(), append([]string{"astrohook"}, args...), streams{In: strings.NewReader(""), Out: &said, Err: &said})
	return code, said.String()
}

// TestUpkeep takes a data directory through backup, restore and check.
func TestUpkeep(t *testing.T) {
	base := t.TempDir()
	data, again, file := filepath.Join(base, "data"), filepath.Join(base, "again"), filepath.Join(base, "backup")
	store, err := badgerstore.Open(badgerstore.Options{Dir: filepath.Join(data, "store")})
	if err == nil {
		err = store.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	empty := t.TempDir()

	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"check", filepath.Join(base, "missing")}, exitFailed, "no such file"},
		{[]string{"check", empty}, exitFailed, "no data"},
		{[]string{"backup", empty, file}, exitFailed, "no data"},
		{[]string{"backup", data, file}, exitDone, "Backed up " + data + " to " + file + " ("},
		{[]string{"backup", data, file}, exitFailed, "exists"},
		{[]string{"restore", file, again}, exitDone, "into " + again + " ("},
		{[]string{"restore", file, again}, exitFailed, "not empty"},
		{[]string{"check", again}, exitDone, "It holds no webhooks, no event types, no events; no deliveries.\nNo secret was decrypted: that takes --secret-keys.\n"},
		{[]string{"check", again, "--secret-keys", testSecretKey}, exitDone, "Secrets decrypted of no webhooks.\n"},
		{[]string{"check", again, "--secret-keys", "k:x"}, exitUsage, "--secret-keys (ASTROHOOK_SECRET_KEYS) cannot be used"},
	} {
		code, said := runUpkeep(c.args...)
		if code != c.code || !strings.Contains(said, c.want) {
			t.Errorf("%v: exit code %d, want %d: %s", c.args, code, c.code, said)
		}
	}
	if left, err := os.ReadDir(empty); err != nil || len(left) > 0 {
		t.Errorf("made in a directory without data: %v, %v", left, err)
	}
	damaged, err := filepath.Glob(filepath.Join(again, "store", "MANIFEST"))
	if err != nil || len(damaged) != 1 {
		t.Fatal(damaged, err)
	}
	if err := os.Truncate(damaged[0], 20); err != nil {
		t.Fatal(err)
	}
	if code, said := runUpkeep("check", again); code != exitFailed || !strings.Contains(said, "damaged") {
		t.Errorf("a damaged directory: exit code %d: %s", code, said)
	}
}

// TestContents: the line has numbers, and "no" or "none" for 0.
func TestContents(t *testing.T) {
	for _, c := range []struct {
		found app.CheckReport
		want  string
	}{
		{app.CheckReport{}, "no webhooks, no event types, no events; no deliveries."},
		{
			app.CheckReport{Endpoints: 1, EventTypes: 2, Events: 30, Queued: 4, Delivered: 1},
			"1 webhook, 2 event types, 30 events; 5 deliveries: 4 queued, none retrying, 1 delivered, none failed or cancelled.",
		},
		{
			app.CheckReport{Endpoints: 3, EventTypes: 1, Events: 1, Failed: 1},
			"3 webhooks, 1 event type, 1 event; 1 delivery: none queued, none retrying, none delivered, 1 failed or cancelled.",
		},
	} {
		if got := contents(c.found); got != c.want {
			t.Errorf("%+v:\n%s, want\n%s", c.found, got, c.want)
		}
	}
}

// TestOnlineBackup: what the server refuses, or cuts off, leaves no file.
func TestOnlineBackup(t *testing.T) {
	file := filepath.Join(t.TempDir(), "backup")
	for reason, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"refused": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"title":"Not allowed","detail":"the token does not allow this call"}`)
		}, "403 Forbidden: Not allowed: the token does not allow this call"},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "astrohook backup 1\n and a part of it")
			panic(http.ErrAbortHandler)
		}, "EOF"},
		"ended early": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "astrohook backup 1\n and a part of it")
		}, "not a whole backup"},
	} {
		t.Run(reason, func(t *testing.T) {
			server := httptest.NewServer(c.answer)
			defer server.Close()
			code, said := runUpkeep("backup", file, "--token=tok", "--server", server.URL)
			if code != exitFailed || !strings.Contains(said, c.want) {
				t.Errorf("exit code %d: %s", code, said)
			}
			if left, err := filepath.Glob(file + "*"); err != nil || len(left) > 0 {
				t.Error("left behind:", left, err)
			}
		})
	}
	t.Run("whole", func(t *testing.T) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			text := []byte("astrohook backup 1\n")
			sum := sha256.Sum256(text)
			_, _ = w.Write(append(text, sum[:]...))
		}))
		defer server.Close()
		code, said := runUpkeep("backup", file, "--token=tok", "--server", server.URL)
		if want := "Backed up " + server.URL + " to " + file + " (51 B, verified).\nIt holds no webhooks,"; code != exitDone || !strings.Contains(said, want) {
			t.Errorf("exit code %d: %s", code, said)
		}
	})
	if code, said := runUpkeep("backup", "a", "b", "c"); code != exitUsage || !strings.Contains(said, "FILE, or DIR FILE") {
		t.Errorf("exit code %d: %s", code, said)
	}
}
