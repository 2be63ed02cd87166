/* Read-test-write on mutable shares. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "grid/store/image.h"
#include "grid/store/immutable.h"
#include "grid/store/inner.h"

/* The shares of one storage index, held open during one operation. */
struct slot {
	struct mf_store *s;
	const mf_rtw *q;
	mf_mut_file *old; /* good ones only, ascending */
	uint32_t *num;
	size_t n;
	bool made_dir, removed;
};

static void
slot_close(struct slot *t)
{
	for (size_t i = 0; i < t->n; i++)
		(void)close(t->old[i].fd);
	if (t->old != NULL)
		sodium_memzero(t->old, t->n * sizeof(*t->old));
	free(t->old);
	free(t->num);
}

/* A guest found something that is no mutable container: is it a good immutable one? */
static mf_code
refuse_guest(const struct slot *t, uint32_t num, mf_err *err)
{
	struct mf_imm_share *f;
	mf_code rc = mf_imm_open(t->s, t->q->si, num, &f, NULL);

	if (rc != MF_OK)
		return MF_OK;
	mf_imm_close(f);
	return mf_fail(err, MF_EEXIST, 0, "there are immutable shares of this storage index");
}

/* Step 1: open all, compare write enablers. */
static mf_code
slot_open(struct slot *t, mf_err *err)
{
	uint32_t num[MF_SHARES_MAX];
	size_t n;
	mf_err why;
	mf_code rc = mf_store_shares(t->s, t->q->si, num, &n, err);

	if (rc != MF_OK || n == 0)
		return rc;
	t->old = mf_realloc_array(NULL, n, sizeof(*t->old));
	t->num = mf_realloc_array(NULL, n, sizeof(*t->num));
	for (size_t i = 0; i < n; i++) {
		rc = mf_mut_open(t->s, t->q->si, num[i], O_RDONLY, &t->old[t->n], &why);
		if (rc == MF_EFORMAT && t->q->guest != NULL && refuse_guest(t, num[i], err) != MF_OK)
			return MF_EEXIST;
		if (rc == MF_EFORMAT) {
			mf_store_advise(t->s, t->q->si, num[i], &why);
			continue;
		}
		if (rc == MF_ENOTFOUND)
			continue;
		if (rc != MF_OK) {
			if (err != NULL)
				*err = why;
			return rc;
		}
		t->num[t->n++] = num[i];
		if (sodium_memcmp(t->old[t->n - 1].head + MF_MUT_ENABLER, t->q->enabler, 32) != 0)
			return mf_fail(err, MF_EAUTH, 0,
				"store %s: wrong write enabler: the share was made for another identity", t->s->path);
	}
	return MF_OK;
}

static const mf_mut_file *
slot_find(const struct slot *t, uint32_t num)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->num[i] == num)
			return &t->old[i];
	return NULL;
}

/* How many of @p n bytes from @p off on there are; a missing share is empty. */
static uint64_t
range_n(const mf_mut_file *f, uint64_t off, uint64_t n)
{
	if (f == NULL || off >= f->length)
		return 0;
	return n > f->length - off ? f->length - off : n;
}

/* Append bytes [off, off+n) of the data, cut at its end. */
static mf_code
read_range(const struct slot *t, const mf_mut_file *f, uint64_t off, uint64_t n, mf_buf *out, mf_err *err)
{
	n = range_n(f, off, n);
	if (n == 0)
		return MF_OK;
	mf_buf_reserve(out, (size_t)n);
	ssize_t got = mf_read_all(f->fd, out->p + out->n, (size_t)n, MF_MUT_HEADER + off);
	if (got < 0)
		return mf_store_fail(t->s, err, errno, "read a share");
	out->n += (size_t)got;
	return MF_OK;
}

/* Step 2. */
static mf_code
run_tests(const struct slot *t, bool *passed, mf_err *err)
{
	mf_code rc = MF_OK;

	*passed = true;
	for (size_t i = 0; i < t->q->shares && *passed; i++) {
		const mf_rtw_share *w = &t->q->share[i];
		const mf_mut_file *f = slot_find(t, w->num);

		for (size_t j = 0; j < w->tests && *passed && rc == MF_OK; j++) {
			mf_buf have = {0};

			*passed = range_n(f, w->test[j].off, w->test[j].n) == w->test[j].specimen.n;
			if (!*passed) /* no need to read what may be large */
				break;
			rc = read_range(t, f, w->test[j].off, w->test[j].n, &have, err);
			*passed = rc == MF_OK && mf_str_eq(mf_buf_str(&have), w->test[j].specimen);
			mf_buf_free(&have);
		}
	}
	return rc;
}

