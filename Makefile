# The commands of the course. `make help` lists them. On Windows, or without make: see README.md.
PYTHON ?= python3
PORT ?= 8888
IP ?= localhost
TORCH ?=
REPO ?=
ALL ?=
NAMES ?=

export PYTHON
COURSE = docs/authoring/course.py
# A sentence instead of a traceback when Python is missing or too old.
CHECK_PYTHON = command -v "$(PYTHON)" >/dev/null 2>&1 || { \
  echo "There is no $(PYTHON) on this machine: install Python 3.10 or newer, or name one, as in make $@ PYTHON=python3.12."; exit 1; }; \
  "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
  echo "The course needs Python 3.10 or newer and $(PYTHON) is older: name a newer one, as in make $@ PYTHON=python3.12."; exit 1; }
RUN = @$(CHECK_PYTHON); "$(PYTHON)" $(COURSE)

.DEFAULT_GOAL := help
.PHONY: help lab test render render-check figures badges student mutations clean

help:
	@echo "make lab            build .venv, open JupyterLab on the first lesson"
	@echo "make test           build .venv, run lint, unit tests and every notebook (a few minutes)"
	@echo "make render         run the stale notebooks for real and stamp them; NAMES='02_vanilla_gan' or ALL=1 forces"
	@echo "make render-check   list the notebooks whose outputs are stale"
	@echo "make figures        draw the README's figure from the recordings"
	@echo "make badges REPO=owner/name   point badges and the Colab clone at a fork"
	@echo "make student        write copies without solutions to build/student"
	@echo "make mutations      break the code on purpose, show that named tests notice"
	@echo "make clean          remove caches and build outputs; ALL=1 removes .venv too"
	@echo
	@echo "Options of lab and test:"
	@echo "  PYTHON=python3.12 the Python that builds .venv"
	@echo "  TORCH=cpu         PyTorch without CUDA: 2 GB on the disk instead of 7"
	@echo "  PORT=8889         another port for JupyterLab"
	@echo "  IP=0.0.0.0        let other machines reach JupyterLab, as a container needs"
	@echo
	@echo "Without make:       python docs/authoring/course.py lab        (Windows: py in place of python)"
	@echo "                    python docs/authoring/course.py test"
	@echo "With conda:         conda env create -f environment.yml && conda activate gan-course"
	@echo "                    python docs/authoring/course.py lab --here     (or test --here)"
	@echo "README.md says more."

lab:
	$(RUN) lab --port "$(PORT)" --ip "$(IP)" --torch "$(TORCH)"

test:
	$(RUN) test --torch "$(TORCH)"

render:
	$(RUN) run docs/authoring/render.py $(if $(ALL),--all) $(NAMES)

render-check:
	$(RUN) run docs/authoring/render.py --check

figures:
	$(RUN) run docs/authoring/figures.py

badges:
	@test -n "$(REPO)" || { echo "Say which repository: make badges REPO=owner/name"; exit 1; }
	$(RUN) run docs/authoring/badges.py "$(REPO)"

student:
	$(RUN) run docs/authoring/student.py

mutations:
	@test -f tests/mutations.py || { echo "There is no tests/mutations.py."; exit 1; }
	$(RUN) run tests/mutations.py

clean:
	@find . -path ./.venv -prune -o -type d \( -name __pycache__ -o -name .ipynb_checkpoints \) -print | while read -r folder; do rm -rf "$$folder"; done
	@rm -rf build dist *.egg-info .pytest_cache .ruff_cache .hypothesis $(if $(ALL),.venv)
	@echo "Removed caches and build outputs$(if $(ALL), and .venv)."
