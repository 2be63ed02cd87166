/* Links of the real world: life, frames, keeping alive, the end. */
#include "wormhole/link_real.h"

#include <stdlib.h>

#include "wormhole/link_real_impl.h"

enum { PIECE = 16384, PIECES = 64 }; /* bytes of a read, reads before others get their turn */

/* ---- handles ------------------------------------------------------------------------------------------ */

static void
freed_if_last(struct mf_link *l)
{
	struct links_real *all = l->links;
	struct mf_link **at = &all->first;

	if (--l->handles > 0)
		return;
	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	free(l->http_url);
	mf_buf_free(&l->host);
	mf_buf_free(&l->path);
	mf_buf_free(&l->head);
	mf_buf_free(&l->out);
	free(l);
	if (all->first == NULL && all->done != NULL) {
		void (*done)(void *) = all->done;
		void *arg = all->arg;

		free(all->ca_file);
		free(all);
		done(arg);
	}
}

static void
watch_closed(uv_handle_t *h)
{
	watch *w = h->data;
	struct mf_link *l = w->link;

	free(w);
	freed_if_last(l);
}

watch *
mf_link_watch(struct mf_link *l, curl_socket_t fd)
{
	watch *w = mf_alloc(sizeof(*w));

	if (uv_poll_init_socket(l->links->loop, &w->poll, fd) != 0) {
		free(w);
		return NULL;
	}
	w->poll.data = w;
	w->link = l;
	w->fd = fd;
	l->handles++;
	return w;
}

void
mf_link_unwatch(watch *w)
{
	(void)uv_poll_stop(&w->poll);
	uv_close((uv_handle_t *)&w->poll, watch_closed);
}

static void
timer_closed(uv_handle_t *h)
{
	freed_if_last(h->data);
}

/* ---- the end ----------------------------------------------------------------------------------------- */

/* Nothing of it runs any more: close, and tell. */
static void
finish(struct mf_link *l)
{
	if (l->ours != NULL)
		mf_link_unwatch(l->ours);
	l->ours = NULL;
	/* watches of libcurl's own end through on_socket() */
	if (l->multi != NULL && l->easy != NULL)
		(void)curl_multi_remove_handle(l->multi, l->easy);
	curl_easy_cleanup(l->easy);
	(void)curl_multi_cleanup(l->multi);
	l->easy = NULL;
	l->multi = NULL;
	mf_ws_free(l->ws);
	l->ws = NULL;
	uv_close((uv_handle_t *)&l->soon, timer_closed);
	uv_close((uv_handle_t *)&l->alive, timer_closed);
	if (l->tell)
		l->events->down(l->arg, &l->why);
}

void
mf_link_end(struct mf_link *l, const mf_err *err)
{
	if (l->state == LINK_ENDED) {
		if (err == NULL)
			l->tell = false;
		return;
	}
	l->state = LINK_ENDED;
	l->tell = err != NULL;
	if (err != NULL)
		l->why = *err;
	if (l->ws != NULL)
		mf_ws_hush(l->ws);
	if (!l->busy)
		finish(l);
}

/* ---- bytes ------------------------------------------------------------------------------------------- */

static void on_ready(uv_poll_t *poll, int status, int events);
static void on_soon(uv_timer_t *t);

/* Send what the socket takes of @p bytes. */
static size_t
send_some(struct mf_link *l, mf_str bytes)
{
	size_t all = 0, n;
	CURLcode rc = CURLE_OK;
	mf_err err;

	while (all < bytes.n && (rc = curl_easy_send(l->easy, bytes.p + all, bytes.n - all, &n)) == CURLE_OK)
		all += n;
	if (rc != CURLE_OK && rc != CURLE_AGAIN) {
		(void)mf_fail(&err, MF_ENET, (int)rc, "%s", curl_easy_strerror(rc));
		mf_link_end(l, &err);
	}
	return all;
}

