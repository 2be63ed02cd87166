check_PROGRAMS += %reldir%/test_relpath
%canon_reldir%_test_relpath_SOURCES = %reldir%/test_relpath.c $(MF_GRID_GOLDEN)
%canon_reldir%_test_relpath_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_relpath_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_relpath

check_PROGRAMS += %reldir%/test_entryset
%canon_reldir%_test_entryset_SOURCES = %reldir%/test_entryset.c
%canon_reldir%_test_entryset_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_entryset_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_entryset
check_PROGRAMS += %reldir%/test_unproven
%canon_reldir%_test_unproven_SOURCES = %reldir%/test_unproven.c
%canon_reldir%_test_unproven_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_unproven_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_unproven

check_PROGRAMS += %reldir%/test_trust
%canon_reldir%_test_trust_SOURCES = %reldir%/test_trust.c
%canon_reldir%_test_trust_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_trust_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_trust

check_PROGRAMS += %reldir%/test_names
%canon_reldir%_test_names_SOURCES = %reldir%/test_names.c
%canon_reldir%_test_names_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_names_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_names

# A world of participants that the real planner is driven in.
MF_MODEL_WORLD = %reldir%/model_world.c %reldir%/model_world.h %reldir%/model_engine.c %reldir%/model_python.c

check_PROGRAMS += %reldir%/test_planner_traces
%canon_reldir%_test_planner_traces_SOURCES = %reldir%/test_planner_traces.c $(MF_MODEL_WORLD) $(MF_GRID_GOLDEN)
%canon_reldir%_test_planner_traces_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_planner_traces_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_planner_traces

check_PROGRAMS += %reldir%/test_planner_random
%canon_reldir%_test_planner_random_SOURCES = %reldir%/test_planner_random.c $(MF_MODEL_WORLD) \
	%reldir%/model_check.c %reldir%/model_check.h %reldir%/model_random.c
%canon_reldir%_test_planner_random_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_planner_random_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_planner_random
SOAK_TESTS += %reldir%/test_planner_random

# The same without sanitizers, whatever the rest is built with: ten times as many runs in the time.  So it brings its own
# objects of the planner.
check_PROGRAMS += %reldir%/test_planner_bulk
%canon_reldir%_test_planner_bulk_SOURCES = %reldir%/test_planner_random.c $(MF_MODEL_WORLD) \
	%reldir%/model_check.c %reldir%/model_check.h %reldir%/model_random.c \
	sync/plan/planner.c sync/plan/planner_facts.c sync/plan/planner_rows.c sync/plan/relation.c sync/plan/relation_walk.c base/buf.c base/err.c
%canon_reldir%_test_planner_bulk_CFLAGS = $(WARN_CFLAGS) $(HARDEN_CFLAGS) $(DEPS_CFLAGS) $(GIT2_CFLAGS) \
	$(CRITERION_CFLAGS) -DMF_BULK
%canon_reldir%_test_planner_bulk_LDFLAGS = $(HARDEN_LDFLAGS)
%canon_reldir%_test_planner_bulk_LDADD = $(DEPS_LIBS) $(CRITERION_LIBS) -lm
TESTS += %reldir%/test_planner_bulk
SOAK_TESTS += %reldir%/test_planner_bulk

check_PROGRAMS += %reldir%/test_planner_table %reldir%/test_planner_matrix
%canon_reldir%_test_planner_table_SOURCES = %reldir%/test_planner_table.c %reldir%/planner_case.c %reldir%/planner_case.h
%canon_reldir%_test_planner_table_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_planner_table_LDADD = $(TEST_LIBS)
%canon_reldir%_test_planner_matrix_SOURCES = %reldir%/test_planner_matrix.c %reldir%/planner_case.c %reldir%/planner_case.h
%canon_reldir%_test_planner_matrix_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_planner_matrix_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_planner_table %reldir%/test_planner_matrix

check_PROGRAMS += %reldir%/test_planner_relation
%canon_reldir%_test_planner_relation_SOURCES = %reldir%/test_planner_relation.c
%canon_reldir%_test_planner_relation_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_planner_relation_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_planner_relation

