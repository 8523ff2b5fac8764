package e2e

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/storage/badgerstore"
)

// console is the folder of the pages' sources.
var console = filepath.Join(repository, "httpapi", "console")

// maxConsole bounds the pages as a browser loads them, compressed, in bytes.
const maxConsole = 150_000

// skipWithout skips a test for something that this machine does not have. With CI=true nothing
// is left out.
func skipWithout(t *testing.T, missing string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal("missing: " + missing)
	}
	t.Skip("missing: " + missing)
}

// chromium returns the path of the browser.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	skipWithout(t, "chromium, for the tests of the console (make setup-browser)")
	return ""
}

// needConsole skips a test if the pages were not built.
func needConsole(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(console, "dist", "app", "index.html")); err != nil {
		skipWithout(t, "the console's pages (make console)")
	}
}

// behind starts a reverse proxy for a server, which answers under /prefix only, and
// returns its address.
func behind(t *testing.T, server string) string {
	t.Helper()
	target, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
			r.Out.URL.Path = strings.TrimPrefix(r.In.URL.Path, "/prefix")
		},
		FlushInterval: -1, // the stream's messages pass at once
	}
	address := reserveAddress(t)
	front := &http.Server{Addr: address, ReadHeaderTimeout: patience, Handler: http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasPrefix(r.URL.Path, "/prefix/") {
				http.Error(w, "outside of the prefix", http.StatusTeapot)
				return
			}
			proxy.ServeHTTP(w, r)
		})}
	done := make(chan error, 1)
	go func() { done <- front.ListenAndServe() }()
	t.Cleanup(func() {
		front.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	await(t, "the proxy", func() error {
		answer, err := http.Get("http://" + address + "/prefix/readyz")
		if err != nil {
			return err
		}
		return answer.Body.Close()
	})
	return "http://" + address + "/prefix/"
}

// browse runs a test of the folder browser against a server.
func browse(t *testing.T, base, token, script string, env ...string) {
	t.Helper()
	if err := npmInstall("browser"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "--test", script)
	cmd.Dir = "browser"
	cmd.Env = append(append(os.Environ(), env...), "CONSOLE_BASE="+base, "CONSOLE_TOKEN="+token, "CONSOLE_BROWSER="+chromium(t))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
}

// TestConsole drives a browser through the pages of a server behind a proxy that puts it
// under a prefix: by mouse and by keyboard, as an operator and as a client.
func TestConsole(t *testing.T) {
	chromium(t)
	needConsole(t)
	for _, script := range []string{"journeys", "attempts", "hostile", "lists", "bulk", "live", "pages"} {
		t.Run(script, func(t *testing.T) {
			s := startServer(t)
			browse(t, behind(t, s.base), s.token, script+".test.mjs")
		})
	}
}

// TestConsolePortal opens links, good ones and others: one of them has expired meanwhile.
func TestConsolePortal(t *testing.T) {
	chromium(t)
	needConsole(t)
	s := startServer(t)
	link := s.expiredLink(t)
	browse(t, behind(t, s.base), s.token, "portal.test.mjs", "CONSOLE_EXPIRED="+link)
}

// expiredLink makes a portal link and lets it expire: the server is away while what it keeps
// of the link gets older. It returns the path and the fragment of the link.
func (s *server) expiredLink(t *testing.T) string {
	t.Helper()
	var made struct{ ID, URL string }
	s.call(t, http.MethodPost, "/api/portal-links", fields{"client_id": "portal-a"}, &made)
	s.kill()
	store, err := badgerstore.Open(badgerstore.Options{Dir: filepath.Join(s.dataDir, "store")})
	if err != nil {
		t.Fatal(err)
	}
	link, err := store.Grant(t.Context(), made.ID)
	link.CreatedAt, link.ExpiresAt = link.CreatedAt.Add(-time.Hour), link.ExpiresAt.Add(-time.Hour)
	err = errors.Join(err, store.DeleteGrant(t.Context(), made.ID), store.CreateGrant(t.Context(), link), store.Close())
	if err != nil {
		t.Fatal(err)
	}
	s.start(t)
	s.awaitReady(t)
	_, fragment, _ := strings.Cut(made.URL, "#")
	return "portal#" + fragment
}

// TestConsoleFrames shows the portal in frames of two sites, of which the server allows one.
func TestConsoleFrames(t *testing.T) {
	chromium(t)
	needConsole(t)
	var proxy *httputil.ReverseProxy
	sites := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.Host, "hooks.test:") {
			proxy.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><iframe width=1200 height=800 src="%s"></iframe>`, html.EscapeString(r.URL.Query().Get("src")))
	}))
	t.Cleanup(sites.Close)
	_, port, _ := strings.Cut(sites.Listener.Addr().String(), ":")
	s := startServer(t, "ASTROHOOK_PUBLIC_URL=https://hooks.test:"+port, "ASTROHOOK_PORTAL_FRAME_ORIGINS=https://app.test:"+port)
	target, err := url.Parse(s.base)
	if err != nil {
		t.Fatal(err)
	}
	proxy = &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
	}}
	sites.StartTLS()
	browse(t, s.base+"/", s.token, "frames.test.mjs", "CONSOLE_FRAMES="+port)
}

// TestConsoleUnits runs the tests of the pages' code that needs no browser.
func TestConsoleUnits(t *testing.T) {
	if err := npmInstall(console); err != nil {
		skipWithout(t, err.Error())
	}
	cmd := exec.Command("npm", "test")
	cmd.Dir = console
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// TestConsoleIsSmall: what a browser loads is small, and nothing that the pages load is on
// another host.
func TestConsoleIsSmall(t *testing.T) {
	needConsole(t)
	files, err := filepath.Glob(filepath.Join(console, "dist", "app", "assets", "*.gz"))
	if err != nil || len(files) < 2 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	size := int64(0)
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	if size > maxConsole {
		t.Errorf("%d bytes compressed, want at most %d", size, maxConsole)
	}
}

// TestConsoleSnippets: the receivers that the pages show take deliveries, and refuse those
// that another secret signed.
func TestConsoleSnippets(t *testing.T) {
	s := startServer(t)
	snippets := filepath.Join(console, "src", "snippets")
	for _, snippet := range []struct {
		file, program string
		command       func(t *testing.T, file, address string) *exec.Cmd
	}{
		{"go.txt", "go", func(t *testing.T, file, _ string) *exec.Cmd {
			binary := file + ".bin"
			if out, err := exec.Command("go", "build", "-o", binary, file).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			return exec.Command(binary)
		}},
		{"node.js", "node", func(_ *testing.T, file, _ string) *exec.Cmd {
			if err := installNode(); err != nil {
				t.Fatal(err)
			}
			return exec.Command("node", file)
		}},
		{"python.py", "python3", func(_ *testing.T, file, _ string) *exec.Cmd { return exec.Command("python3", file) }},
		{"php.php", "php", func(_ *testing.T, file, address string) *exec.Cmd { return exec.Command("php", "-S", address, file) }},
	} {
		t.Run(snippet.program, func(t *testing.T) {
			if _, err := exec.LookPath(snippet.program); err != nil {
				skipWithout(t, snippet.program+", for a receiver that the console shows (make setup-browser)")
			}
			text, err := os.ReadFile(filepath.Join(snippets, snippet.file))
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), strings.Replace(snippet.file, "go.txt", "main.go", 1))
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			address := reserveAddress(t)
			startSnippet(t, snippet.command(t, file, address), address)
			for secret, want := range map[string]string{standardSecret: "delivered", standardSecret + "BBBB": "failed"} {
				checkSnippet(t, s, "http://"+address+"/", secret, want)
			}
		})
	}
}

// startSnippet runs a receiver, which verifies with standardSecret, until the test ends.
func startSnippet(t *testing.T, cmd *exec.Cmd, address string) {
	t.Helper()
	modules, err := filepath.Abs(filepath.Join("node", "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	var log tail
	cmd.Env = append(os.Environ(), "WEBHOOK_SECRET="+standardSecret, "PORT="+address[strings.LastIndex(address, ":")+1:], "NODE_PATH="+modules)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended already
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the receiver said:\n%s", log.String())
		}
	})
	await(t, "the receiver to listen", func() error {
		answer, err := http.Post("http://"+address+"/", "application/json", strings.NewReader("{}"))
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			return err
		}
		if answer.StatusCode != http.StatusUnauthorized {
			return fmt.Errorf("a request without a signature: %s", answer.Status)
		}
		return nil
	})
}

// checkSnippet sends one delivery, signed with a secret.
func checkSnippet(t *testing.T, s *server, target, secret, want string) {
	t.Helper()
	client := strings.ReplaceAll(t.Name(), "/", "-") + "-" + want
	endpoint := s.register(t, client, fields{
		"event_type": "content.updated", "target_url": target, "secret": secret, "retry_policy": fields{"max_attempts": 1},
	})
	event := fields{"event_type": "content.updated", "client_id": client, "data": fields{"title": "ünï"}}
	s.call(t, http.MethodPost, "/api/events", event, nil)
	s.awaitDrained(t, patience, endpoint)
	for _, d := range s.deliveries(t, endpoint) {
		if d.Status != want {
			t.Errorf("%s, answered %d, want %s", d.Status, d.ResponseCode, want)
		}
	}
}