static bool
reads_too_much(const struct slot *t)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < t->n; i++)
		for (size_t j = 0; j < t->q->reads; j++)
			sum += range_n(&t->old[i], t->q->read[j].off, t->q->read[j].n);
	return sum > MF_RTW_READ_MAX;
}

/* Step 3. */
static mf_code
run_reads(const struct slot *t, mf_rtw_result *r, mf_err *err)
{
	mf_code rc = MF_OK;

	r->shares = t->n;
	r->reads = t->q->reads;
	if (t->n == 0)
		return MF_OK;
	if (t->q->guest != NULL && reads_too_much(t))
		return mf_fail(err, MF_EFULL, 0, "more than %d bytes to read at once", MF_RTW_READ_MAX);
	memcpy(r->num, t->num, t->n * sizeof(*t->num));
	if (r->reads == 0)
		return MF_OK;
	r->read = mf_alloc(t->n * t->q->reads * sizeof(*r->read));
	for (size_t i = 0; i < t->n && rc == MF_OK; i++)
		for (size_t j = 0; j < r->reads && rc == MF_OK; j++)
			rc = read_range(
				t, &t->old[i], t->q->read[j].off, t->q->read[j].n, &r->read[i * r->reads + j], err);
	return rc;
}

void
mf_rtw_result_free(mf_rtw_result *r)
{
	for (size_t i = 0; r->read != NULL && i < r->shares * r->reads; i++)
		mf_buf_free(&r->read[i]);
	free(r->read);
	r->read = NULL;
}

/* -- step 4: the new file ----------------------------------------------------------------------------- */

/* Header, data, leases into @p fd; an errno value or 0. */
static int
image_store(struct mf_store *s, mf_image *m, int fd)
{
	mf_str data = m->whole.p != NULL ? m->whole : mf_buf_str(&m->data);
	uint64_t extra_off = MF_MUT_HEADER + data.n;
	int sys;

	mf_put64(m->head + MF_MUT_LENGTH, m->length);
	mf_put64(m->head + MF_MUT_EXTRA_OFF, extra_off);
	sys = mf_write_all(fd, m->head, sizeof(m->head), 0);
	if (sys == 0)
		sys = mf_write_all(fd, data.p, data.n, MF_MUT_HEADER);
	if (sys == 0)
		sys = mf_write_all(fd, m->extra.p, m->extra.n, extra_off);
	if (sys == 0 && s->durability == MF_DURABLE && fsync(fd) != 0)
		sys = errno;
	return sys;
}

/* Give the temporary file the share's name; makes the directories of a new share. */
static int
rename_share(struct slot *t, const char *tmp, uint32_t num)
{
	char dir[MF_SI_PATH], path[MF_SI_PATH + 8], prefix[3];

	mf_store_si_path(t->q->si, dir);
	(void)snprintf(path, sizeof(path), "%s/%u", dir, num);
	(void)snprintf(prefix, sizeof(prefix), "%.2s", dir);
	if (renameat(t->s->shares, tmp, t->s->shares, path) == 0)
		return 0;
	if (errno != ENOENT)
		return errno;
	if (mkdirat(t->s->shares, prefix, 0700) != 0 && errno != EEXIST)
		return errno;
	if (mkdirat(t->s->shares, dir, 0700) != 0 && errno != EEXIST)
		return errno;
	t->made_dir = true;
	return renameat(t->s->shares, tmp, t->s->shares, path) == 0 ? 0 : errno;
}

