# Every target installs what it needs first; the second time that takes no time.
.PHONY: help install servers demo test test-peers check generate bench clean

VENV := .venv
PYTHON ?=
export PYTHON
STAMP := $(VENV)/.installed
BIN := $(VENV)/bin
OUT ?= out

help:
	@echo "make install     create .venv and install the servers that demo and tests run"
	@echo "make demo        registry, Prometheus, Alertmanager and an outage, in under four minutes"
	@echo "make test        the tests, real Debian servers included"
	@echo "make test-peers  the tests against Prometheus 3, Thanos, Elasticsearch, OpenSearch, Kibana's KQL (needs Go, Maven, JDKs, Node.js, npm)"
	@echo "make check       format, lint, types, generated files, the wheel"
	@echo "make generate    write what is generated into log_schemas and docs"
	@echo "make bench       the benchmarks, each beside its rival"
	@echo "make clean       remove .venv and what was generated"

install: $(STAMP) servers

$(STAMP): pyproject.toml src/regobs/__init__.py scripts/make-venv
	@scripts/make-venv
	@touch $@

servers:
	@scripts/install-servers

demo: install
	$(BIN)/regobs demo

test: install
	$(BIN)/python -m pytest -q -n 3 --dist loadfile -m "not peer and not wheel"

test-peers: install
	$(BIN)/python -m tests.peers.install
	$(BIN)/python -m pytest -q -m peer

check: $(STAMP)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/python -m regobs.generated --check
	$(BIN)/python -m pytest -q -m wheel

generate: $(STAMP)
	$(BIN)/python -m regobs.generated

bench: $(STAMP)
	@set -e; for file in benchmarks/*.py; do \
		case $$(basename $$file) in _*) continue;; esac; echo "== $$file"; $(BIN)/python $$file; done

clean:
	rm -rf $(VENV) $(OUT) dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find src tests dashboards benchmarks -name __pycache__ -prune -exec rm -rf {} +
