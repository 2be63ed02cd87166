/* Containers byte for byte as a Tahoe storage server writes them; leases; read-test-write; torn files. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "grid/lafs/dir.h"
#include "grid/store/immutable.h"
#include "grid/store/inner.h"
#include "grid/store/lease.h"
#include "grid/store/mutable.h"
#include "tests/grid/golden.h"
#include "tests/grid/store_fixture.h"

TestSuite(container, .timeout = 60);

enum { CLOCK = 1700000000 }; /* of the golden containers */

static uint32_t
fixed_clock(void *arg)
{
	return *(uint32_t *)arg;
}

/* A store with the clock, lease secret and identity of the golden data. */
struct shop {
	char dir[64], path[80];
	uint32_t now;
	struct mf_store *s;
};

static void
shop_init(struct shop *t, enum mf_store_naming naming)
{
	static const uint8_t secret[32] = {[0 ... 31] = 0x11};
	mf_store_conf conf = {
		.path = t->path, .lease_secret = secret, .now_s = fixed_clock, .now_arg = &t->now, .naming = naming};
	mf_err err;

	make_dir(t->dir);
	(void)snprintf(t->path, sizeof(t->path), "%s/store", t->dir);
	t->now = CLOCK;
	cr_assert(mf_store_open(&conf, &t->s, &err) == MF_OK, "%s", err.text);
	cr_assert(mf_unhex(t->s->tubid, MF_TUBID_SIZE, MF_STR("35a16020275523fa52bf437592d3d8ccc483896e")));
}

static void
shop_deinit(struct shop *t)
{
	mf_store_close(t->s);
	remove_dir(t->dir);
}

static mf_buf
share_file(const struct shop *t, const uint8_t si[16], uint32_t num)
{
	char dir[MF_SI_PATH], path[256];

	mf_store_si_path(si, dir);
	(void)snprintf(path, sizeof(path), "%s/shares/%s/%u", t->path, dir, num);
	return read_path(path);
}

static void
put_file(const struct shop *t, const uint8_t si[16], uint32_t num, const void *p, size_t n)
{
	char dir[MF_SI_PATH], path[256];

	mf_store_si_path(si, dir);
	(void)snprintf(path, sizeof(path), "%s/shares/%.2s", t->path, dir);
	(void)mkdir(path, 0700);
	(void)snprintf(path, sizeof(path), "%s/shares/%s", t->path, dir);
	(void)mkdir(path, 0700);
	(void)snprintf(path, sizeof(path), "%s/shares/%s/%u", t->path, dir, num);
	write_path(path, p, n);
}

/* -- identity --------------------------------------------------------------------------------------------- */

/* The certificate in a PEM file; the key behind it must be its own. */
static X509 *
read_identity(const char *path)
{
	FILE *f = fopen(path, "r");
	cr_assert(f != NULL, "%s", path);
	X509 *cert = PEM_read_X509(f, NULL, NULL, NULL);
	EVP_PKEY *key = PEM_read_PrivateKey(f, NULL, NULL, NULL);

	fclose(f);
	cr_assert(cert != NULL && key != NULL);
	cr_assert(X509_check_private_key(cert, key) == 1 && X509_verify(cert, key) == 1);
	cr_assert(EVP_PKEY_get_bits(key) == 2048);
	EVP_PKEY_free(key);
	return cert;
}

