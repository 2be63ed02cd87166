/** @file
 * The log: one line per record, plain or JSON, or the journal's own fields.  [any] thread.
 *
 * A record is one write(2) or one datagram of at most about 6 KB, so records of different threads do not mix.  What
 * it says goes through two nets: control characters and broken UTF-8 are escaped, and whatever looks like a
 * capability is cut down to its kind.  That is the last net, not a licence to hand capabilities in.
 */
#ifndef MF_BASE_LOG_H
#define MF_BASE_LOG_H

#include "base/buf.h"

enum mf_log_level { MF_LOG_DEBUG, MF_LOG_INFO, MF_LOG_WARNING, MF_LOG_ERROR };

enum mf_log_format {
	MF_LOG_PLAIN, /**< "2026-11-24T02:51:07.123Z warning sync [Photos]: message" */
	MF_LOG_JSON,  /**< one object per line: time, level, component, folder (if any), message */
};

typedef struct mf_log_conf {
	enum mf_log_level least; /**< what is below is dropped */
	enum mf_log_format format;
	int fd;              /**< lent; 2 = standard error */
	const char *journal; /**< socket of the journal; NULL = the system's; copied */
} mf_log_conf;

/** Set where records go; before threads start, and again only when they have ended.  Without it warnings and errors go
 *  plainly to standard error.  When @p conf->fd is the stream that systemd connected to its journal (JOURNAL_STREAM,
 *  systemd.exec(5)) and the format is plain, records go to the journal's socket with the fields MF_COMPONENT and
 *  MF_FOLDER; what the socket does not take is written to @p conf->fd. */
void mf_log_open(const mf_log_conf *conf);
/** Back to how it was before mf_log_open(). */
void mf_log_close(void);

/** @param component part of the program: "sync", "grid", "daemon"; @param folder its name, or NULL.
 *  Messages longer than 4 KiB are cut at a character. */
void mf_log(enum mf_log_level level, const char *component, const char *folder, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/** True if records of that level are kept: for messages that are costly to make. */
bool mf_log_wanted(enum mf_log_level level);

/** Append @p s as the log shows it: control characters (also those of Unicode that turn a terminal's line around)
 *  and bytes that are no UTF-8 as \\xNN or \\uNNNN, capabilities as their kind and last four characters. */
void mf_log_clean(mf_buf *out, mf_str s);

#endif
