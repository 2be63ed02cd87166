/* SDMF files against the golden data: keys, reading, choosing a version, building; shares that lie. */
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "grid/lafs/sdmf.h"
#include "grid/store/mutable.h"
#include "tests/grid/golden.h"

TestSuite(sdmf, .timeout = 120);

enum { FILES_MAX = 16 };

/* Container files and the shares in them. */
struct files {
	mf_buf file[FILES_MAX];
	mf_sdmf_share share[FILES_MAX];
	size_t n;
};

/* Recorded data length: what a storage server hands out, stale bytes included. */
static mf_str
share_data(const mf_buf *container)
{
	uint64_t n = 0;

	for (int i = 0; i < 8; i++)
		n = n << 8 | container->p[84 + i];
	cr_assert(n + MF_MUT_HEADER <= container->n);
	return mf_bytes(container->p + MF_MUT_HEADER, (size_t)n);
}

/* @p name "k3n10-2-two.4" in @p dir. */
static void
files_add(struct files *f, const char *dir, const char *name)
{
	char path[128];

	cr_assert(f->n < FILES_MAX);
	(void)snprintf(path, sizeof(path), "lafs/%s%s", dir, name);
	f->file[f->n] = golden_file(path);
	f->share[f->n] =
		(mf_sdmf_share){.num = (uint32_t)atoi(strrchr(name, '.') + 1), .data = share_data(&f->file[f->n])};
	f->n++;
}

static void
files_free(struct files *f)
{
	for (size_t i = 0; i < f->n; i++)
		mf_buf_free(&f->file[i]);
	f->n = 0;
}

static mf_buf
unbase64(const char *text)
{
	mf_buf b = {0};

	mf_buf_reserve(&b, strlen(text));
	b.n = golden_unbase64(b.p, b.cap, text);
	return b;
}

static mf_sdmf_key *
golden_key(const json_t *dir)
{
	mf_buf der = unbase64(golden_str(dir, "rsa_pkcs8_der_b64"));
	mf_sdmf_key *key;

	cr_assert(mf_sdmf_key_parse(mf_buf_str(&der), (mf_str){0}, &key, NULL) == MF_OK);
	mf_buf_free(&der);
	return key;
}

Test(sdmf, all_keys_of_tahoes_vectors_give_their_capabilities)
{
	json_t *all = golden_json("lafs/tahoe-vectors.json"), *v;
	json_t *keys = json_object_get(all, "rsa_keys_pkcs8_der_b64");
	size_t i, seen = 0;

	json_array_foreach(json_object_get(all, "vectors"), i, v)
	{
		const char *format = golden_str(v, "f");
		char text[MF_CAP_MAX];
		mf_sdmf_key *key;
		mf_err err;
		mf_cap cap;

		if (strcmp(format, "chk") == 0)
			continue;
		mf_buf der = unbase64(json_string_value(json_array_get(keys, golden_int(v, "key"))));
		cr_assert(mf_sdmf_key_parse(mf_buf_str(&der), (mf_str){0}, &key, &err) == MF_OK, "%s", err.text);
		mf_sdmf_key_cap(key, strcmp(format, "mdmf") == 0 ? MF_CAP_MDMF : MF_CAP_SSK, &cap);
		mf_cap_print(&cap, text);
		cr_assert(strcmp(text, golden_str(v, "cap")) == 0, "vector %zu", i);
		mf_sdmf_key_free(key);
		mf_buf_free(&der);
		seen++;
	}
	cr_assert(seen == 240);
	json_decref(all);
}

