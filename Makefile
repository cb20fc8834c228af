# What one does here. `make` alone lists it; every target is one line of help behind ##.

SHELL := /bin/bash
DATA ?= data
LISTEN ?= 127.0.0.1:8443
TARGET := $(or $(CARGO_TARGET_DIR),target)
VEDETTE := $(TARGET)/fast/vedette
# The whole workspace in one profile: the libraries under it are compiled once for all targets here.
BUILD := cargo build --profile fast --workspace --bins $(if $(FEATURES),--features $(FEATURES))
SECONDS_OF_FUZZING ?= 60

.DEFAULT_GOAL := help
.PHONY: help run build test check fmt golden bench bench-parts bench-vault fuzz score sdk az clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## build, start the server on ./data, say what to type next
	exec $(VEDETTE) serve --data $(DATA) --listen $(LISTEN)

build: ## build the binary (profile fast) and say where it is; FEATURES=pkcs11 for seals in an HSM
	@command -v cargo >/dev/null || { echo "cargo is missing: install Rust from https://rustup.rs, then run make again" >&2; exit 3; }
	$(BUILD)
	@echo "built $(VEDETTE)"

test: ## all that CI runs: format, lints, tests, binary, KQL score, official clients
	tests/run.sh

check: ## the quick part, before a commit: format, lints, house rules, dependencies
	cargo fmt --all -- --check
	cargo clippy --profile fast --workspace --all-targets -- -D warnings
	cargo clippy --profile fast -p crypto --all-targets --features pkcs11 -- -D warnings
	cargo test --profile fast -p vedette --test tidy
	@if command -v cargo-deny >/dev/null; then cargo deny --all-features check; \
	else echo "skipped: cargo-deny is not installed (cargo install cargo-deny --locked)"; fi

fmt: ## format all Rust code
	cargo fmt --all

golden: ## rewrite golden files and docs/kql.md from what the code gives; read the difference before keeping it
	GOLDEN=1 cargo test --profile fast --workspace
	git diff --stat

score: build ## KQL against documented examples and published queries (needs ../shared)
	tests/kql/score.py $(VEDETTE)

sdk: build ## official Azure clients against the binary
	@if [ -x tests/sdk/run.sh ]; then tests/sdk/run.sh $(VEDETTE); else echo "there are no client tests in this checkout"; fi

az: build ## az as it is against the binary; the first time installs it in the user's cache folder (730 MB)
	tests/sdk/az.sh $(VEDETTE)

bench: build ## queries and ingestion beside DuckDB, ClickHouse, DataFusion and Polars; ROWS=10000000 for more (needs ../shared)
	bench/peers.sh $(VEDETTE)

bench-parts: ## speed of the parts (divan); CRATE=logs for one of them
	cargo bench --profile fast $(if $(CRATE),-p $(CRATE),--workspace) --bench '*'

bench-vault: build ## the vault beside nginx and openssl (needs wrk, nginx, openssl)
	bench/vault.sh $(VEDETTE)

fuzz: ## every fuzz target for SECONDS_OF_FUZZING (60) each; needs a nightly toolchain and cargo-fuzz
	@command -v cargo-fuzz >/dev/null || { echo "cargo-fuzz is missing: cargo install cargo-fuzz --locked" >&2; exit 3; }
	cd fuzz && for target in $$(cargo +nightly fuzz list --fuzz-dir .); do \
		cargo +nightly fuzz run --fuzz-dir . $$target -- -max_total_time=$(SECONDS_OF_FUZZING) -rss_limit_mb=2048 || exit 1; done

clean: ## remove what was built; data stays
	cargo clean