Test(container, the_identity_is_a_certificate_like_foolscaps_and_stays)
{
	static const uint8_t secret[32];
	char dir[64], path[80], pem[128], cn[64];
	uint8_t digest[20], first[20];
	mf_store_conf conf = {.path = path, .lease_secret = secret};
	struct mf_store *s;
	struct stat st;
	unsigned n;
	mf_err err;

	make_dir(dir);
	(void)snprintf(path, sizeof(path), "%s/store", dir);
	(void)snprintf(pem, sizeof(pem), "%s/private/node.pem", path);
	for (int round = 0; round < 2; round++) {
		cr_assert(mf_store_open(&conf, &s, &err) == MF_OK, "%s", err.text);
		X509 *cert = read_identity(pem);
		cr_assert(X509_digest(cert, EVP_sha1(), digest, &n) == 1 && memcmp(digest, mf_store_tubid(s), 20) == 0);
		cr_assert(X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, cn, sizeof(cn)) > 0);
		cr_assert(strcmp(cn, "newpb_thingy") == 0);
		X509_free(cert);
		mf_store_close(s);
		cr_assert(round == 0 || memcmp(first, digest, 20) == 0);
		memcpy(first, digest, 20);
	}
	cr_assert(stat(pem, &st) == 0 && (st.st_mode & 0777) == 0600);

	/* the storage/ of a Tahoe node goes by that node's identity */
	char node[80], node_pem[128], cfg[128];
	(void)snprintf(node, sizeof(node), "%s/private", dir);
	(void)snprintf(node_pem, sizeof(node_pem), "%s/private/node.pem", dir);
	(void)snprintf(cfg, sizeof(cfg), "%s/tahoe.cfg", dir);
	write_path(cfg, "", 0);
	cr_assert(mkdir(node, 0700) == 0 && rename(pem, node_pem) == 0);
	cr_assert(mf_store_open(&conf, &s, &err) == MF_OK, "%s", err.text);
	cr_assert(memcmp(first, mf_store_tubid(s), 20) == 0 && access(pem, F_OK) != 0);
	mf_store_close(s);

	write_path(node_pem, "rubbish", 7);
	cr_assert(mf_store_open(&conf, &s, &err) == MF_EFORMAT && s == NULL,
		"never a new identity in place of a broken one");
	remove_dir(dir);
}

/* -- immutable --------------------------------------------------------------------------------------------- */

/* Both ways of writing give the golden file. */
static void
golden_container(struct shop *t, const char *path, const uint8_t si[16], uint32_t num)
{
	mf_buf want = golden_file(path), c = {0}, have;
	mf_str data = golden_share(&want);
	struct mf_imm_new *w;
	struct mf_imm_share *f;
	uint8_t other[16];
	mf_err err;

	mf_imm_begin(&c);
	mf_buf_adds(&c, data);
	mf_imm_end(t->s, si, &c);
	cr_assert(mf_str_eq(mf_buf_str(&c), mf_buf_str(&want)), "%s", path);
	cr_assert(mf_imm_put(t->s, si, num, &c, MF_IMM_KEEP, &err) == MF_OK, "%s", err.text);
	have = share_file(t, si, num);
	cr_assert(mf_str_eq(mf_buf_str(&have), mf_buf_str(&want)), "%s", path);
	mf_buf_free(&have);
	cr_assert(mf_imm_put(t->s, si, num, &c, MF_IMM_KEEP, &err) == MF_EEXIST);

	cr_assert(mf_imm_new(t->s, si, num, data.n, &w, &err) == MF_OK, "%s", err.text);
	size_t half = data.n / 2;
	cr_assert(mf_imm_new_write(w, half, data.p + half, data.n - half, &err) == MF_OK);
	cr_assert(mf_imm_new_write(w, 0, data.p, half, &err) == MF_OK);
	cr_assert(mf_imm_new_link(w, MF_IMM_KEEP, &err) == MF_EEXIST);
	cr_assert(mf_imm_new_link(w, MF_IMM_REPLACE, &err) == MF_OK, "%s", err.text);
	mf_imm_new_free(w);
	have = share_file(t, si, num);
	cr_assert(mf_str_eq(mf_buf_str(&have), mf_buf_str(&want)), "%s", path);
	mf_buf_free(&have);

	cr_assert(mf_imm_open(t->s, si, num, &f, &err) == MF_OK, "%s", err.text);
	mf_share_in in = mf_imm_share_in(f);
	mf_buf back = {0};
	size_t got;
	mf_buf_reserve(&back, data.n + 1);
	cr_assert(in.size == data.n && in.num == num);
	cr_assert(in.read(in.arg, 0, back.p, data.n + 1, &got, NULL) == MF_OK && got == data.n);
	cr_assert(memcmp(back.p, data.p, data.n) == 0);
	cr_assert(
		in.read(in.arg, data.n - 5, back.p, 100, &got, NULL) == MF_OK && got == 5, "no lease is read as data");
	cr_assert(in.read(in.arg, data.n, back.p, 100, &got, NULL) == MF_OK && got == 0);
	mf_imm_close(f);
	memcpy(other, si, 16);
	other[0] ^= 1;
	cr_assert(mf_imm_open(t->s, other, num, &f, &err) == MF_ENOTFOUND);
	mf_buf_free(&back);
	mf_buf_free(&want);
	mf_buf_free(&c);
}

