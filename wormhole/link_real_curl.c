/* libcurl on the loop, until it has made the connection: names, addresses, proxies, TLS. */
#include <stdlib.h>

#include "wormhole/link_real_impl.h"

/* Look whether it is done. */
static void
check(struct mf_link *l)
{
	curl_socket_t fd = CURL_SOCKET_BAD;
	CURLMsg *msg;
	int left;
	mf_err err;

	while (l->state == LINK_MAKING && (msg = curl_multi_info_read(l->multi, &left)) != NULL) {
		CURLcode rc = msg->data.result;

		if (msg->msg != CURLMSG_DONE)
			continue;
		if (rc == CURLE_OK && curl_easy_getinfo(l->easy, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK &&
			fd != CURL_SOCKET_BAD) {
			mf_link_connected(l, fd);
		} else {
			(void)mf_fail(&err, MF_ENET, (int)rc, "%s",
				l->curl_error[0] != '\0' ? l->curl_error : curl_easy_strerror(rc));
			mf_link_end(l, &err);
		}
	}
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
	watch *w = poll->data;
	struct mf_link *l = w->link;
	int what = 0, running;

	if (status < 0)
		what = CURL_CSELECT_ERR;
	if (events & UV_READABLE)
		what |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		what |= CURL_CSELECT_OUT;
	(void)curl_multi_socket_action(l->multi, w->fd, what, &running);
	check(l);
}

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	struct mf_link *l = arg;
	watch *w = known;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (w != NULL)
			mf_link_unwatch(w);
		(void)curl_multi_assign(l->multi, fd, NULL);
		return 0;
	}
	if (w == NULL) {
		w = mf_link_watch(l, fd);
		if (w == NULL)
			return -1;
		(void)curl_multi_assign(l->multi, fd, w);
	}
	(void)uv_poll_start(
		&w->poll, (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0), on_poll);
	return 0;
}

static void on_timer(uv_timer_t *t);

static int
on_timeout(CURLM *multi, long ms, void *arg)
{
	struct mf_link *l = arg;

	(void)multi;
	if (l->state != LINK_MAKING)
		return 0;
	if (ms < 0)
		(void)uv_timer_stop(&l->soon);
	else
		(void)uv_timer_start(&l->soon, on_timer, (uint64_t)ms, 0);
	return 0;
}

void
mf_link_curl_timeout(struct mf_link *l)
{
	int running;

	(void)curl_multi_socket_action(l->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	check(l);
}

static void
on_timer(uv_timer_t *t)
{
	mf_link_curl_timeout(t->data);
}

/* Take the address apart: what libcurl connects to, what our request says. */
static mf_code
take_apart(struct mf_link *l, const char *url, mf_err *err)
{
	CURLU *u = curl_url();
	char *host = NULL, *port = NULL, *path = NULL, *query = NULL;
	bool tls = mf_str_starts(mf_strz(url), MF_STR("wss://"));
	mf_buf http = {0};
	mf_code rc = MF_OK;

	mf_buf_addz(&http, tls ? "https://" : "http://");
	mf_buf_addz(&http, url + (tls ? 6 : 5));
	if (u == NULL || curl_url_set(u, CURLUPART_URL, (const char *)http.p, 0) != CURLUE_OK ||
		curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
		curl_url_get(u, CURLUPART_PATH, &path, 0) != CURLUE_OK) {
		rc = mf_fail(err, MF_EINVAL, 0, "the mailbox server's address is none");
	} else {
		mf_buf_addz(&l->host, host);
		if (curl_url_get(u, CURLUPART_PORT, &port, 0) == CURLUE_OK)
			mf_buf_addf(&l->host, ":%s", port);
		mf_buf_addz(&l->path, path);
		if (curl_url_get(u, CURLUPART_QUERY, &query, 0) == CURLUE_OK)
			mf_buf_addf(&l->path, "?%s", query);
		l->http_url = mf_strdup(mf_buf_str(&http));
	}
	curl_free(host);
	curl_free(port);
	curl_free(path);
	curl_free(query);
	curl_url_cleanup(u);
	mf_buf_free(&http);
	return rc;
}

mf_code
mf_link_curl_start(struct mf_link *l, const char *url, mf_err *err)
{
	mf_code rc = take_apart(l, url, err);

	if (rc != MF_OK)
		return rc;
	l->multi = curl_multi_init();
	l->easy = curl_easy_init();
	if (l->multi == NULL || l->easy == NULL)
		return mf_fail(err, MF_ENOMEM, 0, "libcurl does not begin");
	(void)curl_multi_setopt(l->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	(void)curl_multi_setopt(l->multi, CURLMOPT_SOCKETDATA, l);
	(void)curl_multi_setopt(l->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
	(void)curl_multi_setopt(l->multi, CURLMOPT_TIMERDATA, l);
	(void)curl_easy_setopt(l->easy, CURLOPT_URL, l->http_url);
	(void)curl_easy_setopt(l->easy, CURLOPT_CONNECT_ONLY, 1L);
	(void)curl_easy_setopt(l->easy, CURLOPT_HTTPPROXYTUNNEL, 1L); /* through an HTTP proxy: CONNECT, never GET */
	(void)curl_easy_setopt(l->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	(void)curl_easy_setopt(l->easy, CURLOPT_SSL_ENABLE_ALPN, 0L);
	(void)curl_easy_setopt(l->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(l->easy, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(l->easy, CURLOPT_QUICK_EXIT, 1L); /* do not wait for a name when it is given up */
	(void)curl_easy_setopt(l->easy, CURLOPT_ERRORBUFFER, l->curl_error);
	if (l->links->ca_file != NULL)
		(void)curl_easy_setopt(l->easy, CURLOPT_CAINFO, l->links->ca_file);
	if (curl_multi_add_handle(l->multi, l->easy) != CURLM_OK)
		return mf_fail(err, MF_ENOMEM, 0, "libcurl does not begin");
	return MF_OK;
}
