/** @file
 * What a user may choose for a folder: one table of keys, values as text and as numbers.  Pure.
 *
 * poll_interval and scan_interval live in Python's config row, the rest in mf_setting (docs/database.md).
 */
#ifndef MF_SYNC_SETTINGS_H
#define MF_SYNC_SETTINGS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

/** What becomes of a conflict between texts that merge cleanly. */
enum mf_merge_policy { MF_MERGE_ASK, MF_MERGE_TEXT };
/** Whether many files gone at once are published only after a question. */
enum mf_deletes_policy { MF_DELETES_ASK, MF_DELETES_NEVER };

/** Values in force.  All are unsigned so that the table can point at them. */
typedef struct mf_settings {
	unsigned merge;           /* enum mf_merge_policy */
	unsigned confirm_deletes; /* enum mf_deletes_policy */
	unsigned paused;          /* 0 or 1 */
	unsigned poll_interval_s; /* at least 1 */
	unsigned scan_interval_s; /* 0 = never */
} mf_settings;

enum mf_setting_kind {
	MF_SETTING_WORD,    /* one of some words */
	MF_SETTING_YESNO,   /* yes or no */
	MF_SETTING_SECONDS, /* whole seconds */
};

/** One line of the table. */
typedef struct mf_setting {
	const char *key;
	enum mf_setting_kind kind;
	/** WORD: "ask|text", in the order of the numbers.  SECONDS: the word for 0, or NULL where 0 is not allowed. */
	const char *words;
	const char *standard; /**< the default, as text */
	const char *help;     /**< one line: what it means */
	size_t at;            /**< where its unsigned is in mf_settings */
} mf_setting;

enum { MF_SETTING_COUNT = 5 };
extern const mf_setting mf_setting_table[MF_SETTING_COUNT];

/** Every default. */
mf_settings mf_settings_standard(void);
/** MF_EINVAL and a sentence that lists the keys if there is no such one. */
mf_code mf_setting_find(mf_str key, const mf_setting **out, mf_err *err);
/** Set @p s's value of @p which from text.  MF_EINVAL with a sentence that says what is allowed; then @p s is
 *  as it was. */
mf_code mf_setting_parse(const mf_setting *which, mf_str text, mf_settings *s, mf_err *err);
unsigned mf_setting_get(const mf_setting *which, const mf_settings *s);
/** Append the value as text: what mf_setting_parse() reads. */
void mf_setting_text(const mf_setting *which, const mf_settings *s, mf_buf *out);
/** Append what is allowed: "ask|text", "yes|no", "SECONDS", "SECONDS|never". */
void mf_setting_choices(const mf_setting *which, mf_buf *out);

#endif
