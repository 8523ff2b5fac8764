package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the Makefile; without it the module's own version counts.
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

type versionCommand struct{}

// Run prints the version.
func (*versionCommand) Run(std streams) error {
	_, err := fmt.Fprintf(std.out, "astrohook %s (%s, %s/%s)\n", currentVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