Test(sdmf, a_new_key_can_be_stored_and_read_again)
{
	mf_sdmf_new v = {.seqnum = 7, .k = 1, .n = 1, .plain = MF_STR("hello")};
	mf_sdmf_key *key;
	mf_sdmf_found f;
	mf_buf share = {0};
	mf_cap cap;
	mf_err err;

	cr_assert(mf_sdmf_key_new(&key, &err) == MF_OK, "%s", err.text);
	cr_assert(mf_sdmf_pack(key, &v, &share, &err) == MF_OK, "%s", err.text);
	mf_sdmf_key_cap(key, MF_CAP_SSK, &cap);
	mf_sdmf_share in = {.num = 0, .data = mf_buf_str(&share)};
	cr_assert(mf_sdmf_read(&cap, &in, 1, &f, &err) == MF_OK, "%s", err.text);
	cr_assert(f.head.seqnum == 7 && mf_str_eq(mf_buf_str(&f.plain), v.plain));
	cr_assert(memcmp(f.key->writekey, key->writekey, MF_KEY_SIZE) == 0);
	mf_sdmf_found_free(&f);
	mf_buf copy = {0}; /* decrypted where it lies */
	mf_buf_adds(&copy, mf_buf_str(&share));
	mf_sdmf_share own = {.num = 0, .data = mf_buf_str(&copy), .own = &copy};
	cr_assert(mf_sdmf_read(&cap, &own, 1, &f, &err) == MF_OK, "%s", err.text);
	cr_assert(mf_str_eq(mf_buf_str(&f.plain), v.plain) && f.key != NULL);
	cr_assert(copy.p == NULL && own.data.p == NULL && own.state == MF_OK);
	mf_sdmf_found_free(&f);
	cap.key[3] ^= 1; /* another writekey: the readkey differs, so does what stands in the share */
	cr_assert(mf_sdmf_read(&cap, &in, 1, &f, &err) == MF_EFORMAT);
	mf_sdmf_key_free(key);
	mf_buf_free(&share);
}

static void
read_step(const json_t *dir, const json_t *step, const char *cap_key)
{
	json_t *name;
	struct files f = {.n = 0};
	mf_sdmf_found found;
	size_t i;
	mf_cap cap;
	mf_err err;

	json_array_foreach(json_object_get(step, "files"), i, name) files_add(&f, "", json_string_value(name));
	cr_assert(mf_cap_parse(mf_strz(golden_str(dir, cap_key)), &cap, NULL) == MF_OK);
	mf_code rc = mf_sdmf_read(&cap, f.share, f.n, &found, &err);
	if (f.n < golden_int(step, "k")) {
		cr_assert(rc == MF_EFORMAT, "%s: too few shares", golden_str(step, "tag"));
	} else {
		mf_buf want = unbase64(golden_str(step, "plaintext_b64"));

		cr_assert(rc == MF_OK, "%s: %s", golden_str(step, "tag"), err.text);
		cr_assert(found.head.seqnum == golden_int(step, "seqnum") && found.highest == found.head.seqnum);
		cr_assert(mf_str_eq(mf_buf_str(&found.plain), mf_buf_str(&want)), "%s", golden_str(step, "tag"));
		cr_assert(found.head.o_eof == golden_int(json_object_get(step, "offsets"), "EOF"));
		cr_assert((found.key != NULL) == mf_cap_is_writable(cap.kind) && !found.newer_lost);
		mf_buf_free(&want);
	}
	mf_sdmf_found_free(&found);
	files_free(&f);
}

Test(sdmf, every_golden_step_is_read_through_both_capabilities)
{
	json_t *all = golden_json("lafs/sdmf.json"), *dir, *step;
	size_t i, j;

	json_array_foreach(json_object_get(all, "dirs"), i, dir)
	{
		json_array_foreach(json_object_get(dir, "steps"), j, step)
		{
			read_step(dir, step, "dir_rw");
			read_step(dir, step, "dir_ro");
		}
	}
	json_decref(all);
}

static json_t *
step_of(json_t *dir, const char *tag)
{
	json_t *step;
	size_t i;

	json_array_foreach(
		json_object_get(dir, "steps"), i, step) if (strcmp(golden_str(step, "tag"), tag) == 0) return step;
	cr_assert(false, "no step %s", tag);
	return NULL;
}

