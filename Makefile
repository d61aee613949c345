# Every target installs what it needs first; the second time that takes no time.
.PHONY: help install servers demo test test-peers test-all fuzz check generate bench clean

VENV := .venv
PYTHON ?=
export PYTHON
STAMP := $(VENV)/.installed
BIN := $(VENV)/bin
OUT ?= out
SECONDS ?= 600

help:
	@echo "make install     create .venv and install the servers that demo and tests run"
	@echo "make demo        registry, Prometheus, Alertmanager and an outage, in under four minutes"
	@echo "make test        the tests, real Debian servers included"
	@echo "make test-peers  the tests against Prometheus 3, Thanos, VictoriaMetrics, Elasticsearch, OpenSearch, Kibana's KQL (needs Go, Maven, JDKs, Node.js, npm)"
	@echo "make test-all    make test, make test-peers, Cortex, Kubernetes, the long tests and all examples of property tests"
	@echo "make fuzz        property tests with random examples, for SECONDS=600"
	@echo "make check       format, lint, types, generated files, the wheel, regobs lint on the pack"
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
	$(BIN)/python -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder -m "not peer and not wheel and not long"

test-peers: install
	$(BIN)/python -m tests.peers.install
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m peer

test-all: test test-peers
	$(BIN)/python -m tests.peers.install --all
	REGOBS_REQUIRE_ALL=1 $(BIN)/python -m pytest -q tests/e2e/test_servers_live.py tests/e2e/test_kubernetes_live.py
	REGOBS_KILLS=200 $(BIN)/python -m pytest -q tests/e2e/test_deploy_live.py tests/e2e/test_deploy_alertmanager.py tests/e2e/test_kubernetes_live.py -k killed
	$(BIN)/python -m pytest -q -n 2 -m long
	$(BIN)/python -m pytest -q -n 2 --dist loadfile --hypothesis-profile=long -m "hypothesis and not peer and not long"

# Round after round, each with other examples, until the time is over or a test fails.
fuzz: $(STAMP)
	@end=$$(($$(date +%s) + $(SECONDS))); while left=$$((end - $$(date +%s))); [ $$left -gt 0 ]; do \
		timeout $$left $(BIN)/python -m pytest -q -x -n 2 --hypothesis-profile=fuzz -m "hypothesis and not peer" || \
		{ code=$$?; [ $$code -eq 124 ] || exit $$code; }; done

check: $(STAMP)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/python -m regobs.generated --check
	$(BIN)/python -m pytest -q -m wheel
	@mkdir -p $(OUT)
	@printf '[alerts]\nrunbook_url = "https://example.com/runbooks"\n' > $(OUT)/lint.toml
	@for flavor in gitlab distribution; do \
		$(BIN)/regobs build --config $(OUT)/lint.toml --flavor $$flavor --out $(OUT)/lint/$$flavor || exit; done
	$(BIN)/regobs lint --scrape-interval 15s --fail-on note $(OUT)/lint

generate: $(STAMP)
	$(BIN)/python -m regobs.generated

bench: $(STAMP)
	@set -e; for file in benchmarks/*.py; do \
		case $$(basename $$file) in _*) continue;; esac; echo "== $$file"; $(BIN)/python $$file; done

clean:
	rm -rf $(VENV) $(OUT) dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find src tests dashboards benchmarks -name __pycache__ -prune -exec rm -rf {} +
