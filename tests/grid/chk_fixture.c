/* CHK files for tests. */
#include "tests/grid/chk_fixture.h"

#include <criterion/criterion.h>

void
shares_free(struct shares *s)
{
	for (size_t i = 0; i < SHARES_MAX; i++)
		mf_buf_free(&s->data[i]);
	memset(s, 0, sizeof(*s));
}

static mf_code
keep(void *arg, uint32_t share, uint64_t off, const void *p, size_t n, mf_err *err)
{
	struct shares *s = arg;

	(void)err;
	cr_assert(share < SHARES_MAX && off <= s->data[share].n && n <= s->data[share].n - off,
		"write of %zu bytes beyond share %u", n, share);
	memcpy(s->data[share].p + off, p, n);
	s->written[share] += n;
	return MF_OK;
}

mf_share_out
shares_out(struct shares *s)
{
	return (mf_share_out){keep, s};
}

void
shares_reserve(struct shares *s, const mf_chk_layout *l)
{
	for (uint32_t i = 0; i < l->n; i++) {
		mf_buf_reserve(&s->data[i], (size_t)l->share_size);
		memset(s->data[i].p, 0xa5, (size_t)l->share_size);
		s->data[i].n = (size_t)l->share_size;
	}
}

void
encode_mem(const mf_chk_params *params, mf_str plain, struct shares *s, mf_chk_id *id, mf_filecap *cap)
{
	mf_source src = mf_source_mem(plain.p, plain.n);
	mf_share_out out = shares_out(s);
	mf_err err = {0};

	cr_assert(mf_chk_key(params, &src, NULL, id, &err) == MF_OK, "%s", err.text);
	shares_reserve(s, &id->layout);
	cr_assert(mf_chk_encode(params, &src, id, &out, NULL, cap, &err) == MF_OK, "%s", err.text);
	for (uint32_t i = 0; i < id->layout.n; i++)
		cr_assert(s->written[i] == id->layout.share_size, "share %u: %llu bytes written", i,
			(unsigned long long)s->written[i]);
}

void
golden_case_init(struct golden_case *c, const json_t *v)
{
	mf_buf seed = golden_unhex(golden_str(v, "seed_hex"));
	size_t at;
	json_t *file;

	memset(c, 0, sizeof(*c));
	c->name = golden_str(v, "name");
	cr_assert(mf_cap_parse(mf_strz(golden_str(v, "cap")), &c->cap, NULL) == MF_OK);
	c->convergence = golden_unhex(golden_str(v, "convergence_hex"));
	c->params = (mf_chk_params){.k = (uint32_t)golden_int(v, "k"),
		.n = (uint32_t)golden_int(v, "n"),
		.segment_size = (uint32_t)golden_int(v, "max_segment_size"),
		.convergence = c->convergence.p,
		.convergence_n = c->convergence.n,
		.threads = 1};
	c->plain = golden_plain(mf_buf_str(&seed), golden_int(v, "size"));
	mf_buf_free(&seed);
	json_array_foreach(json_object_get(v, "files"), at, file)
	{
		mf_buf path = {0};
		const char *name = json_string_value(file);
		cr_assert(c->shares < 16);
		mf_buf_addf(&path, "lafs/%s", name);
		c->file[c->shares] = golden_file((const char *)path.p);
		c->data[c->shares] = golden_share(&c->file[c->shares]);
		c->in[c->shares] = mf_share_in_mem((uint32_t)atoi(strrchr(name, '.') + 1), &c->data[c->shares]);
		c->shares++;
		mf_buf_free(&path);
	}
}

void
golden_case_deinit(struct golden_case *c)
{
	for (size_t i = 0; i < c->shares; i++)
		mf_buf_free(&c->file[i]);
	mf_buf_free(&c->convergence);
	mf_buf_free(&c->plain);
}

mf_code
collect(void *arg, const void *p, size_t n, mf_err *err)
{
	struct collected *c = arg;

	(void)err;
	mf_buf_add(&c->data, p, n);
	return MF_OK;
}

void
collect_bad(void *arg, uint32_t share, const mf_err *why)
{
	struct collected *c = arg;

	cr_assert(why->code != MF_OK && why->text[0] != '\0');
	c->bad_calls++;
	c->bad_share = share;
}

mf_code
decode_range(const mf_cap *cap, const mf_share_in *in, size_t n, uint64_t off, uint64_t len, struct collected *out,
	mf_err *err)
{
	mf_chk_read r = {.cap = cap, .share = in, .shares = n, .bad = collect_bad, .bad_arg = out};

	out->data.n = 0;
	out->bad_calls = 0;
	return mf_chk_decode(&r, off, len, collect, out, err);
}
