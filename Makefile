# Everything runs in var/venv, which each verb sets up when it is missing or out of date.
.DEFAULT_GOAL := help
.PHONY: help demo test test-fast check format bench train evaluate
PYTHON ?= python3
export PYTHON
RUN := var/venv/bin/python

help:
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

demo: ## Run Kafka, MongoDB and every service here with sample observations; ONCE=1 stops when all arrived
	@deploy/setup.sh demo
	@$(RUN) -m deploy.local demo $(if $(ONCE),--once)

test: ## Run every test, on a real Kafka and MongoDB
	@deploy/setup.sh dev
	@$(RUN) -m pytest

test-fast: ## Run the tests that need no server
	@deploy/setup.sh dev
	@$(RUN) -m pytest tests/unit tests/contract

check: ## Check format, lint, types and import boundaries
	@deploy/setup.sh dev
	@$(RUN) -m ruff format --check .
	@$(RUN) -m ruff check .
	@$(RUN) -m mypy
	@$(RUN) -m pytest --quiet tests/contract/test_imports.py

format: ## Format the code and mend what the linter can
	@deploy/setup.sh dev
	@$(RUN) -m ruff format .
	@$(RUN) -m ruff check --fix .

bench: ## Measure each path side by side with its raw counterpart
	@deploy/setup.sh dev
	@$(RUN) -m tests.benchmarks

train: ## Train the classifier's model, resumably; DATA=folder of its data, QUICK=1 the whole way on a sample
	@deploy/setup.sh train
	@$(RUN) -m services.classifier.training $(DATA) $(if $(QUICK),--quick --out var/quick-model)

evaluate: ## Measure the model; writes its report, card and transparency record; DATA=folder as for train
	@deploy/setup.sh dev
	@$(RUN) -m services.classifier.evaluation $(DATA)
