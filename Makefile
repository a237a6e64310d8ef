# Everything here runs on a fresh machine with Go, git and make: the programs
# that the targets use are built from the `tool` lines of tools/go.mod into
# .build/bin, which is ignored and may be deleted at any time.

BUILD := $(CURDIR)/.build
BIN   := $(BUILD)/bin
GO    ?= go
export CGO_ENABLED ?= 0

# The race detector needs a C compiler; without one the tests run without it.
RACE := $(if $(shell command -v gcc || command -v clang || command -v cc),CGO_ENABLED=1,)

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  \033[1m%-16s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build amend, amend-gateway, amend-step and forge into .build/bin
	$(GO) build -trimpath -o $(BIN)/ ./cmd/...

.PHONY: demo
demo: build $(BIN)/act $(BIN)/alertmanager ## Run the main job end to end on this machine (KEEP=1 leaves it running)
	@cd tools && $(GO) build -o $(BIN)/ ./demo
	@$(BIN)/demo -bin $(BIN) -root $(CURDIR) $(if $(KEEP),-keep)

# Any Chromium does; Debian has it in its package chromium.
BROWSER ?= $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)

.PHONY: screenshots
screenshots: build $(BIN)/act $(BIN)/alertmanager ## Look at the page with a real browser, and take the pictures of docs/page.md from a run of the demo (BROWSER=chromium)
	@test -n '$(BROWSER)' || { echo 'no browser: apt-get install chromium, or give BROWSER=' >&2; exit 1; }
	cd tools && $(GO) build -o $(BIN)/ ./demo ./browser
	AMEND_TEST_BROWSER=$(BIN)/browser $(GO) test ./cmd/amend -run InABrowser -count=1 -v
	$(BIN)/demo -bin $(BIN) -root $(CURDIR) -visit '$(BIN)/browser -browser $(BROWSER) -shots $(CURDIR)/docs/screenshots'

# IMAGE names the image, ARCH is amd64 or arm64, PUSH a name to push it to.
IMAGE ?= ghcr.io/amendhq/amend:dev
ARCH  ?= amd64

.PHONY: image
image: ## Build the container image, without Docker, into .build/image/amend.tar (ARCH=arm64, PUSH=name)
	@cd tools && $(GO) build -o $(BIN)/ ./image
	@$(BIN)/image -root $(CURDIR) -out $(BUILD)/image -arch $(ARCH) -tag $(IMAGE) $(if $(PUSH),-push $(PUSH))

# A process with the race detector waits a second before it exits, for races that
# come late. Hundreds of them start here, and next to none has anything going on then.
# The timeout is for machines where all packages share a slow core.
.PHONY: test
test: export GORACE ?= atexit_sleep_ms=0
test: $(BIN)/act $(BIN)/alertmanager ## Run every test with the race detector, the real Alertmanager and the real Actions runner included
	@test -n '$(RACE)' || echo 'no C compiler found: testing without the race detector' >&2
	$(RACE) AMEND_TEST_ACT=$(BIN)/act AMEND_TEST_ALERTMANAGER=$(BIN)/alertmanager $(GO) test -timeout 40m $(if $(RACE),-race) ./...

# What is measured, and what it is measured beside: docs/performance.md. The first time
# builds Argo Events, which takes minutes. RUN picks benchmarks, for instance RUN=write.
.PHONY: bench
bench: bench-programs ## Measure amend beside its baselines, in 10 minutes, and write docs/performance.md (RUN=name)
	$(BIN)/bench -bin $(BIN) -out $(CURDIR)/docs/performance.md $(if $(RUN),-run '$(RUN)')

.PHONY: bench-full
bench-full: bench-programs ## The same with every size and every round trip, which takes long
	$(BIN)/bench -bin $(BIN) -out $(CURDIR)/docs/performance.md $(if $(RUN),-run '$(RUN)') -full

.PHONY: bench-programs
bench-programs: build $(BIN)/act $(BIN)/kustomize $(BIN)/yq
	$(GO) build -trimpath -o $(BIN)/nats-server github.com/nats-io/nats-server/v2
	cd e2e && GOWORK=off $(GO) build -trimpath -ldflags='-s -w' -o $(BIN)/argo-events github.com/argoproj/argo-events/cmd
	cd bench && $(GO) build -trimpath -o $(BIN)/ . ./cost ./gogit ./sink

.PHONY: bench-micro
bench-micro: ## Every benchmark of the packages, and alert accepted → commit on the branch
	$(GO) test -run '^$$' -bench . -benchmem -benchtime 200ms ./internal/... ./actions/...
	$(GO) test -run '^$$' -bench AlertToCommit -benchtime 200x ./cmd/amend
	$(GO) test -run '^$$' -bench Burst -benchtime 5x ./cmd/amend

