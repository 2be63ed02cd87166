/* Bodies of the storage protocol: read-test-write. */
#include <stdlib.h>

#include "grid/store/cbor_io.h"
#include "grid/store/gbs_cbor.h"

enum { KEYS_MAX = 64 };

static const mf_str vectors_key = MF_STR("test-write-vectors");
static const mf_str read_key = MF_STR("read-vector");
static const mf_str test_key = MF_STR("test");
static const mf_str write_key = MF_STR("write");
static const mf_str new_length_key = MF_STR("new-length");
static const mf_str offset_key = MF_STR("offset");
static const mf_str length_key = MF_STR("size");
static const mf_str specimen_key = MF_STR("specimen");
static const mf_str data_key = MF_STR("data");
static const mf_str success_key = MF_STR("success");

/* -- the request -------------------------------------------------------------------------------------------- */

static void
share_pack(mf_buf *out, const mf_rtw_share *s)
{
	mf_cbor_add_uint(out, s->num);
	mf_cbor_add_map(out, 3);
	mf_cbor_add_text(out, test_key);
	mf_cbor_add_array(out, s->tests);
	for (size_t i = 0; i < s->tests; i++) {
		mf_cbor_add_map(out, 3);
		mf_cbor_add_text(out, offset_key);
		mf_cbor_add_uint(out, s->test[i].off);
		mf_cbor_add_text(out, length_key);
		mf_cbor_add_uint(out, s->test[i].n);
		mf_cbor_add_text(out, specimen_key);
		mf_cbor_add_bytes(out, s->test[i].specimen);
	}
	mf_cbor_add_text(out, write_key);
	mf_cbor_add_array(out, s->writes);
	for (size_t i = 0; i < s->writes; i++) {
		mf_cbor_add_map(out, 2);
		mf_cbor_add_text(out, offset_key);
		mf_cbor_add_uint(out, s->write[i].off);
		mf_cbor_add_text(out, data_key);
		mf_cbor_add_bytes(out, s->write[i].data);
	}
	mf_cbor_add_text(out, new_length_key);
	if (s->new_length == MF_RTW_NO_LENGTH)
		mf_cbor_add_null(out);
	else
		mf_cbor_add_uint(out, (uint64_t)s->new_length);
}

void
mf_gbs_pack_rtw(mf_buf *out, const mf_rtw *q)
{
	mf_cbor_add_map(out, 2);
	mf_cbor_add_text(out, vectors_key);
	mf_cbor_add_map(out, q->shares);
	for (size_t i = 0; i < q->shares; i++)
		share_pack(out, &q->share[i]);
	mf_cbor_add_text(out, read_key);
	mf_cbor_add_array(out, q->reads);
	for (size_t i = 0; i < q->reads; i++) {
		mf_cbor_add_map(out, 2);
		mf_cbor_add_text(out, offset_key);
		mf_cbor_add_uint(out, q->read[i].off);
		mf_cbor_add_text(out, length_key);
		mf_cbor_add_uint(out, q->read[i].n);
	}
}

/* {"offset", "size"} and what goes with it: one entry of any of the three vectors. */
struct vector {
	uint64_t off, n;
	mf_str bytes; /* the specimen, or the data to write */
};

static struct vector
vector_parse(mf_cur *c, mf_str bytes_key)
{
	mf_cbor_list l = mf_cbor_map(c, KEYS_MAX);
	struct vector v = {0};
	uint64_t end;

	while (mf_cbor_more(c, &l)) {
		mf_str key = mf_cbor_text(c);

		if (mf_str_eq(key, offset_key))
			v.off = mf_cbor_uint(c);
		else if (mf_str_eq(key, length_key))
			v.n = mf_cbor_uint(c);
		else if (bytes_key.n > 0 && mf_str_eq(key, bytes_key))
			v.bytes = mf_cbor_bytes(c);
		else
			mf_cbor_skip(c);
	}
	c->bad |= __builtin_add_overflow(v.off, v.n, &end) || end > INT64_MAX ||
		__builtin_add_overflow(v.off, (uint64_t)v.bytes.n, &end) || end > INT64_MAX;
	return v;
}

