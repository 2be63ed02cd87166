/* Bodies of the storage protocol, but for read-test-write. */
#include "grid/store/gbs_cbor.h"

#include <stdlib.h>

#include "grid/store/cbor_io.h"

enum { KEYS_MAX = 64 }; /* entries of a map; ours have three */

/* Nothing may follow the body. */
static mf_code
parsed(const mf_cur *c, const char *what, mf_err *err)
{
	return c->bad || c->n > 0 ? mf_fail(err, MF_EFORMAT, 0, "malformed CBOR: %s", what) : MF_OK;
}

static void
set_pack(mf_buf *out, const mf_share_set *s)
{
	mf_cbor_add_tag(out, MF_CBOR_TAG_SET);
	mf_cbor_add_array(out, mf_share_set_count(s));
	for (uint32_t i = mf_share_set_next(s, 0); i < MF_SHARE_SET; i = mf_share_set_next(s, i + 1))
		mf_cbor_add_uint(out, i);
}

static void
set_parse(mf_cur *c, mf_share_set *out)
{
	mf_cur untagged = *c;
	mf_cbor_list l;

	*out = (mf_share_set){0};
	mf_cbor_tag(c, MF_CBOR_TAG_SET);
	if (c->bad && !untagged.bad)
		*c = untagged;
	l = mf_cbor_array(c, MF_SHARE_SET);
	while (mf_cbor_more(c, &l)) {
		uint64_t num = mf_cbor_uint(c);

		if (num >= MF_SHARE_SET)
			c->bad = true;
		else if (!c->bad)
			mf_share_set_add(out, (uint32_t)num);
	}
}

/* -- version ------------------------------------------------------------------------------------------------ */

/* The keys of this body are byte strings. */
static const mf_str version_key = MF_STR("http://allmydata.org/tahoe/protocols/storage/v1");
static const mf_str max_immutable_key = MF_STR("maximum-immutable-share-size");
static const mf_str max_mutable_key = MF_STR("maximum-mutable-share-size");
static const mf_str available_key = MF_STR("available-space");
static const mf_str application_key = MF_STR("application-version");

void
mf_gbs_pack_version(mf_buf *out, const mf_gbs_version *v)
{
	mf_cbor_add_map(out, 2);
	mf_cbor_add_bytes(out, version_key);
	mf_cbor_add_map(out, 3);
	mf_cbor_add_bytes(out, max_immutable_key);
	mf_cbor_add_uint(out, v->max_immutable);
	mf_cbor_add_bytes(out, max_mutable_key);
	mf_cbor_add_uint(out, v->max_mutable);
	mf_cbor_add_bytes(out, available_key);
	mf_cbor_add_uint(out, v->available);
	mf_cbor_add_bytes(out, application_key);
	mf_cbor_add_bytes(out, mf_strz(v->application));
}

static void
limits_parse(mf_cur *c, mf_gbs_version *out)
{
	mf_cbor_list l = mf_cbor_map(c, KEYS_MAX);

	while (mf_cbor_more(c, &l)) {
		mf_str key = mf_cbor_bytes(c);

		if (mf_str_eq(key, max_immutable_key))
			out->max_immutable = mf_cbor_uint(c);
		else if (mf_str_eq(key, max_mutable_key))
			out->max_mutable = mf_cbor_uint(c);
		else if (mf_str_eq(key, available_key))
			out->available = mf_cbor_uint(c);
		else
			mf_cbor_skip(c);
	}
}

/* It is shown to people. */
static void
application_parse(mf_cur *c, mf_gbs_version *out)
{
	mf_str s = mf_cbor_bytes(c);
	size_t n = s.n < sizeof(out->application) ? s.n : sizeof(out->application) - 1;

	for (size_t i = 0; i < n; i++)
		out->application[i] = s.p[i] >= ' ' && s.p[i] <= '~' ? s.p[i] : '?';
	out->application[n] = '\0';
}

