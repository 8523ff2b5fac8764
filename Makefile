# Astrohook: `make help` lists the targets. Needed: Go (see go.mod) and git; for the tests also Node with
# npm, Python 3, and a C compiler for the race detector. The rest is installed into .bin.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# Release names come from git; without git the binary says "devel".
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)
# What to test: PKG=./actors/... for a part.
PKG ?= ./...
# More arguments: ARGS="--listen 127.0.0.1:8888" for run, ARGS="-run TestX -v" for test.
ARGS ?=
TEST_TIMEOUT ?= 20m
# Packages with allocation tests, which hold without the race detector only: it allocates, too.
ALLOC_PKG = $(sort $(dir $(shell grep -rl --include='*_test.go' 'func Test.*Alloc' actors httpapi storage webhook | sed 's|^|./|')))

GOLANGCI_VERSION := v2.15.0
GOLANGCI := .bin/golangci-lint-$(GOLANGCI_VERSION)

# Badger with our patches: a copy of its source, which go.work names. With it go build, go test and
# editors use the copy, too; without it they stop at badger.RunMakePatch. See storage/DESIGN.md, Patch.
PATCHES := $(sort $(wildcard storage/badgerstore/engine/patches/*.patch))
PATCHED := go.work

NPM_LOCKS = $(shell find . -name package-lock.json -not -path '*/node_modules/*')
NPM_DONE = $(NPM_LOCKS:package-lock.json=node_modules/.package-lock.json)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: build ## Build, and run the server for a first look (serve --dev)
	@./bin/astrohook serve --dev $(ARGS)

.PHONY: build
build: need-go $(PATCHED) console ## Build bin/astrohook: one static binary
	CGO_ENABLED=0 go build -trimpath -ldflags "-X main.version=$(VERSION)" -o bin/astrohook ./cmd/astrohook

# The pages in the binary. Without Node everything but them is built; CI leaves nothing out.
CONSOLE := httpapi/console
CONSOLE_SOURCES = $(wildcard $(CONSOLE)/*.json $(CONSOLE)/*.ts $(CONSOLE)/index.html) $(shell find $(CONSOLE)/src -type f ! -name openapi.d.ts 2>/dev/null) httpapi/openapi.yaml

.PHONY: console
console: ## Build the console's pages, where Node is there
	@if command -v npm >/dev/null || test "$${CI:-}" = true; then $(MAKE) --no-print-directory $(CONSOLE)/dist/app/index.html; \
	else echo "no Node with npm: the console is left out, everything else is built (see CONTRIBUTING.md)" >&2; fi

$(CONSOLE)/dist/app/index.html: $(CONSOLE_SOURCES) $(CONSOLE)/node_modules/.package-lock.json
	cd $(CONSOLE) && npm run build

# -pgo=off: with -coverprofile and ./... Go 1.26.8 failed to link the test of cmd/astrohook, which has
# a default.pgo (fingerprint mismatch).
.PHONY: test
test: need-go $(PATCHED) need-cc need-python setup-postgres setup-browser $(NPM_DONE) console ## Run every test with the race detector, and report the coverage
	go test -run Alloc $(ALLOC_PKG)
	CGO_ENABLED=1 go test -race -pgo=off -timeout $(TEST_TIMEOUT) -coverprofile=coverage.out $(ARGS) $(PKG)
	@go tool cover -func=coverage.out | awk 'END { print "coverage of all statements: " $$NF }'

.PHONY: faults
faults: need-go $(PATCHED) need-cc setup-faults setup-prometheus setup-postgres ## Run the server on a machine that fails: minutes (FAULTS=long for hours)
	FAULTS=$(or $(FAULTS),short) go test -tags faults -count=1 -p 1 -timeout 8h -run '^TestFault' -v $(ARGS) ./cmd/internal/app ./cmd/internal/e2e

# What needs root is left out for others, which the tests say; with CI=true that is an error.
.PHONY: setup-faults
setup-faults: ## Install strace and iproute2 for make faults, where that is possible
	@{ command -v strace && command -v ip && command -v tc; } >/dev/null || { \
		test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq strace iproute2; } || \
		{ echo "missing: strace, to make system calls fail, or iproute2, to cut networks (Debian: apt-get install strace iproute2)" >&2; exit 1; }
	@test "$$(id -u)" = 0 || echo "not root: the tests that mount a small disk or cut networks are left out" >&2
	@test "$$(id -u)" = 0 || test "$${CI:-}" != true || { echo "CI=true leaves nothing out: run make faults as root" >&2; exit 1; }

# Only the programs of Debian's package: installed, it would start a server on this machine.
.PHONY: setup-prometheus
setup-prometheus: ## Put prometheus and promtool into .bin for make faults, unless the system has them
	@{ command -v prometheus && command -v promtool; } >/dev/null || test -x .bin/prometheus/promtool || { \
		rm -rf .bin/part && mkdir -p .bin/part && cd .bin/part && \
		{ apt-get download -qq prometheus || { apt-get update -qq && apt-get download -qq prometheus; }; } 2>/dev/null && \
		dpkg-deb -x prometheus_*.deb . && mv usr/bin ../prometheus && rm -rf ../part; } || \
		{ echo "missing: prometheus and promtool, to try the alerts (Debian: apt-get install prometheus)" >&2; exit 1; }

# Debian's package would start a server of its own on this machine, unless it is told not to make one.
.PHONY: setup-postgres
setup-postgres: ## Install PostgreSQL for make test and make faults, where that is possible
	@command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || test -n "$${ASTROHOOK_TEST_POSTGRES:-}" || { \
		test "$$(id -u)" = 0 && command -v apt-get >/dev/null && mkdir -p /etc/postgresql-common/createcluster.d && \
		echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.d/no-main.conf && \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql; } || \
		{ echo "missing: PostgreSQL 15 or later, of which the tests start servers of their own (Debian: apt-get install postgresql)" >&2; exit 1; }

# PHP is for one of the receivers that the console shows, jq for the commands' output.
.PHONY: setup-browser
setup-browser: ## Install what the tests of the console and the commands drive, where that is possible
	@{ command -v chromium && command -v php && command -v jq; } >/dev/null || { \
		test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core php-cli jq; } >/dev/null || \
		{ echo "missing: chromium, php and jq, for the tests of the console and the commands (Debian: apt-get install chromium php-cli jq)" >&2; exit 1; }

# TestFaultPatroni is part of the long form only, and starts an etcd of its own. Where there is systemd,
# Debian's package starts another one, which nobody here needs.
.PHONY: setup-patroni
setup-patroni: ## Install Patroni and etcd for FAULTS=long make faults, where that is possible
	@{ command -v patroni && command -v etcd; } >/dev/null || { \
		test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq patroni etcd-server; } || \
		{ echo "missing: patroni and etcd, to let them fail over (Debian: apt-get install patroni etcd-server)" >&2; exit 1; }

# For how long make fuzz runs each target: a time, or 1000x for so many executions.
FUZZTIME ?= 30s

.PHONY: fuzz
fuzz: need-go $(PATCHED) need-npm ## Run each fuzz target for 30 s (FUZZTIME=5m; PKG=./webhook for a part)
	@for package in $$(go list -f '{{.Dir}}' $(PKG)); do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$package/*_test.go 2>/dev/null); do \
			echo "== $$target in $$package"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s $(ARGS) $$package; \
		done; \
	done

.PHONY: bench
bench: need-go $(PATCHED) ## Measure everything into bench/results, for an hour (ARGS="--scenario single" for a part)
	go run ./bench --repetitions 5 --results bench/results $(ARGS)

.PHONY: bench-smoke
bench-smoke: need-go $(PATCHED) ## Look under load, for less than a minute, whether events are lost, duplicated or corrupted
	go run ./bench --smoke

.PHONY: lint
lint: need-go $(PATCHED) $(GOLANGCI) ## Check with go vet, golangci-lint, go mod tidy and the project's own measures
	go vet -tags faults ./...
	$(GOLANGCI) run ./...
	go mod tidy -diff
	go run ./cmd/internal/measure -check -english

# The server runs on Linux and macOS, the client commands on Windows, too.
CROSS := darwin/arm64 linux/arm64 windows/amd64
# What differs between systems is vetted on macOS, tests included. On Windows the tests do not run,
# and another processor changes nothing that vet looks at: these are compiled only.
CROSS_VET := darwin/arm64
CROSS_VET_PKG := ./actors/... ./cmd/astrohook ./cmd/internal/app ./httpapi/... ./storage/... ./webhook/...

.PHONY: cross
cross: need-go $(PATCHED) ## Compile for macOS, Windows and Linux on other processors
	@export CGO_ENABLED=0; for target in $(CROSS); do \
		echo "== $$target"; \
		export GOOS=$${target%/*} GOARCH=$${target#*/}; \
		go build -trimpath -o /dev/null ./cmd/astrohook; \
		test $$target != $(CROSS_VET) || go vet $(CROSS_VET_PKG); \
	done

.PHONY: format
format: $(GOLANGCI) ## Format the Go code
	$(GOLANGCI) fmt ./...

.PHONY: clean
clean: ## Remove what was built and installed here; data directories stay
	rm -rf bin .bin .patched go.work go.work.sum coverage.out coverage.html
	find . -name node_modules -type d -prune -exec rm -rf {} +

.PHONY: patch
patch: need-go $(PATCHED) ## Copy Badger's source and apply our patches (build and test do it by themselves)

# git works alike in a repository, in a folder of one that is ignored, and without one.
# GOWORK=off: the module is found as go.mod names it.
$(PATCHED): go.mod go.sum $(PATCHES) | need-git
	@echo "Patching a copy of Badger into .patched, named by $@"
	@rm -rf .patched $@ && mkdir .patched
	@GOWORK=off go mod download github.com/dgraph-io/badger/v4
	@cp -R "$$(GOWORK=off go list -m -f '{{.Dir}}' github.com/dgraph-io/badger/v4)" .patched/badger
	@chmod -R u+w .patched/badger
	@for patch in $(PATCHES); do \
		GIT_CEILING_DIRECTORIES=$(CURDIR)/.patched git -C .patched/badger apply "$(CURDIR)/$$patch" || \
			{ echo "$$patch does not fit the Badger in go.mod: see storage/DESIGN.md, Patch" >&2; exit 1; }; \
	done
	@printf 'go %s\n\nuse .\n\nreplace github.com/dgraph-io/badger/v4 => ./.patched/badger\n' \
		"$$(awk '/^go /{print $$2}' go.mod)" >$@.part
	@mv $@.part $@

$(GOLANGCI): | need-go
	GOBIN=$(CURDIR)/.bin CGO_ENABLED=0 go install -trimpath -ldflags '-s -w' \
		github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	mv .bin/golangci-lint $@

%/node_modules/.package-lock.json: %/package-lock.json | need-npm
	cd $* && npm ci --no-audit --no-fund
	touch $@

.PHONY: need-go need-git need-cc need-npm need-python
need-go:
	@command -v go >/dev/null || { echo "missing: Go $$(awk '/^go /{print $$2}' go.mod) or later" >&2; exit 1; }
need-git:
	@command -v git >/dev/null || { echo "missing: git, to apply a patch (Debian: apt-get install git)" >&2; exit 1; }
need-cc:
	@command -v $${CC:-gcc} >/dev/null || { echo "missing: a C compiler for the race detector (Debian: apt-get install gcc libc6-dev)" >&2; exit 1; }
need-npm:
	@command -v npm >/dev/null || { echo "missing: Node 20 or later with npm, for the tests with npm packages (Debian: apt-get install nodejs npm)" >&2; exit 1; }
need-python:
	@command -v python3 >/dev/null || { echo "missing: Python 3, for the example of a receiver (Debian: apt-get install python3)" >&2; exit 1; }
