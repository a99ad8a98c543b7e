# Everything a developer or CI types. `make` alone lists the targets.
# A fresh machine needs Python 3.11 or newer, git and make; the rest is installed below into .venv and .tools.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TOOLS := $(CURDIR)/.tools
export PATH := $(TOOLS)/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help install tools control-plane demo test lint format docs schemas policies lock bench conformance replay agreement package clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(VENV)/.installed: pyproject.toml tools/install.sh tools/constraints.txt
	sh tools/install.sh "$(PYTHON)" "$(VENV)"
	@touch $@

install: $(VENV)/.installed  ## the virtual environment in .venv, with gitgate installed for editing

tools:  ## the pinned kustomize and helm in .tools/bin, unless they are on PATH
	@sh tools/kustomize.sh "$(TOOLS)"
	@sh tools/helm.sh "$(TOOLS)"

control-plane:  ## kube-apiserver and etcd built from their Go modules, in a cache outside the tree, for the server tests
	@sh tools/control-plane.sh "$${XDG_CACHE_HOME:-$$HOME/.cache}/gitgate/control-plane"

demo: install tools  ## judge example pull requests: rejections, an accepted repair, and a plan
	@$(BIN)/python examples/demo.py

test: install tools  ## every test
	$(BIN)/pytest -n auto $(PYTEST_ARGS)

lint: install  ## style, types, layers, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python tools/rule_pages.py --check
	$(BIN)/python tools/policy_pages.py --check
	$(BIN)/python tools/build_pod_security.py --check

format: install  ## rewrite the sources in house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: install  ## write docs/rules/ from the rules, and docs/policies/ from the policies
	$(BIN)/python tools/rule_pages.py
	$(BIN)/python tools/policy_pages.py

schemas: install  ## write schemas/kubernetes-*.json.gz from kubernetes-validate
	$(BIN)/pip install --quiet --group schemas
	$(BIN)/python tools/build_schemas.py

policies: install  ## write policies/pod-security-*.yaml and their examples from the table of controls
	$(BIN)/python tools/build_pod_security.py

lock: install  ## write the pinned versions: action/requirements.txt for the GitHub Action, tools/constraints.txt for development
	$(BIN)/pip install --quiet --group lock
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-annotate --no-emit-index-url \
		--custom-compile-command "make lock" --output-file tools/constraints.txt \
		pyproject.toml --all-extras --group test --group lint --group schemas --group build
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
		--constraint tools/constraints.txt --custom-compile-command "make lock" --output-file action/requirements.txt pyproject.toml action/requirements.in

bench: install tools  ## speed, as ratios against baselines in the same run
	$(BIN)/python -m benchmarks

conformance: install tools  ## score against corpora made by others: make conformance CORPORA=<folder>
	$(BIN)/python -m tests.conformance "$(CORPORA)"

replay: install tools  ## judge the last merges of a real repository, twice each: make replay REPOSITORY=<git directory> [LAST=100] [REPLAY_ARGS=--squashed]
	$(BIN)/python -m tests.conformance.replay "$(REPOSITORY)" --last "$(or $(LAST),100)" $(REPLAY_ARGS)

agreement: install  ## the offline plan and the shipped policies against real API servers (make control-plane first): make agreement [CORPORA=<folder>]
	$(BIN)/python -m tests.agreement $(if $(CORPORA),--corpora "$(CORPORA)") $(AGREEMENT_ARGS)

package: install  ## the wheel and the source archive in dist/
	$(BIN)/pip install --quiet --group build
	$(BIN)/python -m build --no-isolation

clean:  ## remove what the targets above made
	rm -rf $(VENV) $(TOOLS) build dist demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
