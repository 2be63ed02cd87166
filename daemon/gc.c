/* One run: who uses the store, what they reach, what goes. */
#include "daemon/gc_impl.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/db.h"

/* Configurations to ask: those that the store knows, and the one that asks. */
struct users {
	char **dir;
	uint8_t (*secret)[32]; /* secret */
	size_t n;
};

static void
users_free(struct users *u)
{
	for (size_t i = 0; i < u->n; i++)
		free(u->dir[i]);
	if (u->secret != NULL)
		sodium_memzero(u->secret, u->n * sizeof(*u->secret));
	free(u->dir);
	free(u->secret);
	*u = (struct users){0};
}

static void
users_add(struct users *u, const char *dir, const uint8_t secret[32])
{
	for (size_t i = 0; i < u->n; i++)
		if (strcmp(u->dir[i], dir) == 0)
			return;
	u->dir = mf_realloc_array(u->dir, u->n + 1, sizeof(*u->dir));
	/* a secret is not left behind in memory that was given back */
	uint8_t(*more)[32] = mf_alloc((u->n + 1) * sizeof(*more));
	if (u->n > 0) {
		memcpy(more, u->secret, u->n * sizeof(*more));
		sodium_memzero(u->secret, u->n * sizeof(*more));
	}
	free(u->secret);
	u->secret = more;
	u->dir[u->n] = mf_strdup(mf_strz(dir));
	memcpy(u->secret[u->n++], secret, 32);
}

/* What a user reaches must not be taken for garbage because its disk is not mounted. */
static mf_code
refuse(const char *dir, const char *why, mf_err *err)
{
	return mf_fail(err, MF_EAUTH, 0,
		"configuration %.70s uses this store and cannot be read (%.50s): restore it, or --forget it if it is "
		"gone",
		dir, why);
}

static mf_code
add_known(struct users *u, const mf_gc_user *known, mf_err *err)
{
	uint8_t secret[32];
	char id[MF_GC_ID + 1];
	mf_err why;
	mf_code rc = gc_secret_of(known->dir, secret, &why);

	if (rc != MF_OK)
		return refuse(known->dir, why.sys == ENOENT ? "it is not there" : why.text, err);
	mf_gc_id(secret, id);
	if (strcmp(id, known->id) != 0)
		rc = refuse(known->dir, "another one is there now", err);
	else
		users_add(u, known->dir, secret);
	sodium_memzero(secret, sizeof(secret));
	return rc;
}

static mf_code
users_load(struct gc_run *r, struct users *u, mf_err *err)
{
	mf_gc_user *known = NULL;
	mf_grid_conf own;
	size_t n = 0;
	mf_code rc = mf_config_grid_conf(r->conf->own, &own, err);

	if (rc == MF_OK)
		users_add(u, mf_config_dir(r->conf->own), own.lease_secret);
	sodium_memzero(&own, sizeof(own));
	if (rc == MF_OK)
		rc = mf_gc_users(r->grid, &known, &n, err);
	for (size_t i = 0; i < n && rc == MF_OK; i++)
		rc = add_known(u, &known[i], err);
	mf_gc_users_free(known, n);
	return rc;
}

/* Everything that is reached now; adds to what was found before. */
static mf_code
look_for_reached(struct gc_run *r, const struct users *u, mf_err *err)
{
	for (size_t i = 0; i < u->n; i++) {
		mf_err why = {.code = MF_OK};
		mf_code rc = gc_roots_of(r, u->dir[i], &why);

		if (why.sys == SQLITE_READONLY_ROLLBACK)
			return mf_fail(err, MF_EAUTH, 0,
				"a change in configuration %.80s was interrupted, and cannot be undone here: "
				"start its daemon",
				u->dir[i]);
		if (rc == MF_EBUSY)
			return mf_fail(err, MF_EBUSY, 0, "%.100s: %.80s", u->dir[i], why.text);
		if (rc != MF_OK)
			return refuse(u->dir[i], why.text, err);
	}
	gc_walk(r);
	gc_decide(r);
	return MF_OK;
}

static bool
reached(void *arg, const uint8_t si[MF_GC_SI])
{
	return gc_stays(((const struct gc_run *)arg), si);
}

struct count {
	struct gc_run *r;
	mf_gc_result *out;
	uint64_t seen;
};

static bool
reached_by(void *arg, const uint8_t si[MF_GC_SI])
{
	return reached(((struct count *)arg)->r, si);
}

static void
count_share(void *arg, const mf_gc_share *one)
{
	struct count *c = arg;
	const mf_gc_conf *conf = c->r->conf;

	c->out->shares[one->fate]++;
	c->out->bytes[one->fate] += one->bytes;
	if (conf->share != NULL && one->fate != MF_GC_REACHED)
		conf->share(conf->arg, one);
	if (conf->progress != NULL && ++c->seen % 1024 == 0)
		conf->progress(conf->arg, "shares looked at", c->seen);
}

/* The trash is full; what became reached since we looked comes back, the rest goes. */
static mf_code
settle(struct gc_run *r, mf_gc_result *out, mf_err *err)
{
	struct users again = {0};
	size_t damaged = r->n_told;
	mf_code rc = users_load(r, &again, err);

	if (rc == MF_OK)
		rc = look_for_reached(r, &again, err);
	if (rc == MF_OK && r->n_told > damaged && !r->conf->despite_damage)
		rc = mf_fail(err, MF_EFORMAT, 0, "something became unreadable meanwhile: nothing was removed");
	if (rc == MF_OK)
		rc = mf_gc_settle(r->gc, reached, r, &out->removed_bytes, &out->removed, err);
	users_free(&again);
	return rc; /* what stays in the trash is put back by who comes next */
}

static mf_code
sweep(struct gc_run *r, mf_gc_result *out, mf_err *err)
{
	struct count c = {.r = r, .out = out};
	bool damaged = r->n_told > 0 && !r->conf->despite_damage;
	enum mf_gc_how how = damaged ? MF_GC_LOOK : r->conf->how;
	mf_code rc = mf_gc_sweep(r->gc, how, reached_by, count_share, &c, NULL, err);

	out->damaged = r->n_told;
	if (rc == MF_OK && how == MF_GC_TAKE)
		rc = settle(r, out, err);
	if (rc == MF_OK && how != r->conf->how)
		rc = mf_fail(err, MF_EFORMAT, 0,
			"not everything can be read, so what it leads to is unknown, and nothing was removed; to "
			"remove the "
			"rest all the same, add --despite-damage");
	return rc;
}

mf_code
mf_gc_run(struct mf_grid *g, const mf_gc_conf *conf, mf_gc_result *out, mf_err *err)
{
	struct gc_run r = {.conf = conf, .grid = g};
	struct users u = {0};
	mf_code rc = users_load(&r, &u, err);

	*out = (mf_gc_result){.configurations = u.n};
	if (rc == MF_OK)
		rc = mf_gc_begin(g, (const uint8_t(*)[32])u.secret, u.n, MF_GC_GRACE_S, &r.gc, err);
	if (rc == MF_OK)
		rc = look_for_reached(&r, &u, err);
	if (rc == MF_OK)
		rc = sweep(&r, out, err);
	if (rc != MF_OK && r.gc != NULL && conf->how == MF_GC_TAKE)
		mf_gc_undo(r.gc);
	mf_gc_end(r.gc);
	gc_free(&r);
	users_free(&u);
	return rc;
}
