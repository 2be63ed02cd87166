# The floor program checks itself against golden vectors in `make check`; benchmarks run by `make bench`.
FLOOR = %reldir%/floor
check_PROGRAMS += $(FLOOR)
%canon_reldir%_floor_SOURCES = %reldir%/floor.c %reldir%/floor.h %reldir%/floor_chk.c %reldir%/floor_dir.c \
	%reldir%/floor_disk.c %reldir%/floor_recv.c %reldir%/floor_send.c
%canon_reldir%_floor_LDADD = $(DEPS_LIBS) -lpthread
TESTS += %reldir%/floor_vectors.sh
EXTRA_DIST += %reldir%/floor_vectors.sh
EXTRA_DIST += %reldir%/README.md %reldir%/run.py %reldir%/subjects.py %reldir%/wide.py %reldir%/serve.py

bench: check-programs
if SANITIZERS
	@echo "note: this is a sanitizer build; figures mean nothing"
endif
	$(AM_TESTS_ENVIRONMENT) for b in $(BENCHES); do echo "== $$b"; ./$$b || exit 1; done; \
		python3 -B $(srcdir)/%reldir%/run.py $(BENCH_ARGS) && python3 -B $(srcdir)/%reldir%/serve.py
.PHONY: bench

check_PROGRAMS += %reldir%/chk_bench
BENCHES += %reldir%/chk_bench
%canon_reldir%_chk_bench_SOURCES = %reldir%/chk_bench.c
%canon_reldir%_chk_bench_LDADD = $(MF_LIBS)

check_PROGRAMS += %reldir%/store_bench
BENCHES += %reldir%/store_bench
%canon_reldir%_store_bench_SOURCES = %reldir%/store_bench.c
%canon_reldir%_store_bench_LDADD = $(MF_LIBS)
