package inspect

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/corpastro/astrohook/cmd/internal/app"
	"github.com/corpastro/astrohook/cmd/internal/cli/connection"
	"github.com/corpastro/astrohook/cmd/internal/cli/live"
	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
	"github.com/corpastro/astrohook/storage/pgstore"
	"github.com/corpastro/astrohook/storage/pgstore/pgtest"
)

// TestStatusOfACluster: the nodes with a token that may see them, their number without.
func TestStatusOfACluster(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	in := start(t, &server{
		ready: 200, version: "1",
		metrics: atWork + "# TYPE astrohook_cluster_nodes gauge\nastrohook_cluster_nodes 2\n# TYPE astrohook_cluster_parts gauge\nastrohook_cluster_parts 86\n# TYPE astrohook_cluster_free_parts gauge\nastrohook_cluster_free_parts 85\n",
		nodes: `{"data":[{"name":"a","address":"10.0.0.1:7070","version":"1","self":true,"alive":true,"parts":86},
			{"name":"b","version":"1","alive":true,"leaving":true,"parts":1},{"name":"c","version":"1","parts":84}]}`,
	})
	alone := start(t, &server{ready: 200, version: "1", nodes: `{"data":[],"parts":0}`})
	show := func(at, token string) string {
		var out strings.Builder
		c := Status{Flags: connection.Flags{Server: at, Token: token}, Watch: live.Watch{Flags: output.Flags{Output: output.Table}}, Admin: at}
		if err := c.Run(t.Context(), terminal.Streams{In: strings.NewReader(""), Out: &out, Err: &out}); err != nil {
			t.Error(err)
		}
		return out.String()
	}
	const summary = "2 nodes alive; this one delivers 86 of 256 parts; nobody delivers 85\n"
	with := show(in, "t")
	for _, want := range []string{
		summary, "alive, 86 parts, version 1, 10.0.0.1:7070, answers here\n", "takes no parts, 1 part, version 1\n", "its lease is over, 84 parts, version 1\n",
	} {
		if !strings.Contains(with, want) {
			t.Errorf("no %q in\n%s", want, with)
		}
	}
	if without := show(in, ""); !strings.Contains(without, summary) || strings.Contains(without, "node a") {
		t.Error(without)
	}
	if out := show(alone, "t"); strings.Contains(out, "node") || strings.Contains(out, "cluster") {
		t.Error(out)
	}
}

// TestDoctorOfADatabase: what a start would refuse is a fault, with its reason, and nothing
// shows a credential.
func TestDoctorOfADatabase(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	postgres, err := pgtest.Start(t.Context(), pgtest.Options{})
	if pgtest.Leaves(err) {
		t.Skip()
	}
	must(t, err)
	t.Cleanup(func() { must(t, postgres.Close()) })
	fresh, err := postgres.Database(t.Context())
	must(t, err)
	used, err := postgres.Database(t.Context())
	must(t, err)
	_, _, err = pgstore.Migrate(t.Context(), used)
	must(t, err)
	newer, err := postgres.Database(t.Context())
	must(t, err)
	_, _, err = pgstore.Migrate(t.Context(), newer)
	must(t, err, pgtest.Exec(t.Context(), newer, "UPDATE meta SET value = '99' WHERE name IN ('version', 'least')"))
	pooler, err := pgtest.NewPooler(used, false)
	must(t, err)
	t.Cleanup(func() { must(t, pooler.Close()) })
	wrong, err := url.Parse(used)
	must(t, err)
	wrong.User = url.UserPassword(pgtest.User, "s3cret")
	running := start(t, &server{ready: 200, version: "1", token: 200})
	for _, c := range []struct {
		reason        string
		config        app.Config
		check, status string
		detail        string
	}{
		{"without tables", app.Config{DatabaseURL: fresh}, "tables", ok, "there are none yet"},
		{"one that is used", app.Config{DatabaseURL: used}, "database", ok, "is PostgreSQL 1"},
		{"its tables", app.Config{DatabaseURL: used}, "tables", ok, "have version "},
		{"a lone primary", app.Config{DatabaseURL: used}, "standby", warning, "can lose accepted events"},
		{"a lone primary that replicates below", app.Config{DatabaseURL: used, Durability: "storage", RequireStandby: true}, "standby", ok, "durability=storage"},
		{"a lone primary that must not be", app.Config{DatabaseURL: used, Durability: "standby", RequireStandby: true}, "database", fault, "no synchronous standby"},
		{"the way to it", app.Config{DatabaseURL: used}, "database's answer", "", "after "},
		{"its clock", app.Config{DatabaseURL: used}, "database's clock", ok, ""},
		{"a newer program's", app.Config{DatabaseURL: newer}, "database", fault, "needs a program of version 99"},
		{"a pooler in transaction mode", app.Config{DatabaseURL: pooler.URL()}, "database", fault, "connection pooler in transaction mode"},
		{"a wrong password", app.Config{DatabaseURL: wrong.String()}, "database", fault, "password authentication failed"},
		{"no URL", app.Config{DatabaseURL: "s3cret"}, "database", fault, "database-url is not a URL"},
	} {
		found, err := examine(t, Doctor{Flags: connection.Flags{Server: running, Token: "t"}, Config: c.config})
		if f := found[c.check]; c.status != "" && f.Status != c.status || !strings.Contains(f.Detail, c.detail) {
			t.Errorf("%s: %+v, want %s with %q", c.reason, f, c.status, c.detail)
		}
		if text := fmt.Sprint(found, err); strings.Contains(text, pgtest.Password) || strings.Contains(text, "s3cret") {
			t.Errorf("%s: the findings have the password: %s", c.reason, text)
		}
	}
}

// TestDoctorDoesNotWait for a database that does not answer any longer than the caller does.
func TestDoctorDoesNotWait(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var found []finding
	d := Doctor{Config: app.Config{DatabaseURL: "postgres://u:s3cret@127.0.0.1:1/x"}}
	d.database(ctx, func(check, status, detail string) { found = append(found, finding{check, status, detail}) })
	if len(found) != 1 || found[0].Status != fault {
		t.Errorf("%+v", found)
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}