check_PROGRAMS += %reldir%/test_evidence
%canon_reldir%_test_evidence_SOURCES = %reldir%/test_evidence.c
%canon_reldir%_test_evidence_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_evidence_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_evidence

# Databases of a folder, and what the tests of the engine need of them.
MF_SYNC_FIXTURE = %reldir%/fixture.c %reldir%/fixture.h

check_PROGRAMS += %reldir%/test_later
%canon_reldir%_test_later_SOURCES = %reldir%/test_later.c $(MF_SYNC_FIXTURE)
%canon_reldir%_test_later_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_later_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_later

check_PROGRAMS += %reldir%/test_state
%canon_reldir%_test_state_SOURCES = %reldir%/test_state.c $(MF_SYNC_FIXTURE) $(MF_GRID_GOLDEN)
%canon_reldir%_test_state_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_state_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_state

check_PROGRAMS += %reldir%/test_ignore
%canon_reldir%_test_ignore_SOURCES = %reldir%/test_ignore.c $(MF_GRID_GOLDEN)
%canon_reldir%_test_ignore_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_ignore_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_ignore

check_PROGRAMS += %reldir%/test_settings
%canon_reldir%_test_settings_SOURCES = %reldir%/test_settings.c $(MF_SYNC_FIXTURE)
%canon_reldir%_test_settings_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_settings_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_settings

check_PROGRAMS += %reldir%/test_state_index
%canon_reldir%_test_state_index_SOURCES = %reldir%/test_state_index.c $(MF_SYNC_FIXTURE)
%canon_reldir%_test_state_index_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_state_index_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_state_index

check_PROGRAMS += %reldir%/test_state_python
%canon_reldir%_test_state_python_SOURCES = %reldir%/test_state_python.c $(MF_SYNC_FIXTURE) $(MF_GRID_GOLDEN)
%canon_reldir%_test_state_python_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_state_python_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_state_python

check_PROGRAMS += %reldir%/test_snapshot
%canon_reldir%_test_snapshot_SOURCES = %reldir%/test_snapshot.c $(MF_GRID_GOLDEN)
%canon_reldir%_test_snapshot_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_snapshot_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_snapshot

check_PROGRAMS += %reldir%/test_create
%canon_reldir%_test_create_SOURCES = %reldir%/test_create.c $(MF_SYNC_FIXTURE)
%canon_reldir%_test_create_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_create_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_create

check_PROGRAMS += %reldir%/test_engine
%canon_reldir%_test_engine_SOURCES = %reldir%/test_engine.c %reldir%/pair.c %reldir%/pair.h
%canon_reldir%_test_engine_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_engine_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_engine

check_PROGRAMS += %reldir%/test_state_rows
%canon_reldir%_test_state_rows_SOURCES = %reldir%/test_state_rows.c $(MF_SYNC_FIXTURE)
%canon_reldir%_test_state_rows_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_state_rows_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_state_rows
check_PROGRAMS += %reldir%/test_state_stash
%canon_reldir%_test_state_stash_SOURCES = %reldir%/test_state_stash.c $(MF_SYNC_FIXTURE)
%canon_reldir%_test_state_stash_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_state_stash_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_state_stash

check_PROGRAMS += %reldir%/test_state_power
%canon_reldir%_test_state_power_SOURCES = %reldir%/test_state_power.c
%canon_reldir%_test_state_power_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_state_power_LDADD = $(SIM_LIBS)
TESTS += %reldir%/test_state_power

check_PROGRAMS += %reldir%/test_pairs
%canon_reldir%_test_pairs_SOURCES = %reldir%/test_pairs.c
%canon_reldir%_test_pairs_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_pairs_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_pairs

check_PROGRAMS += %reldir%/test_merge
%canon_reldir%_test_merge_SOURCES = %reldir%/test_merge.c
%canon_reldir%_test_merge_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_merge_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_merge

check_PROGRAMS += %reldir%/test_history
%canon_reldir%_test_history_SOURCES = %reldir%/test_history.c $(MF_SYNC_FIXTURE)
%canon_reldir%_test_history_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_history_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_history
