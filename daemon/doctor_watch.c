/* What the limits of inotify mean for so many directories. */
#include "daemon/doctor.h"

enum { QUEUE_USUAL = 16384, QUEUE_AMPLE = 131072 };

static void
judge_queue(const mf_watching *w, mf_findings *all)
{
	uint64_t want = w->dirs * 2 > QUEUE_AMPLE ? w->dirs * 2 : QUEUE_AMPLE;

	/* a tree that is copied or moved tells of each directory at least once */
	if (w->queue != 0 && (w->queue < w->dirs || w->queue < QUEUE_USUAL))
		mf_finding_add(all, MF_FINDING_NOTE, "watching",
			"the system keeps notes of %llu changes at once; when more happen the whole folder is looked"
			" at, which is safe but slow; type: sudo sysctl fs.inotify.max_queued_events=%llu",
			(unsigned long long)w->queue, (unsigned long long)want);
}

void
mf_doctor_watching(const mf_watching *w, mf_findings *all)
{
	bool contained = w->here != 0 && w->here < w->watches;
	uint64_t limit = contained ? w->here : w->watches;

	if (limit == 0) {
		mf_finding_add(
			all, MF_FINDING_NOTE, "watching", "this system has no inotify: changes wait for the next scan");
		return;
	}
	if (w->dirs > limit - limit / 10) /* others of this user want some, too */
		mf_finding_add(all, MF_FINDING_WRONG, "watching",
			"%llu directories to watch, but the system allows %llu; type: sudo sysctl %s=%llu",
			(unsigned long long)w->dirs, (unsigned long long)limit,
			contained ? "user.max_inotify_watches" : "fs.inotify.max_user_watches",
			(unsigned long long)(w->dirs * 2));
	else
		mf_finding_add(all, MF_FINDING_OK, "watching", "%llu directories to watch, the system allows %llu",
			(unsigned long long)w->dirs, (unsigned long long)limit);
	judge_queue(w, all);
}
