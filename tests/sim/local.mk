check_LIBRARIES += tests/libsim.a
tests_libsim_a_SOURCES = \
	%reldir%/db.c %reldir%/disk.c %reldir%/disk_do.c %reldir%/file.c %reldir%/grid.c %reldir%/sample.c \
	%reldir%/sched.c %reldir%/sim.h %reldir%/sim_int.h %reldir%/store.c %reldir%/user.c %reldir%/vfs.c \
	%reldir%/watch.c %reldir%/world.c
tests_libsim_a_CFLAGS = $(AM_CFLAGS)
SIM_LIBS = tests/libsim.a $(TEST_LIBS)
check_PROGRAMS += %reldir%/test_sim
%canon_reldir%_test_sim_SOURCES = %reldir%/test_sim.c
%canon_reldir%_test_sim_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_sim_LDADD = $(SIM_LIBS)
TESTS += %reldir%/test_sim
