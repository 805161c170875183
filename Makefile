# Every target works from a clean clone: it sets up first, which takes no time when nothing has changed.
.DEFAULT_GOAL := help
SHELL := /bin/bash
ROOT := $(CURDIR)
ARGS ?=

export PATH := $(ROOT)/.venv/bin:$(ROOT)/.tools/bin:$(PATH)
export SOLCX_BINARY_PATH := $(ROOT)/.tools
export APE_DATA_FOLDER := $(ROOT)/.build/ape
# Several small matrix products run faster on one thread, and timings stay comparable.
export OPENBLAS_NUM_THREADS := 1
export NUMBA_CACHE_DIR := $(ROOT)/.build/numba
export PYTHONPATH := $(ROOT)

.PHONY: devnet setup build bindings sizes demo test test-deep conformance bench bench-gas bench-engine lint format slither mutate lock clean help

setup: ## install tools and dependencies into this folder
	@scripts/setup.sh

build: setup ## compile the contracts (only what has changed)
	@python -m scripts.build $(if $(filter build,$(MAKECMDGOALS)),$(ARGS))

bindings: setup ## write the Python client's ABIs, contracts and errors from the build
	@python -m scripts.bindings $(if $(filter bindings,$(MAKECMDGOALS)),$(ARGS))

sizes: setup ## code size of each contract, limit 24,576
	@python -m scripts.build --sizes

demo: build ## the whole life of an inference on a local chain
	@python -m scripts.demo $(ARGS)

devnet: build ## contracts, model, operator and watcher on a local chain, until Ctrl-C
	@python -m scripts.devnet

test: build ## all tests but the long ones; ARGS="-k name"
	@ape test tests $(ARGS)

test-deep: build ## the long tests too: fuzzing at depth, large models
	@ape test tests -m "deep or not deep" $(ARGS)

conformance: build ## TOSA's own tests of the integer profile; SEED=n, ARGS="--count 5"
	@python -m scripts.conformance --seed $(or $(SEED),0) $(ARGS)

bench: bench-gas bench-engine ## measure everything into benchmarks/results

bench-gas: build ## gas and code sizes
	@python -m benchmarks.gas $(ARGS)
	@python -m benchmarks.griefing $(ARGS)

bench-engine: build ## speed of the engine
	@python -m benchmarks.engine $(ARGS)

lint: setup ## format, types, compiler warnings, static analysis
	ruff check .
	ruff format --check .
	mypy
	forge fmt --check
	forge lint --severity high --severity med --deny warnings
	python -m scripts.build --strict
	python -m scripts.slither

format: setup ## rewrite Python and Solidity in the project's style
	ruff check --fix .
	ruff format .
	forge fmt

mutate: build ## mutants of the contracts; ARGS="--sample 25 --seed 1"
	@python -m scripts.mutate $(ARGS)

slither: setup ## static analysis of the contracts; every finding is fixed or answered
	@python -m scripts.slither

lock: setup ## resolve requirements.txt anew
	uv pip compile pyproject.toml --extra node --extra dev --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --output-file requirements.txt --quiet --upgrade

clean: ## remove what was built, keep the tools
	rm -rf .build .pytest_cache .mypy_cache .ruff_cache .hypothesis

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 16