Test(sdmf, of_mixed_versions_the_right_one_is_chosen)
{
	json_t *all = golden_json("lafs/sdmf.json"), *scene, *name;
	json_t *dir = json_array_get(json_object_get(all, "dirs"), 1);
	size_t i, j;
	mf_cap cap;

	cr_assert(mf_cap_parse(mf_strz(golden_str(dir, "dir_ro")), &cap, NULL) == MF_OK);
	json_array_foreach(json_object_get(all, "scenarios"), i, scene)
	{
		struct files f = {.n = 0};
		mf_sdmf_found found;

		json_array_foreach(json_object_get(scene, "shares"), j, name)
			files_add(&f, "sdmf/", json_string_value(name));
		mf_code rc = mf_sdmf_read(&cap, f.share, f.n, &found, NULL);
		cr_assert(found.highest + 1 == golden_int(scene, "next_write_seqnum"), "scene %zu", i);
		if (json_is_null(json_object_get(scene, "best_recoverable_seqnum"))) {
			cr_assert(rc == MF_EFORMAT, "scene %zu", i);
		} else {
			mf_buf want = unbase64(
				golden_str(step_of(dir, golden_str(scene, "plaintext_of_step")), "plaintext_b64"));

			cr_assert(rc == MF_OK);
			cr_assert(found.head.seqnum == golden_int(scene, "best_recoverable_seqnum"), "scene %zu", i);
			cr_assert(found.newer_lost == json_is_true(json_object_get(scene, "unrecoverable_newer")));
			cr_assert(mf_str_eq(mf_buf_str(&found.plain), mf_buf_str(&want)), "scene %zu", i);
			mf_buf_free(&want);
		}
		mf_sdmf_found_free(&found);
		files_free(&f);
	}
	json_decref(all);
}

/* All but the signature, which has a random salt. */
static void
build_step(const json_t *step, const mf_sdmf_key *key)
{
	mf_buf plain = unbase64(golden_str(step, "plaintext_b64")), salt = golden_unhex(golden_str(step, "salt_hex"));
	uint32_t n = (uint32_t)golden_int(step, "n");
	mf_sdmf_new v = {.seqnum = golden_int(step, "seqnum"),
		.k = (uint32_t)golden_int(step, "k"),
		.n = n,
		.plain = mf_buf_str(&plain)};
	mf_buf share[FILES_MAX] = {{0}};
	json_t *name;
	size_t i;
	struct files f = {.n = 0};

	memcpy(v.salt, salt.p, sizeof(v.salt));
	cr_assert(mf_sdmf_pack(key, &v, share, NULL) == MF_OK);
	json_array_foreach(json_object_get(step, "files"), i, name)
	{
		files_add(&f, "", json_string_value(name));
		mf_buf *made = &share[f.share[i].num];
		mf_str want = f.share[i].data;
		size_t signature = golden_int(json_object_get(step, "offsets"), "signature");

		cr_assert(made->n <= want.n && made->n == golden_int(json_object_get(step, "offsets"), "EOF"));
		cr_assert(memcmp(made->p, want.p, signature) == 0, "%s", json_string_value(name));
		cr_assert(memcmp(made->p + signature + 256, want.p + signature + 256, made->n - signature - 256) == 0,
			"%s", json_string_value(name));
	}
	files_free(&f);
	for (uint32_t s = 0; s < n; s++)
		mf_buf_free(&share[s]);
	mf_buf_free(&plain);
	mf_buf_free(&salt);
}

Test(sdmf, built_shares_equal_the_golden_ones)
{
	json_t *all = golden_json("lafs/sdmf.json"), *dir, *step;
	size_t i, j;

	json_array_foreach(json_object_get(all, "dirs"), i, dir)
	{
		mf_sdmf_key *key = golden_key(dir);

		cr_assert(key->spki_n == 294);
		json_array_foreach(json_object_get(dir, "steps"), j, step) build_step(step, key);
		mf_sdmf_key_free(key);
	}
	json_decref(all);
}

