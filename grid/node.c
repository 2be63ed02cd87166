/* Opening, and asking a node; its address is read again when nobody answers there. */
#include "grid/node.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

static void
node_close(struct mf_grid *g)
{
	struct mf_node *n = mf_node_of(g);

	mf_web_free(n->web);
	for (size_t i = 0; i < MF_NODE_LOCKS; i++)
		(void)pthread_mutex_destroy(&n->write[i]);
	(void)pthread_mutex_destroy(&n->lock);
	free(n->dir);
	free(n->url);
	free(n);
}

static mf_code
no_nudge(struct mf_grid *g, const mf_dirread *cap, char *out, size_t size, mf_err *err)
{
	(void)g;
	(void)cap;
	(void)out;
	(void)size;
	return mf_fail(err, MF_ENOTFOUND, 0, "a node does not say when a directory changes");
}

static void
node_rest(struct mf_grid *g)
{
	mf_web_rest(mf_node_of(g)->web);
}

static const struct mf_grid_ops node_ops = {
	.put = mf_node_put,
	.get = mf_node_get,
	.same = mf_node_same,
	.put_dir = mf_node_put_dir,
	.mkdir = mf_node_mkdir,
	.list = mf_node_list,
	.list_rw = mf_node_list_rw,
	.update = mf_node_update,
	.renew = mf_node_renew,
	.status = mf_node_status,
	.nudge_path = no_nudge,
	.rest = node_rest,
	.close = node_close,
};

bool
mf_grid_is_node(const struct mf_grid *g)
{
	return g->ops == &node_ops;
}

mf_code
mf_node_open(const char *dir, struct mf_grid **out, mf_err *err)
{
	struct stat st;
	struct mf_web *web;

	*out = NULL;
	if (dir[0] != '/')
		return mf_fail(err, MF_EINVAL, 0, "node: wants the absolute path of the node's directory");
	if (stat(dir, &st) != 0)
		return mf_fail_errno(err, errno, "the Tahoe-LAFS node's directory %s", dir);
	if (!S_ISDIR(st.st_mode))
		return mf_fail(err, MF_EINVAL, 0, "%s is not the directory of a Tahoe-LAFS node", dir);
	mf_code rc = mf_web_new(&(mf_web_conf){.who = "the Tahoe-LAFS node"}, &web, err);
	if (rc != MF_OK)
		return rc;
	struct mf_node *n = mf_alloc(sizeof(*n));
	n->grid.ops = &node_ops;
	n->grid.extras = MF_EXTRAS_SPARING;
	n->dir = mf_strdup(mf_strz(dir));
	n->web = web;
	for (size_t i = 0; i < MF_NODE_LOCKS; i++)
		(void)pthread_mutex_init(&n->write[i], NULL);
	(void)pthread_mutex_init(&n->lock, NULL);
	*out = &n->grid;
	return MF_OK;
}

/* -- where it listens ------------------------------------------------------------------------------------- */

/* The address in node.url now. */
static mf_code
read_url(const struct mf_node *n, char **out, mf_err *err)
{
	mf_buf path = {0};
	char text[2048];

	*out = NULL;
	mf_buf_addf(&path, "%s/node.url", n->dir);
	FILE *f = fopen((const char *)path.p, "re");
	mf_buf_free(&path);
	if (f == NULL)
		return errno == ENOENT ? mf_fail(err, MF_ENET, ENOENT,
						 "the Tahoe-LAFS node has no node.url: it has not been started yet")
				       : mf_fail_errno(err, errno, "the Tahoe-LAFS node's node.url");
	size_t size = fread(text, 1, sizeof(text), f);
	(void)fclose(f);
	mf_code rc = mf_node_url((mf_str){text, size}, out, err);
	return rc == MF_EFORMAT ? MF_ENET : rc; /* it may be being written; it may be mended */
}