enum linking { LINK_AS_IT_IS, LINK_THROUGH_PROC };

static void
all_golden_containers(enum mf_store_naming naming, enum linking linking)
{
	json_t *all = golden_json("lafs/chk.json"), *v, *name;
	struct shop t;
	size_t i, j;

	shop_init(&t, naming);
	if (linking == LINK_THROUGH_PROC) /* as without privilege before Linux 6.10 */
		atomic_store(&t.s->no_empty_path, true);
	json_array_foreach(json_object_get(all, "cases"), i, v)
	{
		uint8_t si[16];
		char path[128];
		mf_cap cap;

		if (strstr(golden_str(v, "name"), "v2layout") != NULL)
			continue; /* the same storage index as another case */
		cr_assert(mf_cap_parse(mf_strz(golden_str(v, "cap")), &cap, NULL) == MF_OK);
		cr_assert(mf_cap_storage_index(&cap, si));
		json_array_foreach(json_object_get(v, "files"), j, name)
		{
			const char *file = json_string_value(name);

			(void)snprintf(path, sizeof(path), "lafs/%s", file);
			golden_container(&t, path, si, (uint32_t)atoi(strrchr(file, '.') + 1));
		}
	}
	shop_deinit(&t);
	json_decref(all);
}

Test(container, immutable_files_equal_the_golden_ones)
{
	all_golden_containers(MF_STORE_BEST, LINK_AS_IT_IS);
}

Test(container, immutable_files_equal_the_golden_ones_without_tmpfile)
{
	all_golden_containers(MF_STORE_NO_TMPFILE, LINK_AS_IT_IS);
}

Test(container, immutable_files_equal_the_golden_ones_linked_through_proc)
{
	all_golden_containers(MF_STORE_BEST, LINK_THROUGH_PROC);
}

Test(container, version_1_is_read_and_its_leases_renewed_in_clear)
{
	static const uint8_t si[16] = "version-one-test";
	struct shop t;
	struct mf_imm_share *f;
	mf_lease l;
	mf_buf c = {0}, have;
	uint8_t record[MF_IMM_LEASE];
	mf_err err;

	shop_init(&t, MF_STORE_BEST);
	mf_lease_of(t.s, si, &l);
	mf_buf_add_u32(&c, 1);
	mf_buf_add_u32(&c, 5);
	mf_buf_add_u32(&c, 1);
	mf_buf_addz(&c, "hello");
	mf_lease_imm(&l, 1, 0, record);
	cr_assert(memcmp(record + 4, l.renew, 32) == 0);
	mf_buf_add(&c, record, sizeof(record));
	put_file(&t, si, 0, c.p, c.n);
	cr_assert(mf_imm_open(t.s, si, 0, &f, &err) == MF_OK, "%s", err.text);
	cr_assert(mf_imm_share_in(f).size == 5);
	mf_imm_close(f);
	t.now += 100;
	cr_assert(mf_imm_renew(t.s, si, 0, &err) == MF_OK, "%s", err.text);
	have = share_file(&t, si, 0);
	cr_assert(have.n == c.n && mf_be32(have.p + have.n - 4) == CLOCK + 100 + MF_LEASE_S);
	cr_assert(memcmp(have.p, c.p, c.n - 4) == 0);
	mf_buf_free(&have);
	mf_buf_free(&c);
	shop_deinit(&t);
}

