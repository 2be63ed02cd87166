/* Making a folder: checks first, then the local directories, then the grid, then the database.
 *
 * Grid objects cannot be taken back, so whatever can fail without them fails before them.  What was made on this
 * machine is removed after a failure; directories made on the grid by then are left behind, linked from nowhere. */
#include "sync/folder.h"

#include <errno.h>
#include <stdlib.h>

#include <sodium.h>

#include "base/json.h"
#include "base/unicode.h"
#include "sync/doc/relpath.h"
#include "sync/state/state.h"
#include "sync/trust/trust.h"

enum { AUTHOR_MAX = 255, METADATA_MAX = 65536 };

static const char metadata_name[] = "@metadata";
static const char metadata_text[] = "{\"version\": 1}"; /* the reference's bytes, and so its LIT capability */

struct making {
	struct mf_env *env;
	struct mf_grid *grid;
	const mf_folder_new *what;
	const mf_cancel *cancel;
	mf_folder_conf conf;
	struct mf_root *parent; /* holds the state directory */
	const char *state_base; /* its name in parent; points into what->state_dir */
	bool made_state, made_stash;
};

static mf_code
check_author(const char *author, char **out, mf_err *err)
{
	mf_buf nfc = {0};
	mf_code rc = MF_OK;

	if (mf_nfc(mf_strz(author), &nfc, NULL) != MF_OK)
		rc = mf_fail(err, MF_EINVAL, 0, "The author name is not valid UTF-8.");
	else if (nfc.n == 0 || nfc.n > AUTHOR_MAX)
		rc = mf_fail(err, MF_EINVAL, 0, "The author name must have 1 to %d bytes.", AUTHOR_MAX);
	else if (nfc.p[0] == '@')
		rc = mf_fail(err, MF_EINVAL, 0, "The author name cannot begin with '@'.");
	for (size_t i = 0; rc == MF_OK && i < nfc.n; i++)
		if (nfc.p[i] < 0x20 || nfc.p[i] == 0x7f || nfc.p[i] == '/')
			rc = mf_fail(err, MF_EINVAL, 0, "The author name cannot contain '/' or control characters.");
	if (rc == MF_OK)
		*out = mf_strdup(mf_buf_str(&nfc));
	mf_buf_free(&nfc);
	return rc;
}

/* Is @p inner the directory @p outer or below it, going by their spelling? */
static bool
contains(const char *outer, const char *inner)
{
	size_t n = strlen(outer);

	while (n > 0 && outer[n - 1] == '/')
		n--;
	return strncmp(inner, outer, n) == 0 && (inner[n] == '/' || inner[n] == '\0');
}

static mf_code
check_arguments(struct making *m, mf_err *err)
{
	const mf_folder_new *w = m->what;
	mf_code rc = mf_folder_name_check(mf_strz(w->name), err);

	if (rc != MF_OK || (rc = check_author(w->author, &m->conf.author, err)) != MF_OK)
		return rc;
	if (w->poll_interval_s == 0)
		return mf_fail(err, MF_EINVAL, 0, "Poll interval must be a positive integer (not '0').");
	if (w->read_only && w->collective == NULL)
		return mf_fail(err, MF_EINVAL, 0, "Only a folder that is joined can be read-only.");
	if (w->magic_path[0] != '/' || w->state_dir[0] != '/')
		return mf_fail(err, MF_EINVAL, 0, "'%s' is not an absolute path",
			w->magic_path[0] != '/' ? w->magic_path : w->state_dir);
	if (contains(w->magic_path, w->state_dir))
		return mf_fail(err, MF_EINVAL, 0,
			"'%s' holds the configuration directory: its keys would be synchronized", w->magic_path);
	return MF_OK;
}

static mf_code
check_magic_path(struct making *m, mf_err *err)
{
	struct mf_root *root = NULL;
	mf_err why = {0};
	mf_code rc = m->env->ops->root_open(m->env, m->what->magic_path, &root, &why);

	if (rc == MF_ENOTFOUND && why.sys != ENOTDIR)
		return mf_fail(err, MF_EINVAL, why.sys, "'%s' does not exist", m->what->magic_path);
	if (rc != MF_OK)
		return mf_fail(
			err, MF_EINVAL, why.sys, "'%s' is not a directory that can be used", m->what->magic_path);
	m->env->ops->root_close(root);
	return MF_OK;
}

