# softphone-fleet. `make` alone tells what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help

BIN := .venv/bin
LAB := PYTHONPATH=tests $(BIN)/python -m lab
STAMP := .venv/.installed

.PHONY: help plugin agent release release-twice venv check lint audit sbom unit docs test test-oldest interop drill soak bench demo screenshots lab-up lab-status lab-down images wheels pjsua2 generate constraints clean

HELP := "Every day:venv check test test-oldest generate docs" "See it run:demo lab-up lab-status lab-down" \
  "Break it, measure it:interop drill soak bench" "Give it to users:release release-twice images agent plugin pjsua2 sbom audit" "Now and then:constraints screenshots clean"

help: ## show this help
	@for part in $(HELP); do echo "$${part%%:*}"; for target in $${part#*:}; do \
	  grep -hE "^$$target:.*## " $(firstword $(MAKEFILE_LIST)) | sed -E 's/^/  /; s/:.*## /\t/'; done; echo; done | expand -t 16

venv: $(STAMP) ## the virtual environment with everything that developing needs

define need-python
@command -v python3 >/dev/null || { apt-get -qq update && apt-get -qq install -y --no-install-recommends python3 >/dev/null; }
@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed"; exit 1; }
@python3 -c 'import ensurepip' 2>/dev/null || { apt-get -qq update && apt-get -qq install -y --no-install-recommends python3-venv >/dev/null; } \
  || { echo "Python's venv is needed: in Debian the package python3-venv"; exit 1; }
endef

$(STAMP): pyproject.toml constraints.txt
	$(need-python)
	@test -x $(BIN)/python || python3 -m venv .venv
	@echo "installing Python packages" && $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

PARTS := build/plugin-parts

plugin: ## kubectl softphone as one file: build/plugin, for a folder of your PATH
	$(need-python)
	@rm -rf $(PARTS) build/plugin build/lib && python3 -m venv $(PARTS)/venv
	@PYTHON=$(PARTS)/venv/bin/python images/build-wheel.sh $(PARTS)/wheel .
	@$(PARTS)/venv/bin/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt \
	  --target $(PARTS)/packages "$$(echo $(PARTS)/wheel/*.whl)[plugin]"
	@PYTHONPATH=plugin $(PARTS)/venv/bin/python -m softphone_plugin.single_file $(PARTS)/packages build/plugin
	@rm -rf $(PARTS)

AGENT := build/agent
AGENT_PARTS := build/agent-parts

agent: ## the agent without Kubernetes: build/agent, a virtual environment with it and the own pjsua2 (root builds that one)
	$(need-python)
	@rm -rf $(AGENT) $(AGENT_PARTS) build/lib && python3 -m venv $(AGENT)
	@PYTHON=$(AGENT)/bin/python images/build-wheel.sh $(AGENT_PARTS) .
	@pjsua2=$$(PYTHON=$(AGENT)/bin/python images/pjsua2/wheel.sh) && \
	  $(AGENT)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt "$$(echo $(AGENT_PARTS)/*.whl)[agent]" "$$pjsua2"
	@rm -rf $(AGENT_PARTS) build/lib

check: venv ## lint, types, import contracts, unit tests, side by side: no root, no compiler, a minute on 2 cores
	@$(MAKE) --no-print-directory --jobs 3 --output-sync=target lint audit unit

lint: venv
	$(BIN)/ruff check
	$(BIN)/ruff format --check --quiet
	$(BIN)/mypy agent operator plugin console monitoring tools tests images/bare.py
	$(BIN)/lint-imports >/dev/null || $(BIN)/lint-imports

audit: venv ## known vulnerabilities of what is pinned; a word where nobody can be asked
	@PYTHONPATH=tools:tests $(BIN)/python -m audit

sbom: venv ## what is in the images, in CycloneDX: build/sbom (root; of docker's images: see tools/sbom.py)
	@PYTHONPATH=tools:tests $(BIN)/python -m sbom

unit: venv
	$(BIN)/python -m pytest -q -n auto -m 'not lab'

docs: venv ## the documents as a site: build/site/index.html
	NO_MKDOCS_2_WARNING=true $(BIN)/mkdocs build --strict --quiet

test: venv ## everything but the drills, on real parts; leaves nothing behind (root)
	tests/run-all

test-oldest: venv ## install, objects, Pod Security and fail-overs on Kubernetes 1.20 (root; a lab of another version must be down)
	tests/run-oldest

interop: venv ## the real agent at PBXes of other makers, and docs/interop.md of it (root)
	tests/run-interop write; result=$$?; PYTHONPATH=tests $(BIN)/python -m interop.page; exit $$result

drill: venv ## break PBXes and platform, and write docs/proof/reliability.md (root, a quiet machine); ONLY=killed for some of them
	ONLY='$(ONLY)' tests/run-all 'drill and not soak'; result=$$?; PYTHONPATH=tests $(BIN)/python -m drills.page; exit $$result

soak: venv ## phones whose PBX is restarted every minute, for HOURS=1, and whether anything grows (root)
	ONLY=soak HOURS='$(or $(HOURS),1)' tests/run-all soak; result=$$?; PYTHONPATH=tests $(BIN)/python -m drills.page; exit $$result

bench: venv ## figures beside the peers' (root, a quiet machine); ONLY=failover-udp for one part, WRITE=1 for docs/proof/benchmarks.md
	@PYTHONPATH=tests:tests/agent $(BIN)/python -m bench $(ONLY); result=$$?; \
	  [ -z '$(WRITE)' ] || PYTHONPATH=tests:tests/agent $(BIN)/python -m bench.page; exit $$result

demo: venv ## the main job, end to end, to look at; leaves the lab up (root)
	@$(LAB) up && PYTHONPATH=tools:tests $(BIN)/python -m demo

screenshots: venv ## the pictures of the documents, taken anew on the lab (root)
	@$(LAB) up && PYTHONPATH=tools:tests $(BIN)/python -m screenshots

lab-up: venv ## a real Kubernetes, three PBXes, Prometheus, and our images (root); KUBERNETES=1.20 for the oldest
	@$(LAB) up

lab-status: venv ## what of the lab runs
	@$(LAB) status

lab-down: venv ## end the lab; nothing stays behind
	@$(LAB) down

release: venv ## all of it for a release page, the same bytes each time: build/release (root); URL= REGISTRY= say where it will lie
	@PYTHONPATH=tools:tests $(BIN)/python -m release --url '$(URL)' --registry '$(REGISTRY)'

release-twice: release ## the same once more, of nothing that the cache holds: does any file differ? (root, some minutes)
	@again=$$(mktemp -d) && trap 'rm -rf "$$again"' EXIT && SOFTPHONE_FLEET_CACHE=$$again/cache PYTHONPATH=tools:tests \
	  $(BIN)/python -m release --url '$(URL)' --registry '$(REGISTRY)' "$$again/release" && \
	  diff build/release/SHA256SUMS "$$again/release/SHA256SUMS" && echo "no file differs"

OF_BASE = $(if $(BASE),--build-arg BASE='$(BASE)')

images: wheels ## the images, by docker; BASE=python:3.11-slim-bookworm@sha256:… for a base that stays
	docker build -t softphone-fleet-operator -f images/Dockerfile $(OF_BASE) --build-arg PROGRAM=operator .
	docker build -t softphone-fleet-agent -f images/Dockerfile $(OF_BASE) --build-arg PROGRAM=agent .

wheels: venv
	rm -rf build/wheels
	$(BIN)/python -m pip wheel --quiet --quiet -w build/wheels --require-hashes --only-binary :all: -r images/requirements.txt
	PYTHON=$(BIN)/python images/build-wheel.sh build/wheels .
	cp "$$(PYTHON=$(BIN)/python images/pjsua2/wheel.sh)" build/wheels/

pjsua2: venv ## the own pjsua2 for many phones in a process, as a wheel (PJPROJECT_TARBALL=: of another pjproject)
	@PYTHON=$(BIN)/python images/pjsua2/wheel.sh

generate: venv ## CRDs, alerts, dashboards, reference and other pages: all that is made from the code
	$(BIN)/python -m softphone_operator.api.crd
	$(BIN)/python -m softphone_operator.api.reference
	PYTHONPATH=monitoring $(BIN)/python -m softphone_monitoring
	PYTHONPATH=tools:tests $(BIN)/python -m modules
	PYTHONPATH=tools:tests $(BIN)/python -m diagram
	PYTHONPATH=tools:tests $(BIN)/python -m call_diagram
	PYTHONPATH=tools:tests $(BIN)/python -m conformance
	PYTHONPATH=tests $(BIN)/python -m edits
	PYTHONPATH=tools:tests $(BIN)/python -m chart_values
	PYTHONPATH=tools:tests $(BIN)/python -m refusals
	PYTHONPATH=tools:tests $(BIN)/python -m cli_reference
	PYTHONPATH=tools:tests $(BIN)/python -m operator_flags
	PYTHONPATH=tools:tests $(BIN)/python -m operator_rights
	PYTHONPATH=tools:tests $(BIN)/python -m agent_config
	PYTHONPATH=tests $(BIN)/python -m drills.page
	PYTHONPATH=tests $(BIN)/python -m interop.page
	PYTHONPATH=tests $(BIN)/python -m bench.operator_page
	PYTHONPATH=tests:tests/agent $(BIN)/python -m bench.page
	PYTHONPATH=tools:tests:tests/agent $(BIN)/python -m figures
	PYTHONPATH=tools:tests $(BIN)/python -m licences
	PYTHONPATH=tests:tests/agent $(BIN)/python -m odd_answers
	PYTHONPATH=tests:tests/agent $(BIN)/python -m second_ways
	PYTHONPATH=tests:tests/agent $(BIN)/python -m call_faults

HASHED := --generate-hashes --no-header --no-annotate --no-emit-options --strip-extras

constraints: ## renew constraints.txt, and with their hashes images/requirements.txt and images/build-requirements.txt
	rm -rf .venv-new && python3 -m venv .venv-new && .venv-new/bin/python -m pip install --quiet -e '.[dev]'
	{ echo "# Versions that the tests run with. Renewed by: make constraints"; .venv-new/bin/python -m pip freeze --exclude-editable 2>/dev/null; } > constraints.txt
	.venv-new/bin/python -m pip install --quiet pip-tools
	rm -f images/requirements.txt && .venv-new/bin/pip-compile --quiet $(HASHED) --extra agent --extra operator -c constraints.txt -o images/requirements.txt pyproject.toml
	sed -i '1i # What goes into the images, with the hashes of all files of these versions. Renewed by: make constraints' images/requirements.txt
	rm -f images/build-requirements.txt && echo setuptools | .venv-new/bin/pip-compile --quiet $(HASHED) --allow-unsafe -o images/build-requirements.txt -
	sed -i '1i # What wheels are built with, by images/build-wheel.sh, with the hashes of its files. Renewed by: make constraints' images/build-requirements.txt
	rm -rf .venv-new

clean: ## remove what was built here
	rm -rf .venv build *.egg-info