Test(container, immutable_leases_are_renewed_or_added_and_never_go_back)
{
	static const uint8_t si[16] = "immutable-leases";
	struct shop t;
	mf_buf c = {0}, have;
	mf_err err;

	shop_init(&t, MF_STORE_BEST);
	mf_imm_begin(&c);
	mf_buf_addz(&c, "share data");
	mf_imm_end(t.s, si, &c);
	cr_assert(mf_imm_put(t.s, si, 0, &c, MF_IMM_KEEP, &err) == MF_OK);
	t.now -= 1000;
	cr_assert(mf_imm_renew(t.s, si, 0, &err) == MF_OK);
	have = share_file(&t, si, 0);
	cr_assert(mf_str_eq(mf_buf_str(&have), mf_buf_str(&c)), "an expiry never moves back");
	mf_buf_free(&have);
	t.now += 2000;
	cr_assert(mf_imm_renew(t.s, si, 0, &err) == MF_OK);
	have = share_file(&t, si, 0);
	cr_assert(have.n == c.n && mf_be32(have.p + have.n - 4) == CLOCK + 1000 + MF_LEASE_S);
	mf_buf_free(&have);
	t.s->client_renew[0] ^= 1; /* somebody else's client */
	cr_assert(mf_imm_renew(t.s, si, 0, &err) == MF_OK);
	have = share_file(&t, si, 0);
	cr_assert(have.n == c.n + MF_IMM_LEASE && mf_be32(have.p + 8) == 2);
	cr_assert(mf_be32(have.p + c.n) == 1, "owner of an added lease");
	mf_buf_free(&have);
	mf_buf_free(&c);
	shop_deinit(&t);
}

Test(container, files_that_are_no_container_are_bad_not_absent)
{
	static const uint8_t si[16] = "torn-share-files";
	static const uint8_t many_leases[12] = {0, 0, 0, 2, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};
	static const uint8_t version_9[100] = {0, 0, 0, 9};
	struct shop t;
	struct mf_imm_share *f;
	mf_mut_share m;
	mf_err err;

	shop_init(&t, MF_STORE_BEST);
	put_file(&t, si, 0, "", 0);
	put_file(&t, si, 1, "short", 5);
	put_file(&t, si, 2, many_leases, sizeof(many_leases));
	put_file(&t, si, 3, version_9, sizeof(version_9));
	for (uint32_t i = 0; i < 4; i++) {
		cr_assert(mf_imm_open(t.s, si, i, &f, &err) == MF_EFORMAT && f == NULL, "%u", i);
		cr_assert(mf_mut_read(t.s, si, i, 1000, &m, &err) == MF_EFORMAT, "%u", i);
		mf_store_advise(t.s, si, i, &err);
		mf_store_advise(t.s, si, i, &err);
	}
	cr_assert(mf_mut_read(t.s, si, 4, 1000, &m, &err) == MF_ENOTFOUND);
	shop_deinit(&t);
}

Test(container, only_share_numbers_are_shares)
{
	static const uint8_t si[16] = "names-of-shares.";
	static const char *const other[] = {"00", "01", "256", "-1", "1x", "x", ".1", "99999999999999999999"};
	uint32_t num[MF_SHARES_MAX];
	struct shop t;
	char dir[MF_SI_PATH], path[256];
	size_t n;

	shop_init(&t, MF_STORE_BEST);
	cr_assert(mf_store_shares(t.s, si, num, &n, NULL) == MF_OK && n == 0);
	put_file(&t, si, 255, "", 0);
	put_file(&t, si, 10, "", 0);
	put_file(&t, si, 0, "", 0);
	mf_store_si_path(si, dir);
	for (size_t i = 0; i < sizeof(other) / sizeof(*other); i++) {
		(void)snprintf(path, sizeof(path), "%s/shares/%s/%s", t.path, dir, other[i]);
		write_path(path, "", 0);
	}
	cr_assert(mf_store_shares(t.s, si, num, &n, NULL) == MF_OK);
	cr_assert(n == 3 && num[0] == 0 && num[1] == 10 && num[2] == 255, "%zu", n);
	shop_deinit(&t);
}

/* -- mutable ------------------------------------------------------------------------------------------------- */

