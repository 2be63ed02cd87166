/* Golden data for the tests. */
#include "tests/grid/golden.h"

#include <stdio.h>

#include <criterion/criterion.h>
#include <sodium.h>

mf_buf
golden_file(const char *path)
{
	char full[512], piece[65536];
	mf_buf b = {0};
	size_t n;

	(void)snprintf(full, sizeof(full), "%s/tests/golden/%s", MF_SRCDIR, path);
	FILE *f = fopen(full, "rb");
	cr_assert(f != NULL, "open %s", full);
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		mf_buf_add(&b, piece, n);
	fclose(f);
	return b;
}

json_t *
golden_json(const char *path)
{
	mf_buf b = golden_file(path);
	json_error_t e;
	json_t *j = json_loadb((const char *)b.p, b.n, 0, &e);

	cr_assert(j != NULL, "%s line %d: %s", path, e.line, e.text);
	mf_buf_free(&b);
	return j;
}

const char *
golden_str(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	cr_assert(s != NULL, "no text \"%s\"", key);
	return s;
}

uint64_t
golden_int(const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);

	cr_assert(json_is_integer(v), "no integer \"%s\"", key);
	return (uint64_t)json_integer_value(v);
}

mf_buf
golden_unhex(const char *hex)
{
	mf_buf b = {0};
	size_t n = strlen(hex) / 2;

	mf_buf_reserve(&b, n);
	cr_assert(mf_unhex(b.p, n, mf_strz(hex)), "not hex: %s", hex);
	b.n = n;
	return b;
}

size_t
golden_unbase64(void *out, size_t room, const char *text)
{
	size_t n = 0;

	cr_assert(text != NULL &&
			sodium_base642bin(
				out, room, text, strlen(text), NULL, &n, NULL, sodium_base64_VARIANT_ORIGINAL) == 0,
		"not base64");
	return n;
}

mf_str
golden_share(const mf_buf *container)
{
	mf_cur c = mf_cur_of(container->p, container->n);

	cr_assert(mf_cur_u32(&c) == 2, "container version");
	(void)mf_cur_u32(&c);
	uint64_t leases = mf_cur_u32(&c);
	cr_assert(!c.bad && 72 * leases <= c.n, "container");
	return (mf_str){(const char *)c.p, c.n - (size_t)(72 * leases)};
}

mf_buf
golden_plain(mf_str seed, uint64_t size)
{
	mf_buf b = {0};

	mf_buf_reserve(&b, (size_t)size + seed.n);
	while (b.n < size)
		mf_buf_adds(&b, seed);
	b.n = (size_t)size;
	return b;
}