Test(sdmf, plain_mutable_files_are_read_and_mdmf_is_refused)
{
	json_t *all = golden_json("lafs/mutable.json"), *v, *name;
	size_t i, j;

	json_array_foreach(all, i, v)
	{
		struct files f = {.n = 0};
		mf_sdmf_found found;
		mf_err err;
		mf_cap cap;

		json_array_foreach(json_object_get(v, "files"), j, name) files_add(&f, "", json_string_value(name));
		cr_assert(mf_cap_parse(mf_strz(golden_str(v, "ro")), &cap, NULL) == MF_OK);
		mf_code rc = mf_sdmf_read(&cap, f.share, f.n, &found, &err);
		if (strcmp(golden_str(v, "format"), "mdmf") == 0) {
			cr_assert(rc == MF_EUNSUPPORTED && strstr(err.text, "MDMF") != NULL);
		} else {
			mf_buf seed = golden_unhex(golden_str(v, "seed_hex"));
			mf_buf want = golden_plain(mf_buf_str(&seed), golden_int(v, "size"));

			cr_assert(rc == MF_OK, "%s", err.text);
			cr_assert(mf_str_eq(mf_buf_str(&found.plain), mf_buf_str(&want)));
			mf_buf_free(&want);
			mf_buf_free(&seed);
		}
		mf_sdmf_found_free(&found);
		files_free(&f);
	}
	json_decref(all);
}

Test(sdmf, any_k_shares_of_any_encoding_suffice)
{
	static const uint32_t kn[][2] = {{1, 1}, {1, 3}, {2, 2}, {2, 3}, {3, 5}, {3, 10}, {7, 17}, {20, 40}};
	json_t *all = golden_json("lafs/sdmf.json");
	mf_sdmf_key *key = golden_key(json_array_get(json_object_get(all, "dirs"), 0));
	mf_cap cap, ro;
	uint32_t random = 1;

	mf_sdmf_key_cap(key, MF_CAP_DIR2, &cap);
	cr_assert(mf_cap_readonly(&cap, &ro));
	for (size_t c = 0; c < sizeof(kn) / sizeof(kn[0]); c++) {
		for (size_t size = 0; size < 130; size = size * 2 + 1) {
			uint32_t k = kn[c][0], n = kn[c][1];
			mf_buf plain = {0}, share[64] = {{0}};
			mf_sdmf_share in[64];
			mf_sdmf_found found;
			mf_err err;

			for (size_t i = 0; i < size; i++)
				mf_buf_addc(&plain, (char)(random = random * 1103515245 + 12345));
			mf_sdmf_new v = {.seqnum = 1, .k = k, .n = n, .plain = mf_buf_str(&plain)};
			cr_assert(mf_sdmf_pack(key, &v, share, &err) == MF_OK, "%s", err.text);
			for (uint32_t i = 0; i < k; i++) { /* the last k, in descending order */
				in[i] = (mf_sdmf_share){.num = n - 1 - i, .data = mf_buf_str(&share[n - 1 - i])};
			}
			cr_assert(mf_sdmf_read(&ro, in, k, &found, &err) == MF_OK, "%u of %u: %s", k, n, err.text);
			cr_assert(mf_str_eq(mf_buf_str(&found.plain), v.plain), "%u of %u, %zu bytes", k, n, size);
			mf_sdmf_found_free(&found);
			if (k > 1)
				cr_assert(mf_sdmf_read(&ro, in, k - 1, &found, &err) == MF_EFORMAT);
			for (uint32_t i = 0; i < n; i++)
				mf_buf_free(&share[i]);
			mf_buf_free(&plain);
		}
	}
	mf_sdmf_key_free(key);
	json_decref(all);
}

