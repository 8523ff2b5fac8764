package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/corpastro/astrohook"

// listedPackage is what `go list -json` prints about a package.
type listedPackage struct {
	ImportPath   string
	Deps         []string // without those of tests
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// edge forbids packages under from to depend on packages under to, and says why.
type edge struct {
	from, to string
	reason   string
}

// under reports whether a package is the folder or below it.
func under(pkg, folder string) bool {
	return pkg == folder || strings.HasPrefix(pkg, folder+"/")
}

func listPackages(t *testing.T) []listedPackage {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Deps,Imports,TestImports,XTestImports", module+"/...").Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatalf("go list: %v", err)
	}
	var packages []listedPackage
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listedPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// TestLayers checks the direction of imports that docs/design.md, section 3, promises.
func TestLayers(t *testing.T) {
	packages := listPackages(t)
	for _, fault := range layerFaults(packages) {
		t.Error(fault)
	}
	for _, folder := range []string{"actors", "httpapi", "storage", "webhook", "bench", "cmd/astrohook"} {
		if !slices.ContainsFunc(packages, func(p listedPackage) bool { return under(p.ImportPath, module+"/"+folder) }) {
			t.Errorf("there is no package %s: do the rules still name the right folders?", folder)
		}
	}
}

// forbidden are the edges inside the module that no code but tests may have.
var forbidden = []edge{
	{"actors", "httpapi", "the parts do not know one another"},
	{"actors", "storage", "the parts do not know one another"},
	{"httpapi", "actors", "the parts do not know one another"},
	{"httpapi", "storage", "the parts do not know one another"},
	{"httpapi/auth", "httpapi/inbound", "who calls is found out without a request"},
	{"httpapi/inbound", "httpapi/auth", "the wire knows accounts by name only"},
	{"httpapi", "httpapi/auth/authtest", "a fake for tests"},
	{"httpapi", "httpapi/inbound/inboundtest", "a client for tests"},
	{"actors/feed", "actors/lane", "the feed passes items on, whatever makes them"},
	{"actors/feed", "actors/limit", "the feed passes items on, whatever makes them"},
	{"actors/lane", "actors/limit", "the lane is a pure core: it knows webhook only"},
	{"actors/lane", "actors/sender", "the lane is a pure core: it knows webhook only"},
	{"actors/jobs", "actors/lane", "jobs change deliveries through the dispatcher"},
	{"actors/limit", "actors/lane", "what endpoints share knows nothing of what one of them decides"},
	{"actors/survey", "actors/lane", "a survey sums up what it is shown, and asks nobody"},
	{"actors/survey", "actors/limit", "a survey sums up what it is shown, and asks nobody"},
	{"actors/survey", "actors/sender", "a survey sums up what it is shown, and asks nobody"},
	{"actors/limit", "actors/sender", "what endpoints share knows nothing of how attempts are made"},
	{"actors/stats", "actors/lane", "figures, whatever they decide"},
	{"actors/stats", "actors/limit", "figures, whatever they decide"},
	{"actors/sender/guard", "actors/sender", "the guard judges targets, and knows neither connections nor HTTP"},
	{"actors/sender/http1", "actors/sender/guard", "HTTP/1.1 and nothing else"},
	{"actors/sender/http1", "actors/sender/socket", "HTTP/1.1 and nothing else"},
	{"actors/sender/socket", "actors/sender", "what the system says about a socket, whoever asks"},
	{"actors/sender/detail", "actors/sender", "a leaf: all parts of the sender attach words"},
	{"actors", "actors/sender/receivertest", "a fake for tests"},
	{"cmd", "actors/sender/receivertest", "a fake for tests"},
	{"httpapi/problem", "httpapi/auth", "what an answer looks like does not depend on who asks"},
	{"httpapi/exchange", "httpapi/registration", "what all calls share knows nothing of one resource"},
	{"httpapi/jsonbody", "httpapi/registration", "what all bodies share knows nothing of one resource"},
	{"httpapi/session", "httpapi/console", "whoever signs in, the pages are the same"},
	{"httpapi/console", "httpapi/session", "the pages are the same for everybody"},
	{"httpapi/console", "httpapi/auth", "the pages are the same for everybody"},
	{"httpapi/console", "httpapi/inbound", "the pages are the same on every connection"},
	{"httpapi/jobs", "httpapi/eventtypes", "a job names types, registered or not"},
	{"httpapi/eventinput", "httpapi/registration", "events and webhooks have nothing in common but their form"},
	{"httpapi/eventtypes", "httpapi/registration", "webhooks see the registry through an interface of their own"},
	{"httpapi/registration", "httpapi/eventtypes", "webhooks see the registry through an interface of their own"},
	{"httpapi/registration", "httpapi/auth", "what a webhook is does not depend on who asks"},
	{"httpapi/stream", "httpapi/audit", "who watches and who changed what have nothing in common"},
	{"httpapi/audit", "httpapi/stream", "who watches and who changed what have nothing in common"},
	{"httpapi/audit", "httpapi/registration", "a change is compared as the API shows it, whatever it is of"},
	{"httpapi/view", "httpapi/auth", "what an answer looks like does not depend on who asks"},
	{"storage", "storage/badgerstore/engine/enginetest", "damage for tests"},
	{"cmd", "storage/badgerstore/engine/enginetest", "damage for tests"},
	{"cmd", "httpapi/inbound/inboundtest", "a client for tests"},
	{"storage/badgerstore/engine", "storage/badgerstore/layout", "the engine knows Badger and its files, and no records"},
	{"storage/badgerstore/engine", "storage/record", "the engine knows Badger and its files, and no records"},
	{"storage/record", "storage/badgerstore", "records know no backend"},
	{"storage", "storage/record/recordtest", "records of older versions, for tests"},
	{"storage/badgerstore/layout", "storage/badgerstore/engine", "keys and encodings do not depend on how Badger is opened"},
	{"storage", "actors", "the parts do not know one another"},
	{"storage", "httpapi", "the parts do not know one another"},
	{"actors", "cmd", "cmd is the top"},
	{"httpapi", "cmd", "cmd is the top"},
	{"storage", "cmd", "cmd is the top"},
	{"cmd/internal/app", "cmd/internal/cli", "a server knows no commands"},
	{"cmd/internal/cli/completion", "cmd/internal/cli/connection", "what a value may be is asked through a function"},
	{"cmd/internal/cli/connection", "cmd/internal/app", "who calls a server has none"},
	{"cmd/internal/cli/live", "cmd/internal/app", "who calls a server has none"},
	{"cmd/internal/cli/output", "cmd/internal/cli/connection", "a leaf: what is printed does not depend on who was asked"},
	{"cmd/internal/cli/output", "cmd/internal/cli/live", "a leaf: what is printed does not depend on when"},
	{"cmd/internal/cli/resource", "cmd/internal/app", "views of the API call it, and have nothing else of a server"},
	{"cmd/internal/cluster", "actors", "a node decides by leases and parts, and knows deliveries by interface only"},
	{"cmd/internal/cluster", "httpapi", "a node decides by leases and parts, and knows deliveries by interface only"},
	{"cmd/internal/cluster", "storage/pgstore", "a node knows its store by the interface storage.Shared"},
	{"cmd/internal/cluster/peer", "cmd/internal/cluster", "messages between nodes know nothing of leases and parts"},
	{"storage/badgerstore", "storage/keyring", "storage/sealed encrypts in front of every backend"},
	{"storage/memstore", "storage/keyring", "storage/sealed encrypts in front of every backend"},
	{"storage/pgstore", "storage/keyring", "storage/sealed encrypts in front of every backend"},
	{"storage/pgstore", "storage/badgerstore", "backends share records, and nothing else"},
	{"storage/badgerstore", "storage/pgstore", "backends share records, and nothing else"},
	{"storage", "storage/pgstore/pgtest", "a database for tests"},
	{"cmd", "storage/pgstore/pgtest", "a database for tests"},
	{"storage/groupcommit", "storage/badgerstore", "groups of writes know no backend"},
	{"storage/badgerstore/layout", "storage/badgerstore/engine", "keys and records are pure functions"},
	{"storage/badgerstore", "storage/pgstore", "what one backend hands out, another takes without knowing it"},
	{"storage/pgstore", "storage/badgerstore", "what one backend hands out, another takes without knowing it"},
	{"bench", "actors", "bench drives the public HTTP API only"},
	{"bench", "httpapi", "bench drives the public HTTP API only"},
	{"bench", "storage", "bench drives the public HTTP API only"},
	{"bench/loadgen", "bench/receiver", "both ends of a measurement share no more than the event's data"},
	{"bench/receiver", "bench/loadgen", "both ends of a measurement share no more than the event's data"},
	{"bench/receiver", "bench/server", "the receiver knows nothing of who calls it"},
	{"bench/report", "bench/loadgen", "the report knows figures, not how they are measured"},
	{"bench/report", "bench/receiver", "the report knows figures, not how they are measured"},
	{"bench/report", "bench/server", "the report knows figures, not how they are measured"},
	{"bench/event", "bench/latency", "a leaf"},
	{"bench/server", "bench/report", "the server under test knows nothing of what is made of it"},
	{"bench", "bench/benchtest", "for tests"},
}

// withoutHTTP are the packages of the API that know no request and no answer.
var withoutHTTP = []string{"httpapi/auth", "httpapi/eventinput", "httpapi/eventtypes", "httpapi/jsonbody", "httpapi/paging", "httpapi/registration", "httpapi/view"}

// homes are the only packages, tests included, that import a library.
var homes = []struct {
	library string
	homes   []string
}{
	{"github.com/dgraph-io/badger", []string{module + "/storage/badgerstore/engine", module + "/storage/badgerstore", module + "/storage/badgerstore/export"}},
	{"github.com/asynkron/protoactor-go", []string{module + "/actors"}},
	{"github.com/spf13/cobra", []string{module + "/cmd/internal/cli/completion"}},
	{"charm.land/bubbletea", []string{module + "/cmd/internal/cli/live"}},
	{"charm.land/lipgloss", []string{module + "/cmd/internal/cli/output", module + "/cmd/internal/cli/live"}},
	{"github.com/vbauerster/mpb", []string{module + "/cmd/internal/cli/live"}},
	{"github.com/jackc/pgx", []string{module + "/storage/pgstore", module + "/storage/pgstore/columns", module + "/storage/pgstore/session", module + "/storage/pgstore/tables", module + "/storage/pgstore/schema", module + "/storage/pgstore/pgtest"}},
}

func layerFaults(packages []listedPackage) []string {
	var faults []string
	for _, p := range packages {
		for _, e := range forbidden {
			if under(p.ImportPath, module+"/"+e.from) {
				faults = append(faults, dependFaults(p, module+"/"+e.to, e.reason)...)
			}
		}
		for _, pkg := range withoutHTTP {
			if under(p.ImportPath, module+"/"+pkg) {
				faults = append(faults, dependFaults(p, "github.com/valyala/fasthttp", "it knows no HTTP")...)
			}
		}
		if _, listed := allowed[p.ImportPath]; listed || under(p.ImportPath, module+"/webhook") {
			faults = append(faults, allowedFaults(p)...)
		}
		for _, h := range homes {
			if !slices.Contains(h.homes, p.ImportPath) {
				faults = append(faults, importFaults(p, h.library, h.homes[0])...)
			}
		}
	}
	return faults
}

func dependFaults(p listedPackage, to, reason string) []string {
	var faults []string
	for _, dependency := range p.Deps {
		if under(dependency, to) {
			faults = append(faults, p.ImportPath+" depends on "+dependency+": "+reason)
		}
	}
	return faults
}

func importFaults(p listedPackage, library, home string) []string {
	var faults []string
	for _, imported := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
		if under(imported, library) {
			faults = append(faults, p.ImportPath+" imports "+imported+", which is "+home+"'s own")
		}
	}
	return faults
}

