/* Directories through a node: read as JSON, turned into the packed form, and judged by the code of grid/lafs/. */
#include <stdlib.h>
#include <time.h>

#include <sodium.h>

#include "grid/lafs/chk.h"
#include "grid/lafs/dir.h"
#include "grid/node.h"

static const mf_source nothing = {.mem = "", .size = 0};

/* -- making ------------------------------------------------------------------------------------------------ */

mf_code
mf_node_put_dir(struct mf_grid *g, const mf_link *link, size_t n, mf_immdir *out, const mf_cancel *cancel, mf_err *err)
{
	mf_buf packed = {0}, body = {0};
	mf_web_reply r = {0};
	mf_cap cap;
	mf_code rc = mf_dir_pack(link, n, &packed, err);

	if (rc == MF_OK) {
		mf_node_children(link, n, &body);
		mf_source src = mf_source_mem(body.p, body.n);
		mf_node_ask q = {.method = "POST",
			.path = "/uri",
			.query = "t=mkdir-immutable",
			.body = &src,
			.body_max = MF_NODE_CAP_ANSWER,
			.silence_s = MF_NODE_UPLOAD_S};

		rc = mf_node_do(mf_node_of(g), &q, &r, cancel, err);
	}
	if (rc == MF_OK)
		rc = mf_node_cap(mf_buf_str(&r.body), MF_CAP_DIR2_CHK, MF_CAP_DIR2_LIT, out->text, &cap, err);
	if (rc == MF_OK && cap.size != packed.n)
		rc = mf_fail(err, MF_ENET, 0, "the Tahoe-LAFS node stored another directory than it was given");
	mf_web_reply_free(&r);
	mf_buf_wipe_free(&body);
	mf_buf_free(&packed);
	return rc;
}

mf_code
mf_node_mkdir(struct mf_grid *g, mf_dirwrite *out, const mf_cancel *cancel, mf_err *err)
{
	mf_node_ask q = {.method = "POST",
		.path = "/uri",
		.query = "t=mkdir",
		.body = &nothing,
		.body_max = MF_NODE_CAP_ANSWER,
		.silence_s = MF_NODE_SLOW_S,
		.repeat = MF_NODE_ONCE};
	mf_web_reply r = {0};
	mf_cap cap = {0};
	mf_code rc = mf_node_happy(mf_node_of(g), cancel, err);

	if (rc == MF_OK)
		rc = mf_node_do(mf_node_of(g), &q, &r, cancel, err);
	if (rc == MF_OK)
		rc = mf_node_cap(mf_buf_str(&r.body), MF_CAP_DIR2, MF_CAP_DIR2, out->text, &cap, err);
	mf_web_reply_free(&r);
	sodium_memzero(&cap, sizeof(cap));
	return rc;
}

/* -- reading ------------------------------------------------------------------------------------------------ */

/* The packed and tidy form of a directory. */
static mf_code
fetch(struct mf_node *n, mf_str cap, const uint8_t *writekey, mf_buf *packed, const mf_cancel *cancel, mf_err *err)
{
	mf_node_ask q = {.method = "GET",
		.path = "/uri",
		.cap = cap,
		.query = "t=json",
		.body_max = MF_NODE_LISTING_MAX,
		.silence_s = MF_NODE_SLOW_S};
	mf_web_reply r;
	mf_code rc = mf_node_do(n, &q, &r, cancel, err);

	if (rc == MF_OK)
		rc = mf_node_pack(mf_buf_str(&r.body), writekey, packed, err);
	if (rc == MF_OK)
		rc = mf_dir_tidy(packed, err);
	mf_web_reply_free(&r);
	return rc;
}