static mf_code
write_image(struct slot *t, mf_image *m, uint32_t num, mf_err *err)
{
	char tmp[48];
	int sys = mf_incoming_make(t->s);

	if (sys != 0)
		return mf_store_fail_write(t->s, err, sys, "make incoming");
	mf_incoming_name(tmp);
	int fd = openat(t->s->shares, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return mf_store_fail_write(t->s, err, errno, "make a mutable share");
	sys = image_store(t->s, m, fd);
	(void)close(fd);
	if (sys == 0)
		sys = rename_share(t, tmp, num);
	if (sys == 0)
		return MF_OK;
	(void)unlinkat(t->s->shares, tmp, 0);
	return mf_store_fail_write(t->s, err, sys, "write a mutable share");
}

static mf_code
remove_share(struct slot *t, uint32_t num, mf_err *err)
{
	char dir[MF_SI_PATH], path[MF_SI_PATH + 8];

	mf_store_si_path(t->q->si, dir);
	(void)snprintf(path, sizeof(path), "%s/%u", dir, num);
	if (unlinkat(t->s->shares, path, 0) != 0 && errno != ENOENT)
		return mf_store_fail_write(t->s, err, errno, "remove a share");
	t->removed = true;
	return MF_OK;
}

/* Does it grow by what is written and little else?  A byte far behind the end would take as much memory and disk as
 * lies in between. */
static bool
is_sparse(const mf_mut_file *old, const mf_rtw_share *w)
{
	uint64_t limit = (old != NULL ? old->length : 0) + MF_RTW_GAP_MAX;

	for (size_t i = 0; i < w->writes; i++)
		limit += w->write[i].data.n;
	for (size_t i = 0; i < w->writes; i++)
		if (w->write[i].off > limit || w->write[i].off + w->write[i].data.n > limit)
			return true;
	return false;
}

static mf_code
check_guest(const struct slot *t, mf_err *err)
{
	for (size_t i = 0; i < t->q->shares; i++)
		if (is_sparse(slot_find(t, t->q->share[i].num), &t->q->share[i]))
			return mf_fail(err, MF_EINVAL, 0, "a write far behind the end of a mutable share");
	return MF_OK;
}

static mf_code
write_share(struct slot *t, const mf_rtw_share *w, const mf_lease *l, mf_err *err)
{
	const mf_mut_file *old = slot_find(t, w->num);
	mf_image m = {.length = 0};
	mf_code rc;

	if (w->new_length == 0)
		return remove_share(t, w->num, err);
	rc = mf_image_make(t->s, t->q->enabler, old, w, l, &m, err);
	if (rc != MF_OK)
		return rc;
	rc = write_image(t, &m, w->num, err);
	if (rc == MF_OK) {
		size_t data = m.whole.p != NULL ? m.whole.n : m.data.n;
		uint64_t now = MF_MUT_HEADER + data + m.extra.n;

		atomic_fetch_add(&t->s->grown, (int64_t)now - (int64_t)(old == NULL ? 0 : old->file_size));
	}
	mf_image_free(&m);
	return rc;
}

/* The names become durable: of the shares, and of their directories if these are new. */
static int
sync_names(const struct slot *t)
{
	char dir[MF_SI_PATH], prefix[3];
	const char *path[] = {dir, prefix, "."};
	int sys = 0;

	if (t->s->durability == MF_NOT_DURABLE)
		return 0;
	mf_store_si_path(t->q->si, dir);
	(void)snprintf(prefix, sizeof(prefix), "%.2s", dir);
	for (int i = 0; i < (t->made_dir ? 3 : 1) && sys == 0; i++) {
		int fd = openat(t->s->shares, path[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0)
			return errno == ENOENT ? 0 : errno; /* all its shares were removed */
		if (fsync(fd) != 0)
			sys = errno;
		(void)close(fd);
	}
	return sys;
}

static mf_code
run_writes(struct slot *t, mf_err *err)
{
	char dir[MF_SI_PATH];
	mf_lease l;
	mf_code rc = MF_OK;

	if (t->q->guest != NULL) {
		l = *t->q->guest;
		rc = check_guest(t, err);
	} else {
		mf_lease_of(t->s, t->q->si, &l);
	}
	for (size_t i = 0; i < t->q->shares && rc == MF_OK; i++)
		if (t->q->share[i].writes > 0 || t->q->share[i].new_length >= 0)
			rc = write_share(t, &t->q->share[i], &l, err);
	mf_lease_wipe(&l);
	mf_store_si_path(t->q->si, dir);
	if (t->removed)
		(void)unlinkat(t->s->shares, dir, AT_REMOVEDIR); /* stays while it holds a share */
	int sys = rc == MF_OK ? sync_names(t) : 0;
	return sys == 0 ? rc : mf_store_fail_write(t->s, err, sys, "make a mutable share durable");
}

mf_code
mf_store_rtw(struct mf_store *s, const mf_rtw *q, mf_rtw_result *r, mf_err *err)
{
	struct slot t = {.s = s, .q = q};
	int lock = -1;
	mf_code rc = MF_OK;

	r->passed = false;
	r->shares = r->reads = 0;
	r->read = NULL;
	if (q->lock == MF_RTW_TAKE_LOCK)
		rc = mf_store_lock(s, q->si, &lock, err);
	if (rc == MF_OK)
		rc = slot_open(&t, err);
	if (rc == MF_OK)
		rc = run_tests(&t, &r->passed, err);
	if (rc == MF_OK)
		rc = run_reads(&t, r, err);
	if (rc == MF_OK && r->passed)
		rc = run_writes(&t, err);
	slot_close(&t);
	mf_store_unlock(lock);
	if (rc != MF_OK)
		mf_rtw_result_free(r);
	return rc;
}
