/* The files beside global.sqlite, and the platform's default places. */
#include "daemon/config_impl.h"

#include <ctype.h>
#include <pwd.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/base32.h"
#include "daemon/files.h"

/* One secret of 32 bytes in base32 and a newline; an existing file is left as it is. */
static mf_code
make_secret(const char *dir, const char *name, mf_err *err)
{
	char *path = mf_path_join(dir, name);
	uint8_t secret[32];
	char text[MF_B32_LEN(32) + 2];
	mf_code rc = MF_OK;

	if (access(path, F_OK) != 0) {
		randombytes_buf(secret, sizeof(secret));
		mf_b32(text, secret, sizeof(secret));
		text[MF_B32_LEN(32)] = '\n';
		rc = mf_file_create(path, (mf_str){text, MF_B32_LEN(32) + 1}, 0600, err);
		if (rc == MF_EEXIST)
			rc = MF_OK; /* somebody was quicker: theirs counts */
		sodium_memzero(secret, sizeof(secret));
		sodium_memzero(text, sizeof(text));
	}
	free(path);
	return rc;
}

mf_code
mf_config_make_secrets(const char *dir, mf_err *err)
{
	char *private = mf_path_join(dir, "private");
	mf_code rc = mf_mkdir_all(private, 0700, err);

	if (rc == MF_OK)
		rc = make_secret(private, "convergence", err);
	if (rc == MF_OK)
		rc = make_secret(private, "secret", err);
	free(private);
	return rc;
}

static mf_code
read_secret(const char *dir, const char *name, uint8_t out[32], mf_err *err)
{
	char *path = mf_path_join(dir, name);
	mf_buf text = {0};
	mf_code rc = mf_file_read(path, 256, &text, err);
	mf_str s = mf_buf_str(&text);

	while (s.n > 0 && isspace((unsigned char)s.p[s.n - 1]))
		s.n--;
	if (rc == MF_OK && !mf_unb32_n(out, 32, s))
		rc = mf_fail(err, MF_EFORMAT, 0, "%s does not hold 32 bytes in base32", path);
	mf_buf_wipe_free(&text);
	free(path);
	return rc;
}

struct in_use {
	const char *url;
	mf_grid_conf *conf;
};

static mf_code
note_store(void *arg, const char *name, const char *state_dir, const char *grid)
{
	const struct in_use *u = arg;

	(void)name;
	(void)state_dir;
	if (strcmp(grid, u->url) == 0)
		u->conf->missing = MF_EXPECT_STORE;
	return MF_OK;
}

mf_code
mf_config_grid_conf(struct mf_config *c, mf_grid_conf *out, mf_err *err)
{
	mf_code rc = mf_config_make_secrets(c->dir, err);

	memset(out, 0, sizeof(*out));
	if (rc == MF_OK)
		rc = read_secret(c->dir, "private/convergence", out->convergence, err);
	if (rc == MF_OK)
		rc = read_secret(c->dir, "private/secret", out->lease_secret, err);
	out->convergence_n = 32;
	if (rc == MF_OK)
		rc = mf_config_folders(c, note_store, &(struct in_use){mf_config_grid(c), out}, err);
	return rc;
}

mf_code
mf_config_make_token(const char *dir, mf_err *err)
{
	char *path = mf_path_join(dir, "api_token");
	uint8_t raw[32];
	char text[sodium_base64_ENCODED_LEN(32, sodium_base64_VARIANT_URLSAFE)];
	mf_code rc;

	randombytes_buf(raw, sizeof(raw));
	(void)sodium_bin2base64(text, sizeof(text), raw, sizeof(raw), sodium_base64_VARIANT_URLSAFE);
	rc = mf_file_create(path, (mf_str){text, MF_TOKEN_LEN}, 0600, err);
	sodium_memzero(raw, sizeof(raw));
	sodium_memzero(text, sizeof(text));
	free(path);
	return rc;
}