mf_code
mf_node_list(struct mf_grid *g, const mf_dirread *text, const mf_dirver *known, bool *unchanged, mf_listing *out,
	const mf_cancel *cancel, mf_err *err)
{
	mf_buf packed = {0};
	mf_dirver version = {0};
	mf_cap cap;
	mf_code rc = mf_cap_parse(mf_strz(text->text), &cap, err);
	bool immutable = rc == MF_OK && (cap.kind == MF_CAP_DIR2_CHK || cap.kind == MF_CAP_DIR2_LIT);

	*out = (mf_listing){0};
	if (unchanged != NULL)
		*unchanged = false;
	if (rc == MF_OK && !immutable && cap.kind != MF_CAP_DIR2_RO)
		rc = mf_fail(err, MF_EINVAL, 0, "not the read capability of a directory");
	if (rc == MF_OK && cap.kind == MF_CAP_DIR2_LIT)
		mf_lit_get(&cap, &packed);
	else if (rc == MF_OK)
		rc = fetch(mf_node_of(g), mf_strz(text->text), NULL, &packed, cancel, err);
	if (rc == MF_OK && immutable)
		return mf_dir_list_immutable(&packed, out, err);
	if (rc == MF_OK)
		mf_node_version(mf_buf_str(&packed), &version);
	if (rc == MF_OK && known != NULL && unchanged != NULL && memcmp(known, &version, sizeof(version)) == 0)
		*unchanged = true;
	else if (rc == MF_OK)
		rc = mf_dir_list(&packed, NULL, out, err);
	out->version = version;
	mf_buf_free(&packed);
	return rc;
}

/* The write capability taken apart. */
static mf_code
writable(const mf_dirwrite *text, mf_cap *out, uint8_t si[16], mf_err *err)
{
	mf_code rc = mf_cap_parse(mf_strz(text->text), out, err);

	if (rc == MF_OK && (out->kind != MF_CAP_DIR2 || !mf_cap_storage_index(out, si)))
		rc = mf_fail(err, MF_EINVAL, 0, "not the write capability of a directory");
	return rc;
}

mf_code
mf_node_list_rw(struct mf_grid *g, const mf_dirwrite *text, mf_listing *out, const mf_cancel *cancel, mf_err *err)
{
	mf_buf packed = {0};
	mf_dirver version = {0};
	uint8_t si[16];
	mf_cap cap;
	mf_code rc = writable(text, &cap, si, err);

	*out = (mf_listing){0};
	if (rc == MF_OK)
		rc = fetch(mf_node_of(g), mf_strz(text->text), cap.key, &packed, cancel, err);
	if (rc == MF_OK) {
		mf_node_version(mf_buf_str(&packed), &version);
		rc = mf_dir_list(&packed, cap.key, out, err);
	}
	out->version = version;
	mf_buf_free(&packed);
	sodium_memzero(&cap, sizeof(cap));
	return rc;
}

/* -- changing ------------------------------------------------------------------------------------------------- */

/* One update at work. */
struct update {
	struct mf_node *node;
	mf_str cap; /* secret */
	const uint8_t *writekey;
	const mf_link *link;
	size_t n;
	const mf_cancel *cancel;
};

/* All links of one kind in one request. */
static mf_code
set_children(const struct update *u, enum mf_link_how how, mf_err *err)
{
	mf_link *link = mf_alloc((u->n + 1) * sizeof(*link));
	mf_buf body = {0};
	size_t n = 0;

	for (size_t i = 0; i < u->n; i++)
		if (u->link[i].how == how)
			link[n++] = u->link[i];
	mf_node_children(link, n, &body);
	free(link);
	mf_source src = mf_source_mem(body.p, body.n);
	mf_node_ask q = {.method = "POST",
		.path = "/uri",
		.cap = u->cap,
		.query = how == MF_LINK_NEW ? "t=set_children&replace=false" : "t=set_children&replace=true",
		.body = &src,
		.body_max = MF_NODE_CAP_ANSWER,
		.silence_s = MF_NODE_SLOW_S,
		.repeat = how == MF_LINK_NEW ? MF_NODE_ONCE : MF_NODE_AGAIN};
	mf_web_reply r = {0};
	mf_code rc = n == 0 ? MF_OK : mf_node_do(u->node, &q, &r, u->cancel, err);
	mf_web_reply_free(&r);
	mf_buf_wipe_free(&body);
	return rc;
}