/* One share as Tahoe writes it: one write vector, no new length. */
static mf_code
rtw_one(struct shop *t, const uint8_t *si, const uint8_t *enabler, uint32_t num, mf_str old, mf_str data,
	int64_t length, bool *passed, mf_err *err)
{
	mf_rtw_test test = {0, old.n == 0 ? 1 : old.n, old};
	mf_rtw_write write = {0, data};
	mf_rtw_share share = {num, &test, 1, &write, 1, length};
	mf_rtw q = {.si = si, .enabler = enabler, .share = &share, .shares = 1};
	mf_rtw_result r;
	mf_code rc = mf_store_rtw(t->s, &q, &r, err);

	*passed = r.passed;
	mf_rtw_result_free(&r);
	return rc;
}

static mf_str
mutable_data(const mf_buf *file)
{
	return mf_bytes(file->p + MF_MUT_HEADER, (size_t)mf_be64(file->p + 84));
}

Test(container, mutable_files_equal_the_golden_ones_step_by_step)
{
	json_t *all = golden_json("lafs/sdmf.json"), *dir, *step, *name;
	size_t d, i, j;

	json_array_foreach(json_object_get(all, "dirs"), d, dir)
	{
		mf_buf si = golden_unhex(golden_str(dir, "storage_index_hex"));
		mf_buf enabler = golden_unhex(golden_str(dir, "write_enabler_hex"));
		uint8_t written[16][57] = {{0}};
		bool there[16] = {false};
		struct shop t;

		shop_init(&t, MF_STORE_BEST);
		json_array_foreach(json_object_get(dir, "steps"), i, step)
		{
			json_array_foreach(json_object_get(step, "files"), j, name)
			{
				const char *file = json_string_value(name);
				uint32_t num = (uint32_t)atoi(strrchr(file, '.') + 1);
				char path[128];
				bool passed;
				mf_err err;

				(void)snprintf(path, sizeof(path), "lafs/%s", file);
				mf_buf want = golden_file(path), have;
				mf_str data = mutable_data(&want);
				mf_str old = {(const char *)written[num], there[num] ? 57 : 0};
				/* what the client sent ends with the EOF of the SDMF */
				data.n = golden_int(json_object_get(step, "offsets"), "EOF");
				cr_assert(rtw_one(&t, si.p, enabler.p, num, old, data, MF_RTW_NO_LENGTH, &passed,
						  &err) == MF_OK,
					"%s: %s", file, err.text);
				cr_assert(passed, "%s", file);
				have = share_file(&t, si.p, num);
				/* of the second directory not every step of every share is kept: stale bytes may differ */
				if (d == 0 || num == 0)
					cr_assert(mf_str_eq(mf_buf_str(&have), mf_buf_str(&want)), "%s", file);
				memcpy(written[num], data.p, 57);
				there[num] = true;
				mf_buf_free(&have);
				mf_buf_free(&want);
			}
		}
		shop_deinit(&t);
		mf_buf_free(&si);
		mf_buf_free(&enabler);
	}
	json_decref(all);
}

static const uint8_t mut_si[16] = "mutable-semantic";
static const uint8_t mut_enabler[32] = "the write enabler of this file.";

/* Write @p data at @p off of share 0 without tests. */
static void
write_at(struct shop *t, uint64_t off, mf_str data, int64_t length)
{
	mf_rtw_write write = {off, data};
	mf_rtw_share share = {0, NULL, 0, &write, 1, length};
	mf_rtw q = {.si = mut_si, .enabler = mut_enabler, .share = &share, .shares = 1};
	mf_rtw_result r;
	mf_err err;

	cr_assert(mf_store_rtw(t->s, &q, &r, &err) == MF_OK && r.passed, "%s", err.text);
	mf_rtw_result_free(&r);
}

static void
holds(struct shop *t, mf_str want)
{
	mf_mut_share m;
	mf_err err;

	cr_assert(mf_mut_read(t->s, mut_si, 0, 1000, &m, &err) == MF_OK, "%s", err.text);
	cr_assert(mf_str_eq(mf_mut_data(&m), want), "\"%.*s\" is not \"%.*s\"", (int)mf_mut_data(&m).n,
		mf_mut_data(&m).p, (int)want.n, want.p);
	mf_mut_free(&m);
}