/* Opens the directory above the state directory, which must not exist itself. */
static mf_code
check_state_dir(struct making *m, mf_err *err)
{
	mf_str path = mf_strz(m->what->state_dir), dir = mf_relpath_dir(path);
	char *parent = mf_strdup(dir.n == 0 ? MF_STR("/") : dir);
	mf_code rc = m->env->ops->root_open(m->env, parent, &m->parent, err);
	mf_stat st;

	free(parent);
	if (rc != MF_OK)
		return rc;
	m->state_base = mf_relpath_base(path).p;
	if (m->state_base[0] == '\0')
		return mf_fail(err, MF_EINVAL, 0, "'%s' names no directory", m->what->state_dir);
	rc = m->env->ops->stat(m->parent, m->state_base, &st, err);
	if (rc == MF_OK && st.kind != MF_KIND_ABSENT)
		rc = mf_fail(err, MF_EEXIST, 0, "magic-folder state directory '%s' already exists", m->what->state_dir);
	return rc;
}

static mf_code
sink_buf(void *arg, const void *p, size_t n, mf_err *err)
{
	mf_buf *b = arg;

	if (b->n + n > METADATA_MAX)
		return mf_fail(err, MF_EFORMAT, 0, "@metadata is larger than %d bytes", METADATA_MAX);
	mf_buf_add(b, p, n);
	return MF_OK;
}

static mf_code
check_version(mf_str text, mf_err *err)
{
	json_t *top = NULL;
	int64_t version = 0;
	mf_code rc = mf_json_load(text, METADATA_MAX, MF_JSON_UNIQUE, &top, err);

	if (rc == MF_OK)
		rc = mf_json_int(top, "@metadata.version", INT64_MIN, INT64_MAX, &version, err);
	if (rc == MF_OK && version != 1)
		rc = mf_fail(err, MF_EUNSUPPORTED, 0, "The folder has format version %lld, this program knows 1.",
			(long long)version);
	json_decref(top);
	return rc;
}

/* @metadata may be missing (old joiners' directories lack it), but not say something else than version 1. */
static mf_code
check_metadata(struct making *m, const mf_child *child, mf_err *err)
{
	mf_filecap cap;
	mf_buf text = {0};
	mf_code rc = mf_filecap_parse(child->ro, &cap, err);

	if (rc != MF_OK)
		return rc;
	if (mf_filecap_size(&cap) > METADATA_MAX)
		return mf_fail(err, MF_EFORMAT, 0, "@metadata is larger than %d bytes", METADATA_MAX);
	rc = m->grid->ops->get(m->grid, &cap, 0, METADATA_MAX, sink_buf, &text, m->cancel, err);
	if (rc == MF_OK)
		rc = check_version(mf_buf_str(&text), err);
	mf_buf_free(&text);
	return rc;
}

/* The folder to join opens, is of a version that we know, and has no participant of our name. */
static mf_code
check_collective(struct making *m, mf_err *err)
{
	mf_listing list = {0};
	bool unchanged = false;
	mf_code rc = m->grid->ops->list(m->grid, m->what->collective, NULL, &unchanged, &list, m->cancel, err);

	if (rc != MF_OK)
		return rc;
	const mf_child *metadata = mf_listing_find(&list, mf_strz(metadata_name));
	if (metadata != NULL)
		rc = check_metadata(m, metadata, err);
	if (rc == MF_OK && mf_listing_find(&list, mf_strz(m->conf.author)) != NULL)
		rc = mf_fail(err, MF_EEXIST, 0, "The folder has a participant named '%s' already.", m->conf.author);
	mf_listing_free(&list);
	return rc;
}

static mf_code
make_local(struct making *m, mf_err *err)
{
	mf_buf stash = {0};
	mf_code rc = m->env->ops->mkdir(m->parent, m->state_base, 0700, err);

	if (rc != MF_OK)
		return rc;
	m->made_state = true;
	mf_buf_addf(&stash, "%s/stash", m->state_base);
	rc = m->env->ops->mkdir(m->parent, (const char *)stash.p, 0700, err);
	m->made_stash = rc == MF_OK;
	mf_buf_free(&stash);
	return rc;
}

/* A new directory with @metadata in it, and @p more (may be NULL) beside it in the same version. */
static mf_code
make_dir(struct making *m, const mf_link *more, mf_dirwrite *out, mf_err *err)
{
	mf_source source = mf_source_mem(metadata_text, sizeof(metadata_text) - 1);
	mf_link links[2] = {{.name = mf_strz(metadata_name), .how = MF_LINK_NEW}};
	mf_filecap metadata;
	mf_code rc;

	if ((rc = m->grid->ops->put(m->grid, &source, &metadata, m->cancel, err)) != MF_OK ||
		(rc = m->grid->ops->mkdir(m->grid, out, m->cancel, err)) != MF_OK)
		return rc;
	links[0].cap = mf_strz(metadata.text);
	if (more != NULL)
		links[1] = *more;
	return m->grid->ops->update(m->grid, out, links, more == NULL ? 1 : 2, NULL, m->cancel, err);
}

