# The one door: every command that a developer, the workflow or a release needs. `make` alone lists them.
# Works as root or not. CI=true: a test that lacks a tool fails instead of skipping.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:
MAKEFLAGS += --no-builtin-rules --no-print-directory

# Arguments for `run`, `unit` and `bench`, such as ARGS='--listen 127.0.0.1:8000'.
ARGS ?=
# Where tests/tools.sh installs what the tests need beside Rust: Python packages, promtool, Alertmanager, wrk, a browser.
TAMIS_TOOLS ?= $(CURDIR)/.tools
export TAMIS_TOOLS
PYTHON := $(TAMIS_TOOLS)/venv/bin/python

# The release: RELEASE_BIN, the target `build` and its settings.
include deploy/release/build.mk
DEBUG_BIN := $(TARGET_DIR)/debug/tamis

# The gate, in order: cheap before dear. The dependency tree is built three times and no more: checked for clippy and
# rustdoc, built for the tests (dev), built for the release; `promises` points dev-built tests at the release binary,
# `monitoring-test` Prometheus, and `deploy-test` what ships it.
GATE := tools fmt-check lint doc unit tls-test bench-smoke check-models build promises monitoring-test deploy-test deny

# The checks that need no network; the workflow adds `advisories`, whose database is a clone away.
DENY ?= licenses bans sources

# What monitoring/kubernetes/deploy.sh does, by the names that its users know.
K8S_MONITORING := $(addprefix k8s-monitoring-,deploy status logs logs-grafana port-forward delete)

