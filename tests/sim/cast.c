/* People who share one folder in a simulated world. */
#include "cast.h"

#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

void
cast_init(struct cast *c, uint64_t seed)
{
	*c = (struct cast){.w = sim_world_new(seed)};
}

/* ---- becoming a member ---- */

struct joining {
	struct member *m;
	const mf_dirread *collective;
	bool done;
	mf_code rc;
	mf_err err;
};

static void
join_work(void *arg, const mf_cancel *cancel)
{
	struct joining *j = arg;
	struct cast *c = j->m->cast;
	mf_folder_new what = {.name = "folder",
		.author = j->m->name,
		.magic_path = CAST_DIR,
		.state_dir = CAST_STATE,
		.poll_interval_s = c->poll_s == 0 ? 3600 : c->poll_s,
		.scan_interval_s = c->scan_s,
		.collective = j->collective,
		.read_only = c->reader};

	j->rc = mf_folder_create(sim_env_of(j->m->h), sim_grid_of(j->m->h), &what, &j->m->personal, cancel, &j->err);
}

static void
join_done(void *arg)
{
	((struct joining *)arg)->done = true;
}

static bool
join_is_done(void *arg)
{
	return ((struct joining *)arg)->done;
}

struct member *
cast_host(struct cast *c, const char *name)
{
	struct member *m = &c->m[c->n];

	cr_assert(c->n < CAST_MAX);
	c->n++;
	*m = (struct member){.cast = c, .h = sim_host_new(c->w, name), .name = name};
	if (c->dark) {
		sim_trouble_of(m->h)->drop_events = 1000;
		sim_no_nudges(c->w);
	}
	sim_mkdirs(m->h, CAST_DIR);
	return m;
}

mf_code
cast_try_join(struct member *m, const mf_dirread *collective, mf_err *err)
{
	struct cast *c = m->cast;
	bool first = m == &c->m[0] && collective == NULL;
	struct joining j = {.m = m, .collective = first ? NULL : collective != NULL ? collective : &c->collective};
	struct mf_env *env = sim_env_of(m->h) == NULL ? sim_boot(m->h) : sim_env_of(m->h);

	(void)env->ops->job_start(env, MF_POOL_TRANSFER, join_work, join_done, &j);
	cr_assert(sim_run_until(c->w, join_is_done, &j, CAST_LIMIT_MS));
	*err = j.err;
	return j.rc;
}

struct member *
cast_join(struct cast *c, const char *name, const mf_dirread *collective)
{
	struct member *m = cast_host(c, name);
	mf_err err = {0};

	cr_assert(cast_try_join(m, collective, &err) == MF_OK, "%s cannot join: %s", name, err.text);
	return m;
}

/* ---- what its events say: each item queued ends, and none ends that was not queued ---- */

static struct cast_item **
item_find(struct member *m, const char *relpath, bool up)
{
	struct cast_item **link = &m->items;

	while (*link != NULL && ((*link)->up != up || strcmp((*link)->relpath, relpath) != 0))
		link = &(*link)->next;
	return link;
}

static void
item_end(struct cast_item **link)
{
	struct cast_item *i = *link;

	*link = i->next;
	free(i->relpath);
	free(i);
}

static void
item_queue(struct member *m, const char *relpath, bool up)
{
	struct cast_item *i = mf_alloc(sizeof(*i));

	i->relpath = mf_strdup(mf_strz(relpath));
	i->up = up;
	i->next = m->items;
	m->items = i;
}