# Decoding an alert, its key, its event, its post, finding the line, splicing it in, writing
# the tree. What they allocate is the same on a busy machine, so few rounds are enough.
MICRO := ./internal/alert ./internal/gateway ./internal/locate ./internal/manifest ./internal/git
MICRO_RUN := $(GO) test -run '^$$' -bench '^Benchmark(DecodeAlertmanager|Identity|Marshal|Unmarshal|PostOne|Warm|Parse|Leaves|Set|Insert|Fix)' -skip '/files=50000' -benchmem -benchtime 20x -count 6
REF ?= main

.PHONY: bench-compare
bench-compare: $(BIN)/benchstat ## Compare the micro-benchmarks with those of REF (default main); over 10 % more allocations fail
	rm -rf $(BUILD)/compare && mkdir -p $(BUILD)/compare/ref
	git archive $(REF) | tar -x -C $(BUILD)/compare/ref
	cd $(BUILD)/compare/ref && $(MICRO_RUN) $(MICRO) >$(BUILD)/compare/old.txt
	$(MICRO_RUN) $(MICRO) >$(BUILD)/compare/new.txt
	cd $(BUILD)/compare && $(BIN)/benchstat -filter .unit:allocs/op '$(REF)=old.txt' now=new.txt
	cd bench && $(GO) run -trimpath ./gate $(BUILD)/compare/old.txt $(BUILD)/compare/new.txt

.PHONY: lint
lint: $(BIN)/staticcheck $(BIN)/actionlint ## Check formatting, vet, staticcheck, the modules, the workflow files and all that is installed
	@test -z "$$(git ls-files -z '*.go' | xargs -0 gofmt -l | tee /dev/stderr)" || { echo 'run make fmt' >&2; exit 1; }
	$(GO) vet ./... && $(GO) vet -tags torture ./internal/locate
	cd tools && $(GO) vet ./browser/... ./demo/... ./image/... && $(GO) test ./image/...
	cd bench && $(GO) vet ./... && $(GO) test ./... && $(BIN)/staticcheck ./... && $(GO) mod tidy -diff
	$(BIN)/staticcheck ./...
	cd tools && $(BIN)/staticcheck ./browser/... ./demo/... ./image/...
	$(BIN)/actionlint
	$(GO) mod tidy -diff
	cd tools && $(GO) mod tidy -diff
	@$(MAKE) --no-print-directory lint-argo

# Compiling Argo's packages takes minutes the first time; -trimpath shares them with
# what the platform of e2e/ builds. Debian has promtool in its package prometheus;
# building it would take more modules than everything else here together.
# What compiles Kubernetes itself, cmd/node and cmd/argocd, is left to platform-up.
E2E = ./cmd/platform ./cmd/app ./cmd/echo ./cmd/pause ./cmd/dns ./contract ./lint ./platform ./scenario ./smoke
PROMTOOL ?= $(shell command -v promtool)
.PHONY: lint-argo
lint-argo: ## The part of lint that uses the code of Argo, Kubernetes and Prometheus
	cd e2e && GOWORK=off $(GO) vet -trimpath $(E2E) && GOWORK=off $(GO) test -trimpath ./lint ./contract ./platform
	@if [ -n '$(PROMTOOL)' ]; then set -x; AMEND_TEST_PROMTOOL=$(PROMTOOL) $(GO) test ./manifests -run Rules; \
	  else echo 'NOT CHECKED: what the Prometheus rules do. apt-get install prometheus, or give PROMTOOL=' >&2; fi

# The platform is real: Kubernetes, Argo Events, Argo Workflows and Argo CD as
# processes and containers of this machine. With KUBECONFIG set to another cluster,
# that one is used. See e2e/README.md.
PLATFORM = cd e2e && GOWORK=off $(GO) run -trimpath ./cmd/platform

.PHONY: platform-up
platform-up: ## Start a real Kubernetes with Argo on this machine (Debian, as root; the first time builds it), or with KUBECONFIG add to that cluster what it lacks
	$(PLATFORM) up

.PHONY: platform-status
platform-status: ## Say what of it runs
	$(PLATFORM) status

.PHONY: platform-down
platform-down: ## Stop it and verify that nothing is left; with KUBECONFIG, delete what platform-up added
	$(PLATFORM) down

.PHONY: e2e
e2e: $(BIN)/act $(BIN)/alertmanager $(BIN)/amtool ## Play the scenarios on that platform, and measure; starts and stops it unless it is up
	$(PLATFORM) run $(GO) test -trimpath -p 1 -parallel 16 -count=1 -v -timeout 40m $(if $(RUN),-run '$(RUN)') ./smoke ./scenario

.PHONY: e2e-images
e2e-images: ## Push the images of the scenarios, for another cluster (E2E_IMAGES=registry.example.com/amend-e2e)
	@test -n '$(E2E_IMAGES)' || { echo 'say where to: make e2e-images E2E_IMAGES=registry.example.com/amend-e2e' >&2; exit 1; }
	$(MAKE) image PUSH='$(E2E_IMAGES)/amend:dev'
	$(PLATFORM) push '$(E2E_IMAGES)'

# Every line goes to a log; what the tests measured ends up in a table. SEEDS is how
# often each crash is tried.
SEEDS ?= 20
LONG = $(GO) test -v -count=1 -timeout 20m
LOG = >>$(BUILD)/torture.log 2>&1 || { tail -n 60 $(BUILD)/torture.log; exit 1; }