mf_code
mf_gbs_parse_version(mf_str body, mf_gbs_version *out, mf_err *err)
{
	mf_cur c = mf_cur_of(body.p, body.n);
	mf_cbor_list l = mf_cbor_map(&c, KEYS_MAX);
	bool known = false;

	*out = (mf_gbs_version){0};
	while (mf_cbor_more(&c, &l)) {
		mf_str key = mf_cbor_bytes(&c);

		if (mf_str_eq(key, version_key)) {
			limits_parse(&c, out);
			known = true;
		} else if (mf_str_eq(key, application_key)) {
			application_parse(&c, out);
		} else {
			mf_cbor_skip(&c);
		}
	}
	mf_code rc = parsed(&c, "version", err);
	return rc == MF_OK && !known ? mf_fail(err, MF_EUNSUPPORTED, 0, "storage protocol of another version") : rc;
}

/* -- shares ------------------------------------------------------------------------------------------------- */

void
mf_gbs_pack_shares(mf_buf *out, const mf_share_set *s)
{
	set_pack(out, s);
}

mf_code
mf_gbs_parse_shares(mf_str body, mf_share_set *out, mf_err *err)
{
	mf_cur c = mf_cur_of(body.p, body.n);

	set_parse(&c, out);
	return parsed(&c, "list of shares", err);
}

/* -- allocating ---------------------------------------------------------------------------------------------- */

static const mf_str shares_key = MF_STR("share-numbers");
static const mf_str size_key = MF_STR("allocated-size");
static const mf_str have_key = MF_STR("already-have");
static const mf_str allocated_key = MF_STR("allocated");

void
mf_gbs_pack_allocate(mf_buf *out, const mf_gbs_allocate *a)
{
	mf_cbor_add_map(out, 2);
	mf_cbor_add_text(out, shares_key);
	set_pack(out, &a->shares);
	mf_cbor_add_text(out, size_key);
	mf_cbor_add_uint(out, a->size);
}

mf_code
mf_gbs_parse_allocate(mf_str body, mf_gbs_allocate *out, mf_err *err)
{
	mf_cur c = mf_cur_of(body.p, body.n);
	mf_cbor_list l = mf_cbor_map(&c, KEYS_MAX);
	bool shares = false, size = false;

	*out = (mf_gbs_allocate){0};
	while (mf_cbor_more(&c, &l)) {
		mf_str key = mf_cbor_text(&c);

		if (mf_str_eq(key, shares_key)) {
			set_parse(&c, &out->shares);
			shares = true;
		} else if (mf_str_eq(key, size_key)) {
			out->size = mf_cbor_uint(&c);
			size = true;
		} else {
			mf_cbor_skip(&c);
		}
	}
	c.bad |= !shares || !size;
	return parsed(&c, "allocation", err);
}

void
mf_gbs_pack_allocated(mf_buf *out, const mf_gbs_allocated *a)
{
	mf_cbor_add_map(out, 2);
	mf_cbor_add_text(out, have_key);
	set_pack(out, &a->have);
	mf_cbor_add_text(out, allocated_key);
	set_pack(out, &a->allocated);
}

mf_code
mf_gbs_parse_allocated(mf_str body, mf_gbs_allocated *out, mf_err *err)
{
	mf_cur c = mf_cur_of(body.p, body.n);
	mf_cbor_list l = mf_cbor_map(&c, KEYS_MAX);
	bool have = false, allocated = false;

	*out = (mf_gbs_allocated){0};
	while (mf_cbor_more(&c, &l)) {
		mf_str key = mf_cbor_text(&c);

		if (mf_str_eq(key, have_key)) {
			set_parse(&c, &out->have);
			have = true;
		} else if (mf_str_eq(key, allocated_key)) {
			set_parse(&c, &out->allocated);
			allocated = true;
		} else {
			mf_cbor_skip(&c);
		}
	}
	c.bad |= !have || !allocated;
	return parsed(&c, "answer to an allocation", err);
}

