# make setup   installs what is missing: Debian packages, uv, .venv with everything in it
# make demo    runs the invoice-ingestion DAG under a real Airflow, on the documents in samples/
# make test    lint, types and the whole test suite
# make bench   times pageloom beside the public library and writes benchmarks/RESULTS.md
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

PYTHON := .venv/bin/python
STAMP := .venv/.pageloom-set-up
RECIPE_FONTS := fonts-breip fonts-crosextra-caladea fonts-crosextra-carlito fonts-dkg-handwriting \
  fonts-ecolier-court fonts-liberation fonts-open-sans fonts-roboto-unhinted
DEBIAN_PACKAGES := tesseract-ocr fonts-dejavu-core $(RECIPE_FONTS)
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
APT := $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends
# pip puts uv where a user's PATH may not look; as a module it is always found.
UV = $$(command -v uv || echo python3 -m uv)

.PHONY: setup demo test lint bench constraints clean
setup: $(STAMP)

$(STAMP): pyproject.toml components/pyproject.toml provider/pyproject.toml weights/pyproject.toml constraints.txt
	@missing=""; for p in $(DEBIAN_PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	command -v uv >/dev/null || python3 -m pip --version >/dev/null 2>&1 || missing="$$missing python3-pip"; \
	if [ -n "$$missing" ]; then echo "installing$$missing"; $(SUDO) apt-get update -qq; $(APT) $$missing >/dev/null; fi
	@command -v chromium >/dev/null || { echo "installing chromium"; $(APT) chromium >/dev/null 2>&1; } \
	  || echo "chromium cannot be installed here: the tests that need a browser will be skipped"
	@command -v uv >/dev/null || python3 -m pip install --quiet uv 2>/dev/null \
	  || python3 -m pip install --quiet --break-system-packages uv
	@[ -x $(PYTHON) ] || $(UV) venv --quiet --python 3.11 .venv
	$(UV) pip install --quiet --python $(PYTHON) --constraint constraints.txt \
	  --editable weights --editable 'components[weights,rapidocr]' --editable 'provider[worker]' --group test
	@touch $@

lint: setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

test: lint
	.venv/bin/pytest -n 2 --dist worksteal

demo: setup
	$(PYTHON) -m demo

bench: setup
	$(PYTHON) -m benchmarks.run

constraints: # the newest versions that fit, as name==version, without addresses
	$(UV) pip compile --quiet --upgrade --python-version 3.11 --no-emit-index-url --no-header --no-annotate \
	  --group test components/pyproject.toml provider/pyproject.toml --extra rapidocr \
	  --no-emit-package pageloom --no-emit-package pageloom-weights --output-file constraints.txt

clean:
	rm -rf .venv demo-output