static mf_code
remove_children(const struct update *u, mf_err *err)
{
	mf_code rc = MF_OK;

	for (size_t i = 0; i < u->n && rc == MF_OK; i++) {
		mf_node_ask q = {.method = "DELETE",
			.path = "/uri",
			.cap = u->cap,
			.name = u->link[i].name,
			.body_max = MF_NODE_CAP_ANSWER,
			.silence_s = MF_NODE_SLOW_S};
		mf_web_reply r;

		if (u->link[i].how != MF_LINK_REMOVE)
			continue;
		rc = mf_node_do(u->node, &q, &r, u->cancel, err);
		if (r.status == 404) /* it is gone: all that was wanted */
			rc = MF_OK;
		mf_web_reply_free(&r);
	}
	return rc;
}

static bool
says_nothing(const mf_dirver *v)
{
	static const mf_dirver none;

	return v == NULL || memcmp(v, &none, sizeof(none)) == 0;
}

/* Alone with this directory, as far as this process goes; the node itself writes it one after the other.  What the links
 * come to is tried on what is there first: so nothing is half done that cannot be done, and nothing goes over what the
 * caller has not seen. */
static mf_code
update_alone(const struct update *u, mf_dirver *version, mf_err *err)
{
	mf_dir_edit edit = {.link = u->link, .n = u->n, .writekey = u->writekey, .now = (double)time(NULL)};
	mf_buf old = {0}, new = {0};
	mf_dirver now;
	bool changed = false;
	mf_code rc = fetch(u->node, u->cap, u->writekey, &old, u->cancel, err);

	if (rc == MF_OK) {
		mf_node_version(mf_buf_str(&old), &now);
		if (!says_nothing(version) && memcmp(version, &now, sizeof(now)) != 0)
			rc = mf_fail(err, MF_ECHANGED, 0, "directory is not as it was last seen");
	}
	if (rc == MF_OK)
		rc = mf_dir_apply(mf_buf_str(&old), &edit, &new, &changed, err);
	if (rc == MF_OK && changed)
		rc = set_children(u, MF_LINK_NEW, err);
	if (rc == MF_OK && changed)
		rc = set_children(u, MF_LINK_REPLACE, err);
	if (rc == MF_OK && changed)
		rc = remove_children(u, err);
	if (rc == MF_OK && version != NULL) {
		if (changed)
			mf_node_version(mf_buf_str(&new), &now);
		*version = now;
	}
	mf_buf_wipe_free(&old);
	mf_buf_wipe_free(&new);
	return rc;
}

/* Waiting for it ends when nobody wants it any more. */
static mf_code
lock_dir(pthread_mutex_t *m, const mf_cancel *cancel, mf_err *err)
{
	while (pthread_mutex_trylock(m) != 0) {
		if (mf_canceled(cancel))
			return mf_fail(err, MF_ECANCELED, 0, "writing a directory was canceled");
		(void)nanosleep(&(struct timespec){.tv_nsec = 5000000L}, NULL);
	}
	return MF_OK;
}

mf_code
mf_node_update(struct mf_grid *g, const mf_dirwrite *text, const mf_link *link, size_t n, mf_dirver *version,
	const mf_cancel *cancel, mf_err *err)
{
	struct mf_node *node = mf_node_of(g);
	struct update u = {.node = node, .cap = mf_strz(text->text), .link = link, .n = n, .cancel = cancel};
	uint8_t si[16];
	mf_cap cap;
	mf_code rc = writable(text, &cap, si, err);

	u.writekey = cap.key;
	if (rc == MF_OK)
		rc = mf_node_happy(node, cancel, err);
	if (rc == MF_OK) {
		pthread_mutex_t *m = &node->write[si[0] % MF_NODE_LOCKS];

		rc = lock_dir(m, cancel, err);
		if (rc == MF_OK) {
			rc = update_alone(&u, version, err);
			(void)pthread_mutex_unlock(m);
		}
	}
	sodium_memzero(&cap, sizeof(cap));
	return rc;
}