const jsonLibrary = "github.com/go-json-experiment/json"

// vocabulary is what a package gets that imports webhook.
var vocabulary = []string{module + "/webhook", jsonLibrary}

// allowed are all that a package may depend on beside the standard library. Every package
// of the vocabulary has a line: a receiver imports webhook/signing and gets nothing else.
var allowed = map[string][]string{
	module + "/webhook":               {module + "/webhook/canonicaljson", module + "/webhook/signing", jsonLibrary},
	module + "/webhook/bulk":          {module + "/webhook", module + "/webhook/canonicaljson", module + "/webhook/signing", jsonLibrary},
	module + "/webhook/audit":         {module + "/webhook", module + "/webhook/canonicaljson", module + "/webhook/signing", jsonLibrary},
	module + "/webhook/live":          {module + "/webhook", module + "/webhook/canonicaljson", module + "/webhook/signing", jsonLibrary},
	module + "/webhook/canonicaljson": {jsonLibrary},
	module + "/webhook/signing":       {},
	module + "/storage/keyring":       {},
	module + "/storage/record":        slices.Concat(vocabulary, []string{module + "/storage/record"}),
	module + "/actors/limit":          vocabulary,
	module + "/actors/lane":           slices.Concat(vocabulary, []string{"github.com/sony/gobreaker/v2", "golang.org/x/time/rate"}),
}

