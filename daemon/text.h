/** @file
 * Numbers and times for people's eyes. */
#ifndef MF_DAEMON_TEXT_H
#define MF_DAEMON_TEXT_H

#include "base/buf.h"

/** "0 bytes", "512 bytes", "1.4 kB", "12.3 MB": powers of 1000. */
void mf_text_size(uint64_t bytes, char out[24]);
/** Local time "2026-11-23 08:12:00" of seconds since the epoch. */
void mf_text_time(int64_t seconds, char out[32]);
/** A name from somebody else as a terminal may have it: control characters become \xNN.  On the heap. */
char *mf_text_safe(const char *text);
/** "1 file", "3 files". */
void mf_text_count(uint64_t n, const char *one, const char *many, char out[64]);
/** What is to be said of a store whose file system is 80 % full or more, by bytes or by inodes, with what to do; false
 *  and "" while there is room.  Totals of 0 are unknown. */
typedef struct mf_space {
	uint64_t bytes_free, bytes_total, files_free, files_total;
} mf_space;
bool mf_text_space(const mf_space *s, char out[200]);

#endif
