# Everything sets up its own virtual environment; nothing else is needed than Python 3.11 or newer.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Where an image says that nothing is compiled ahead, each of the tests' thousand processes would compile it anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test lint types wheel docs bench prove clean

$(READY): pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group dev --editable .
	@touch $@

demo: $(READY)
	@$(BIN)/messaging demo

test: $(READY)
	$(BIN)/python -m pytest -n auto -m "not alone" $(ARGS)
	@$(BIN)/python -m pytest -m alone $(ARGS) || test $$? = 5  # 5: what was asked for has none of these

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

wheel: $(READY)
	rm -rf dist
	$(BIN)/python -m build --quiet
	$(BIN)/check-wheel-contents dist/*.whl --toplevel messaging,messaging_email,messaging_rules,messaging_shops,messaging_sms,messaging_webhook

docs: $(READY)
	$(BIN)/python docs/make_settings.py
	$(BIN)/python docs/make_hooks.py
	$(BIN)/python docs/make_adapters.py
	$(BIN)/python docs/make_shops.py
	$(BIN)/python docs/make_events.py

bench: $(READY)
	$(BIN)/python -m bench

prove: $(READY)
	$(BIN)/python -m tests.proving $(ARGS)

clean:
	rm -rf $(VENV) build dist demo .mypy_cache .pytest_cache .ruff_cache .hypothesis