Test(container, writes_grow_zero_gaps_and_never_shrink)
{
	struct shop t;
	mf_buf file;
	uint32_t num[MF_SHARES_MAX];
	size_t n;

	shop_init(&t, MF_STORE_BEST);
	write_at(&t, 0, MF_STR("hello world"), MF_RTW_NO_LENGTH);
	holds(&t, MF_STR("hello world"));
	write_at(&t, 0, MF_STR("HE"), MF_RTW_NO_LENGTH);
	holds(&t, MF_STR("HEllo world"));
	write_at(&t, 13, MF_STR("!"), MF_RTW_NO_LENGTH);
	holds(&t, (mf_str){"HEllo world\0\0!", 14});
	write_at(&t, 0, MF_STR("h"), 5);
	holds(&t, MF_STR("hEllo"));
	write_at(&t, 7, MF_STR("x"), MF_RTW_NO_LENGTH); /* the cut-off bytes do not come back */
	holds(&t, (mf_str){"hEllo\0\0x", 8});
	write_at(&t, 0, MF_STR("all new"), 7);
	holds(&t, MF_STR("all new"));
	file = share_file(&t, mut_si, 0);
	cr_assert(file.n == MF_MUT_HEADER + 7 + 4, "a whole new content gets a container of its size");
	mf_buf_free(&file);
	write_at(&t, 0, MF_STR("x"), 0);
	cr_assert(mf_store_shares(t.s, mut_si, num, &n, NULL) == MF_OK && n == 0);
	char dir[MF_SI_PATH], path[256];
	mf_store_si_path(mut_si, dir);
	(void)snprintf(path, sizeof(path), "%s/shares/%s", t.path, dir);
	cr_assert(access(path, F_OK) != 0, "the directory goes with its last share");
	shop_deinit(&t);
}

Test(container, tests_decide_and_reads_come_before_writes)
{
	struct shop t;
	bool passed;
	mf_err err;
	mf_rtw_result r;

	shop_init(&t, MF_STORE_BEST);
	cr_assert(rtw_one(&t, mut_si, mut_enabler, 3, (mf_str){0}, MF_STR("three"), MF_RTW_NO_LENGTH, &passed, &err) ==
		MF_OK);
	cr_assert(passed);
	cr_assert(rtw_one(&t, mut_si, mut_enabler, 3, (mf_str){0}, MF_STR("again"), MF_RTW_NO_LENGTH, &passed, &err) ==
		MF_OK);
	cr_assert(!passed, "it exists");

	mf_rtw_test good = {0, 5, MF_STR("three")}, wrong = {1, 2, MF_STR("XX")}, beyond = {3, 100, MF_STR("ee")};
	mf_rtw_write write = {0, MF_STR("later")};
	mf_rtw_read read[] = {{0, 3}, {4, 10}, {100, 1}};
	mf_rtw_share share[] = {{3, &good, 1, &write, 1, MF_RTW_NO_LENGTH}, {7, NULL, 0, &write, 1, MF_RTW_NO_LENGTH}};
	mf_rtw q = {.si = mut_si, .enabler = mut_enabler, .share = share, .shares = 2, .read = read, .reads = 3};
	cr_assert(mf_store_rtw(t.s, &q, &r, &err) == MF_OK && r.passed);
	cr_assert(r.shares == 1 && r.reads == 3 && r.num[0] == 3, "share 7 was not there yet");
	cr_assert(mf_str_eq(mf_buf_str(&r.read[0]), MF_STR("thr")) && mf_str_eq(mf_buf_str(&r.read[1]), MF_STR("e")));
	cr_assert(r.read[2].n == 0);
	mf_rtw_result_free(&r);
	share[0].test = &wrong;
	cr_assert(mf_store_rtw(t.s, &q, &r, &err) == MF_OK && !r.passed && r.shares == 2);
	cr_assert(mf_str_eq(mf_buf_str(&r.read[0]), MF_STR("lat")));
	mf_rtw_result_free(&r);
	beyond.specimen = MF_STR("er");
	share[0].test = &beyond;
	cr_assert(mf_store_rtw(t.s, &q, &r, &err) == MF_OK && r.passed, "a test is cut at the end of the data");
	mf_rtw_result_free(&r);
	shop_deinit(&t);
}

