/** @file
 * Names: relative paths, their entry names in a Personal directory, temporary and marker names.
 * Source: datamodel-and-sync.md 1.5, 4.4, 4.9; design.md 2.5.4, 2.5.10, 2.5.11.
 */
#ifndef MF_SYNC_DOC_RELPATH_H
#define MF_SYNC_DOC_RELPATH_H

#include "base/buf.h"
#include "base/unicode.h" /* mf_nfc(), mf_utf8_valid() */

/** MF_EFORMAT unless @p s is a path we accept: valid UTF-8, not empty, not absolute, no NUL, no empty, "." or ".."
 *  component, no component above 255 bytes, at most 4095 bytes in all. The sentence says which rule. */
mf_code mf_relpath_check(mf_str s, mf_err *err);
/** path2magic then NFC: the name as it stands in a directory. Appends to @p out. */
mf_code mf_relpath_entry(mf_str relpath, mf_buf *out, mf_err *err);
/** path2magic alone (no NFC), and its inverse as in Python incl. the errors of mangle.json. */
void mf_mangle(mf_str path, mf_buf *out);
mf_code mf_unmangle(mf_str name, mf_buf *out, mf_err *err);

enum { MF_TMP_NAME_MAX = 40 };
/** ".magic-folder-<16 hex>.tmp" from 8 random bytes. */
void mf_tmp_name(char out[MF_TMP_NAME_MAX], const uint8_t random[8]);
/** Is the last component a temporary name of ours (or Python's *.snaptmp)? Such names are never synced. */
bool mf_is_tmp_name(mf_str name);
/** Is it what Python called the old file while it put a new one in its place?  *target: the name that it had. */
bool mf_is_set_aside(mf_str base, mf_str *target);
/** Marker file's relpath: RELPATH.conflict-SLOT; stem shortened when the name would pass 255 bytes
 *  (8 hex digits of SHA-256(cap) added). @p slot is already made safe. */
void mf_marker_path(mf_str relpath, mf_str slot, mf_str cap, mf_buf *out);
/** Participant name made safe for a file name: '/', '\\', NUL and control characters become '_'; empty -> "_". */
void mf_slot_name(mf_str participant, mf_buf *out);
/** "a/b/c" -> "a/b"; "c" -> "". */
mf_str mf_relpath_dir(mf_str relpath);
mf_str mf_relpath_base(mf_str relpath);

#endif
