# Every target sets itself up: a bare Python 3.10+ is enough. uv is used from PATH, else brought into .venv.
PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || echo .venv/bin/uv)
RUN = $(UV) run --frozen --extra data --extra docs --no-progress
export UV_PROJECT_ENVIRONMENT := .venv
# Nothing is written outside the clone, a cache of downloads included.
export UV_CACHE_DIR ?= $(CURDIR)/.cache/uv

.DEFAULT_GOAL := help
.PHONY: help demo test check-generated test-without-bwrap client install sync-dev lint format check build release-check bench render precommit-install precommit-run clean

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | column -t -s "$$(printf '\t')"

$(UV):
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --no-cache-dir --disable-pip-version-check 'uv>=0.5'

.venv/.synced: pyproject.toml uv.lock | $(UV)
	$(UV) sync --frozen --extra data --extra docs --quiet --inexact
	@touch $@

sync-dev: .venv/.synced ## Make the development environment

demo: .venv/.synced ## Run a real RLM in the embedded sandbox: no key, no account
	@FLEET_RLM_HOME=$(CURDIR)/.demo $(RUN) fleet-rlm doctor --self-test
	@echo
	@echo "And what \`fleet-rlm-scaffold install\` would put into ~/.claude, in a folder of this clone instead:"
	@rm -rf .demo/claude && mkdir -p .demo/claude && CLAUDE_CONFIG_DIR=$(CURDIR)/.demo/claude FLEET_RLM_HOME=$(CURDIR)/.demo \
	  $(RUN) fleet-rlm-scaffold install --no-self-test

test: .venv/.synced ## Run the tests; CLIENT=no leaves out those in the real Claude Code client, which is fetched once
	@[ "$(CLIENT)" = no ] || $(RUN) python tests/client/fetch.py --if-possible
	$(RUN) pytest --numprocesses auto

test-without-bwrap: .venv/.synced
	@hidden=$$(mktemp -d) && trap 'rm -rf "$$hidden"' EXIT && \
	  for folder in $$(echo "$$PATH" | tr : ' '); do \
	    for tool in "$$folder"/*; do [ "$${tool##*/}" = bwrap ] || ln -s "$$tool" "$$hidden/" 2>/dev/null || true; done; \
	  done && PATH="$$hidden" $(abspath $(UV)) run --frozen --extra data --extra docs --no-progress pytest tests/sandboxes/local

client: .venv/.synced ## Fetch the Claude Code clients that tests drive (350 MB, with npm)
	$(RUN) python tests/client/fetch.py

install: | $(UV) ## Put the commands on PATH, then skills, agents and hooks into Claude Code
	env -u UV_PROJECT_ENVIRONMENT $(UV) tool install --force --with numpy --with pandas .
	PATH="$$($(UV) tool dir --bin):$$PATH" fleet-rlm-scaffold install

lint: .venv/.synced ## Ruff and mypy
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy

format: .venv/.synced ## Format the code
	$(RUN) ruff format .
	$(RUN) ruff check --fix .

check: lint ## Lint, types, and generated files are current
	$(UV) lock --check
	$(MAKE) --no-print-directory check-generated

check-generated: .venv/.synced
	$(RUN) python -m fleet_rlm.cli.reference --check docs/cli.md
	$(RUN) fleet-rlm-scaffold render --scope plugin --check

build: .venv/.synced ## Build sdist and wheel
	rm -rf dist
	$(RUN) python -m build --installer uv

release-check: check test build ## Everything a release needs
	$(RUN) twine check dist/*

bench: .venv/.synced ## Measure ours and the peer side by side
	$(RUN) python -m benchmarks

render: .venv/.synced ## Write the generated files
	$(RUN) python -m fleet_rlm.cli.reference docs/cli.md
	$(RUN) fleet-rlm-scaffold render --scope plugin

precommit-install: .venv/.synced ## Install the git hooks
	$(RUN) pre-commit install

precommit-run: .venv/.synced ## Run the git hooks on every file
	$(RUN) pre-commit run --all-files

clean: ## Remove what the targets made
	rm -rf .venv .cache dist build .demo .pytest_cache .mypy_cache .ruff_cache