Test(container, a_wrong_write_enabler_stops_everything)
{
	static const uint8_t other[32] = "somebody else's write enabler..";
	struct shop t;
	bool passed;
	mf_err err;
	mf_buf before, after;

	shop_init(&t, MF_STORE_BEST);
	write_at(&t, 0, MF_STR("mine"), MF_RTW_NO_LENGTH);
	before = share_file(&t, mut_si, 0);
	cr_assert(rtw_one(&t, mut_si, other, 0, MF_STR("mine"), MF_STR("your"), MF_RTW_NO_LENGTH, &passed, &err) ==
		MF_EAUTH);
	cr_assert(rtw_one(&t, mut_si, other, 1, (mf_str){0}, MF_STR("your"), MF_RTW_NO_LENGTH, &passed, &err) ==
		MF_EAUTH);
	after = share_file(&t, mut_si, 0);
	cr_assert(mf_str_eq(mf_buf_str(&before), mf_buf_str(&after)));
	uint32_t num[MF_SHARES_MAX];
	size_t n;
	cr_assert(mf_store_shares(t.s, mut_si, num, &n, NULL) == MF_OK && n == 1);
	mf_buf_free(&before);
	mf_buf_free(&after);
	shop_deinit(&t);
}

Test(container, foreign_leases_are_carried_over_and_more_than_four_have_room)
{
	struct shop t;
	mf_buf file;

	shop_init(&t, MF_STORE_BEST);
	for (uint8_t i = 0; i < 7; i++) { /* seven clients, each with a lease of its own */
		t.s->client_renew[0] = i;
		write_at(&t, 0, MF_STR("version"), i % 2 == 0 ? 7 : MF_RTW_NO_LENGTH);
	}
	file = share_file(&t, mut_si, 0);
	cr_assert(mf_be32(file.p + MF_MUT_HEADER + 7) == 3, "three behind the data");
	cr_assert(file.n == MF_MUT_HEADER + 7 + 4 + 3 * MF_MUT_LEASE);
	for (uint8_t i = 0; i < 7; i++) {
		mf_lease l;
		bool found = false;

		t.s->client_renew[0] = i;
		mf_lease_of(t.s, mut_si, &l);
		for (int k = 0; k < 4; k++)
			found = found || mf_lease_mut_ours(&l, file.p + 100 + k * MF_MUT_LEASE);
		for (int k = 0; k < 3; k++)
			found = found || mf_lease_mut_ours(&l, file.p + MF_MUT_HEADER + 7 + 4 + k * MF_MUT_LEASE);
		cr_assert(found, "lease %u", i);
	}
	mf_buf_free(&file);
	t.now += 500; /* client 6 renews in place; a new client is added in place */
	cr_assert(mf_mut_renew(t.s, mut_si, 0, NULL) == MF_OK);
	t.s->client_renew[0] = 99;
	cr_assert(mf_mut_renew(t.s, mut_si, 0, NULL) == MF_OK);
	file = share_file(&t, mut_si, 0);
	cr_assert(file.n == MF_MUT_HEADER + 7 + 4 + 4 * MF_MUT_LEASE && mf_be32(file.p + MF_MUT_HEADER + 7) == 4);
	cr_assert(mf_be32(file.p + MF_MUT_HEADER + 7 + 4 + 2 * MF_MUT_LEASE + 4) == CLOCK + 500 + MF_LEASE_S);
	mf_buf_free(&file);
	shop_deinit(&t);
}