/* Room for one more element of @p size bytes behind @p n: as many bytes of the body stand for each. */
static void *
grown(const void *p, size_t n, size_t size)
{
	return (n & (n - 1)) == 0 ? mf_realloc_array((void *)(uintptr_t)p, n == 0 ? 1 : 2 * n, size)
				  : (void *)(uintptr_t)p;
}

static void
tests_parse(mf_cur *c, mf_rtw_share *out)
{
	mf_cbor_list l = mf_cbor_array(c, MF_GBS_TESTS_MAX);
	mf_rtw_test *test = NULL;

	c->bad |= out->test != NULL; /* the key came twice */
	while (mf_cbor_more(c, &l)) {
		struct vector v = vector_parse(c, specimen_key);

		out->test = test = grown(test, out->tests, sizeof(*test));
		test[out->tests++] = (mf_rtw_test){.off = v.off, .n = v.n, .specimen = v.bytes};
	}
}

static void
writes_parse(mf_cur *c, mf_rtw_share *out)
{
	mf_cbor_list l = mf_cbor_array(c, MF_GBS_WRITES_MAX);
	mf_rtw_write *write = NULL;

	c->bad |= out->write != NULL;
	while (mf_cbor_more(c, &l)) {
		struct vector v = vector_parse(c, data_key);

		out->write = write = grown(write, out->writes, sizeof(*write));
		write[out->writes++] = (mf_rtw_write){.off = v.off, .data = v.bytes};
	}
}

static void
share_parse(mf_cur *c, mf_rtw_share *out)
{
	mf_cbor_list l = mf_cbor_map(c, KEYS_MAX);

	while (mf_cbor_more(c, &l)) {
		mf_str key = mf_cbor_text(c);

		if (mf_str_eq(key, test_key)) {
			tests_parse(c, out);
		} else if (mf_str_eq(key, write_key)) {
			writes_parse(c, out);
		} else if (mf_str_eq(key, new_length_key) && !mf_cbor_null(c)) {
			uint64_t n = mf_cbor_uint(c);

			c->bad |= n > INT64_MAX;
			out->new_length = (int64_t)n;
		} else if (!mf_str_eq(key, new_length_key)) {
			mf_cbor_skip(c);
		}
	}
}

static void
shares_parse(mf_cur *c, mf_rtw *out)
{
	mf_cbor_list l = mf_cbor_map(c, MF_SHARE_SET);
	mf_rtw_share *share = NULL;
	mf_share_set seen = {0};

	c->bad |= out->share != NULL;
	while (mf_cbor_more(c, &l)) {
		uint64_t num = mf_cbor_uint(c);

		c->bad |= num >= MF_SHARE_SET || mf_share_set_has(&seen, (uint32_t)num);
		if (c->bad)
			return;
		mf_share_set_add(&seen, (uint32_t)num);
		out->share = share = grown(share, out->shares, sizeof(*share));
		share[out->shares] = (mf_rtw_share){.num = (uint32_t)num, .new_length = MF_RTW_NO_LENGTH};
		share_parse(c, &share[out->shares++]);
	}
}

static void
reads_parse(mf_cur *c, mf_rtw *out)
{
	mf_cbor_list l = mf_cbor_array(c, MF_GBS_TESTS_MAX);
	mf_rtw_read *read = NULL;

	c->bad |= out->read != NULL;
	while (mf_cbor_more(c, &l)) {
		struct vector v = vector_parse(c, (mf_str){0});

		out->read = read = grown(read, out->reads, sizeof(*read));
		read[out->reads++] = (mf_rtw_read){.off = v.off, .n = v.n};
	}
}

