/* Paths that wait to come under work.  One under work takes more than a kilobyte, one that waits little more than its
 * name: so many of the former at once, and a folder of a hundred thousand new files needs little memory. */
#include "sync/engine.h"

#include <stdlib.h>

enum { AT_ONCE = 4096 };

struct mf_later {
	struct mf_later *next;
	uint64_t due_ms; /* not looked at before */
	enum mf_later_why why;
	char relpath[];
};

/* Those that settle, or failed and are tried again, are no reason to keep others waiting. */
static bool
has_room(const struct mf_folder *f)
{
	return f->n_paths - f->n_settling < AT_ONCE;
}

static void
begin(struct mf_folder *f, const char *relpath, enum mf_later_why why, uint64_t delay_ms)
{
	const char *owner = why == MF_LATER_POLL ? NULL : mf_marker_owner(f, relpath);
	struct mf_path *p = mf_path_need(f, owner != NULL ? owner : relpath);

	if (why == MF_LATER_SCAN && !p->scan_mark) {
		p->scan_mark = true;
		f->scan_marked++;
	}
	if (why == MF_LATER_POLL && !p->poll_mark) {
		p->poll_mark = true;
		f->poll_marked++;
	}
	/* one that is settling keeps its time; one that waits to be tried again is tried now */
	if (p->failed && why != MF_LATER_POLL && p->due_ms == p->retry_ms)
		p->due_ms = 0;
	if (!p->settling || (p->failed && why != MF_LATER_POLL))
		mf_path_look(f, p, delay_ms);
}

void
mf_path_later(struct mf_folder *f, const char *relpath, enum mf_later_why why, uint64_t delay_ms)
{
	if (f->later == NULL && has_room(f)) {
		begin(f, relpath, why, delay_ms);
		return;
	}
	size_t n = strlen(relpath) + 1;
	struct mf_later *l = mf_alloc(sizeof(*l) + n);
	l->due_ms = mf_now_ms(f) + delay_ms;
	l->why = why;
	memcpy(l->relpath, relpath, n);
	*f->later_tail = l;
	f->later_tail = &l->next;
	f->n_later[why]++;
}

static struct mf_later *
pop(struct mf_folder *f)
{
	struct mf_later *l = f->later;

	f->later = l->next;
	if (f->later == NULL)
		f->later_tail = &f->later;
	f->n_later[l->why]--;
	return l;
}

void
mf_later_begin(struct mf_folder *f)
{
	uint64_t now = mf_now_ms(f);

	while (f->later != NULL && has_room(f)) {
		struct mf_later *l = pop(f);
		begin(f, l->relpath, l->why, l->due_ms > now ? l->due_ms - now : 0);
		free(l);
	}
}

void
mf_later_drop(struct mf_folder *f)
{
	while (f->later != NULL)
		free(pop(f));
}

void
mf_later_drop_found(struct mf_folder *f)
{
	struct mf_later *l = f->later;

	f->later = NULL;
	f->later_tail = &f->later;
	f->n_later[MF_LATER_SCAN] = f->n_later[MF_LATER_WALK] = 0;
	for (struct mf_later *next; l != NULL; l = next) {
		next = l->next;
		l->next = NULL;
		if (l->why != MF_LATER_POLL) {
			free(l);
			continue;
		}
		*f->later_tail = l;
		f->later_tail = &l->next;
	}
}