static void
flush(struct mf_link *l)
{
	size_t n;
	bool more;

	if (l->state == LINK_SHAKING && l->out.n > 0) {
		n = send_some(l, mf_buf_str(&l->out));
		memmove(l->out.p, l->out.p + n, l->out.n - n);
		l->out.n -= n;
	} else if (l->state == LINK_OPEN && mf_ws_out(l->ws).n > 0) {
		n = send_some(l, mf_ws_out(l->ws));
		mf_ws_sent(l->ws, n);
	}
	if (l->state == LINK_ENDED)
		return;
	more = l->state == LINK_SHAKING ? l->out.n > 0 : mf_ws_out(l->ws).n > 0;
	(void)uv_poll_start(&l->ours->poll, UV_READABLE | (more ? UV_WRITABLE : 0), on_ready);
}

static void
on_text(void *arg, mf_str text)
{
	struct mf_link *l = arg;

	l->events->text(l->arg, text);
}

/* Bytes of the server's: first its answer to the upgrade, then frames. */
static void
take(struct mf_link *l, mf_str bytes)
{
	size_t used = 0;
	mf_err err;
	mf_code rc = MF_OK;

	l->heard_ms = uv_now(l->links->loop);
	if (l->state == LINK_SHAKING) {
		mf_buf_adds(&l->head, bytes);
		rc = mf_ws_response(mf_buf_str(&l->head), l->key, &used, &err);
		if (rc == MF_EBUSY)
			return;
		if (rc == MF_OK) {
			l->state = LINK_OPEN;
			l->ws = mf_ws_new(MF_WS_CLIENT, MF_LINK_MAX_TEXT, on_text, l);
			l->events->up(l->arg);
			bytes = (mf_str){(const char *)l->head.p + used, l->head.n - used};
		}
	}
	if (rc == MF_OK && l->state == LINK_OPEN)
		rc = mf_ws_in(l->ws, bytes, &err);
	if (rc != MF_OK)
		mf_link_end(l, &err);
}

/* TLS may hold bytes that the socket does not show: read until there are none. */
static void
read_all(struct mf_link *l)
{
	char piece[PIECE];
	mf_err err;

	for (size_t i = 0; l->state != LINK_ENDED; i++) {
		size_t n = 0;
		CURLcode rc;

		if (i == PIECES) { /* go on when others have had their turn */
			(void)uv_timer_start(&l->soon, on_soon, 0, 0);
			return;
		}
		rc = curl_easy_recv(l->easy, piece, sizeof(piece), &n);
		if (rc == CURLE_AGAIN)
			return;
		if (rc != CURLE_OK || n == 0) {
			(void)mf_fail(&err, MF_ENET, (int)rc, "%s",
				rc != CURLE_OK ? curl_easy_strerror(rc) : "the server closed the connection");
			mf_link_end(l, &err);
			return;
		}
		take(l, (mf_str){piece, n});
	}
}

static void
step(struct mf_link *l)
{
	l->busy = true;
	read_all(l);
	if (l->state != LINK_ENDED)
		flush(l);
	l->busy = false;
	if (l->state == LINK_ENDED)
		finish(l);
}

static void
on_ready(uv_poll_t *poll, int status, int events)
{
	(void)status; /* what is wrong shows when we read */
	(void)events;
	step(((watch *)poll->data)->link);
}

static void
on_soon(uv_timer_t *t)
{
	step(t->data);
}

/* ---- life -------------------------------------------------------------------------------------------- */

static void
on_alive(uv_timer_t *t)
{
	struct mf_link *l = t->data;
	mf_err err;

	if (l->state == LINK_ENDED)
		return;
	if (uv_now(t->loop) - l->heard_ms >= l->links->silence_ms) {
		(void)mf_fail(
			&err, MF_ENET, 0, "nothing has come from the server for %u s", l->links->silence_ms / 1000);
		mf_link_end(l, &err);
	} else if (l->state == LINK_OPEN) {
		mf_ws_ping(l->ws);
		l->busy = true;
		flush(l);
		l->busy = false;
		if (l->state == LINK_ENDED)
			finish(l);
	}
}