static void
items(struct member *m, const mf_folder_event *ev)
{
	bool up = ev->kind == MF_EV_UPLOAD_QUEUED || ev->kind == MF_EV_UPLOAD_FINISHED;
	bool queued = ev->kind == MF_EV_UPLOAD_QUEUED || ev->kind == MF_EV_DOWNLOAD_QUEUED;
	bool ended = ev->kind == MF_EV_UPLOAD_FINISHED || ev->kind == MF_EV_DOWNLOAD_FINISHED;

	if (ev->kind == MF_EV_ERROR && ev->relpath != NULL)
		for (struct cast_item *i = m->items; i != NULL; i = i->next)
			i->told |= strcmp(i->relpath, ev->relpath) == 0;
	if (!queued && !ended)
		return;
	struct cast_item **link = item_find(m, ev->relpath, up);
	if (queued == (*link != NULL))
		(void)snprintf(m->wrong_event, sizeof(m->wrong_event), "%s: the %s of %s %s", m->name,
			up ? "upload" : "download", ev->relpath,
			queued ? "was queued twice" : "finished without having been queued");
	else if (queued)
		item_queue(m, ev->relpath, up);
	else
		item_end(link);
}

static void
listener(void *arg, struct mf_folder *f, const mf_folder_event *ev)
{
	struct member *m = arg;

	(void)f;
	sim_trace(m->cast->w, "%s says %d %s: %s", m->name, (int)ev->kind, ev->relpath == NULL ? "" : ev->relpath,
		ev->text == NULL ? "" : ev->text);
	items(m, ev);
	m->conflicts_added += ev->kind == MF_EV_CONFLICT_ADDED;
	m->asked += ev->kind == MF_EV_DELETES_ASKED;
	m->settled += ev->kind == MF_EV_DELETES_SETTLED;
	m->errors += ev->kind == MF_EV_ERROR;
	m->scans += ev->kind == MF_EV_SCAN_COMPLETED;
	m->uploads += ev->kind == MF_EV_UPLOAD_FINISHED;
	m->downloads += ev->kind == MF_EV_DOWNLOAD_FINISHED;
	if (ev->kind == MF_EV_ERROR)
		(void)snprintf(m->last_error, sizeof(m->last_error), "%s: %s", ev->relpath == NULL ? "" : ev->relpath,
			ev->text);
}

bool
cast_try_open(struct member *m)
{
	mf_err err = {0};

	if (sim_env_of(m->h) == NULL)
		(void)sim_boot(m->h);
	if (mf_folder_open(sim_env_of(m->h), sim_grid_of(m->h), "folder", CAST_STATE, listener, m, &m->f, &err) !=
		MF_OK) {
		(void)snprintf(m->last_error, sizeof(m->last_error), "open: %s", err.text);
		m->f = NULL;
		return false;
	}
	mf_folder_start(m->f);
	return true;
}

void
cast_open(struct member *m)
{
	cr_assert(cast_try_open(m), "%s: %s", m->name, m->last_error);
}

void
cast_ignore(void *arg, const mf_err *err)
{
	(void)arg;
	(void)err;
}

struct answer {
	bool came;
	mf_err err;
};

static void
on_answer(void *arg, const mf_err *err)
{
	struct answer *a = arg;

	a->came = true;
	a->err = *err;
}

static bool
answered(void *arg)
{
	return ((struct answer *)arg)->came;
}

static void
await(struct member *m, struct answer *a, const char *what)
{
	cr_assert(sim_run_until(m->cast->w, answered, a, CAST_LIMIT_MS), "%s: %s does not answer", m->name, what);
	cr_assert(a->err.code == MF_OK, "%s: %s: %s", m->name, what, a->err.text);
}

struct member *
cast_add_reader(struct cast *c, const char *name)
{
	c->reader = true;
	struct member *m = cast_join(c, name, NULL);
	c->reader = false;
	m->reader = true;
	cast_open(m);
	cast_poll(m);
	return m;
}

void
cast_invite(struct cast *c, const char *name, const mf_dirread *personal)
{
	struct member *admin = &c->m[0];
	struct answer a = {0};

	mf_folder_add_participant(admin->f, name, personal, NULL, on_answer, &a, NULL);
	await(admin, &a, "adding a participant");
}

