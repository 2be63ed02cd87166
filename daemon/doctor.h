/** @file
 * What `magic-folder doctor` looks at.  Each check adds one or more findings; none changes anything but for
 * two temporary files in a folder's root, which the sync ignores and which are removed at once. */
#ifndef MF_DAEMON_DOCTOR_H
#define MF_DAEMON_DOCTOR_H

#include "daemon/config.h"

enum mf_finding_level { MF_FINDING_OK, MF_FINDING_NOTE, MF_FINDING_WRONG };

typedef struct mf_finding {
	enum mf_finding_level level;
	const char *check; /**< constant: "configuration", "store", ... */
	char *text;        /**< what is so, and, unless it is fine, what to do */
} mf_finding;

typedef struct mf_findings {
	mf_finding *row;
	size_t n;
} mf_findings;

void mf_finding_add(mf_findings *all, enum mf_finding_level level, const char *check, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void mf_findings_free(mf_findings *all);

void mf_doctor_files(struct mf_config *c, mf_findings *all); /**< permissions, databases, token, secrets */
void mf_doctor_endpoint(struct mf_config *c, mf_findings *all);
void mf_doctor_store(struct mf_config *c, mf_findings *all); /**< the default grid's store */
void mf_doctor_node(const char *url, mf_findings *all); /**< of a "node:" grid: its files, its address, its servers */
void mf_doctor_folders(struct mf_config *c, mf_findings *all); /**< roots, rename exchange, overlaps, inotify */
/** Limits of inotify, 0 where there is no such number, and how many directories are to be watched. */
typedef struct mf_watching {
	uint64_t dirs;
	uint64_t watches; /**< fs.inotify.max_user_watches */
	uint64_t here;    /**< user.max_inotify_watches: of this user namespace, that is of a container */
	uint64_t queue;   /**< fs.inotify.max_queued_events */
} mf_watching;
void mf_doctor_watching(const mf_watching *w, mf_findings *all);
void mf_doctor_clock(mf_findings *all);

#endif