/* -- uploading ------------------------------------------------------------------------------------------------ */

static const mf_str required_key = MF_STR("required");
static const mf_str begin_key = MF_STR("begin");
static const mf_str end_key = MF_STR("end");

void
mf_gbs_pack_required(mf_buf *out, const mf_gbs_range *range, size_t n)
{
	mf_cbor_add_map(out, 1);
	mf_cbor_add_text(out, required_key);
	mf_cbor_add_array(out, n);
	for (size_t i = 0; i < n; i++) {
		mf_cbor_add_map(out, 2);
		mf_cbor_add_text(out, begin_key);
		mf_cbor_add_uint(out, range[i].begin);
		mf_cbor_add_text(out, end_key);
		mf_cbor_add_uint(out, range[i].end);
	}
}

static mf_gbs_range
range_parse(mf_cur *c)
{
	mf_cbor_list l = mf_cbor_map(c, KEYS_MAX);
	mf_gbs_range r = {0};

	while (mf_cbor_more(c, &l)) {
		mf_str key = mf_cbor_text(c);

		if (mf_str_eq(key, begin_key))
			r.begin = mf_cbor_uint(c);
		else if (mf_str_eq(key, end_key))
			r.end = mf_cbor_uint(c);
		else
			mf_cbor_skip(c);
	}
	c->bad |= r.begin >= r.end;
	return r;
}

static void
ranges_parse(mf_cur *c, mf_gbs_range **range, size_t *n)
{
	mf_cbor_list l = mf_cbor_array(c, MF_GBS_RANGES_MAX);

	*n = 0;
	while (mf_cbor_more(c, &l)) {
		mf_gbs_range one = range_parse(c);

		if (c->bad)
			return;
		if ((*n & (*n - 1)) == 0) /* 0, 1, 2, 4, ...: full */
			*range = mf_realloc_array(*range, *n == 0 ? 1 : 2 * *n, sizeof(**range));
		(*range)[(*n)++] = one;
	}
}

mf_code
mf_gbs_parse_required(mf_str body, mf_gbs_range **range, size_t *n, mf_err *err)
{
	mf_cur c = mf_cur_of(body.p, body.n);
	mf_cbor_list l = mf_cbor_map(&c, KEYS_MAX);
	bool found = false;

	*range = NULL;
	*n = 0;
	while (mf_cbor_more(&c, &l)) {
		if (!mf_str_eq(mf_cbor_text(&c), required_key)) {
			mf_cbor_skip(&c);
			continue;
		}
		ranges_parse(&c, range, n);
		found = true;
	}
	c.bad |= !found;
	mf_code rc = parsed(&c, "what an upload still needs", err);
	if (rc != MF_OK) {
		free(*range);
		*range = NULL;
		*n = 0;
	}
	return rc;
}

/* -- corruption ------------------------------------------------------------------------------------------------ */

static const mf_str reason_key = MF_STR("reason");

void
mf_gbs_pack_corrupt(mf_buf *out, mf_str reason)
{
	if (reason.n > MF_GBS_REASON_MAX)
		reason.n = MF_GBS_REASON_MAX;
	mf_cbor_add_map(out, 1);
	mf_cbor_add_text(out, reason_key);
	mf_cbor_add_text(out, reason);
}

mf_code
mf_gbs_parse_corrupt(mf_str body, mf_str *reason, mf_err *err)
{
	mf_cur c = mf_cur_of(body.p, body.n);
	mf_cbor_list l = mf_cbor_map(&c, KEYS_MAX);

	*reason = (mf_str){0};
	while (mf_cbor_more(&c, &l)) {
		if (mf_str_eq(mf_cbor_text(&c), reason_key))
			*reason = mf_cbor_text(&c);
		else
			mf_cbor_skip(&c);
	}
	c.bad |= reason->n == 0 || reason->n > 4 * MF_GBS_REASON_MAX;
	return parsed(&c, "corruption report", err);
}
