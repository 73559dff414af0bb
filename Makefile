# Every command of the project, with the environment it needs. `make` lists them.

PYTHON ?= python3
SCIPERS ?= 111111 222222 333333
TORCH ?= $(shell sed -n 's/^torch==\([^ ]*\).*/\1/p' requirements.txt)
ARGS ?=

INSTALL ?=
WITH_OTHERS ?=
PORT ?= 8080
BROWSER := chromium chromium-driver
LATEX := texlive-latex-recommended texlive-fonts-recommended lmodern latexmk
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

ENVIRONMENT := .venv/ready
GRADER := .venv-grade-$(TORCH)
DATA := data/train_data.pkl data/val_data.pkl
SPACE := $(subst ,, )
PROJECT = Proj_$(subst $(SPACE),_,$(strip $(SCIPERS)))

.DEFAULT_GOAL := help
.PHONY: help run demo test data train zip grade bench report lint clean
.NOTPARALLEL:  # one command writes both data files
unexport PYTHONPATH  # packages come from here and from the environments below, whatever the caller has set
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-6s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "The first target but help, zip and clean fetches the packages of requirements.lock, and torch, from PyPI into .venv;"
	@echo "grade fetches torch once more, and report INSTALL=1 Debian's packages of LaTeX. Nothing else is fetched."

run: $(ENVIRONMENT) data/val_data.pkl  ## denoise the validation images with both trained models: a table, out/denoised.png
	.venv/bin/python -m others.evaluate $(ARGS)

# The page itself needs the user's own browser alone; its tests need one that they can drive.
demo: $(ENVIRONMENT) data/val_data.pkl  ## show everything in a browser; PORT=8080; INSTALL=1 adds Debian's chromium for the tests
	if [ -n "$(INSTALL)" ]; then $(SUDO) apt-get install -y --no-install-recommends $(BROWSER); fi
	.venv/bin/python -m others.demo --port $(PORT) $(ARGS)

# Each process of the tests computes on one core: together they take all.
test: $(ENVIRONMENT)  ## run the tests
	OMP_NUM_THREADS=1 .venv/bin/python -m pytest -n auto --dist loadgroup $(ARGS)

data: $(DATA)  ## generate data/train_data.pkl and data/val_data.pkl, unless they are there

train: $(ENVIRONMENT) $(DATA)  ## train both models anew, into out/; ARGS="--epochs 3" and others
	.venv/bin/python -m others.studies.submission.train 1 $(ARGS)
	.venv/bin/python -m others.studies.submission.train 2 $(ARGS)

zip:  ## make the archive for the course in dist/; SCIPERS="111111 222222 333333"; WITH_OTHERS=1 adds others/
	$(PYTHON) -m others.archive --scipers $(SCIPERS) --out dist $(if $(WITH_OTHERS),--with-others)

# The archive and the grader each get an empty folder: only what was handed in can be imported.
# NumPy is left out on purpose, of which torch warns once.
grade: zip $(GRADER)/ready $(DATA)  ## run test.py on that archive with torch alone; TORCH=1.13.1 for another version, ARGS="--json FILE"
	folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && mkdir "$$folder/elsewhere" && \
	$(PYTHON) -m zipfile -e "dist/$(PROJECT).zip" "$$folder/$(PROJECT)" && \
	cp -r test.py grader "$$folder/elsewhere" && \
	$(GRADER)/bin/python -W "ignore:Failed to initialize NumPy:UserWarning" "$$folder/elsewhere/test.py" -p "$$folder/$(PROJECT)" -d data $(ARGS)

# Without the variable, pyright asks a server outside PyPI for its newest version.
bench: $(ENVIRONMENT)  ## measure the framework against torch.nn, in turns
	.venv/bin/python -m others.studies.bench.framework $(ARGS)

# LaTeX comes from Debian's packages; INSTALL=1 installs them.
report: $(ENVIRONMENT)  ## compile both reports from the results; needs LaTeX, which INSTALL=1 installs on Debian
	if [ -n "$(INSTALL)" ]; then $(SUDO) apt-get install -y --no-install-recommends $(LATEX); fi
	@for tool in latexmk pdflatex bibtex; do command -v $$tool > /dev/null || \
	{ echo "make report needs $$tool: apt-get install $(LATEX), or make report INSTALL=1"; exit 1; }; done
	.venv/bin/python -m others.report
	cd report && latexmk -pdf -silent -interaction=nonstopmode -halt-on-error Report_1.tex Report_2.tex
	.venv/bin/python -m others.report --check
	cp report/Report_1.pdf Miniproject_1/
	cp report/Report_2.pdf Miniproject_2/

lint: $(ENVIRONMENT)  ## check style, types and the direction of imports
	.venv/bin/python -m ruff check
	.venv/bin/python -m ruff format --check
	.venv/bin/lint-imports --no-logo
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 .venv/bin/python -m pyright --pythonpath .venv/bin/python

clean:  ## remove all that make has made, except data/, which may hold the course's own files
	rm -rf .venv .venv-grade-* dist out .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	rm -rf report/figures
	find report -name 'Report_?.*' ! -name '*.tex' -delete
	find . -name __pycache__ -prune -exec rm -rf {} +

# `ready` is written last: an environment without it was interrupted, and is made anew. The first step of pip installs
# all packages but torch and accepts no file without its hash in the lock. Torch has a build for CPUs on another server
# than PyPI, whose hashes the lock does not have; the second step brings it.
$(ENVIRONMENT): requirements.lock requirements.txt requirements-others.txt requirements-dev.txt
	@echo "fetching from PyPI, into .venv: the packages of requirements.lock, and torch"
	$(PYTHON) -m venv --clear .venv
	.venv/bin/python -m pip install --quiet --require-hashes --no-deps -r requirements.lock
	.venv/bin/python -m pip install --quiet -r requirements-dev.txt
	touch $@

$(GRADER)/ready:
	@echo "fetching from PyPI, into $(GRADER): torch $(TORCH) and what it needs"
	$(PYTHON) -m venv --clear $(GRADER)
	$(GRADER)/bin/python -m pip install --quiet torch==$(TORCH)
	touch $@

$(DATA): | $(ENVIRONMENT)
	.venv/bin/python -m others.generate data
