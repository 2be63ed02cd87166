/* grid put, grid get */
#include "daemon/commands/grid.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* -- put -------------------------------------------------------------------------------------------------- */

enum { P_CONVERGENCE, P_SHARES, P_SEGMENT };

static const mf_option put_options[] = {
	[P_CONVERGENCE] = {"convergence", '\0', "HEX",
		"convergence secret of 1 to 32 bytes (default: the configuration's)", NULL},
	[P_SHARES] = {"shares", '\0', "K/N", "any K of N shares are enough (default: 1/1)", NULL},
	[P_SEGMENT] = {"segment-size", '\0', "BYTES", "largest segment (default: 1048576)", NULL},
	{0},
};

static bool
parse_shares(const char *text, uint32_t *k, uint32_t *n)
{
	unsigned a, b;
	char first[8];
	size_t len = strcspn(text, "/");

	if (len == 0 || len >= sizeof(first) || text[len] != '/')
		return false;
	memcpy(first, text, len);
	first[len] = '\0';
	if (!mf_positive(first, 256, &a) || !mf_positive(text + len + 1, 256, &b) || a > b)
		return false;
	*k = a;
	*n = b;
	return true;
}

static int
put_prepare(struct mf_grid_call *c)
{
	const char *secret = c->args->value[P_CONVERGENCE], *shares = c->args->value[P_SHARES];
	const char *segment = c->args->value[P_SEGMENT];
	unsigned size;

	if (secret != NULL) {
		c->conf.convergence_n = strlen(secret) / 2;
		if (c->conf.convergence_n < 1 || c->conf.convergence_n > sizeof(c->conf.convergence) ||
			!mf_unhex(c->conf.convergence, c->conf.convergence_n, mf_strz(secret)))
			return mf_cli_usage(c->cli, "--convergence must be 2 to 64 hexadecimal digits");
	}
	if (shares != NULL && !parse_shares(shares, &c->conf.k, &c->conf.n))
		return mf_cli_usage(c->cli, "--shares must look like 3/10, at most 256");
	if (segment != NULL) {
		if (!mf_positive(segment, 1u << 30, &size))
			return mf_cli_usage(c->cli, "--segment-size must be a positive number of bytes");
		c->conf.segment_size = size;
	}
	return 0;
}

static mf_code
read_file(void *arg, uint64_t off, void *p, size_t n, mf_err *err)
{
	uint8_t *to = p;

	while (n > 0) {
		ssize_t got = pread(*(const int *)arg, to, n, (off_t)off);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return mf_fail_errno(err, errno, "read");
		if (got == 0)
			return mf_fail(err, MF_ECHANGED, 0, "the file became shorter while it was read");
		to += got;
		off += (uint64_t)got;
		n -= (size_t)got;
	}
	return MF_OK;
}

/* Standard input is read twice, so it goes to a file without a name first. */
static int
spool_input(void)
{
	FILE *f = tmpfile();
	char chunk[65536];
	size_t n;
	int fd = -1;

	if (f == NULL)
		return -1;
	while ((n = fread(chunk, 1, sizeof(chunk), stdin)) > 0)
		if (fwrite(chunk, 1, n, f) != n)
			break;
	if (!ferror(stdin) && !ferror(f) && fflush(f) == 0)
		fd = dup(fileno(f));
	(void)fclose(f);
	sodium_memzero(chunk, sizeof(chunk));
	return fd;
}