/* Our entry carries our public key, so that nobody has to trust whoever is seen first under our name. */
static mf_code
make_collective(struct making *m, const mf_dirread *personal, mf_err *err)
{
	mf_buf edge = {0};

	mf_edge_of_key(m->conf.verify_key, &edge);
	mf_link us = {
		.name = mf_strz(m->conf.author),
		.cap = mf_strz(personal->text),
		.metadata = mf_buf_str(&edge),
		.how = MF_LINK_NEW,
	};
	mf_code rc = make_dir(m, &us, &m->conf.collective_write, err);
	mf_buf_free(&edge);
	if (rc == MF_OK) {
		m->conf.is_admin = true;
		mf_dirwrite_read(&m->conf.collective_write, &m->conf.collective);
	}
	return rc;
}

static void
new_keys(struct making *m)
{
	uint8_t secret[crypto_sign_SECRETKEYBYTES];

	m->env->ops->random(m->env, m->conf.seed, sizeof(m->conf.seed));
	(void)crypto_sign_seed_keypair(m->conf.verify_key, secret, m->conf.seed);
	sodium_memzero(secret, sizeof(secret));
}

static void
fill_conf(struct making *m)
{
	const mf_folder_new *w = m->what;
	mf_buf stash = {0};

	mf_buf_addf(&stash, "%s/stash", w->state_dir);
	m->conf.name = mf_strdup(mf_strz(w->name));
	m->conf.magic_path = mf_strdup(mf_strz(w->magic_path));
	m->conf.state_dir = mf_strdup(mf_strz(w->state_dir));
	m->conf.stash_path = (char *)stash.p;
	m->conf.poll_interval_s = w->poll_interval_s;
	m->conf.scan_interval_s = w->scan_interval_s;
	m->conf.read_only = w->read_only;
	if (w->collective != NULL)
		m->conf.collective = *w->collective;
}

static mf_code
make_all(struct making *m, mf_dirread *personal_read, mf_err *err)
{
	mf_code rc;

	if ((rc = make_local(m, err)) != MF_OK)
		return rc;
	if (m->conf.read_only) {
		*personal_read = (mf_dirread){"URI:DIR2-LIT:"};
	} else {
		if ((rc = make_dir(m, NULL, &m->conf.personal, err)) != MF_OK)
			return rc;
		mf_dirwrite_read(&m->conf.personal, personal_read);
	}
	if (m->what->collective == NULL && (rc = make_collective(m, personal_read, err)) != MF_OK)
		return rc;
	if (mf_canceled(m->cancel))
		return mf_fail(err, MF_ECANCELED, 0, "making the folder was canceled");
	/* the keys and capabilities exist nowhere else: on disk before anybody is told that the folder exists */
	if ((rc = mf_state_create(m->env, &m->conf, err)) != MF_OK ||
		(rc = m->env->ops->sync_dir(m->parent, m->state_base, err)) != MF_OK)
		return rc;
	return m->env->ops->sync_dir(m->parent, "", err);
}

/* After a failure: what cannot be removed stays, and is not worth a second error. */
static void
remove_local(struct making *m)
{
	static const char *const files[] = {
		"state.sqlite", "state.sqlite-wal", "state.sqlite-shm", "state.sqlite-journal"};

	for (size_t i = 0; m->made_state && i < sizeof(files) / sizeof(files[0]); i++) {
		mf_buf path = {0};
		mf_buf_addf(&path, "%s/%s", m->state_base, files[i]);
		(void)m->env->ops->unlink(m->parent, (const char *)path.p, NULL);
		mf_buf_free(&path);
	}
	if (m->made_stash) {
		mf_buf path = {0};
		mf_buf_addf(&path, "%s/stash", m->state_base);
		(void)m->env->ops->rmdir(m->parent, (const char *)path.p, NULL);
		mf_buf_free(&path);
	}
	if (m->made_state)
		(void)m->env->ops->rmdir(m->parent, m->state_base, NULL);
}

mf_code
mf_folder_create(struct mf_env *env, struct mf_grid *grid, const mf_folder_new *what, mf_dirread *personal_read,
	const mf_cancel *cancel, mf_err *err)
{
	struct making m = {.env = env, .grid = grid, .what = what, .cancel = cancel};
	mf_code rc;

	if ((rc = check_arguments(&m, err)) == MF_OK && (rc = check_magic_path(&m, err)) == MF_OK &&
		(rc = check_state_dir(&m, err)) == MF_OK && what->collective != NULL)
		rc = check_collective(&m, err);
	if (rc == MF_OK) {
		new_keys(&m);
		fill_conf(&m);
		rc = make_all(&m, personal_read, err);
		if (rc != MF_OK)
			remove_local(&m);
	}
	if (m.parent != NULL)
		env->ops->root_close(m.parent);
	mf_folder_conf_clear(&m.conf);
	return rc;
}
