# make setup   installs what is missing: Debian packages, uv, .venv; setup-tests what tests need
# make demo    runs the invoice-ingestion DAG under a real Airflow, on the documents in samples/
# make test    lint, types and the whole test suite
# make test-quick   of it, what is not marked slow: after every change
# make test-distributed   of it, what starts PostgreSQL, Redis and an Airflow with Celery workers
# make docs    builds the documentation as a site: build/site/index.html
# make bench   times pageloom beside the public library and writes benchmarks/RESULTS.md
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

PYTHON := .venv/bin/python
STAMP := .venv/.pageloom-set-up
TEST_STAMP := .venv/.pageloom-tests-set-up
INPUTS := pyproject.toml components/pyproject.toml provider/pyproject.toml weights/pyproject.toml \
  constraints.txt Makefile
DEBIAN_PACKAGES := tesseract-ocr fonts-dejavu-core
# Recipes print pages in many fonts; tests start databases and a broker; Graphviz draws DAGs.
TEST_PACKAGES := fonts-breip fonts-crosextra-caladea fonts-crosextra-carlito \
  fonts-dkg-handwriting fonts-ecolier-court fonts-liberation fonts-open-sans \
  fonts-roboto-unhinted graphviz postgresql redis-server
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
APT := $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends
# $(call install,PACKAGES) installs the ones that are missing.
install = missing=""; for p in $(1); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
  if [ -n "$$missing" ]; then echo "installing$$missing"; $(SUDO) apt-get update -qq; $(APT) $$missing >/dev/null; fi
# pip puts uv where a user's PATH may not look; as a module it is always found.
UV = $$(command -v uv || echo python3 -m uv)
EDITABLE := --constraint constraints.txt \
  --editable weights --editable 'components[weights,rapidocr,serve,view]' --editable 'provider[worker]'

# What the documentation's site shows, where it lies here, so that links between pages work.
SITE_PAGES := README.md provider/README.md recipes/README.md benchmarks/*.md dags/*.py \
  weights/pageloom_weights/*/README.md
MKDOCS := NO_MKDOCS_2_WARNING=1 $(UV) run --quiet --isolated --no-project --python $(PYTHON) \
  --with mkdocs-material==9.8.1 mkdocs

.PHONY: setup setup-tests demo test test-quick test-distributed lint docs bench constraints clean
setup: $(STAMP)
setup-tests: $(TEST_STAMP)

$(STAMP): $(INPUTS)
	@$(call install,$(DEBIAN_PACKAGES))
	@command -v uv >/dev/null || python3 -m pip --version >/dev/null 2>&1 || { $(call install,python3-pip); }
	@command -v uv >/dev/null || python3 -m pip install --quiet uv 2>/dev/null \
	  || python3 -m pip install --quiet --break-system-packages uv
	@[ -x $(PYTHON) ] || $(UV) venv --quiet --python 3.11 .venv
	$(UV) pip install --quiet --python $(PYTHON) $(EDITABLE)
	@touch $@

$(TEST_STAMP): $(STAMP)
	@$(call install,$(TEST_PACKAGES))
	@command -v chromium >/dev/null || { echo "installing chromium"; $(APT) chromium >/dev/null 2>&1; } \
	  || echo "chromium cannot be installed here: the tests that need a browser will be skipped"
	$(UV) pip install --quiet --python $(PYTHON) $(EDITABLE) --group test
	@touch $@

lint: setup-tests
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

test: lint
	.venv/bin/pytest -n 2 --dist worksteal -m 'not distributed'
	$(MAKE) --no-print-directory test-distributed

test-quick: lint
	.venv/bin/pytest -n 3 --dist worksteal -m 'not slow and not distributed'

test-distributed: setup-tests
	.venv/bin/pytest -n 0 -m distributed tests/integration

demo: setup
	$(PYTHON) -m demo

docs: setup
	@rm -rf build/docs && mkdir -p build/docs
	@cp --parents $(SITE_PAGES) build/docs && cp -r docs build/docs/docs
	$(MKDOCS) build --strict --quiet
	@echo build/site/index.html

bench: setup-tests
	$(PYTHON) -m benchmarks.run

constraints: # the newest versions that fit, as name==version, without addresses
	$(UV) pip compile --quiet --upgrade --python-version 3.11 --no-emit-index-url --no-header --no-annotate \
	  --group test components/pyproject.toml provider/pyproject.toml --extra rapidocr --extra serve --extra view \
	  --no-emit-package pageloom --no-emit-package pageloom-weights --output-file constraints.txt

clean:
	rm -rf .venv demo-output build
