# How the release is built: one static binary. The Makefile includes this file, and the Dockerfile runs it alone.

CARGO ?= cargo
# Naming the target keeps +crt-static away from build scripts and procedural macros.
TARGET ?= $(shell rustc -vV | sed -n 's/^host: //p')
# TARGET_CPU=x86-64-v3 assumes AVX2 everywhere; without it the binary is portable and picks its kernels at start. A level of
# x86-64 is passed over where the target is another.
TARGET_CPU ?=
CPU := $(if $(filter x86_64-%,$(TARGET)),$(TARGET_CPU),$(filter-out x86-64%,$(TARGET_CPU)))
# Those of Cargo.toml: `default`, `bert`, or none for `simple` and iris alone, which is compiled to be small.
FEATURES ?= default
SMALL := $(if $(strip $(FEATURES)),,--config $(dir $(lastword $(MAKEFILE_LIST)))small.toml)
# Addresses that loading shifts, in the form that takes 1 % of the space (DT_RELR): a start reads and keeps 1.2 MB less. glibc
# has read it since 2.36.
PACKED := $(shell printf '%s\n' 2.36 "$$(getconf GNU_LIBC_VERSION 2>/dev/null | cut -d' ' -f2)" | sort -VC && echo -C link-arg=-Wl,-z,pack-relative-relocs)
# Panics name files: by paths that say nothing of the machine that built them, and are the same on every other.
REMAPPED := --remap-path-prefix=$(or $(CARGO_HOME),$(HOME)/.cargo)=/cargo --remap-path-prefix=$(CURDIR)=/tamis
RELEASE_FLAGS := $(strip $(RUSTFLAGS) -C target-feature=+crt-static $(PACKED) $(REMAPPED) $(if $(CPU),-C target-cpu=$(CPU)))
# mimalloc compiles a date in: with the commit's, two builds of one commit can be compared byte by byte.
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
TARGET_DIR := $(abspath $(or $(CARGO_TARGET_DIR),target))
RELEASE_BIN := $(TARGET_DIR)/$(TARGET)/release/tamis

.PHONY: build
build: ## The static release binary (TARGET_CPU=x86-64-v3 for AVX2 throughout; FEATURES= leaves bert out)
	SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) RUSTFLAGS='$(RELEASE_FLAGS)' $(CARGO) build --locked --release --target $(TARGET) $(SMALL) \
	  --no-default-features --features '$(FEATURES)'
