# Two commands do everything on a fresh machine: `make demo` and `make test`.
# Each installs what it needs from the package registries first.

CARGO ?= cargo
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

.PHONY: help
help: ## Show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

.PHONY: demo
demo: need-build ## Run the appliance against a simulated cluster and print the console's address
	$(CARGO) run --locked --release --bin anchorite -- demo $(DEMO_ARGS)

.PHONY: test
test: need-test fmt-check lint deny cores unit conformance web ## Run every check and say what was skipped
	@scripts/skipped target/test.log

.PHONY: fmt-check
fmt-check:
	$(CARGO) fmt --all --check

.PHONY: fmt
fmt: ## Format the sources
	$(CARGO) fmt --all

.PHONY: lint
lint: ## Clippy with warnings as errors, and the tree's own rules
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO) run --locked -q -p xtask -- tidy

.PHONY: deny
deny: ## Licences, sources and the crates each boundary allows
	$(CARGO) deny --locked check licenses bans sources

.PHONY: cores
cores: ## Prove that the cores build without any I/O crate
	$(CARGO) check --locked --target wasm32-unknown-unknown -p appliance-core -p inference-core

.PHONY: unit
unit: ## Unit, property, integration and documentation tests; real Prometheus and Alertmanager among them
	mkdir -p target
	$(CARGO) test --locked --workspace --no-fail-fast -- --show-output > target/test.log 2>&1 \
	  || { scripts/failures target/test.log; exit 1; }
	@grep -E '^test result' target/test.log | awk '{p+=$$4; f+=$$6; i+=$$8} END {print p " passed, " f " failed, " i " skipped"}'

.PHONY: conformance
conformance: ## The clients of the OpenAI endpoint: SDKs, LiteLLM, LangChain, instructor, pydantic-ai, Ollama
	scripts/conformance

.PHONY: web
web: ## The console's tests, its reproducible build and the browser tests
	cd web && npm ci --ignore-scripts --no-audit --no-fund && npm test && npm run build
	git diff --exit-code -- web/dist
	cd web && { npm run e2e || { echo 'the browser tests failed once; once more'; npm run e2e; }; }
	scripts/e2e-real

.PHONY: bench
bench: ## Measure what the documentation states
	$(CARGO) run --locked --release -p appliance-journal --example ack_latency
	$(CARGO) build --locked --release -p anchorite
	$(CARGO) run --locked --release -p anchorite --example figures

.PHONY: need-build
need-build:
	@scripts/need build

.PHONY: need-test
need-test:
	@scripts/need test
