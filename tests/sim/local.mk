check_LIBRARIES += tests/libsim.a
tests_libsim_a_SOURCES = \
	%reldir%/db.c %reldir%/disk.c %reldir%/disk_do.c %reldir%/file.c %reldir%/grid.c %reldir%/sample.c \
	%reldir%/sched.c %reldir%/sim.h %reldir%/sim_int.h %reldir%/store.c %reldir%/store.h %reldir%/user.c %reldir%/vfs.c \
	%reldir%/watch.c %reldir%/world.c
tests_libsim_a_CFLAGS = $(AM_CFLAGS)
# People with the real engine, above the simulator.
SIM_CAST = %reldir%/cast.c %reldir%/cast.h %reldir%/forge.c %reldir%/forge.h
SIM_LIBS = tests/libsim.a $(TEST_LIBS)
check_PROGRAMS += %reldir%/test_sim
%canon_reldir%_test_sim_SOURCES = %reldir%/test_sim.c
%canon_reldir%_test_sim_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_sim_LDADD = $(SIM_LIBS)
TESTS += %reldir%/test_sim
check_PROGRAMS += %reldir%/test_engine_basic
%canon_reldir%_test_engine_basic_SOURCES = %reldir%/test_engine_basic.c $(SIM_CAST)
%canon_reldir%_test_engine_basic_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_engine_basic_LDADD = $(SIM_LIBS)
TESTS += %reldir%/test_engine_basic
check_PROGRAMS += %reldir%/test_engine_three
%canon_reldir%_test_engine_three_SOURCES = %reldir%/test_engine_three.c $(SIM_CAST)
%canon_reldir%_test_engine_three_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_engine_three_LDADD = $(SIM_LIBS)
TESTS += %reldir%/test_engine_three
check_PROGRAMS += %reldir%/test_engine_odd
%canon_reldir%_test_engine_odd_SOURCES = %reldir%/test_engine_odd.c $(SIM_CAST)
%canon_reldir%_test_engine_odd_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_engine_odd_LDADD = $(SIM_LIBS)
TESTS += %reldir%/test_engine_odd
check_PROGRAMS += %reldir%/test_engine_random
%canon_reldir%_test_engine_random_SOURCES = %reldir%/test_engine_random.c %reldir%/life.c %reldir%/life.h \
	%reldir%/oracle.c %reldir%/oracle.h %reldir%/says.c %reldir%/says.h $(SIM_CAST)
%canon_reldir%_test_engine_random_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_engine_random_LDADD = $(SIM_LIBS)
TESTS += %reldir%/test_engine_random
SOAK_TESTS += %reldir%/test_engine_random
check_PROGRAMS += %reldir%/test_engine_settings
%canon_reldir%_test_engine_settings_SOURCES = %reldir%/test_engine_settings.c $(SIM_CAST)
%canon_reldir%_test_engine_settings_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_engine_settings_LDADD = $(SIM_LIBS)
TESTS += %reldir%/test_engine_settings
check_PROGRAMS += %reldir%/test_engine_mended
%canon_reldir%_test_engine_mended_SOURCES = %reldir%/test_engine_mended.c %reldir%/says.c %reldir%/says.h $(SIM_CAST)
%canon_reldir%_test_engine_mended_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_engine_mended_LDADD = $(SIM_LIBS)
TESTS += %reldir%/test_engine_mended
check_PROGRAMS += %reldir%/test_engine_dirs
%canon_reldir%_test_engine_dirs_SOURCES = %reldir%/test_engine_dirs.c $(SIM_CAST)
%canon_reldir%_test_engine_dirs_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_engine_dirs_LDADD = $(SIM_LIBS)
TESTS += %reldir%/test_engine_dirs