/* A copy of the address; @p again: read it even if it is known.  *news = it is another than before. */
static mf_code
url_get(struct mf_node *n, bool again, char **out, bool *news, mf_err *err)
{
	char *fresh = NULL;
	mf_code rc = MF_OK;

	(void)pthread_mutex_lock(&n->lock);
	*news = false;
	if (again || n->url == NULL) {
		rc = read_url(n, &fresh, err);
		if (rc == MF_OK && (n->url == NULL || strcmp(n->url, fresh) != 0)) {
			free(n->url);
			n->url = fresh;
			fresh = NULL;
			*news = true;
		}
	}
	*out = rc == MF_OK ? mf_strdup(mf_strz(n->url)) : NULL;
	(void)pthread_mutex_unlock(&n->lock);
	free(fresh);
	return rc;
}

/* -- asking -------------------------------------------------------------------------------------------------- */

static mf_code
ask_at(struct mf_node *n, const char *base, const mf_node_ask *q, mf_web_reply *out, const mf_cancel *cancel,
	mf_err *err)
{
	const char *header[] = {q->range, NULL};
	mf_buf url = {0};

	mf_buf_addf(&url, "%s%s", base, q->path);
	if (q->cap.n > 0) {
		mf_buf_addc(&url, '/');
		mf_web_escape(&url, q->cap);
	}
	if (q->name.n > 0) {
		mf_buf_addc(&url, '/');
		mf_web_escape(&url, q->name);
	}
	if (q->query != NULL)
		mf_buf_addf(&url, "?%s", q->query);
	mf_code rc = mf_web_do(n->web,
		&(mf_web_request){.method = q->method,
			.url = (const char *)url.p,
			.header = header,
			.body = q->body,
			.body_max = q->body_max,
			.sink = q->sink,
			.sink_arg = q->sink_arg,
			.silence_s = q->silence_s},
		out, cancel, err);
	mf_buf_wipe_free(&url);
	if (rc == MF_OK && out->status / 100 != 2)
		rc = mf_node_refusal(out->status, mf_buf_str(&out->body), err);
	return rc;
}

/* Wait a little, unless nobody wants to any more. */
static void
pause_ms(int ms, const mf_cancel *cancel)
{
	for (; ms > 0 && !mf_canceled(cancel); ms -= 20)
		(void)nanosleep(&(struct timespec){.tv_nsec = 20000000L}, NULL);
}

/* Was it the way there or back that failed, and may it be tried once more? */
static bool
worth_repeating(const mf_node_ask *q, mf_code rc, const mf_web_reply *r)
{
	bool on_the_way = rc == MF_ENET && (r->status == 0 || (r->status >= 502 && r->status <= 504));

	return on_the_way && (q->repeat == MF_NODE_AGAIN || !r->reached);
}

mf_code
mf_node_do(struct mf_node *n, const mf_node_ask *q, mf_web_reply *out, const mf_cancel *cancel, mf_err *err)
{
	static const int wait_ms[MF_NODE_TRIES - 1] = {200, 1000};
	time_t began = time(NULL);

	*out = (mf_web_reply){0};
	for (int i = 0;; i++) {
		char *base;
		bool news;
		mf_code rc = url_get(n, i > 0, &base, &news, err);

		if (rc != MF_OK)
			return rc;
		if (i > 0 && !news) /* another address is tried at once */
			pause_ms(wait_ms[i - 1], cancel);
		rc = mf_canceled(cancel) ? mf_fail(err, MF_ECANCELED, 0, "canceled")
					 : ask_at(n, base, q, out, cancel, err);
		free(base);
		/* Whoever bore a long silence once does not do so three times; nor is anybody waited for who is not there:
		 * those who asked come again. */
		if (i + 1 == MF_NODE_TRIES || !worth_repeating(q, rc, out) || (i > 0 && !out->reached) ||
			time(NULL) - began > MF_NODE_QUICK_S)
			return rc;
		mf_web_reply_free(out);
	}
}
