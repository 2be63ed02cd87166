/* Who takes part: listing the Collective for people, adding to it. */
#include "sync/engine.h"
#include "sync/trust/trust.h"

#include <stdlib.h>

#include <sodium.h>

struct people {
	struct mf_task task;
	uint64_t ticket; /* the waiter */
	mf_listing list;
	mf_participant_each *each;
	void *arg;
	char *add_name; /* NULL: only list */
	mf_dirread add_dir;
	mf_buf add_edge; /* empty: its key is not known */
	mf_dirread collective, self;
	mf_dirwrite collective_write;
};

static mf_code
check_new(struct people *p, mf_err *err)
{
	mf_buf name = {0};
	mf_code rc = mf_nfc(mf_strz(p->add_name), &name, err);

	/* readers all have the same empty directory */
	bool reader = mf_str_starts(mf_strz(p->add_dir.text), MF_STR("URI:DIR2-LIT:"));
	for (size_t i = 0; rc == MF_OK && !reader && i < p->list.n; i++)
		if (mf_str_eq(p->list.child[i].ro, mf_strz(p->add_dir.text)))
			rc = mf_fail(err, MF_EINVAL, 0, "Already have a participant with Personal DMD '[REDACTED]'");
	if (rc == MF_OK && mf_listing_find(&p->list, mf_buf_str(&name)) != NULL)
		rc = mf_fail(err, MF_EINVAL, 0, "Already have a participant called '%s'", p->add_name);
	mf_buf_free(&name);
	return rc;
}

static mf_code
people_work(struct mf_task *t, const mf_cancel *cancel)
{
	struct people *p = (struct people *)t;
	struct mf_grid *grid = t->f->grid;
	bool unchanged = false;
	mf_code rc = grid->ops->list(grid, &p->collective, NULL, &unchanged, &p->list, cancel, &t->err);

	if (rc != MF_OK || p->add_name == NULL)
		return rc;
	if ((rc = check_new(p, &t->err)) != MF_OK)
		return rc;
	mf_link link = {.name = mf_strz(p->add_name),
		.cap = mf_strz(p->add_dir.text),
		.metadata = mf_buf_str(&p->add_edge),
		.how = MF_LINK_NEW};
	rc = grid->ops->update(grid, &p->collective_write, &link, 1, NULL, cancel, &t->err);
	if (rc == MF_EEXIST)
		rc = mf_fail(&t->err, MF_EINVAL, 0, "Already have a participant called '%s'", p->add_name);
	return rc;
}

static void
tell_each(struct people *p)
{
	for (size_t i = 0; i < p->list.n; i++) {
		const mf_child *c = &p->list.child[i];
		mf_dirread dir;
		if ((c->name.n > 0 && c->name.p[0] == '@') || mf_dirread_parse(c->ro, &dir, NULL) != MF_OK)
			continue;
		char *name = mf_strdup(c->name);
		p->each(p->arg, name, &dir, strcmp(dir.text, p->self.text) == 0);
		free(name);
	}
}

static void
people_done(struct mf_task *t)
{
	struct people *p = (struct people *)t;
	struct mf_folder *f = t->f;

	for (struct mf_waiter **link = &f->waiters, *w; (w = *link) != NULL; link = &w->next) {
		if (w->ticket != p->ticket)
			continue;
		*link = w->next;
		if (t->err.code == MF_OK && p->each != NULL)
			tell_each(p);
		w->done(w->arg, &t->err);
		free(w);
		break;
	}
	if (!f->closing && p->add_name != NULL && t->err.code == MF_OK)
		mf_poll_start(f);
	mf_listing_free(&p->list);
	sodium_memzero(&p->collective_write, sizeof(p->collective_write));
	mf_buf_free(&p->add_edge);
	free(p->add_name);
	free(p);
}

static struct people *
people_new(struct mf_folder *f, mf_folder_done *done, void *arg, uint64_t *ticket)
{
	struct people *p = mf_alloc(sizeof(*p));

	p->ticket = mf_waiter_add(f, MF_WAIT_GRID, ~0u, done, arg);
	if (ticket != NULL)
		*ticket = p->ticket;
	p->collective = f->conf.collective;
	if (!f->conf.read_only)
		mf_dirwrite_read(&f->conf.personal, &p->self);
	p->task.pool = MF_POOL_TRANSFER;
	p->task.work = people_work;
	p->task.done = people_done;
	return p;
}

void
mf_folder_participants(
	struct mf_folder *f, mf_participant_each *each, mf_folder_done *done, void *arg, uint64_t *ticket)
{
	struct people *p = people_new(f, done, arg, ticket);

	p->each = each;
	p->arg = arg;
	mf_task_start(f, &p->task);
}

/* A refusal that needs no look at the grid, answered from the loop like everything else. */
static mf_code
refuse_work(struct mf_task *t, const mf_cancel *cancel)
{
	(void)cancel;
	return mf_fail(&t->err, MF_EINVAL, 0, "Collective DMD is read-only");
}

void
mf_folder_add_participant(struct mf_folder *f, const char *name, const mf_dirread *personal, const uint8_t *verify_key,
	mf_folder_done *done, void *arg, uint64_t *ticket)
{
	struct people *p = people_new(f, done, arg, ticket);

	p->add_name = mf_strdup(mf_strz(name));
	p->add_dir = *personal;
	if (verify_key != NULL)
		mf_edge_of_key(verify_key, &p->add_edge);
	if (f->conf.is_admin)
		p->collective_write = f->conf.collective_write;
	else
		p->task.work = refuse_work;
	mf_task_start(f, &p->task);
}