struct member *
cast_add(struct cast *c, const char *name)
{
	struct member *m = cast_join(c, name, NULL);

	cast_open(m);
	if (m == &c->m[0])
		c->collective = mf_folder_config(m->f)->collective;
	else
		cast_invite(c, name, &m->personal);
	cast_poll(m);
	return m;
}

/* ---- ends ---- */

static void
on_closed(void *arg)
{
	*(bool *)arg = true;
}

static bool
is_set(void *arg)
{
	return *(bool *)arg;
}

/* Alive or dead: the folder goes, then the process. */
static void
leave(struct member *m)
{
	bool closed = m->f == NULL;

	sim_unwind(m->h);
	if (!closed)
		mf_folder_close(m->f, on_closed, &closed);
	cr_assert(sim_run_until(m->cast->w, is_set, &closed, CAST_LIMIT_MS), "%s does not close", m->name);
	m->f = NULL;
	while (m->items != NULL) /* the end of the process ends them */
		item_end(&m->items);
	size_t left = sim_retire(m->h);
	cr_assert(left == 0, "%s left %zu handles open", m->name, left);
}

void
cast_close(struct member *m)
{
	leave(m);
}

void
cast_bury(struct member *m)
{
	if (sim_env_of(m->h) != NULL && sim_dead(m->h))
		leave(m);
}

void
cast_crash(struct member *m, enum sim_crash how)
{
	sim_crash(m->h, how);
	cast_bury(m);
}

void
cast_end(struct cast *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (sim_env_of(c->m[i].h) != NULL)
			leave(&c->m[i]);
	cast_seen_free(c);
	sim_world_free(c->w);
}

/* ---- running ---- */

void
cast_scan(struct member *m)
{
	struct answer a = {0};

	mf_folder_scan(m->f, on_answer, &a, NULL);
	await(m, &a, "the scan");
}

void
cast_poll(struct member *m)
{
	struct answer a = {0};

	mf_folder_poll(m->f, on_answer, &a, NULL);
	await(m, &a, "the poll");
}

void
cast_publish(struct member *m)
{
	cast_scan(m);
	sim_run_for(m->cast->w, 3000);
}

void
cast_receive(struct member *m)
{
	cast_poll(m);
	sim_run_for(m->cast->w, 3000);
}

uint64_t
cast_errors(struct member *m)
{
	mf_folder_status st;

	mf_folder_status_get(m->f, &st);
	return st.errors;
}

void
cast_pair_dark(struct cast_pair *p, uint64_t seed)
{
	cast_init(&p->c, seed);
	p->c.dark = true;
	p->a = cast_add(&p->c, "alice");
	p->b = cast_add(&p->c, "bob");
}

bool
cast_idle(struct cast *c)
{
	for (size_t i = 0; i < c->n; i++) {
		mf_folder_status st;
		if (c->m[i].f == NULL || sim_dead(c->m[i].h))
			continue;
		mf_folder_status_get(c->m[i].f, &st);
		if (st.uploads_queued != 0 || st.downloads_queued != 0 || st.scanning || st.polling)
			return false;
	}
	return true;
}

bool
cast_wait_idle(struct cast *c, int64_t ms)
{
	int64_t end = sim_now_ms(c->w) + CAST_LIMIT_MS, since = sim_now_ms(c->w);

	while (sim_now_ms(c->w) < end) {
		sim_run_for(c->w, 20);
		if (!cast_idle(c))
			since = sim_now_ms(c->w);
		if (sim_now_ms(c->w) - since >= ms)
			return true;
	}
	return false;
}

struct resolving {
	struct answer a;
	struct member *m;
};

static void
on_resolved(void *arg, const mf_err *err, const mf_resolution *r)
{
	struct resolving *x = arg;

	cr_assert(!x->a.came, "%s answers twice", x->m->name);
	cr_assert(err->code != MF_OK || r->n_participants > 0);
	on_answer(&x->a, err);
}

static bool
resolved_or_dead(void *arg)
{
	struct resolving *x = arg;

	return x->a.came || sim_dead(x->m->h);
}