Test(container, version_1_becomes_2_with_its_leases_hashed)
{
	struct shop t;
	mf_buf file;
	uint8_t clear[32], hashed[32];
	mf_lease l;
	char dir[MF_SI_PATH];

	shop_init(&t, MF_STORE_BEST);
	write_at(&t, 0, MF_STR("version"), 7);
	file = share_file(&t, mut_si, 0);
	memcpy(file.p, mf_mut_magic(1), 32);
	mf_lease_of(t.s, mut_si, &l);
	memcpy(file.p + 100 + 8, l.renew, 32); /* ours, in clear */
	memcpy(file.p + 100 + 40, l.cancel, 32);
	memset(clear, 0x5a, sizeof(clear)); /* another client's */
	memcpy(file.p + 192, file.p + 100, MF_MUT_LEASE);
	memcpy(file.p + 192 + 8, clear, 32);
	mf_store_si_path(mut_si, dir);
	put_file(&t, mut_si, 0, file.p, file.n);
	mf_buf_free(&file);
	holds(&t, MF_STR("version"));
	write_at(&t, 0, MF_STR("VERSION"), MF_RTW_NO_LENGTH);
	holds(&t, MF_STR("VERSION"));
	file = share_file(&t, mut_si, 0);
	mf_lease_hash(clear, hashed);
	cr_assert(memcmp(file.p, mf_mut_magic(2), 32) == 0);
	cr_assert(mf_lease_mut_ours(&l, file.p + 100) && memcmp(file.p + 192 + 8, hashed, 32) == 0);
	cr_assert(mf_be32(file.p + 284) == 0, "ours was found, not added again");
	mf_buf_free(&file);
	shop_deinit(&t);
}

Test(container, a_torn_mutable_share_is_replaced_when_written)
{
	struct shop t;
	mf_buf file;
	bool passed;
	mf_err err;

	shop_init(&t, MF_STORE_BEST);
	write_at(&t, 0, MF_STR("version"), 7);
	file = share_file(&t, mut_si, 0);
	for (size_t n = 0; n < MF_MUT_HEADER + 7; n += 100) {
		mf_mut_share m;

		put_file(&t, mut_si, 0, file.p, n);
		cr_assert(mf_mut_read(t.s, mut_si, 0, 100, &m, &err) == MF_EFORMAT, "%zu", n);
		cr_assert(rtw_one(&t, mut_si, mut_enabler, 0, (mf_str){0}, MF_STR("fresh"), 5, &passed, &err) == MF_OK,
			"%s", err.text);
		cr_assert(passed);
		holds(&t, MF_STR("fresh"));
	}
	mf_buf_free(&file);
	shop_deinit(&t);
}

/* -- the examples of the manual ---------------------------------------------------------------------------- */

/* As in docs/: four spaces, offset, 16 bytes. */
static void
expect_dump(const mf_buf *page, const mf_buf *b)
{
	mf_buf want = {0};
	char hex[33];

	for (size_t at = 0; at < b->n; at += 16) {
		mf_hex(hex, b->p + at, b->n - at < 16 ? b->n - at : 16);
		mf_buf_addf(&want, "    %04zx  %s\n", at, hex);
	}
	cr_assert(strstr((const char *)page->p, (const char *)want.p) != NULL, "docs/store.md should say:\n%s", want.p);
	mf_buf_free(&want);
}

Test(container, the_manual_shows_what_is_written)
{
	static const uint8_t si[16] = {[0 ... 15] = 2}, key[16] = {[0 ... 15] = 3};
	mf_link link = {.name = MF_STR("a"), .cap = MF_STR("URI:LIT:nbswy3dp")};
	mf_dir_edit edit = {&link, 1, key, 1700000001.25};
	mf_buf page = golden_file("../../docs/store.md"), c = {0}, dir = {0};
	struct shop t;
	bool changed;

	shop_init(&t, MF_STORE_BEST);
	memset(t.s->tubid, 1, sizeof(t.s->tubid));
	mf_imm_begin(&c);
	mf_buf_addz(&c, "hello");
	mf_imm_end(t.s, si, &c);
	expect_dump(&page, &c);
	cr_assert(mf_dir_apply((mf_str){0}, &edit, &dir, &changed, NULL) == MF_OK);
	expect_dump(&page, &dir);
	mf_buf_free(&dir);
	mf_buf_free(&c);
	mf_buf_free(&page);
	shop_deinit(&t);
}
