/* Where things lie in a share, and the URI extension block. */
#include "grid/lafs/chk_inner.h"

#include <stdio.h>

#include <sodium.h>

/* Text goes into a buffer that was made large enough: MF_UEB_MAX is five times what a UEB needs. */
struct out {
	uint8_t *p;
	size_t n;
};

static void
put(struct out *o, const void *p, size_t n)
{
	memcpy(o->p + o->n, p, n);
	o->n += n;
}

static size_t
decimal(char *out, uint64_t v)
{
	char tmp[20];
	size_t n = 0;

	do {
		tmp[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	for (size_t i = 0; i < n; i++)
		out[i] = tmp[n - 1 - i];
	return n;
}

static void
put_field(struct out *o, mf_str key, const void *value, size_t n)
{
	char size[20];

	put(o, key.p, key.n);
	put(o, ":", 1);
	put(o, size, decimal(size, n));
	put(o, ":", 1);
	put(o, value, n);
	put(o, ",", 1);
}

static void
put_number(struct out *o, mf_str key, uint64_t v)
{
	char text[20];

	put_field(o, key, text, decimal(text, v));
}

static void
put_params(struct out *o, mf_str key, uint32_t segment, const mf_chk_layout *l)
{
	char text[64];
	size_t n = decimal(text, segment);

	text[n++] = '-';
	n += decimal(text + n, l->k);
	text[n++] = '-';
	n += decimal(text + n, l->n);
	put_field(o, key, text, n);
}

size_t
mf_ueb_build(const mf_chk_layout *l, const mf_ueb *u, uint8_t *out)
{
	struct out o = {out, 0};

	put_field(&o, MF_STR("codec_name"), "crs", 3);
	put_params(&o, MF_STR("codec_params"), l->segment_size, l);
	put_field(&o, MF_STR("crypttext_hash"), u->crypttext_hash, MF_HASH_SIZE);
	put_field(&o, MF_STR("crypttext_root_hash"), u->crypttext_root, MF_HASH_SIZE);
	put_number(&o, MF_STR("needed_shares"), l->k);
	put_number(&o, MF_STR("num_segments"), l->segments);
	put_number(&o, MF_STR("segment_size"), l->segment_size);
	put_field(&o, MF_STR("share_root_hash"), u->share_root, MF_HASH_SIZE);
	put_number(&o, MF_STR("size"), l->size);
	put_params(&o, MF_STR("tail_codec_params"), l->padded_tail, l);
	put_number(&o, MF_STR("total_shares"), l->n);
	return o.n;
}

static bool
take_hash(mf_str value, mf_node out)
{
	if (value.n != MF_HASH_SIZE)
		return false;
	memcpy(out, value.p, MF_HASH_SIZE);
	return true;
}

static bool
take_size(mf_str value, uint32_t *out)
{
	uint32_t v = 0;

	if (value.n == 0 || value.n > 9)
		return false;
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] < '0' || value.p[i] > '9')
			return false;
		v = v * 10 + (uint32_t)(value.p[i] - '0');
	}
	*out = v;
	return v > 0 && v <= MF_CHK_SEGMENT_MAX + 256;
}

/* The key up to its colon. */
static mf_str
take_key(mf_cur *c)
{
	const uint8_t *colon = c->n == 0 ? NULL : memchr(c->p, ':', c->n);
	mf_str key = mf_cur_take(c, colon == NULL ? c->n + 1 : (size_t)(colon - c->p));

	(void)mf_cur_take(c, 1);
	return key;
}

mf_code
mf_ueb_parse(mf_str text, mf_ueb *out, mf_err *err)
{
	enum { SEGMENT = 1, CRYPTTEXT = 2, SHARE = 4 };
	mf_cur c = mf_cur_of(text.p, text.n);
	unsigned seen = 0;
	bool good = true;

	*out = (mf_ueb){0};
	while (c.n > 0 && !c.bad && good) {
		mf_str key = take_key(&c), value = mf_cur_ns(&c, MF_UEB_MAX);
		if (c.bad)
			break;
		if (mf_str_eq(key, MF_STR("segment_size"))) {
			good = take_size(value, &out->segment_size);
			seen |= SEGMENT;
		} else if (mf_str_eq(key, MF_STR("crypttext_root_hash"))) {
			good = take_hash(value, out->crypttext_root);
			seen |= CRYPTTEXT;
		} else if (mf_str_eq(key, MF_STR("share_root_hash"))) {
			good = take_hash(value, out->share_root);
			seen |= SHARE;
		}
	}
	if (c.bad || !good || seen != (SEGMENT | CRYPTTEXT | SHARE))
		return mf_fail(err, MF_EFORMAT, 0, "the file's URI extension block is malformed");
	return MF_OK;
}

