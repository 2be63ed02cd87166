/* What native back ends have in common. */
#include "grid/native.h"

#include <stdio.h>
#include <time.h>

mf_code
mf_native_cap(const char *text, mf_cap *out, uint8_t si[MF_KEY_SIZE], mf_err *err)
{
	mf_code rc = mf_cap_parse(mf_strz(text), out, err);

	memset(si, 0, MF_KEY_SIZE);
	if (rc == MF_OK && out->kind == MF_CAP_UNKNOWN)
		rc = mf_fail(err, MF_EINVAL, 0, "capability of unknown kind");
	if (rc == MF_OK)
		(void)mf_cap_storage_index(out, si); /* LIT has none and needs none */
	return rc;
}

mf_code
mf_source_all(const mf_source *src, void *p, mf_err *err)
{
	size_t n = (size_t)src->size;

	if (src->mem != NULL) {
		memcpy(p, src->mem, n);
		return MF_OK;
	}
	return n == 0 ? MF_OK : src->read(src->arg, 0, p, n, err);
}

mf_code
mf_native_get_lit(const mf_cap *cap, uint64_t off, uint64_t len, mf_sink *sink, void *arg, mf_err *err)
{
	mf_buf b = {0};
	mf_code rc = MF_OK;

	mf_lit_get(cap, &b);
	if (off < b.n && len > 0)
		rc = sink(arg, b.p + off, len < b.n - off ? (size_t)len : b.n - (size_t)off, err);
	mf_buf_free(&b);
	return rc;
}

mf_code
mf_native_same_lit(const mf_cap *cap, const mf_source *src, bool *same, mf_err *err)
{
	uint8_t have[MF_LIT_MAX];
	mf_buf b = {0};

	*same = false;
	if (src->size != cap->size || cap->size > MF_LIT_MAX)
		return MF_OK;
	mf_code rc = mf_source_all(src, have, err);
	mf_lit_get(cap, &b);
	*same = rc == MF_OK && mf_str_eq(mf_buf_str(&b), mf_bytes(have, b.n));
	mf_buf_free(&b);
	return rc;
}

mf_code
mf_native_append(void *arg, const void *p, size_t n, mf_err *err)
{
	(void)err;
	mf_buf_add(arg, p, n);
	return MF_OK;
}

void
mf_native_immdir(const mf_filecap *file, mf_immdir *out)
{
	(void)snprintf(out->text, sizeof(out->text), "URI:DIR2-%.*s", MF_CAP_MAX - 16, file->text + sizeof("URI:") - 1);
}

mf_code
mf_native_check_version(const mf_sdmf_head *is, const mf_dirver *seen, mf_err *err)
{
	if (seen == NULL || seen->seqnum == 0 ||
		(seen->seqnum == is->seqnum && memcmp(seen->root, is->root, sizeof(seen->root)) == 0))
		return MF_OK;
	return mf_fail(err, MF_ECHANGED, 0, "directory is at version %llu, not at %llu as last seen",
		(unsigned long long)is->seqnum, (unsigned long long)seen->seqnum);
}

void
mf_native_version_of(const mf_sdmf_head *is, mf_dirver *out)
{
	if (out == NULL)
		return;
	out->seqnum = is->seqnum;
	memcpy(out->root, is->root, sizeof(out->root));
}

double
mf_native_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (double)t.tv_sec + (double)(t.tv_nsec / 1000) / 1e6;
}
