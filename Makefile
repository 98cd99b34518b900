# The front door. Every target is a script in tools/scripts; the build itself
# is CMake (`cmake --preset default`), and works without this file as well.
#
#   make build              install what is missing, build into build/bin and
#                           .venv/bin
#   make demo               compile and run the model of the repository
#   make check              all tests
#   make install PREFIX=/usr/local
#   make fuzz               fuzz the importer; SECONDS=N for each target
#   make bench-cpu          decode against ONNX Runtime and the read bandwidth
#   make docs | fmt | tidy | bench | clean
#
# JOBS=N limits the parallel jobs; the default is one for each core.

JOBS ?=
PREFIX ?= /usr/local
DESTDIR ?=
SECONDS ?= 600
SCRIPTS = tools/scripts
export JOBS PREFIX DESTDIR

.PHONY: build demo check install docs fmt tidy bench bench-cpu fuzz clean help

build:
	@$(SCRIPTS)/build.sh

demo: build
	@.venv/bin/python $(SCRIPTS)/demo.py

check: build
	@/usr/bin/python3 $(SCRIPTS)/check.py

install: build
	@cmake --install build --prefix "$(PREFIX)"

# The pages of docs/ that come from TableGen.
docs:
	@$(SCRIPTS)/generate_docs.py

fmt:
	@$(SCRIPTS)/format.sh

tidy: build
	@$(SCRIPTS)/tidy.sh

bench: build
	@.venv/bin/python $(SCRIPTS)/bench.py

bench-cpu: build
	@.venv/bin/python $(SCRIPTS)/bench_cpu.py

fuzz: build
	@/usr/bin/python3 $(SCRIPTS)/fuzz.py --seconds "$(SECONDS)"

clean:
	@rm -rf build build-fuzz

help:
	@sed -n 's/^#  *\(make .*\)/\1/p' Makefile
