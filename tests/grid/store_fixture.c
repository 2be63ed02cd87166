#define _GNU_SOURCE
#include "tests/grid/store_fixture.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base32.h"

void
make_dir(char dir[64])
{
	const char *tmp = getenv("MF_TEST_TMP");

	cr_assert(snprintf(dir, 64, "%s/mf-store-XXXXXX", tmp != NULL ? tmp : "/tmp") < 64);
	cr_assert(mkdtemp(dir) != NULL, "mkdtemp %s", dir);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *w)
{
	(void)st;
	(void)type;
	(void)w;
	return remove(path);
}

void
remove_dir(const char *dir)
{
	cr_assert(nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0, "remove %s", dir);
}

struct mf_grid *
fixture_open(const struct fixture *f, uint32_t k, uint32_t n)
{
	mf_grid_conf conf = {.convergence_n = 16, .k = k, .n = n};
	struct mf_grid *g;
	char url[128];
	mf_err err;

	memset(conf.convergence, 'a', 16);
	memset(conf.lease_secret, 0x11, 32);
	(void)snprintf(url, sizeof(url), "dir:%s", f->store);
	cr_assert(mf_grid_open(url, &conf, &g, &err) == MF_OK, "%s", err.text);
	return g;
}

void
fixture_init(struct fixture *f, uint32_t k, uint32_t n)
{
	make_dir(f->dir);
	(void)snprintf(f->store, sizeof(f->store), "%s/store", f->dir);
	f->g = fixture_open(f, k, n);
}

void
fixture_deinit(struct fixture *f)
{
	mf_grid_close(f->g);
	remove_dir(f->dir);
}

void
share_path(const struct fixture *f, const char *text, uint32_t num, char out[256])
{
	uint8_t si[16];
	char b32[27];
	mf_cap cap;

	cr_assert(mf_cap_parse(mf_strz(text), &cap, NULL) == MF_OK && mf_cap_storage_index(&cap, si));
	mf_b32(b32, si, sizeof(si));
	(void)snprintf(out, 256, "%s/shares/%.2s/%s/%u", f->store, b32, b32, num);
}

mf_buf
read_path(const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	mf_buf b = {0};

	cr_assert(fd >= 0 && fstat(fd, &st) == 0, "open %s", path);
	mf_buf_reserve(&b, (size_t)st.st_size);
	cr_assert(read(fd, b.p, (size_t)st.st_size) == st.st_size, "read %s", path);
	b.n = (size_t)st.st_size;
	(void)close(fd);
	return b;
}

void
write_path(const char *path, const void *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	cr_assert(fd >= 0 && (n == 0 || write(fd, p, n) == (ssize_t)n), "write %s", path);
	(void)close(fd);
}

void
flip(const char *path, size_t at)
{
	mf_buf b = read_path(path);

	cr_assert(at < b.n);
	b.p[at] ^= 0x10;
	write_path(path, b.p, b.n);
	mf_buf_free(&b);
}

static mf_code
append(void *arg, const void *p, size_t n, mf_err *err)
{
	(void)err;
	mf_buf_add(arg, p, n);
	return MF_OK;
}

mf_code
fetch(struct mf_grid *g, const mf_filecap *cap, mf_buf *out, mf_err *err)
{
	out->n = 0;
	return g->ops->get(g, cap, 0, UINT64_MAX, append, out, NULL, err);
}

mf_buf
noise(uint32_t seed, size_t n)
{
	uint8_t key[MF_KEY_SIZE] = {0};
	mf_buf b = {0};

	memcpy(key, &seed, sizeof(seed));
	mf_buf_reserve(&b, n);
	memset(b.p, 0, n);
	b.n = n;
	if (n > 0)
		mf_ctr(key, 0, b.p, b.p, n);
	return b;
}
