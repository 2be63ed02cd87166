/* How many servers a node reaches, and whether they are enough. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "grid/node.h"

static int64_t
monotonic_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000 + 1; /* never 0 */
}

/* Tahoe reads it once, at its start; we look each time: it costs nothing, and a restart of the node is enough. */
static unsigned
wanted(const struct mf_node *n)
{
	mf_buf path = {0}, text = {0};
	char bytes[4096];
	size_t got;

	mf_buf_addf(&path, "%s/tahoe.cfg", n->dir);
	FILE *f = fopen((const char *)path.p, "re");
	mf_buf_free(&path);
	if (f == NULL)
		return MF_NODE_HAPPY;
	while (text.n < (1 << 20) && (got = fread(bytes, 1, sizeof(bytes), f)) > 0)
		mf_buf_add(&text, bytes, got);
	(void)fclose(f);
	unsigned happy = mf_node_cfg_happy(mf_buf_str(&text));
	mf_buf_free(&text);
	return happy;
}

static mf_code
look(struct mf_node *n, mf_grid_status *out, const mf_cancel *cancel, mf_err *err)
{
	mf_node_ask q = {
		.method = "GET", .path = "/", .query = "t=json", .body_max = 4 << 20, .silence_s = MF_NODE_QUICK_S};
	mf_web_reply r;
	mf_grid_status s = {.wanted = wanted(n)};
	mf_code rc = mf_node_do(n, &q, &r, cancel, err);

	if (rc == MF_OK)
		rc = mf_node_count(mf_buf_str(&r.body), &s.connected, err);
	mf_web_reply_free(&r);
	s.happy = rc == MF_OK && s.connected >= s.wanted;
	(void)pthread_mutex_lock(&n->lock);
	n->status = s;
	n->status_ms = rc == MF_ECANCELED ? 0 : monotonic_ms();
	(void)pthread_mutex_unlock(&n->lock);
	*out = s;
	return rc;
}

mf_code
mf_node_status(struct mf_grid *g, mf_grid_status *out, const mf_cancel *cancel, mf_err *err)
{
	return look(mf_node_of(g), out, cancel, err);
}

mf_code
mf_node_happy(struct mf_node *n, const mf_cancel *cancel, mf_err *err)
{
	mf_grid_status s;
	int64_t now = monotonic_ms();

	(void)pthread_mutex_lock(&n->lock);
	s = n->status;
	bool fresh = n->status_ms != 0 && now - n->status_ms < MF_NODE_STATUS_MS && s.happy;
	(void)pthread_mutex_unlock(&n->lock);
	if (!fresh) {
		mf_code rc = look(n, &s, cancel, err);

		if (rc != MF_OK)
			return rc;
	}
	if (!s.happy)
		return mf_fail(err, MF_ENET, 0, "Wanted %u storage-servers but have %u", s.wanted, s.connected);
	return MF_OK;
}
