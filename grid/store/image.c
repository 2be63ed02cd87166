/* What a mutable container becomes by a write: Tahoe's rules, on a copy in memory. */
#define _GNU_SOURCE
#include "grid/store/image.h"

#include <errno.h>

#include <sodium.h>

#include "grid/store/inner.h"

void
mf_image_free(mf_image *m)
{
	mf_buf_free(&m->data);
	mf_buf_free(&m->extra);
	sodium_memzero(m->head, sizeof(m->head));
}

static bool
replaces_all(const mf_rtw_share *w)
{
	return w->writes == 1 && w->write[0].off == 0 && w->new_length == (int64_t)w->write[0].data.n;
}

/* Header and leases: a new container's, or those of the old one, all of them. */
static mf_code
image_begin(const struct mf_store *s, const uint8_t enabler[32], const mf_mut_file *old, mf_image *m, mf_err *err)
{
	memset(m->head, 0, sizeof(m->head));
	if (old == NULL) {
		memcpy(m->head + MF_MUT_TUBID, s->tubid, MF_TUBID_SIZE);
		memcpy(m->head + MF_MUT_ENABLER, enabler, 32);
		mf_buf_add_u32(&m->extra, 0);
	} else {
		size_t n = 4 + (size_t)old->extra * MF_MUT_LEASE;

		memcpy(m->head, old->head, sizeof(m->head));
		mf_buf_reserve(&m->extra, n);
		mf_buf_add_u32(&m->extra, old->extra);
		if (mf_read_all(old->fd, m->extra.p + 4, n - 4, old->extra_off + 4) != (ssize_t)(n - 4))
			return mf_store_fail(s, err, EIO, "read leases");
		m->extra.n = n;
		for (uint32_t i = 0; old->version == 1 && i < MF_MUT_SLOT_COUNT; i++)
			mf_lease_mut_upgrade(m->head + MF_MUT_SLOTS + i * MF_MUT_LEASE);
		for (uint32_t i = 0; old->version == 1 && i < old->extra; i++)
			mf_lease_mut_upgrade(m->extra.p + 4 + i * MF_MUT_LEASE);
	}
	memcpy(m->head + MF_MUT_MAGIC, mf_mut_magic(2), 32);
	return MF_OK;
}

/* Writes as Tahoe makes them: they never shrink anything (lafs.md 4.3). */
static mf_code
image_write(mf_image *m, const mf_rtw_write *w, mf_err *err)
{
	uint64_t end;

	if (__builtin_add_overflow(w->off, (uint64_t)w->data.n, &end) || end > MF_MUT_DATA_MAX)
		return mf_fail(err, MF_EINVAL, 0, "mutable share would become larger than %d bytes", MF_MUT_DATA_MAX);
	if (end > m->data.n) {
		mf_buf_reserve(&m->data, (size_t)end - m->data.n);
		memset(m->data.p + m->data.n, 0, (size_t)end - m->data.n);
		m->data.n = (size_t)end;
	}
	if (end >= m->length) {
		if (w->off > m->length) /* stale bytes may stand there */
			memset(m->data.p + m->length, 0, (size_t)(w->off - m->length));
		m->length = end;
	}
	if (w->data.n > 0)
		memcpy(m->data.p + w->off, w->data.p, w->data.n);
	return MF_OK;
}

static mf_code
image_fill(const struct mf_store *s, const mf_mut_file *old, const mf_rtw_share *w, mf_image *m, mf_err *err)
{
	mf_code rc = MF_OK;

	if (replaces_all(w)) {
		m->whole = w->write[0].data;
		m->length = m->whole.n;
		return m->length <= MF_MUT_DATA_MAX ? MF_OK : mf_fail(err, MF_EINVAL, 0, "mutable share is too large");
	}
	if (old != NULL) {
		uint64_t area = old->extra_off - MF_MUT_HEADER;

		if (area > MF_MUT_DATA_MAX || area > old->file_size)
			area = old->length;
		mf_buf_reserve(&m->data, (size_t)area);
		ssize_t got = mf_read_all(old->fd, m->data.p, (size_t)area, MF_MUT_HEADER);
		if (got < 0 || (uint64_t)got < old->length)
			return mf_store_fail(s, err, EIO, "read a share");
		m->data.n = (size_t)got;
		m->length = old->length;
	}
	for (size_t i = 0; i < w->writes && rc == MF_OK; i++)
		rc = image_write(m, &w->write[i], err);
	if (w->new_length >= 0 && (uint64_t)w->new_length < m->length)
		m->length = (uint64_t)w->new_length;
	return rc;
}

/* Add or renew ours. */
static void
image_lease(const struct mf_store *s, const mf_lease *l, mf_image *m)
{
	uint32_t extra = mf_be32(m->extra.p);
	uint8_t *empty = NULL, record[MF_MUT_LEASE];

	for (uint32_t i = 0; i < MF_MUT_SLOT_COUNT + extra; i++) {
		uint8_t *p = i < MF_MUT_SLOT_COUNT ? m->head + MF_MUT_SLOTS + i * MF_MUT_LEASE
						   : m->extra.p + 4 + (i - MF_MUT_SLOT_COUNT) * MF_MUT_LEASE;

		if (mf_lease_mut_ours(l, p)) {
			if (mf_be32(p + 4) < l->expiry)
				mf_put32(p + 4, l->expiry);
			return;
		}
		if (mf_be32(p) == 0 && empty == NULL)
			empty = p;
	}
	if (empty != NULL) {
		mf_lease_mut(l, s->tubid, empty);
		return;
	}
	if (extra >= MF_MUT_EXTRA_MAX) /* more would not be read again: the others keep theirs */
		return;
	mf_lease_mut(l, s->tubid, record);
	mf_buf_add(&m->extra, record, sizeof(record));
	mf_put32(m->extra.p, extra + 1);
}

mf_code
mf_image_make(const struct mf_store *s, const uint8_t enabler[32], const mf_mut_file *old, const mf_rtw_share *w,
	const mf_lease *l, mf_image *m, mf_err *err)
{
	mf_code rc = image_begin(s, enabler, old, m, err);

	if (rc == MF_OK)
		rc = image_fill(s, old, w, m, err);
	if (rc == MF_OK)
		image_lease(s, l, m);
	else
		mf_image_free(m);
	return rc;
}