mf_code
mf_gbs_parse_rtw(mf_str body, mf_rtw *out, mf_err *err)
{
	mf_cur c = mf_cur_of(body.p, body.n);
	mf_cbor_list l = mf_cbor_map(&c, KEYS_MAX);

	*out = (mf_rtw){0};
	while (mf_cbor_more(&c, &l)) {
		mf_str key = mf_cbor_text(&c);

		if (mf_str_eq(key, vectors_key))
			shares_parse(&c, out);
		else if (mf_str_eq(key, read_key))
			reads_parse(&c, out);
		else
			mf_cbor_skip(&c);
	}
	return c.bad || c.n > 0 ? mf_fail(err, MF_EFORMAT, 0, "malformed CBOR: read-test-write") : MF_OK;
}

void
mf_gbs_rtw_free(mf_rtw *q)
{
	for (size_t i = 0; i < q->shares; i++) {
		free((void *)(uintptr_t)q->share[i].test);
		free((void *)(uintptr_t)q->share[i].write);
	}
	free((void *)(uintptr_t)q->share);
	free((void *)(uintptr_t)q->read);
	*q = (mf_rtw){0};
}

/* -- the answer --------------------------------------------------------------------------------------------- */

void
mf_gbs_pack_rtw_result(mf_buf *out, const mf_rtw_result *r)
{
	mf_cbor_add_map(out, 2);
	mf_cbor_add_text(out, success_key);
	mf_cbor_add_bool(out, r->passed);
	mf_cbor_add_text(out, data_key);
	mf_cbor_add_map(out, r->shares);
	for (size_t i = 0; i < r->shares; i++) {
		mf_cbor_add_uint(out, r->num[i]);
		mf_cbor_add_array(out, r->reads);
		for (size_t j = 0; j < r->reads; j++)
			mf_cbor_add_bytes(out, mf_buf_str(&r->read[i * r->reads + j]));
	}
}

static void
data_parse(mf_cur *c, size_t reads, mf_rtw_result *out)
{
	mf_cbor_list l = mf_cbor_map(c, MF_SHARE_SET);
	mf_share_set seen = {0};

	c->bad |= out->read != NULL;
	if (!c->bad && reads > 0) /* MF_SHARES_MAX * MF_GBS_TESTS_MAX at most */
		out->read = mf_alloc(MF_SHARES_MAX * reads * sizeof(*out->read));
	while (mf_cbor_more(c, &l)) {
		uint64_t num = mf_cbor_uint(c);
		mf_cbor_list vectors = mf_cbor_array(c, reads);
		size_t n = 0;

		c->bad |= num >= MF_SHARE_SET || mf_share_set_has(&seen, (uint32_t)num);
		if (c->bad)
			return;
		mf_share_set_add(&seen, (uint32_t)num);
		out->num[out->shares++] = (uint32_t)num;
		while (mf_cbor_more(c, &vectors))
			mf_buf_adds(&out->read[(out->shares - 1) * reads + n++], mf_cbor_bytes(c));
		c->bad |= n != reads;
	}
}

mf_code
mf_gbs_parse_rtw_result(mf_str body, size_t reads, mf_rtw_result *out, mf_err *err)
{
	mf_cur c = mf_cur_of(body.p, body.n);
	mf_cbor_list l = mf_cbor_map(&c, KEYS_MAX);
	bool success = false, data = false;

	*out = (mf_rtw_result){.reads = reads};
	c.bad |= reads > MF_GBS_TESTS_MAX;
	while (mf_cbor_more(&c, &l)) {
		mf_str key = mf_cbor_text(&c);

		if (mf_str_eq(key, success_key)) {
			out->passed = mf_cbor_bool(&c);
			success = true;
		} else if (mf_str_eq(key, data_key)) {
			c.bad |= data;
			data_parse(&c, reads, out);
			data = true;
		} else {
			mf_cbor_skip(&c);
		}
	}
	c.bad |= !success || !data;
	return c.bad || c.n > 0 ? mf_fail(err, MF_EFORMAT, 0, "malformed CBOR: answer to a read-test-write") : MF_OK;
}
