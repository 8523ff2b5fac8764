package connection

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/corpastro/astrohook/cmd/internal/settings"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// home makes a home directory for the test, and returns where profiles are in it.
func home(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("XDG_CONFIG_HOME", dir)
	t.Setenv("AppData", dir)
	path, err := profilesPath()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// keep writes profiles.
func keep(t *testing.T, current string, names ...string) {
	t.Helper()
	file, err := readOrNew()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		file.Profiles[name] = profile{Server: "https://" + name + ".example", Token: name + "-token"}
	}
	file.Current = current
	if err := file.write(); err != nil {
		t.Fatal(err)
	}
}

// TestTarget: a profile is one unit. Its token never goes to another server, and a token
// that was given never to the profile's.
func TestTarget(t *testing.T) {
	home(t)
	keep(t, "prod", "prod", "test")
	for _, c := range []struct {
		reason string
		flags  Flags
		want   Target
		err    string
	}{
		{"nothing given: the latest login", Flags{}, Target{"https://prod.example", "prod-token", "prod"}, ""},
		{"a named profile", Flags{Profile: "test"}, Target{"https://test.example", "test-token", "test"}, ""},
		{"a token does not go to the profile's server", Flags{Token: "t"}, Target{DefaultServer, "t", ""}, ""},
		{"a server does not get the profile's token", Flags{Server: "https://evil.example"}, Target{"https://evil.example", "", ""}, ""},
		{"both given", Flags{Server: "https://a.example", Token: "t"}, Target{"https://a.example", "t", ""}, ""},
		{"a profile and another server", Flags{Profile: "prod", Server: "https://evil.example"}, Target{}, "leave out --server and --token"},
		{"a profile and another token", Flags{Profile: "prod", Token: "t"}, Target{}, "leave out --server and --token"},
		{"a profile that is misspelt", Flags{Profile: "prd"}, Target{}, `there is no profile "prd": did you mean prod?`},
	} {
		got, err := c.flags.Target()
		if got != c.want || c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: %+v, %v", c.reason, got, err)
		}
		if _, usage := errors.AsType[*settings.UsageError](err); c.err != "" && !usage {
			t.Errorf("%s: %T", c.reason, err)
		}
	}
}

// TestTargetWithoutProfiles: who has never logged in, or has no home, needs no profile.
func TestTargetWithoutProfiles(t *testing.T) {
	home(t)
	for _, homeless := range []bool{false, true} {
		if homeless {
			for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "AppData"} {
				t.Setenv(name, "")
			}
		}
		if got, err := new(Flags).Target(); err != nil || got != (Target{Server: DefaultServer}) {
			t.Errorf("homeless %t: %+v, %v", homeless, got, err)
		}
		if _, err := (&Flags{Profile: "prod"}).Target(); err == nil {
			t.Errorf("homeless %t: a profile that nobody made", homeless)
		}
		if _, err := new(Flags).Client(); err == nil || !strings.Contains(err.Error(), "--token (ASTROHOOK_TOKEN) is not set") {
			t.Errorf("homeless %t: %v", homeless, err)
		}
		if names := Names(); len(names) > 0 {
			t.Errorf("homeless %t: profiles %q", homeless, names)
		}
	}
}

// TestProfilesAreSecret: the file and its folder are for their owner only, and a file that
// others can read is refused.
func TestProfilesAreSecret(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no modes")
	}
	path := home(t)
	keep(t, "prod", "prod")
	for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := new(Flags).Client()
		if err == nil || !strings.Contains(err.Error(), "chmod 600") || strings.Contains(err.Error(), "prod-token") {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
}

// TestBrokenProfiles: a file that is damaged is an error that names it, and no login
// overwrites it.
func TestBrokenProfiles(t *testing.T) {
	path := home(t)
	keep(t, "prod", "prod")
	for _, text := range []string{"- a", "profiles: [", "currant: prod", ""} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := new(Flags).Client(); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v", text, err)
		}
		login := Login{Name: "new", Server: DefaultServer, Token: "t", NoCheck: true}
		if err := login.Run(t.Context(), terminal.Streams{Err: &strings.Builder{}}); err == nil {
			t.Errorf("%q: a login replaced it", text)
		}
	}
	if err := os.WriteFile(path, []byte("current: gone\nprofiles:\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := new(Flags).Target(); err != nil || got != (Target{Server: DefaultServer}) {
		t.Errorf("no entries: %+v, %v", got, err)
	}
}

