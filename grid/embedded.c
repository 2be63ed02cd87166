/* The embedded grid: opening, closing, small operations, what is kept in memory. */
#include "grid/embedded.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <sodium.h>

#include "grid/store/users.h"

static mf_code
status(struct mf_grid *g, mf_grid_status *out, const mf_cancel *cancel, mf_err *err)
{
	(void)cancel;
	return mf_store_usage(mf_embedded_of(g)->store, out, err);
}

static mf_code
nudge_path(struct mf_grid *g, const mf_dirread *text, char *out, size_t size, mf_err *err)
{
	uint8_t si[MF_SI_SIZE];
	struct stat st;
	mf_cap cap;
	mf_code rc = mf_native_cap(text->text, &cap, si, err);

	if (rc == MF_OK && cap.kind != MF_CAP_DIR2_RO)
		rc = mf_fail(err, MF_ENOTFOUND, 0, "an immutable directory never changes");
	if (rc == MF_OK)
		rc = mf_store_si_abspath(mf_embedded_of(g)->store, si, out, size, err);
	if (rc == MF_OK && stat(out, &st) != 0)
		rc = mf_fail(err, MF_ENOTFOUND, 0, "the store has no share of that directory");
	return rc;
}

/* -- kept in memory -------------------------------------------------------------------------------------- */

void
mf_open_dir_free(mf_open_dir *d)
{
	if (d == NULL)
		return;
	mf_sdmf_key_free(d->key);
	mf_buf_free(&d->plain);
	free(d);
}

void
mf_scratch_get(struct mf_embedded *e, mf_scratch *s)
{
	*s = (mf_scratch){0};
	(void)pthread_mutex_lock(&e->lock);
	if (e->scratches > 0)
		*s = e->scratch[--e->scratches];
	(void)pthread_mutex_unlock(&e->lock);
	s->in.n = s->out.n = 0;
}

void
mf_scratch_put(struct mf_embedded *e, mf_scratch *s)
{
	if (s->in.cap > MF_SCRATCH_BYTES)
		mf_buf_free(&s->in);
	if (s->out.cap > MF_SCRATCH_BYTES)
		mf_buf_free(&s->out);
	(void)pthread_mutex_lock(&e->lock);
	if (e->scratches < MF_SCRATCH_MAX) {
		e->scratch[e->scratches++] = *s;
		*s = (mf_scratch){0};
	}
	(void)pthread_mutex_unlock(&e->lock);
	mf_buf_free(&s->in);
	mf_buf_free(&s->out);
}

/* -- opening ----------------------------------------------------------------------------------------------- */

static void
embedded_close(struct mf_grid *g)
{
	struct mf_embedded *e = mf_embedded_of(g);

	for (size_t i = 0; i < MF_DIRS_MAX; i++)
		mf_open_dir_free(e->dir[i]);
	for (size_t i = 0; i < e->scratches; i++) {
		mf_buf_free(&e->scratch[i].in);
		mf_buf_free(&e->scratch[i].out);
	}
	mf_store_close(e->store);
	(void)pthread_mutex_destroy(&e->lock);
	(void)pthread_mutex_destroy(&e->keygen);
	sodium_memzero(e, sizeof(*e));
	free(e);
}

static const struct mf_grid_ops ops = {
	.put = mf_embedded_put,
	.get = mf_embedded_get,
	.same = mf_embedded_same,
	.put_dir = mf_embedded_put_dir,
	.mkdir = mf_embedded_mkdir,
	.list = mf_embedded_list,
	.list_rw = mf_embedded_list_rw,
	.update = mf_embedded_update,
	.renew = mf_embedded_renew,
	.status = status,
	.nudge_path = nudge_path,
	.rest = mf_embedded_rest,
	.check = mf_embedded_check,
	.close = embedded_close,
};

bool
mf_grid_is_embedded(const struct mf_grid *g)
{
	return g->ops == &ops;
}

/* A store that cannot be written is used by who only reads; nobody can sweep it either. */
static mf_code
note_user(struct mf_embedded *e, const mf_grid_conf *conf, mf_err *err)
{
	mf_err why = {.code = MF_OK};
	mf_code rc = mf_store_register(e->store, conf->user, conf->lease_secret, &why);

	if (rc != MF_OK && (why.sys == EROFS || why.sys == EACCES))
		rc = MF_OK;
	if (rc != MF_OK && err != NULL)
		*err = why;
	return rc;
}

mf_code
mf_embedded_open(const char *path, const mf_grid_conf *conf, struct mf_grid **out, mf_err *err)
{
	uint32_t k = conf->k == 0 ? 1 : conf->k, n = conf->n == 0 ? k : conf->n;

	*out = NULL;
	if (k > n || n > MF_SHARES_MAX || conf->convergence_n > sizeof(conf->convergence) ||
		conf->segment_size > MF_CHK_SEGMENT_MAX)
		return mf_fail(err, MF_EINVAL, 0, "encoding of the grid is out of range");
	struct mf_embedded *e = mf_alloc(sizeof(*e));
	e->grid.ops = &ops;
	(void)pthread_mutex_init(&e->lock, NULL);
	(void)pthread_mutex_init(&e->keygen, NULL);
	memcpy(e->convergence, conf->convergence, sizeof(e->convergence));
	e->params = (mf_chk_params){
		.k = k,
		.n = n,
		.segment_size = conf->segment_size == 0 ? MF_CHK_SEGMENT_DEFAULT : conf->segment_size,
		.convergence = e->convergence,
		.convergence_n = conf->convergence_n,
		.threads = conf->threads == 0 ? 2 : conf->threads,
	};
	mf_store_conf store = {.path = path,
		.missing = conf->missing,
		.lease_secret = conf->lease_secret,
		.durability = conf->durability};
	mf_code rc = mf_store_open(&store, &e->store, err);
	if (rc == MF_OK && conf->user != NULL)
		rc = note_user(e, conf, err);
	if (rc != MF_OK) {
		embedded_close(&e->grid);
		return rc;
	}
	*out = &e->grid;
	return MF_OK;
}
