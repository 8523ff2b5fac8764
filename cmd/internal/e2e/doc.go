// Package e2e tests the whole: it builds the binary, runs it as a process of its
// own and talks to it over HTTP, as publishers and subscribers do. The receivers
// in node/ are what subscribers run.
//
// The tests need Go, and Node with npm. Timings never decide a verdict: a test
// waits for a state, within a generous bound, and reports the times it saw.
//
// With ASTROHOOK_E2E_DATABASE=1 every server keeps its data in PostgreSQL, a database for
// each, in place of a data directory.
package e2e