// TestLogin: a token that the server takes is kept, from the standard input, without a line
// feed; one that the server refuses is not.
func TestLogin(t *testing.T) {
	home(t)
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer ahk_1_secret" {
			t.Errorf("called with %q", got)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"title":"Not authenticated"}`))
	}))
	defer server.Close()
	login := func(name, stdin string) (string, error) {
		var out, said strings.Builder
		c := Login{Name: name, Server: server.URL + "/"}
		err := c.Run(t.Context(), terminal.Streams{In: strings.NewReader(stdin), Out: &out, Err: &said})
		if out.Len() > 0 || strings.Contains(said.String(), "secret") {
			t.Errorf("printed %q and %q", out.String(), said.String())
		}
		return said.String(), err
	}
	for name, code := range map[string]int{"admin": http.StatusOK, "publisher": http.StatusForbidden} {
		status = code
		if said, err := login(name, "ahk_1_secret\nmore"); err != nil || !strings.Contains(said, "Commands use the profile "+name) {
			t.Errorf("%s: %v, %q", name, err, said)
		}
		if got, err := new(Flags).Target(); err != nil || got != (Target{server.URL, "ahk_1_secret", name}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for code, want := range map[int]string{401: "Not authenticated", 500: "500", 404: "404"} {
		status = code
		if _, err := login("refused", "ahk_1_secret"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d: %v", code, err)
		}
	}
	for name, stdin := range map[string]string{"": "t", "-x": "t", "a b": "t", "../x": "t", "empty": "\n"} {
		if _, err := login(name, stdin); err == nil {
			t.Errorf("%q with %q was kept", name, stdin)
		}
	}
	if got := strings.Join(Names(), " "); got != "admin publisher" {
		t.Errorf("kept %s", got)
	}
}

// TestLogout: the profile in use goes if none is named, and then none is in use.
func TestLogout(t *testing.T) {
	home(t)
	keep(t, "b", "a", "b", "c")
	run := func(name string) error {
		return (&Logout{Name: name}).Run(terminal.Streams{Err: &strings.Builder{}})
	}
	if err := errors.Join(run("c"), run("")); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(Names(), " "); got != "a" {
		t.Errorf("left %s", got)
	}
	if err := run(""); err == nil || !strings.Contains(err.Error(), "no profile is in use") {
		t.Error(err)
	}
	if err := run("b"); err == nil || !strings.Contains(err.Error(), `there is no profile "b"`) {
		t.Error(err)
	}
}

// TestProfilesList: names and servers, and no token in any format.
func TestProfilesList(t *testing.T) {
	home(t)
	keep(t, "a", "a", "b")
	for format, want := range map[string]string{
		"table": "NAME  SERVER             IN USE\na     https://a.example  yes\nb     https://b.example  -\n",
		"json":  "[\n  {\n    \"name\": \"a\",\n    \"server\": \"https://a.example\",\n    \"current\": true\n  },\n  {\n    \"name\": \"b\",\n    \"server\": \"https://b.example\",\n    \"current\": false\n  }\n]\n",
	} {
		var out strings.Builder
		c := profilesList{}
		c.Output = format
		if err := c.Run(terminal.Streams{Out: &out, Err: &out}); err != nil || out.String() != want {
			t.Errorf("%s: %v\n%s", format, err, out.String())
		}
	}
	var said strings.Builder
	if err := (&profilesUse{Name: "b"}).Run(terminal.Streams{Err: &said}); err != nil || !strings.Contains(said.String(), "https://b.example") {
		t.Errorf("%v, %q", err, said.String())
	}
	if got, _ := new(Flags).Target(); got.Profile != "b" {
		t.Errorf("%+v is in use", got)
	}
	if err := (&profilesUse{Name: "aa"}).Run(terminal.Streams{Err: &said}); err == nil {
		t.Error("a profile that does not exist is in use")
	}
}

// TestClientIsTheProfiles: a client of a profile calls its server with its token.
func TestClientIsTheProfiles(t *testing.T) {
	home(t)
	keep(t, "a", "a")
	client, err := new(Flags).Client()
	if err != nil || client.Server != "https://a.example" || client.Token != "a-token" {
		t.Fatalf("%+v, %v", client, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := verifyToken(ctx, client); err == nil {
		t.Error("a call that was not made succeeded")
	}
}