mf_code
cast_resolve(struct member *m, const char *relpath, enum mf_take take, const char *use, mf_err *err)
{
	struct resolving x = {.m = m};
	uint64_t ticket = 0;

	mf_folder_resolve(m->f, relpath, take, use, on_resolved, &x, &ticket);
	cr_assert(!x.a.came, "answered from inside the call");
	cr_assert(sim_run_until(m->cast->w, resolved_or_dead, &x, CAST_LIMIT_MS), "%s: no answer", m->name);
	if (!x.a.came)
		mf_folder_forget(m->f, ticket);
	*err = x.a.err;
	return x.a.came ? err->code : MF_ECANCELED;
}

void
cast_portrait(struct member *m, mf_buf *out)
{
	mf_listing l;

	sim_tree(m->h, CAST_DIR, out);
	if (sim_peek_dir(m->cast->w, &m->personal, &l) != MF_OK)
		return;
	mf_buf_addf(out, "v%llu\n", (unsigned long long)l.version.seqnum);
	mf_listing_free(&l);
}

char *
cast_picture(struct cast *c)
{
	mf_buf b = {0};

	for (size_t i = 0; i < c->n; i++)
		cast_portrait(&c->m[i], &b);
	return b.p == NULL ? mf_strdup(MF_STR("")) : (char *)b.p;
}

void
cast_settle(struct cast *c)
{
	char *before = cast_picture(c);

	for (int same = 0, round = 0; same < 2 && round < 30; round++) {
		for (size_t i = 0; i < c->n; i++) {
			if (c->m[i].f == NULL)
				continue;
			cast_scan(&c->m[i]);
			cast_poll(&c->m[i]);
		}
		sim_run_for(c->w, 3000);
		char *now = cast_picture(c);
		same = strcmp(before, now) == 0 ? same + 1 : 0;
		free(before);
		before = now;
	}
	free(before);
}

/* ---- the user ---- */

const char *
cast_path(const char *relpath)
{
	static char path[4][512];
	static unsigned turn;
	char *p = path[turn++ % 4];

	(void)snprintf(p, sizeof(path[0]), "%s/%s", CAST_DIR, relpath);
	return p;
}

void
cast_write(struct member *m, const char *relpath, const char *text)
{
	sim_writez(m->h, cast_path(relpath), text);
}

void
cast_mkdirs(struct member *m, const char *relpath)
{
	sim_mkdirs(m->h, cast_path(relpath));
}

bool
cast_remove(struct member *m, const char *relpath)
{
	return sim_remove(m->h, cast_path(relpath));
}

bool
cast_move(struct member *m, const char *from, const char *to)
{
	return sim_move(m->h, cast_path(from), cast_path(to));
}

bool
cast_has(struct member *m, const char *relpath, const char *text)
{
	return sim_has(m->h, cast_path(relpath), text);
}

bool
cast_exists(struct member *m, const char *relpath)
{
	mf_stat st;

	return sim_stat(m->h, cast_path(relpath), &st);
}

bool
cast_exists_abs(struct member *m, const char *abspath)
{
	mf_stat st;

	return sim_stat(m->h, abspath, &st);
}

/* ---- rows, counts, trees ---- */

static mf_code
count_one(void *arg, const char *relpath, const char *participant)
{
	(void)relpath;
	(void)participant;
	(*(size_t *)arg)++;
	return MF_OK;
}

size_t
cast_conflicts(struct member *m)
{
	size_t n = 0;

	cr_assert(mf_folder_conflicts(m->f, count_one, &n, NULL) == MF_OK);
	return n;
}

uint64_t
cast_writes(struct cast *c)
{
	uint64_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		n += sim_grid_writes(c->m[i].h);
	return n;
}

char *
cast_tree(struct member *m)
{
	mf_buf b = {0};

	sim_tree(m->h, CAST_DIR, &b);
	return b.p == NULL ? mf_strdup(MF_STR("")) : (char *)b.p;
}