BENCHES := $(filter-out bert floor instructions latency overload tls,$(basename $(notdir $(wildcard benches/*.rs))))

.PHONY: help test quick fmt $(GATE) image image-reproducible instructions $(K8S_MONITORING) dashboards screenshots check-aarch64 documents run bench bench-bert bench-criterion bench-floor bench-growth bench-latency bench-overload bench-peers bench-recording bench-sizing bench-tls chaos soak soak-heap train-iris train train-toxicity train-smoke train-smoke-dvc clean

ifneq ($(filter train train-toxicity,$(MAKECMDGOALS)),)
$(if $(DATA),,$(error train needs DATA=directory-of-the-data-sets; models/toxicity/README.md lists them))
endif

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-28s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test: ## The gate, all that continuous integration runs: each step with its seconds
	@for step in $(GATE); do
	  printf '==> %s\n' "$$step"
	  begin=$$SECONDS
	  $(MAKE) "$$step" || { printf '==> %s FAILED after %d s\n' "$$step" $$((SECONDS - begin)); exit 1; }
	  printf '==> %s ok, %d s\n' "$$step" $$((SECONDS - begin))
	done
	printf '==> the gate is green, %d s\n' "$$SECONDS"

quick: fmt-check lint unit ## Formatting, lints and tests: before each commit

tools: ## Install what the tests need beside Rust into .tools/
	bash tests/tools.sh

fmt: ## Format the code
	$(CARGO) fmt

fmt-check: ## Formatting, checked
	$(CARGO) fmt --check

lint: ## Clippy over library, binary, tests and benches, without bert, and with TLS; warnings fail
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) clippy --locked --lib --bins --no-default-features -- -D warnings
	$(CARGO) clippy --locked --lib --bins --features tls --test tls --bench tls -- -D warnings

doc: ## API documentation; a broken link fails
	RUSTDOCFLAGS='$(strip $(RUSTDOCFLAGS) -D warnings)' $(CARGO) doc --locked --no-deps

.PHONY: fuzz fuzz-merge
fuzz: ## Fuzz with libFuzzer, each target a minute: ARGS='json 3600' for one and its seconds (fuzz/README.md)
	fuzz/run.sh $(ARGS)

fuzz-merge: ## Put what fuzzing reached into fuzz/corpus/, in few and short inputs: ARGS=json for one target
	fuzz/run.sh --merge $(ARGS)

unit: ## Unit, integration and documentation tests
	$(CARGO) test --locked --no-fail-fast $(ARGS)

tls-test: ## The tests of TLS, which is a feature: library and binary are built once more, the dependencies but for rustls are not
	$(CARGO) test --locked --features tls --lib tls
	$(CARGO) test --locked --features tls --test tls $(ARGS)
	$(CARGO) test --locked --features tls --bench tls

bench-smoke: ## Every bench, compiled and run once; of those in Python what needs nothing installed
	for bench in harness peers growth soak; do
	  $(PYTHON) -m unittest discover --start-directory "benches/$$bench/checks" --top-level-directory "benches/$$bench" --pattern '*.py'
	done
	$(CARGO) test --locked --benches

check-models: train-smoke ## Retrain iris and compare byte for byte; smoke-train toxicity
	$(PYTHON) models/iris/train.py --check

promises: build ## What README.md promises, tested on the release binary
	TAMIS_BIN=$(RELEASE_BIN) $(CARGO) test --locked --test promises --test allocations -- --nocapture

monitoring-test: build ## Everything in monitoring/, against real Prometheus and Alertmanager: ARGS='catalog' for one step
	TAMIS_BIN=$(RELEASE_BIN) $(PYTHON) monitoring/test/run.py $(ARGS)

deploy-test: build ## Everything in deploy/, and the image, with real tools: ARGS='shell' for one step
	TAMIS_BIN=$(RELEASE_BIN) $(PYTHON) deploy/test/run.py $(ARGS)

image: ## The image, with bert and without, by Docker or without a registry: ARGS=simple for one (deploy/image/build.sh)
	deploy/image/build.sh $(ARGS)

image-reproducible: ## The image built twice, once from nothing, and compared bit by bit: ARGS=simple for one
	deploy/image/reproducible.sh $(ARGS)

deny: ## Licences, duplicate versions and sources of the dependencies
	@if ! $(CARGO) deny --version >/dev/null 2>&1; then
	  echo "skipped: cargo-deny is not installed (cargo install --locked cargo-deny --version 0.20.2)"
	  exit 0
	fi
	$(CARGO) deny check -D unmatched-skip -D unnecessary-skip -D license-not-encountered $(DENY)

.PHONY: asan loom coverage mutants
# The option is an unstable one, and the runtime is a part of every stable toolchain of Linux.
asan: ## What unsafe code and parsers are tested with, by AddressSanitizer; builds the tree once more
	RUSTC_BOOTSTRAP=1 RUSTFLAGS='-Zsanitizer=address' CARGO_TARGET_DIR=$(TARGET_DIR)/asan $(CARGO) test --locked --no-fail-fast \
	  --target $(TARGET) --lib --test bert_golden --test fuzzed --test simple_golden --test user_models $(ARGS)

loom: ## Every interleaving of the threads of small models, over the code itself; builds the tree once more (src/sync.rs)
	$(CARGO) test --locked --features loom --lib -- interleavings $(ARGS)

# The daemons that tests kill leave their counts too: those are mapped into a file (%c), not written at the end.
coverage: ## Lines that the tests run, by room; installs cargo-llvm-cov and LLVM 22, builds the tree once more
	bash tests/tools.sh coverage
	LLVM_COV=$(TAMIS_TOOLS)/bin/llvm-cov LLVM_PROFDATA=$(TAMIS_TOOLS)/bin/llvm-profdata LLVM_PROFILE_FILE_NAME='tamis-%m%c.profraw' \
	  RUSTFLAGS='-Cllvm-args=-runtime-counter-relocation' PATH=$(TAMIS_TOOLS)/bin:$$PATH \
	  $(CARGO) llvm-cov --locked --json --summary-only --output-path $(TARGET_DIR)/coverage.json $(ARGS)
	python3 tests/coverage.py $(TARGET_DIR)/coverage.json

mutants: ## Small changes to rooms of src/ that no test notices: ARGS='json text'; installs cargo-mutants
	bash tests/tools.sh mutants
	python3 tests/mutants.py $(TAMIS_TOOLS)/bin/cargo-mutants $(TARGET_DIR) $(or $(ARGS),json text metrics auth server)

check-aarch64: ## Compile for aarch64 without linking; needs the Rust target and aarch64-linux-gnu-gcc
	$(CARGO) check --locked --target aarch64-unknown-linux-gnu

# The platform as in the names of released files: x86_64-linux, x86_64-v3-linux, aarch64-linux. Tarballs have bert; what is made
# without it is an image.
.PHONY: release package
release: override FEATURES := default
release: build ## The release's tarball with its checksum, in target/release-artifacts/
	SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) deploy/release/tarball.sh $(RELEASE_BIN) \
	  $(or $(subst x86-64,x86_64,$(TARGET_CPU)),$(firstword $(subst -, ,$(TARGET))))-linux $(TARGET_DIR)/release-artifacts

package: ## The sources as a crate, in target/package/; no registry takes it (Cargo.toml)
	$(CARGO) package --locked --no-metadata $(ARGS)

documents: ## Write the README's tables and docs/openapi.json anew from the code
	TAMIS_WRITE_DOCUMENTS=1 $(CARGO) test --locked --test documents

dashboards: ## Write Grafana's dashboards anew from monitoring/grafana/boards/
	python3 monitoring/grafana/build.py

screenshots: build ## Take the pictures of the console and of the status page anew, the latter of two minutes of traffic
	$(PYTHON) tests/browser/console.py $(RELEASE_BIN) $(TAMIS_TOOLS)/bin/chromium docs/images
	$(PYTHON) tests/browser/status_page.py $(RELEASE_BIN) $(TAMIS_TOOLS)/bin/chromium monitoring/images

k8s-monitoring-deploy: ## Prometheus, Alertmanager and Grafana into the cluster (DRY_RUN=1, SECRETS_DIR=, VARIANT=, NAMESPACE=)
	monitoring/kubernetes/deploy.sh deploy

k8s-monitoring-status: ## Their pods, services and last events
	monitoring/kubernetes/deploy.sh status

k8s-monitoring-logs: ## What Prometheus logs
	monitoring/kubernetes/deploy.sh logs prometheus

k8s-monitoring-logs-grafana: ## What Grafana logs
	monitoring/kubernetes/deploy.sh logs grafana

k8s-monitoring-port-forward: ## Prometheus on 9090, Alertmanager on 9093, Grafana on 3000
	monitoring/kubernetes/deploy.sh port-forward

k8s-monitoring-delete: ## Take them out again; namespace, secrets and volumes stay
	monitoring/kubernetes/deploy.sh delete

.PHONY: k8s-render compose-up
k8s-render: ## Print what goes into a cluster, for kubectl apply -f - (OVERLAY=, IMAGE=, COMPONENTS=)
	@deploy/k8s/render.sh

compose-up: ## The daemon with Prometheus, Alertmanager and Grafana by Docker Compose (SECRETS_DIR=)
	docker compose --file deploy/compose/compose.yaml up --detach --wait

run: build ## Serve with the release binary: make run ARGS='--listen 127.0.0.1:8000'
	$(RELEASE_BIN) $(ARGS)

bench: ## Every promise of speed and size, measured and written into the README: ARGS='--keep', '--only floor', '--print'
	$(PYTHON) benches/promises/measure.py $(ARGS)

bench-criterion: ## Criterion benches: ARGS='--save-baseline before'
	$(CARGO) bench --locked $(addprefix --bench ,$(BENCHES)) -- $(ARGS)

bench-recording: ## CPU per request of this tree beside the same without metrics, in one run; builds both
	$(CARGO) bench --locked --no-run --features unmetered --bench floor
	cp $(TARGET_DIR)/release/tamis $(TARGET_DIR)/release/tamis-unmetered
	$(CARGO) bench --locked --bench floor -- --against $(TARGET_DIR)/release/tamis-unmetered

bench-bert: ## Milliseconds of bert, beside ONNX Runtime on one thread, in one run
	$(CARGO) bench --locked --bench bert

bench-latency: ## The 99th percentile beside scrapes and beside a saturated bert
	$(CARGO) bench --locked --bench latency

bench-overload: ## What is answered, refused and turned away at half to eight times the capacity
	$(CARGO) bench --locked --bench overload

instructions: ## Instructions of every stage, counted by callgrind and compared: ARGS=--record writes the baseline
	counter=$$(SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) RUSTFLAGS='$(RELEASE_FLAGS)' $(CARGO) build --locked --release --target $(TARGET) \
	  --bench instructions --message-format=json-render-diagnostics | sed -n 's/.*"executable":"\([^"]*instructions-[^"]*\)".*/\1/p')
	VALGRIND=$(TAMIS_TOOLS)/bin/valgrind "$$counter" --count $(ARGS)

bench-floor: ## CPU per request, beside hyper's own floor, in one run; ARGS='--against BINARY' beside another build
	$(CARGO) bench --locked --bench floor -- $(ARGS)

bench-tls: ## CPU of handshakes, full and resumed, and of a request over TLS beside plain, in one run; builds the tree once more
	$(CARGO) bench --locked --features tls --bench tls

bench-growth: build ## How the cost grows with text, rows, connections, workers and rate; builds oha (4 min): ARGS='--only text --print'
	TAMIS_BIN=$(RELEASE_BIN) $(PYTHON) benches/growth/measure.py $(ARGS)

bench-sizing: build ## What one core answers by each model, in which memory, and what a million requests cost: ARGS='--vcpu-hour 0.0445'
	TAMIS_BIN=$(RELEASE_BIN) $(PYTHON) benches/growth/sizing.py $(ARGS)

# How long, in seconds.
SOAK_SECONDS ?= 3600
soak: build ## An hour of every kind of request: memory, descriptors and times over it (SOAK_SECONDS=, ARGS=--print)
	mkdir -p $(TARGET_DIR)/soak
	TAMIS_BIN=$(RELEASE_BIN) TAMIS_SOAK_SECONDS=$(SOAK_SECONDS) $(CARGO) test --locked --test soak -- --nocapture | tee $(TARGET_DIR)/soak/printed-time.txt
	$(PYTHON) benches/soak/report.py --time $(ARGS) $(TARGET_DIR)/soak/printed-time.txt

# Whatever issues of this kind are tested by, by the names of their files; those that a checkout lacks are none.
CHAOS := $(sort $(basename $(notdir $(wildcard tests/books.rs tests/drain_*.rs tests/faults*.rs tests/fuzzed*.rs tests/hostile*.rs tests/lifecycle*.rs tests/overload*.rs tests/reload*.rs tests/smuggling*.rs tests/soak.rs))))
chaos: ## What tests/README.md promises under load, faults, hostile input and restarts, as far as it fits in ten minutes
	$(CARGO) test --locked --no-fail-fast $(addprefix --test ,$(CHAOS))

soak-heap: build ## Ten million requests of every kind: whether memory stays flat
	mkdir -p $(TARGET_DIR)/soak
	TAMIS_BIN=$(RELEASE_BIN) TAMIS_SOAK_REQUESTS=10000000 $(CARGO) test --locked --test soak -- --nocapture | tee $(TARGET_DIR)/soak/printed.txt
	$(PYTHON) benches/soak/report.py $(ARGS) $(TARGET_DIR)/soak/printed.txt

bench-peers: build ## tamis beside axum, actix-web, FastAPI and MLServer, which it installs (2 GB): ARGS='--rounds 1 --seconds 1'
	TAMIS_BIN=$(RELEASE_BIN) $(PYTHON) benches/peers/run.py $(ARGS)

train-iris: ## Train the iris forest and write its golden answers
	$(PYTHON) models/iris/train.py

train: build ## Train, evaluate and publish the toxicity models, or go on with that: make train DATA=directory-of-the-data-sets
	DATA='$(DATA)' TAMIS=$(RELEASE_BIN) models/toxicity/train.sh $(ARGS)

train-toxicity: train

train-smoke: ## The toxicity pipeline end to end on a few hundred synthetic rows
	$(CARGO) build --locked
	$(PYTHON) -m unittest discover --start-directory models/toxicity/checks --top-level-directory models/toxicity --pattern '*.py'
	$(PYTHON) models/toxicity/pipeline.py --smoke --tamis $(DEBUG_BIN)

train-smoke-dvc: ## The same through DVC and MLflow, which it installs with PyTorch (6 GB)
	$(CARGO) build --locked
	TAMIS=$(DEBUG_BIN) models/toxicity/train.sh --smoke $(ARGS)

clean: ## Remove what was built and installed: target/ and .tools/
	$(CARGO) clean
	rm -rf .tools