.PHONY: torture
torture: $(BIN)/act $(BIN)/alertmanager ## The long tests: every state, random faults, each crash many times, storms; prints what they measured
	@mkdir -p $(BUILD) && rm -f $(BUILD)/torture.log
	@echo 'every state of two gateways and two writers' && $(LONG) -run 'TestEvery' ./internal/writer -deep $(LOG)
	@echo 'random faults' && $(LONG) -run 'TestNoFault' ./internal/writer -rapid.checks=2000 $(LOG)
	@echo 'random histories' && $(LONG) -run 'TestDecide|TestBudget' ./internal/policy -rapid.checks=20000 $(LOG)
	@echo 'hostile input' && $(LONG) -run 'TestHostilePrograms' ./internal/jsonnet $(LOG)
	@echo 'hostile repos' && $(LONG) -tags torture -run 'TestTorture' ./internal/locate $(LOG)
	@echo 'storms, and pairs of Alertmanagers' && AMEND_TEST_ACT=$(BIN)/act AMEND_TEST_ALERTMANAGER=$(BIN)/alertmanager $(LONG) -run 'Storm|TestPair' ./cmd/amend -torture $(LOG)
	@echo 'faults of the host' && $(LONG) -run 'TestHostFaults|TestStaleReads' ./cmd/amend $(LOG)
	@echo 'a crash at every write, $(SEEDS) times' && $(GO) test -v -count=$(SEEDS) -timeout 20m -run 'TestCrashAtAnyWrite' ./cmd/amend $(LOG)
	@awk '/=== ATTR/ {if (!($$3 FS $$4 in v)) order[++n] = $$3 FS $$4; v[$$3 FS $$4] = $$5 FS $$6; times[$$3 FS $$4]++} \
	  END {print "| test | what | figure |"; print "|---|---|---|"; for (i = 1; i <= n; i++) {split(order[i], k, FS); \
	  print "| " k[1] " | " k[2] " | " v[order[i]] (times[order[i]] > 1 ? ", " times[order[i]] " times" : "") " |"}}' $(BUILD)/torture.log | tee $(BUILD)/torture.md

.PHONY: fmt
fmt: ## Format the Go sources
	git ls-files -z '*.go' | xargs -0 gofmt -w

.PHONY: render
render: ## Write manifests/install.yaml anew from kustomize/overlays/github
	$(GO) test ./manifests -count=1 -run TestInstallIsRendered -update

# Before Go 1.27 a target may fail with "context deadline exceeded" because its time is
# over (golang/go#75804). A finding names the file that it was written to.
.PHONY: fuzz
fuzz: ## Fuzz every parser and editor for FUZZTIME each (default 30s)
	@mkdir -p $(BUILD); for f in $$(grep -rlE '^func Fuzz' --include=*_test.go actions cmd internal *.go); do \
	  for t in $$(sed -nE 's/^func (Fuzz[A-Za-z0-9_]*).*/\1/p' $$f); do \
	    echo "== $$(dirname $$f) $$t"; \
	    { $(GO) test -run '^$$' -fuzz "^$$t\$$" -fuzztime $${FUZZTIME:-30s} -fuzzminimizetime 5s ./$$(dirname $$f) 2>&1 || echo failed; } | tee $(BUILD)/fuzz.log; \
	    if grep -qx failed $(BUILD)/fuzz.log && { grep -q 'Failing input' $(BUILD)/fuzz.log || ! grep -qx ' *context deadline exceeded' $(BUILD)/fuzz.log; }; then exit 1; fi; \
	  done; done

.PHONY: clean
clean: ## Delete what the targets built
	rm -rf $(BUILD)

# One rule builds each program that a target needs, at the version of tools/go.mod.
$(BIN)/act: tools/go.mod
	cd tools && $(GO) build -trimpath -o $@ github.com/nektos/act
$(BIN)/alertmanager: tools/go.mod
	cd tools && $(GO) build -trimpath -o $@ github.com/prometheus/alertmanager/cmd/alertmanager
$(BIN)/amtool: tools/go.mod
	cd tools && $(GO) build -trimpath -o $@ github.com/prometheus/alertmanager/cmd/amtool
$(BIN)/staticcheck: tools/go.mod
	cd tools && $(GO) build -trimpath -o $@ honnef.co/go/tools/cmd/staticcheck
$(BIN)/actionlint: tools/go.mod
	cd tools && $(GO) build -trimpath -o $@ github.com/rhysd/actionlint/cmd/actionlint
$(BIN)/benchstat: tools/go.mod
	cd tools && $(GO) build -trimpath -o $@ golang.org/x/perf/cmd/benchstat
$(BIN)/kustomize: tools/go.mod
	cd tools && $(GO) build -trimpath -o $@ sigs.k8s.io/kustomize/kustomize/v5
$(BIN)/yq: tools/go.mod
	cd tools && $(GO) build -trimpath -o $@ github.com/mikefarah/yq/v4
