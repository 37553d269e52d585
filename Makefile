# Each target sets itself up; tools/bootstrap.py finds a Python, tools/tasks.py does the work.
TARGETS := book serve lab test check bench bench-gpu clean

# Any Python that starts may run the bootstrap; it looks for one that is new enough.
START := $(shell for p in "$(PYTHON)" python3 python py; do \
	if "$$p" -c "" >/dev/null 2>&1; then echo "$$p"; break; fi; done)

.PHONY: help $(TARGETS)
help:
	@echo "make book       execute every notebook and build the book into _build/html"
	@echo "make serve      show the book on localhost (PORT=8000)"
	@echo "make lab        open the notebooks in JupyterLab"
	@echo "make test       run every test (TESTS=tests/test_x.py for a part, without the rest)"
	@echo "make check      lint, formatting, types, notebook hygiene"
	@echo "make bench      run the benchmarks"
	@echo "make bench-gpu  run those that need an NVIDIA GPU"
	@echo "make clean      remove what the build made (the environments stay)"

$(TARGETS):
ifeq ($(START),)
	@echo "make: no Python found on PATH; expected Python 3.11 or newer; install one and run 'make $@' again" >&2; exit 1
else
	@"$(START)" tools/bootstrap.py $@
endif