Test(sdmf, a_flipped_bit_is_refused_or_harmless)
{
	json_t *all = golden_json("lafs/sdmf.json");
	json_t *dir = json_array_get(json_object_get(all, "dirs"), 0), *step = step_of(dir, "3-three-entries");
	mf_buf want = unbase64(golden_str(step, "plaintext_b64"));
	struct files f = {.n = 0};
	size_t refused = 0;
	mf_cap rw, ro;

	cr_assert(mf_cap_parse(mf_strz(golden_str(dir, "dir_rw")), &rw, NULL) == MF_OK);
	cr_assert(mf_cap_parse(mf_strz(golden_str(dir, "dir_ro")), &ro, NULL) == MF_OK);
	files_add(&f, "sdmf/", "k1n1-3-three-entries.0");
	uint8_t *p = f.file[0].p + MF_MUT_HEADER;
	for (size_t at = 0; at < f.share[0].data.n; at++) {
		mf_sdmf_found found;

		p[at] ^= (uint8_t)(1 << at % 8);
		mf_code a = mf_sdmf_read(&ro, f.share, 1, &found, NULL);
		cr_assert(a != MF_OK || mf_str_eq(mf_buf_str(&found.plain), mf_buf_str(&want)), "byte %zu", at);
		cr_assert(a == MF_OK || a == MF_EFORMAT || a == MF_EUNSUPPORTED);
		mf_sdmf_found_free(&found);
		mf_code b = mf_sdmf_read(&rw, f.share, 1, &found, NULL);
		cr_assert(b != MF_OK, "byte %zu passes for a writer", at); /* all of a k=n=1 share is proven to it */
		mf_sdmf_found_free(&found);
		refused += a != MF_OK;
		p[at] ^= (uint8_t)(1 << at % 8);
	}
	cr_assert(refused > 1400, "%zu", refused); /* all but the private key, 1218 bytes */
	files_free(&f);
	mf_buf_free(&want);
	json_decref(all);
}

Test(sdmf, a_share_cut_off_anywhere_is_refused)
{
	json_t *all = golden_json("lafs/sdmf.json");
	json_t *dir = json_array_get(json_object_get(all, "dirs"), 1);
	struct files f = {.n = 0};
	mf_cap cap;

	cr_assert(mf_cap_parse(mf_strz(golden_str(dir, "dir_ro")), &cap, NULL) == MF_OK);
	files_add(&f, "sdmf/", "k3n10-3-three-entries.0");
	for (size_t n = 0; n < f.share[0].data.n; n++) {
		mf_sdmf_head head;
		mf_buf cut = {0};

		mf_buf_add(&cut, f.share[0].data.p, n);
		cr_assert(mf_sdmf_verify(&cap, 0, mf_buf_str(&cut), &head, NULL) == MF_EFORMAT, "%zu", n);
		mf_buf_free(&cut);
	}
	cr_assert(mf_sdmf_verify(&cap, 0, f.share[0].data, &(mf_sdmf_head){0}, NULL) == MF_OK);
	cr_assert(mf_sdmf_verify(&cap, 1, f.share[0].data, &(mf_sdmf_head){0}, NULL) == MF_EFORMAT, "wrong number");
	files_free(&f);
	json_decref(all);
}

Test(sdmf, a_share_of_another_file_is_not_believed)
{
	json_t *all = golden_json("lafs/sdmf.json");
	json_t *dirs = json_object_get(all, "dirs");
	struct files f = {.n = 0};
	mf_sdmf_found found;
	mf_cap cap;
	mf_err err;

	cr_assert(mf_cap_parse(mf_strz(golden_str(json_array_get(dirs, 0), "dir_ro")), &cap, NULL) == MF_OK);
	files_add(&f, "mutable/", "sdmf-k1n1.0");
	cr_assert(mf_sdmf_read(&cap, f.share, 1, &found, &err) == MF_EFORMAT);
	cr_assert(strstr(err.text, "another key") != NULL, "%s", err.text);
	files_free(&f);
	json_decref(all);
}

Test(sdmf, impossible_parameters_are_refused)
{
	mf_sdmf_key *key;
	mf_buf share[2] = {{0}};
	mf_sdmf_new v = {.k = 0, .n = 1};

	cr_assert(mf_sdmf_key_parse(MF_STR("rubbish"), (mf_str){0}, &key, NULL) == MF_EFORMAT);
	cr_assert(mf_sdmf_key_parse((mf_str){0}, (mf_str){0}, &key, NULL) == MF_EFORMAT);
	cr_assert(mf_sdmf_pack(NULL, &v, share, NULL) == MF_EINVAL);
	v = (mf_sdmf_new){.k = 2, .n = 1};
	cr_assert(mf_sdmf_pack(NULL, &v, share, NULL) == MF_EINVAL);
	v = (mf_sdmf_new){.k = 1, .n = 256};
	cr_assert(mf_sdmf_pack(NULL, &v, share, NULL) == MF_EINVAL);
}
