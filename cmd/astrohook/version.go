package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/corpastro/astrohook/cmd/internal/app"
)

// version is set by the Makefile, from git; without it the module's own version counts,
// which `go install` records.
var version = ""

// currentVersion names this build, for people and in the User-Agent of deliveries.
func currentVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}

// versionCommand prints what a report about a fault needs: the version, Go's version, the
// system, and whether the database has the patches.
type versionCommand struct{}

// Run prints the version.
func (*versionCommand) Run(std streams) error {
	database := "database patched"
	if !app.Patched() {
		database = "database not patched: build with make"
	}
	_, err := fmt.Fprintf(std.Out, "astrohook %s (%s, %s/%s, %s)\n", currentVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH, database)
	return err
}