mf_code
mf_chk_layout_with(uint64_t size, uint32_t k, uint32_t n, uint32_t segment_size, mf_chk_layout *out, mf_err *err)
{
	mf_chk_layout l = {.size = size, .k = k, .n = n, .segment_size = segment_size};
	uint8_t ueb[MF_UEB_MAX];
	static const mf_ueb none;

	if (k < 1 || k > n || n > 256 || size < 1 || size > INT64_MAX || segment_size < 1 || segment_size % k != 0)
		return mf_fail(err, MF_EINVAL, 0, "%u of %u shares of %llu bytes in segments of %u are not possible",
			(unsigned)k, (unsigned)n, (unsigned long long)size, (unsigned)segment_size);
	l.segments = (size - 1) / segment_size + 1;
	if (l.segments > MF_CHK_SEGMENTS_MAX)
		return mf_fail(err, MF_EINVAL, 0, "%llu bytes are more than %d segments of %u",
			(unsigned long long)size, MF_CHK_SEGMENTS_MAX, (unsigned)segment_size);
	l.block_size = segment_size / k;
	l.tail = (uint32_t)(size - (l.segments - 1) * segment_size);
	l.tail_block = (l.tail + k - 1) / k;
	l.padded_tail = l.tail_block * k;
	l.share_data_size = (l.segments - 1) * l.block_size + l.tail_block;

	uint64_t tree = mf_merkle_nodes(l.segments) * MF_HASH_SIZE;
	uint64_t chain = (uint64_t)MF_CHAIN_ENTRY * (mf_merkle_depth(n) + 1);
	uint64_t behind = l.share_data_size + 3 * tree + chain;
	/* block_size is below 2^32 by its type, and o_ueb is the largest offset. */
	l.version = behind + MF_CHK_HEADER_1 > UINT32_MAX ? 2 : 1;
	l.o_data = l.version == 1 ? MF_CHK_HEADER_1 : MF_CHK_HEADER_2;
	l.o_plaintext = l.o_data + l.share_data_size;
	l.o_crypttext = l.o_plaintext + tree;
	l.o_blocks = l.o_crypttext + tree;
	l.o_chain = l.o_blocks + tree;
	l.o_ueb = l.o_chain + chain;
	l.ueb_size = (uint32_t)mf_ueb_build(&l, &none, ueb);
	l.share_size = l.o_ueb + (l.version == 1 ? 4 : 8) + l.ueb_size;
	*out = l;
	return MF_OK;
}

mf_code
mf_chk_layout_of(uint64_t size, uint32_t k, uint32_t n, uint32_t max_segment, mf_chk_layout *out, mf_err *err)
{
	uint64_t segment = size < max_segment ? size : max_segment;

	if (max_segment < 1 || max_segment > MF_CHK_SEGMENT_MAX || k < 1)
		return mf_fail(err, MF_EINVAL, 0, "segments of %u bytes are not possible", (unsigned)max_segment);
	return mf_chk_layout_with(size, k, n, (uint32_t)((segment + k - 1) / k * k), out, err);
}

static void
put_big(struct out *o, uint64_t v, size_t bytes)
{
	for (size_t i = bytes; i-- > 0;)
		o->p[o->n++] = (uint8_t)(v >> (8 * i));
}

size_t
mf_chk_header(const mf_chk_layout *l, uint8_t *out)
{
	const uint64_t field[] = {l->block_size, l->share_data_size, l->o_data, l->o_plaintext, l->o_crypttext,
		l->o_blocks, l->o_chain, l->o_ueb};
	struct out o = {out, 0};

	put_big(&o, l->version, 4);
	for (size_t i = 0; i < sizeof(field) / sizeof(field[0]); i++)
		put_big(&o, field[i], l->version == 1 ? 4 : 8);
	return o.n;
}

mf_code
mf_chk_header_parse(const uint8_t *p, size_t n, uint64_t size, struct mf_chk_found *out, mf_err *err)
{
	mf_cur c = mf_cur_of(p, n);
	uint64_t field[8];

	out->version = mf_cur_u32(&c);
	for (size_t i = 0; i < 8; i++)
		field[i] = out->version == 1 ? mf_cur_u32(&c) : mf_cur_u64(&c);
	if (c.bad || out->version < 1 || out->version > 2)
		return mf_fail(err, MF_EFORMAT, 0, "share header cut short or of unknown version");
	for (size_t i = 3; i < 8; i++)
		if (field[i] < field[i - 1])
			return mf_fail(err, MF_EFORMAT, 0, "share offsets out of order");
	if (field[2] < (out->version == 1 ? MF_CHK_HEADER_1 : MF_CHK_HEADER_2) || field[7] >= size)
		return mf_fail(err, MF_EFORMAT, 0, "share offsets outside the share");
	if ((field[7] - field[6]) % MF_CHAIN_ENTRY != 0 || (field[6] - field[5]) % MF_HASH_SIZE != 0)
		return mf_fail(err, MF_EFORMAT, 0, "share hash areas of odd size");
	out->o_data = field[2];
	out->o_plaintext = field[3];
	out->o_crypttext = field[4];
	out->o_blocks = field[5];
	out->o_chain = field[6];
	out->o_ueb = field[7];
	return MF_OK;
}

size_t
mf_chk_tag(const mf_chk_params *params, uint32_t segment_size, char *out)
{
	static const char head[] = "allmydata_immutable_content_to_key_with_added_secret_v1+";
	struct out o = {(uint8_t *)out, 0};
	char numbers[64], size[20];
	size_t n = decimal(numbers, params->k);

	if (params->convergence_n > MF_CONVERGENCE_MAX)
		MF_BUG("convergence secret of %zu bytes", params->convergence_n);
	numbers[n++] = ',';
	n += decimal(numbers + n, params->n);
	numbers[n++] = ',';
	n += decimal(numbers + n, segment_size);

	put(&o, head, sizeof(head) - 1);
	put(&o, size, decimal(size, params->convergence_n));
	put(&o, ":", 1);
	if (params->convergence_n > 0)
		put(&o, params->convergence, params->convergence_n);
	put(&o, ",", 1);
	put(&o, size, decimal(size, n));
	put(&o, ":", 1);
	put(&o, numbers, n);
	put(&o, ",", 1);
	return o.n;
}

void
mf_chk_print(const mf_chk_id *id, const mf_node ueb_hash, mf_filecap *cap)
{
	mf_cap c = {.kind = MF_CAP_CHK, .k = id->layout.k, .n = id->layout.n, .size = id->layout.size};

	memcpy(c.key, id->key, sizeof(c.key));
	memcpy(c.hash, ueb_hash, sizeof(c.hash));
	mf_cap_print(&c, cap->text);
	sodium_memzero(&c, sizeof(c));
}