static int
put_run(struct mf_grid_call *c)
{
	const char *name = c->args->word[0];
	int fd = strcmp(name, "-") == 0 ? spool_input() : open(name, O_RDONLY | O_CLOEXEC), status = 0;
	mf_source source = {.read = read_file, .arg = &fd};
	struct stat st;
	mf_filecap cap;
	mf_err err;

	if (fd < 0 || fstat(fd, &st) != 0) {
		status = mf_cli_fail(c->cli, "cannot read %s: %s", name, strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		status = mf_cli_fail(c->cli, "%s is not a regular file", name);
	} else {
		source.size = (uint64_t)st.st_size;
		if (c->grid->ops->put(c->grid, &source, &cap, NULL, &err) == MF_OK)
			printf("%s\n", cap.text);
		else
			status = mf_cli_fail(c->cli, "%s: %s", name, err.text);
	}
	if (fd >= 0)
		(void)close(fd);
	return status;
}

const struct mf_grid_verb mf_grid_put = {
	.name = "put",
	.words = "FILE|-",
	.summary = "Store a file and print its capability",
	.about = "The same content stored twice with the same secret is stored once and has the same capability.\n",
	.options = put_options,
	.min_words = 1,
	.max_words = 1,
	.prepare = put_prepare,
	.run = put_run,
};

/* -- get -------------------------------------------------------------------------------------------------- */

enum { G_OFFSET, G_LENGTH };

static const mf_option get_options[] = {
	[G_OFFSET] = {"offset", '\0', "BYTES", "begin here", "0"},
	[G_LENGTH] = {"length", '\0', "BYTES", "at most so many bytes", NULL},
	{0},
};

static mf_code
write_out(void *arg, const void *p, size_t n, mf_err *err)
{
	if (fwrite(p, 1, n, arg) != n)
		return mf_fail_errno(err, errno, "write");
	return MF_OK;
}

static bool
parse_bytes(const char *text, uint64_t *out)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return *end == '\0' && errno == 0;
}

/* Into a new file beside the target, which then takes its place: a failure leaves no half file. */
static int
get_to_file(struct mf_grid_call *c, const mf_filecap *cap, uint64_t off, uint64_t len, const char *name)
{
	mf_buf tmp = {0};
	FILE *to;
	mf_err err;
	mf_code rc;
	int status = 0;

	mf_buf_addf(&tmp, "%s.%ld.tmp", name, (long)getpid());
	to = fopen((const char *)tmp.p, "wxe");
	if (to == NULL) {
		status = mf_cli_fail(c->cli, "cannot write %s: %s", (const char *)tmp.p, strerror(errno));
		mf_buf_free(&tmp);
		return status;
	}
	rc = c->grid->ops->get(c->grid, cap, off, len, write_out, to, NULL, &err);
	if (fclose(to) != 0 && rc == MF_OK)
		rc = mf_fail_errno(&err, errno, "write %s", name);
	if (rc == MF_OK && rename((const char *)tmp.p, name) != 0)
		rc = mf_fail_errno(&err, errno, "rename to %s", name);
	if (rc != MF_OK) {
		(void)unlink((const char *)tmp.p);
		status = mf_cli_fail(c->cli, "%s", err.text);
	}
	mf_buf_free(&tmp);
	return status;
}

static int
get_run(struct mf_grid_call *c)
{
	uint64_t off = 0, len = UINT64_MAX;
	const char *name = c->args->words > 1 ? c->args->word[1] : "-";
	mf_filecap cap;
	mf_err err;
	mf_code rc;
	char *text;

	if (!parse_bytes(c->args->value[G_OFFSET], &off) ||
		(c->args->value[G_LENGTH] != NULL && !parse_bytes(c->args->value[G_LENGTH], &len)))
		return mf_cli_usage(c->cli, "--offset and --length are numbers of bytes");
	text = mf_cli_secret_word(c->cli, c->args->word[0]);
	if (text == NULL)
		return c->cli->program->failure;
	rc = mf_filecap_parse(mf_strz(text), &cap, &err);
	sodium_memzero(text, strlen(text));
	free(text);
	if (rc != MF_OK)
		return mf_cli_fail(c->cli, "that is not a file's capability: %s", err.text);
	if (strcmp(name, "-") != 0)
		return get_to_file(c, &cap, off, len, name);
	if (c->grid->ops->get(c->grid, &cap, off, len, write_out, stdout, NULL, &err) != MF_OK)
		return mf_cli_fail(c->cli, "%s", err.text);
	return 0;
}

const struct mf_grid_verb mf_grid_get = {
	.name = "get",
	.words = "CAP [FILE]",
	.summary = "Fetch a file; every byte is verified before it is written",
	.options = get_options,
	.min_words = 1,
	.max_words = 2,
	.run = get_run,
};
