/** @file
 * A folder that does nothing: enough of sync/folder.h to test what lies above it, without an engine.
 * A folder whose name begins with "slow" answers scans only when it is closed. */
#ifndef MF_TESTS_FAKE_FOLDER_H
#define MF_TESTS_FAKE_FOLDER_H

#include "sync/folder.h"
#include "sync/state/state.h"

/** How often mf_folder_forget() was called for a waiting scan, and how many folders are open. */
extern int fake_deletes_word; /* what the folder "asking" was told; -1: nothing yet */
extern unsigned fake_forgotten, fake_open;

/** What mf_folder_file_status() of every fake folder lists: this many rows. */
extern unsigned fake_rows;
/** First byte of the key that the last participant was added with; 0: none. */
extern unsigned fake_key;

#endif
