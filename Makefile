# One or two lines per target; `make` alone lists them. Longer steps live in deploy/ and changeover/.
.DEFAULT_GOAL := help
SHELL := /bin/sh

PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
CHANGEOVER := $(VENV)/bin/changeover
LOCKS := requirements.lock $(wildcard legacy_flask/requirements.lock)
# Lock files that the virtual environment was made from, and that went since.
GONE := $(filter-out $(LOCKS),$(shell cat $(READY) 2>/dev/null))
PACKAGES := $(filter-out tests%,$(patsubst %/__init__.py,%,$(wildcard */__init__.py)))
IMPORT_RULES := pyproject.toml $(wildcard */importlinter.toml)
LOCK := $(VENV)/bin/uv pip compile -q -p 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate

.PHONY: help up down status logs demo check test test-long parity rehearsal bench lock retire-legacy

help: ## list the targets
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "  make %-13s %s\n", $$1, $$2 }'

up: $(READY) ## start everything in the background, from a fresh clone to healthy behind :8000
	@deploy/install-package nginx nginx-light nginx
	@$(CHANGEOVER) up

down: $(READY) ## stop what `make up` started, and nothing else
	@$(CHANGEOVER) down

status: $(READY) ## show processes, health, database and scheduler
	@$(CHANGEOVER) status

logs: $(READY) ## show the last lines of every log
	@$(CHANGEOVER) logs

demo: $(READY) ## add people, teams, jobs and a month of runs to look at
	@$(CHANGEOVER) demo

check: $(READY) ## lint, types, import rules, nginx.conf is current, every route is in one group
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy $(PACKAGES)
	@for rules in $(IMPORT_RULES); do $(VENV)/bin/lint-imports --config $$rules || exit 1; done
	@$(VENV)/bin/python -m gateway render --check && $(CHANGEOVER) containers --check && $(CHANGEOVER) routes --check

# One worker more than processors: tests that start processes mostly wait.
test: check ## check, then every test
	@deploy/install-package nginx nginx-light nginx && { deploy/install-package chromium chromium chromium || echo "No Chromium: the browser tests are skipped."; }
	@$(VENV)/bin/pytest -q -n $$($(VENV)/bin/python -c "import os; print(os.cpu_count() + 1)") --dist worksteal -m "not long"

test-long: $(READY) ## the tests that need minutes: kills and resumes, foreign recordings, phases, the suite without legacy
	@$(VENV)/bin/pytest -q -m long

parity: $(READY) ## replay the committed recordings on both stacks; exit 1 on an unexplained difference
	@$(CHANGEOVER) parity run

rehearsal: $(READY) ## the whole migration on a copy, under load and with faults; a report, and exit 1 if anything was lost
	@deploy/install-package nginx nginx-light nginx
	@$(CHANGEOVER) rehearsal

bench: $(READY) ## figures: parity, gateway, flips under load, bulk upload, the scheduler under faults and with many jobs
	@deploy/install-package nginx nginx-light nginx && deploy/install-package wrk wrk wrk && { deploy/install-package haproxy haproxy haproxy || true; }
	@$(VENV)/bin/python -m benchmarks.gateway_cost
	@$(VENV)/bin/python -m benchmarks.gateway_flips
	@$(VENV)/bin/python -m benchmarks.parity_cost
	@$(VENV)/bin/python -m benchmarks.bulk_upload
	@$(VENV)/bin/python -m benchmarks.scheduler_handovers
	@for part in claims edits idle http; do $(VENV)/bin/python -m benchmarks.scheduler_$$part || exit 1; done
	@$(VENV)/bin/python -m benchmarks.cron_fires

lock: $(READY) ## resolve both lock files again
	@$(LOCK) pyproject.toml --group dev -o requirements.lock
	@test ! -d legacy_flask || $(LOCK) legacy_flask/requirements.in -c requirements.lock -o legacy_flask/requirements.lock

retire-legacy: $(READY) ## say what would go with the legacy stack; YES=1 takes it out, OVERRIDE="a reason" passes the gates
	@$(CHANGEOVER) retire $(if $(YES),--yes) $(if $(OVERRIDE),--override "$$OVERRIDE")

$(GONE): ;
$(READY): $(LOCKS) $(GONE) deploy/changeover deploy/make-venv
	@deploy/make-venv $(PYTHON) $(VENV) $(LOCKS) && echo $(LOCKS) > $@