mf_code
mf_config_token(struct mf_config *c, char out[MF_TOKEN_LEN + 1], mf_err *err)
{
	char *path = mf_path_join(c->dir, "api_token");
	mf_buf text = {0};
	mf_code rc = mf_file_read(path, 128, &text, err);
	mf_str s;

	if (rc == MF_ENOTFOUND) {
		rc = mf_config_make_token(c->dir, err);
		if (rc == MF_OK)
			rc = mf_file_read(path, 128, &text, err);
	}
	s = mf_buf_str(&text);
	while (s.n > 0 && isspace((unsigned char)s.p[s.n - 1]))
		s.n--; /* an editor's newline is no part of it */
	if (rc == MF_OK && s.n != MF_TOKEN_LEN)
		rc = mf_fail(err, MF_EFORMAT, 0, "%s does not hold %d characters; remove it to get a new one", path,
			MF_TOKEN_LEN);
	if (rc == MF_OK) {
		memcpy(out, s.p, MF_TOKEN_LEN);
		out[MF_TOKEN_LEN] = '\0';
	}
	mf_buf_wipe_free(&text);
	free(path);
	return rc;
}

mf_code
mf_config_client_endpoint(struct mf_config *c, char **out, mf_err *err)
{
	char *path = mf_path_join(c->dir, "api_client_endpoint");
	mf_buf text = {0};
	mf_code rc = mf_file_read(path, 512, &text, NULL);
	mf_str s = mf_buf_str(&text);

	*out = NULL;
	while (s.n > 0 && isspace((unsigned char)s.p[s.n - 1]))
		s.n--;
	if (rc == MF_OK && s.n > 0 && !mf_str_eq(s, MF_STR("not running")))
		*out = mf_strdup(s);
	else
		*out = mf_config_client_endpoint_column(c);
	mf_buf_free(&text);
	free(path);
	return *out != NULL ? MF_OK : mf_fail(err, MF_ENOTFOUND, 0, "Service not running.");
}

char *
mf_config_state_dir(const struct mf_config *c, const char *name)
{
	uint8_t hash[crypto_hash_sha256_BYTES];
	char text[sodium_base64_ENCODED_LEN(32, sodium_base64_VARIANT_URLSAFE)];
	mf_buf path = {0};

	crypto_hash_sha256(hash, (const uint8_t *)name, strlen(name));
	(void)sodium_bin2base64(text, sizeof(text), hash, sizeof(hash), sodium_base64_VARIANT_URLSAFE);
	mf_buf_addf(&path, "%s/folder-%s", c->dir, text);
	return (char *)path.p;
}

/* The directory that $VARIABLE names, or REST below the home directory; then magic-folder and @p leaf. */
static char *
platform_dir(const char *prefix, const char *variable, const char *rest, const char *leaf)
{
	const char *base = getenv(variable), *home = getenv("HOME");
	mf_buf path = {0};

	if (home == NULL || home[0] != '/') { /* GridSync starts us with an empty environment */
		const struct passwd *pw = getpwuid(getuid());
		home = pw != NULL ? pw->pw_dir : NULL;
	}
	mf_buf_addz(&path, prefix);
	if (base != NULL && base[0] == '/')
		mf_buf_addf(&path, "%s/magic-folder%s", base, leaf);
	else if (home != NULL)
		mf_buf_addf(&path, "%s/%s/magic-folder%s", home, rest, leaf);
	else
		mf_buf_free(&path);
	return (char *)path.p;
}

char *
mf_config_default_dir(void)
{
	return platform_dir("", "XDG_CONFIG_HOME", ".config", "");
}

char *
mf_config_default_grid(void)
{
	return platform_dir("dir:", "XDG_DATA_HOME", ".local/share", "/store");
}

char *
mf_login_name(void)
{
	static const char *const variables[] = {"LOGNAME", "USER", "LNAME", "USERNAME"};
	const struct passwd *pw;

	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++) {
		const char *v = getenv(variables[i]);
		if (v != NULL && v[0] != '\0')
			return mf_strdup(mf_strz(v));
	}
	pw = getpwuid(getuid());
	return pw != NULL ? mf_strdup(mf_strz(pw->pw_name)) : NULL;
}
