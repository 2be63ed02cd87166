/** @file
 * What every grid must do, whatever is behind it: called by the tests of each back end with an open grid. */
#ifndef MF_TESTS_GRID_SUITE_H
#define MF_TESTS_GRID_SUITE_H

#include "grid/grid.h"

void suite_files_of_every_size_come_back(struct mf_grid *g);
void suite_ranges_are_cut_at_the_end(struct mf_grid *g);
void suite_directories_can_be_made_listed_and_changed(struct mf_grid *g);
void suite_names_and_metadata_of_all_kinds_come_back(struct mf_grid *g);
void suite_immutable_directories_come_back(struct mf_grid *g);
void suite_what_is_not_there_is_not_found(struct mf_grid *g);
void suite_what_was_canceled_is_not_done(struct mf_grid *g);

/** Store @p b; fails the test when that fails. */
mf_filecap suite_put(struct mf_grid *g, const mf_buf *b);

#endif