// allowedFaults returns what a package depends on beyond its line in allowed.
func allowedFaults(p listedPackage) []string {
	var faults []string
	for _, dependency := range p.Deps {
		first, _, _ := strings.Cut(dependency, "/")
		may := func(library string) bool { return under(dependency, library) }
		if strings.Contains(first, ".") && !slices.ContainsFunc(allowed[p.ImportPath], may) {
			faults = append(faults, p.ImportPath+" depends on "+dependency)
		}
	}
	return faults
}

// TestLayerFaults shows that the rules find what they forbid.
func TestLayerFaults(t *testing.T) {
	const badger = "github.com/dgraph-io/badger/v4"
	for _, c := range []struct {
		reason string
		pkg    listedPackage
		faults int
	}{
		{"the interface package counts as storage", listedPackage{ImportPath: module + "/actors/sender", Deps: []string{module + "/storage"}}, 1},
		{"a dependency of a dependency counts", listedPackage{ImportPath: module + "/bench", Deps: []string{module + "/actors", module + "/storage/badgerstore"}}, 2},
		{"a fake in the server", listedPackage{ImportPath: module + "/cmd/internal/app", Deps: []string{module + "/actors/sender/receivertest"}}, 1},
		{"the guard with a connection", listedPackage{ImportPath: module + "/actors/sender/guard", Deps: []string{module + "/actors/sender"}}, 1},
		{"a library outside of its home", listedPackage{ImportPath: module + "/httpapi", Imports: []string{badger}}, 1},
		{"in a test too", listedPackage{ImportPath: module + "/storage/memstore", XTestImports: []string{badger}}, 1},
		{"webhook with a library", listedPackage{ImportPath: module + "/webhook", Deps: []string{"golang.org/x/time/rate"}}, 1},
		{"a receiver's package with the JSON library", listedPackage{ImportPath: module + "/webhook/signing", Deps: []string{"github.com/go-json-experiment/json"}}, 1},
		{"a receiver's package with the vocabulary", listedPackage{ImportPath: module + "/webhook/signing", Deps: []string{module + "/webhook"}}, 1},
		{"a package of the vocabulary that no rule names", listedPackage{ImportPath: module + "/webhook/new", Deps: []string{"github.com/go-json-experiment/json"}}, 1},
		{"webhook with its own packages", listedPackage{ImportPath: module + "/webhook", Deps: []string{module + "/webhook/signing", module + "/webhook/canonicaljson"}}, 0},
		{"webhook with what it may", listedPackage{ImportPath: module + "/webhook", Deps: []string{"net/netip", "github.com/go-json-experiment/json/jsontext"}}, 0},
		{"the lane with what endpoints share, against two rules", listedPackage{ImportPath: module + "/actors/lane", Deps: []string{module + "/actors/limit"}}, 2},
		{"the lane with its libraries", listedPackage{ImportPath: module + "/actors/lane", Deps: []string{module + "/webhook", "github.com/sony/gobreaker/v2"}}, 0},
		{"the keyring with the vocabulary", listedPackage{ImportPath: module + "/storage/keyring", Deps: []string{module + "/webhook"}}, 1},
		{"the lane with protoactor", listedPackage{ImportPath: module + "/actors/lane", Imports: []string{"github.com/asynkron/protoactor-go/actor"}}, 1},
		{"limits with protoactor, in a test", listedPackage{ImportPath: module + "/actors/limit", TestImports: []string{"github.com/asynkron/protoactor-go/actor"}}, 1},
		{"the actors import lane and limits", listedPackage{ImportPath: module + "/actors", Deps: []string{module + "/actors/lane", module + "/actors/limit"}}, 0},
		{"who calls, with a request", listedPackage{ImportPath: module + "/httpapi/auth", Deps: []string{"github.com/valyala/fasthttp"}}, 1},
		{"who calls, by way of the wire", listedPackage{ImportPath: module + "/httpapi/auth", Deps: []string{module + "/httpapi/inbound", "github.com/valyala/fasthttp"}}, 2},
		{"a test's client in the server", listedPackage{ImportPath: module + "/httpapi", Deps: []string{module + "/httpapi/inbound/inboundtest"}}, 1},
		{"a library at home", listedPackage{ImportPath: module + "/storage/badgerstore", Imports: []string{badger}}, 0},
		{"a library at its other home", listedPackage{ImportPath: module + "/storage/badgerstore/engine", Imports: []string{badger}}, 0},
		{"the engine with records", listedPackage{ImportPath: module + "/storage/badgerstore/engine", Deps: []string{module + "/storage/badgerstore/layout"}}, 1},
		{"a package beside the home", listedPackage{ImportPath: module + "/storage/badgerstore/other", Imports: []string{badger}}, 1},
		{"a test may import another part", listedPackage{ImportPath: module + "/actors", TestImports: []string{module + "/storage/memstore"}}, 0},
		{"the top imports all", listedPackage{ImportPath: module + "/cmd/internal/app", Deps: []string{module + "/actors", module + "/storage", module + "/httpapi"}}, 0},
	} {
		if faults := layerFaults([]listedPackage{c.pkg}); len(faults) != c.faults {
			t.Errorf("%s: %v", c.reason, faults)
		}
	}
}
