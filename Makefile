# Faultline. The two to know: `make demo` and `make test`.
#
#   make demo MODEL=path   the demo's study on your own model (Hugging Face folder or GGUF file)
#   make test FILTER=x     only the tests whose names match

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup build test check-full bench demo format lint clean

SWIFT ?= swift
WORKERS ?= 2
THREADS ?= $(shell nproc)
RUN_DIR ?= runs/demo
CACHE = $(or $(FAULTLINE_CACHE),demo/cache)
# One configuration for everything: dependencies are built once, and unoptimised numerics would be 200 times slower.
BUILD = $(SWIFT) build -c release --explicit-target-dependency-import-check error

help: ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

setup: ## install the system libraries that are missing
	@bash scripts/setup/apt-install.sh libzmq3-dev libopenblas-dev liblapacke-dev libsqlite3-dev pkg-config
	@[ -e /usr/include/oneapi/dnnl/dnnl.h ] || bash scripts/setup/apt-install.sh libdnnl-dev || \
	    echo "setup: going on without oneDNN; on CPUs with AVX-512 products will be slower, and BF16 more so" >&2
	@command -v gnuplot >/dev/null || bash scripts/setup/apt-install.sh gnuplot-nox || \
	    echo "setup: going on without gnuplot; reports will have tables in place of plots" >&2
	@$(SWIFT) --version >/dev/null 2>&1 || \
	    { echo "setup: no swift in PATH; install Swift 6.3 (https://www.swift.org/install) and try again" >&2; exit 1; }

build: setup ## bin/faultline and bin/faultline-worker
	$(BUILD)
	@mkdir -p bin
	@for program in faultline faultline-worker; do \
	    cp ".build/release/$$program" "bin/.$$program" && mv "bin/.$$program" "bin/$$program"; done
	@echo "bin/faultline and bin/faultline-worker are ready"

test: setup ## the tests
	$(BUILD) --build-tests
	@$(SWIFT) test -c release --skip-build $(if $(FILTER),--filter $(FILTER)) 2>&1 | tee .build/tests.log || \
	    { echo "== what failed"; grep -aE '^✘|crashed:|Fatal error|error:.*unexpected' .build/tests.log | head -n 60; exit 1; }

demo: build ## the whole story on a real model: table, report and edited model in runs/demo
	@MODEL="$(MODEL)" bash scripts/fetch/demo.sh
	@bin/faultline study run studies/demo.yaml --workers $(WORKERS) --run-dir "$(RUN_DIR)" \
	    --model "$(or $(MODEL),$(CACHE)/model.gguf)"

check-full: build ## scores against PyTorch, accuracies against lm-eval, random templates against jinja2, the byte test, a Slurm and slow networks, on SmolLM2 (minutes)
	@bash scripts/check/full.sh

bench: build ## speeds beside SGEMM, PyTorch, bare libzmq, Dask and Parsl, on this machine
	@THREADS=$(THREADS) bash scripts/bench/run.sh

format: ## put every Swift file into the house's form
	$(SWIFT) format -i -r Sources Tests Package.swift

lint: ## the form, checked
	$(SWIFT) format lint --strict -r Sources Tests Package.swift

clean: ## remove what was built (not downloads and runs)
	rm -rf .build bin