void
mf_link_connected(struct mf_link *l, curl_socket_t fd)
{
	mf_err err;

	(void)uv_timer_stop(&l->soon);
	l->ours = mf_link_watch(l, fd);
	if (l->ours == NULL) {
		(void)mf_fail(&err, MF_ENET, 0, "the connection cannot be waited for");
		mf_link_end(l, &err);
		return;
	}
	l->state = LINK_SHAKING;
	l->heard_ms = uv_now(l->links->loop);
	(void)uv_timer_start(&l->alive, on_alive, l->links->ping_ms, l->links->ping_ms);
	mf_ws_make_key(l->key);
	mf_ws_request(&l->out, mf_buf_str(&l->host), mf_buf_str(&l->path), l->key);
	step(l);
}

static void
on_refused(uv_timer_t *t)
{
	struct mf_link *l = t->data;
	mf_err why = l->why;

	mf_link_end(l, &why);
}

static struct mf_link *
real_open(struct mf_links *links, const char *url, const mf_link_events *events, void *arg)
{
	struct links_real *all = (struct links_real *)links;
	struct mf_link *l = mf_alloc(sizeof(*l));

	l->links = all;
	l->events = events;
	l->arg = arg;
	l->next = all->first;
	all->first = l;
	l->handles = 2;
	(void)uv_timer_init(all->loop, &l->soon);
	(void)uv_timer_init(all->loop, &l->alive);
	l->soon.data = l->alive.data = l;
	if (mf_link_curl_start(l, url, &l->why) != MF_OK) {
		l->why.code = MF_ENET;
		(void)uv_timer_start(&l->soon, on_refused, 0, 0);
	}
	return l;
}

static void
real_send(struct mf_link *l, mf_str text)
{
	mf_err err;

	if (l->state != LINK_OPEN)
		return;
	if (mf_ws_text(l->ws, text, &err) != MF_OK) {
		l->why = err;
		(void)uv_timer_start(&l->soon, on_refused, 0, 0);
	} else if (!l->busy) {
		/* written from the loop: an error must not be told from inside this call */
		(void)uv_timer_start(&l->soon, on_soon, 0, 0);
	}
}

static void
real_drop(struct mf_link *l)
{
	if (l == NULL)
		return;
	if (l->state == LINK_OPEN) {
		mf_ws_close(l->ws, 1000);
		size_t n;

		/* once, for politeness: a server does not need it */
		(void)curl_easy_send(l->easy, mf_ws_out(l->ws).p, mf_ws_out(l->ws).n, &n);
	}
	mf_link_end(l, NULL);
}

struct mf_links *
mf_links_real_new(uv_loop_t *loop, const mf_links_conf *conf)
{
	static const struct mf_links_ops ops = {real_open, real_send, real_drop};
	struct links_real *all = mf_alloc(sizeof(*all));

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		MF_BUG("libcurl does not begin");
	all->pub.ops = &ops;
	all->loop = loop;
	all->ca_file = conf != NULL && conf->ca_file != NULL ? mf_strdup(mf_strz(conf->ca_file)) : NULL;
	all->ping_ms = conf != NULL && conf->ping_ms != 0 ? conf->ping_ms : 30000;
	all->silence_ms = conf != NULL && conf->silence_ms != 0 ? conf->silence_ms : 60000;
	return &all->pub;
}

static void
on_none(uv_handle_t *h)
{
	struct links_real *all = h->data;
	void (*done)(void *) = all->done;
	void *arg = all->arg;

	free(h);
	free(all->ca_file);
	free(all);
	done(arg);
}

void
mf_links_real_close(struct mf_links *links, void (*done)(void *arg), void *arg)
{
	struct links_real *all = (struct links_real *)links;

	all->done = done;
	all->arg = arg;
	if (all->first == NULL) { /* done comes later, from the loop, in this case as well */
		uv_timer_t *t = mf_alloc(sizeof(*t));

		(void)uv_timer_init(all->loop, t);
		t->data = all;
		uv_close((uv_handle_t *)t, on_none);
		return;
	}
	for (struct mf_link *l = all->first, *next; l != NULL; l = next) {
		next = l->next;
		mf_link_end(l, NULL);
	}
}
