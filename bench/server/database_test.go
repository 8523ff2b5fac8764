package server

import (
	"strings"
	"testing"
)

// TestParseDatabaseShowsNoPassword: the text comes from a command line, and its error goes
// to a log.
func TestParseDatabaseShowsNoPassword(t *testing.T) {
	for _, wrong := range []string{
		"", "localhost", "mysql://u:s3cret@h/d", "postgres://u:s3cret@h", "postgres://u:s3cret@h/", "postgres:///d", "postgres://u:s3cret@h:port x/d",
	} {
		if _, err := ParseDatabase(wrong); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	d, err := ParseDatabase("postgresql://u:s3cret@h:5433/d?sslmode=disable")
	if err != nil || d.url.Port() != "5433" {
		t.Errorf("%+v, %v", d, err)
	}
}

// TestUseReportsAFailure: without a server nothing is kept to be removed later.
func TestUseReportsAFailure(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	d, err := ParseDatabase("postgres://u:s3cret@127.0.0.1:1/d")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{}
	if err := d.Use(t.Context(), s); err == nil || strings.Contains(err.Error(), "s3cret") || s.drop != nil || s.Stored {
		t.Errorf("%v, %+v", err, s)
	}
}
