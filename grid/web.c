/* Exchanges over libcurl; idle connections wait in their handles. */
#include "grid/web.h"

#include <pthread.h>
#include <stdlib.h>
#include <strings.h>

#include <curl/curl.h>

/* A connection, and what it takes to use it. */
struct lane {
	CURLM *multi;
	CURL *easy;
};

struct mf_web {
	char *who, *pin; /* pin: or NULL */
	pthread_mutex_t lock;
	struct lane idle[MF_WEB_IDLE_MAX]; /* the one used last comes last */
	size_t n_idle;
};

/* One exchange under way; lives on the worker's stack. */
struct exchange {
	const struct mf_web *http;
	const mf_web_request *q;
	mf_web_reply *reply;
	const mf_cancel *cancel;
	CURL *easy;
	uint64_t sent;  /* bytes of the body given to curl */
	size_t heads;   /* bytes of all heads, those before the final one too */
	bool head_done; /* the final head came to its end: curl itself takes half of one for a whole one */
	mf_code rc;     /* what one of our own callbacks failed with */
	mf_err why;
};

static void
lane_free(struct lane *l)
{
	curl_easy_cleanup(l->easy);
	(void)curl_multi_cleanup(l->multi);
	*l = (struct lane){0};
}

mf_code
mf_web_new(const mf_web_conf *conf, struct mf_web **out, mf_err *err)
{
	*out = NULL;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) /* counts its callers */
		return mf_fail(err, MF_ENOMEM, 0, "cannot prepare libcurl");
	struct mf_web *h = mf_alloc(sizeof(*h));
	h->who = mf_strdup(mf_strz(conf->who));
	h->pin = conf->pin != NULL ? mf_strdup(mf_strz(conf->pin)) : NULL;
	(void)pthread_mutex_init(&h->lock, NULL);
	*out = h;
	return MF_OK;
}

void
mf_web_rest(struct mf_web *h)
{
	struct lane idle[MF_WEB_IDLE_MAX];

	(void)pthread_mutex_lock(&h->lock);
	size_t n = h->n_idle;
	memcpy(idle, h->idle, sizeof(idle));
	h->n_idle = 0;
	(void)pthread_mutex_unlock(&h->lock);
	for (size_t i = 0; i < n; i++)
		lane_free(&idle[i]);
}

void
mf_web_free(struct mf_web *h)
{
	if (h == NULL)
		return;
	mf_web_rest(h);
	(void)pthread_mutex_destroy(&h->lock);
	free(h->who);
	free(h->pin);
	free(h);
	curl_global_cleanup();
}

void
mf_web_reply_free(mf_web_reply *r)
{
	mf_buf_wipe_free(&r->head);
	mf_buf_wipe_free(&r->body); /* it may be a capability */
	*r = (mf_web_reply){0};
}

mf_str
mf_web_header(const mf_web_reply *r, const char *name)
{
	size_t n = strlen(name);
	const char *p = (const char *)r->head.p, *end = p + r->head.n;

	while (p != NULL && p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		const char *stop = nl != NULL ? nl : end;

		if ((size_t)(stop - p) > n && p[n] == ':' && strncasecmp(p, name, n) == 0) {
			for (p += n + 1; p < stop && (*p == ' ' || *p == '\t');)
				p++;
			while (stop > p && (stop[-1] == ' ' || stop[-1] == '\t' || stop[-1] == '\r'))
				stop--;
			return (mf_str){p, (size_t)(stop - p)};
		}
		p = nl != NULL ? nl + 1 : end;
	}
	return (mf_str){0};
}

void
mf_web_escape(mf_buf *out, mf_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
			c == '.' || c == '_' || c == '~')
			mf_buf_addc(out, c);
		else
			mf_buf_addf(out, "%%%02X", (unsigned char)c);
	}
}

/* Remember why we stop; curl itself only knows that we do. */
static size_t
stop(struct exchange *x, mf_code rc)
{
	x->rc = rc;
	return 0;
}

static size_t
on_head(char *p, size_t one, size_t n, void *arg)
{
	struct exchange *x = arg;

	n *= one;
	if (n > MF_WEB_HEAD_MAX - x->heads)
		return stop(x, mf_fail(&x->why, MF_ENET, 0, "%s answers with an endless head", x->http->who));
	x->heads += n;
	if (n >= 5 && memcmp(p, "HTTP/", 5) == 0) { /* an answer begins: the final one, or one more after a 1xx */
		long status = 0;

		(void)curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
		x->reply->status = (int)status;
		x->reply->head.n = 0;
		x->head_done = false;
	} else {
		x->head_done = x->head_done || n <= 2;
		mf_buf_add(&x->reply->head, p, n);
	}
	return n;
}

static size_t
on_body(char *p, size_t one, size_t n, void *arg)
{
	struct exchange *x = arg;
	mf_web_reply *r = x->reply;
	bool good = r->status / 100 == 2;

	n *= one;
	if (mf_canceled(x->cancel))
		return 0;
	if (r->status == 0) /* no status line: not HTTP */
		return 0;
	if (good && x->q->sink != NULL) {
		mf_code rc = x->q->sink(x->q->sink_arg, p, n, &x->why);

		return rc == MF_OK ? n : stop(x, rc);
	}
	if (good && n > x->q->body_max - r->body.n)
		return stop(x, mf_fail(&x->why, MF_ENET, 0, "%s answers with more than was asked for", x->http->who));
	if (!good &&
		n > MF_WEB_REFUSAL_MAX - r->body.n) { /* enough of it: whoever sends it without end is not heard out */
		mf_buf_add(&r->body, p, MF_WEB_REFUSAL_MAX - r->body.n);
		return 0;
	}
	mf_buf_add(&r->body, p, n);
	return n;
}

static size_t
on_upload(char *p, size_t one, size_t n, void *arg)
{
	struct exchange *x = arg;
	const mf_source *body = x->q->body;
	uint64_t left = body->size - x->sent;

	n *= one;
	if (mf_canceled(x->cancel))
		return CURL_READFUNC_ABORT;
	if (left < n)
		n = (size_t)left;
	if (n == 0)
		return 0;
	if (body->mem != NULL) {
		memcpy(p, (const char *)body->mem + x->sent, n);
	} else if ((x->rc = body->read(body->arg, x->sent, p, n, &x->why)) != MF_OK) {
		return CURL_READFUNC_ABORT;
	}
	x->sent += n;
	return n;
}

/* A connection that was kept had died meanwhile: once more from the front on a new one. */
static int
on_rewind(void *arg, curl_off_t off, int origin)
{
	struct exchange *x = arg;

	if (off != 0 || origin != SEEK_SET)
		return CURL_SEEKFUNC_CANTSEEK;
	x->sent = 0;
	return CURL_SEEKFUNC_OK;
}

static void
set_upload(struct exchange *x)
{
	CURL *e = x->easy;

	(void)curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
	(void)curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, 256L << 10);
	(void)curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE, (curl_off_t)x->q->body->size);
	(void)curl_easy_setopt(e, CURLOPT_READFUNCTION, on_upload);
	(void)curl_easy_setopt(e, CURLOPT_READDATA, x);
	(void)curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, on_rewind);
	(void)curl_easy_setopt(e, CURLOPT_SEEKDATA, x);
}

static void
set_caution(struct exchange *x)
{
	CURL *e = x->easy;
	long silence = x->q->silence_s != 0 ? (long)x->q->silence_s : 60;

	(void)curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	(void)curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(e, CURLOPT_PROXY, ""); /* nor the one that the environment names */
	(void)curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
	(void)curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)MF_WEB_CONNECT_MS);
	(void)curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
	(void)curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, silence);
	(void)curl_easy_setopt(e, CURLOPT_TIMEOUT, (long)x->q->total_s);
	if (x->http->pin != NULL) {
		(void)curl_easy_setopt(e, CURLOPT_PINNEDPUBLICKEY, x->http->pin);
		(void)curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 0L); /* the key says it all */
		(void)curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 0L);
	}
}

static struct curl_slist *
set_request(struct exchange *x)
{
	CURL *e = x->easy;
	/* No "100 Continue" is waited for: it costs a second where the other side does not know of it. */
	struct curl_slist *headers = curl_slist_append(NULL, "Expect:");

	for (const char *const *h = x->q->header; h != NULL && *h != NULL; h++) {
		struct curl_slist *more = curl_slist_append(headers, *h);

		if (more != NULL)
			headers = more;
	}
	(void)curl_easy_setopt(e, CURLOPT_URL, x->q->url);
	(void)curl_easy_setopt(e, CURLOPT_HTTPHEADER, headers);
	(void)curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_head);
	(void)curl_easy_setopt(e, CURLOPT_HEADERDATA, x);
	(void)curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	(void)curl_easy_setopt(e, CURLOPT_WRITEDATA, x);
	(void)curl_easy_setopt(e, CURLOPT_BUFFERSIZE, 256L << 10);
	if (x->q->body != NULL)
		set_upload(x);
	(void)curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, x->q->method);
	set_caution(x);
	return headers;
}

/* Until curl says that it is over, or we do. */
static CURLcode
drive(struct exchange *x, CURLM *multi)
{
	int running = 1, waiting;

	while (running > 0) {
		if (curl_multi_perform(multi, &running) != CURLM_OK)
			return CURLE_FAILED_INIT;
		if (mf_canceled(x->cancel))
			return CURLE_ABORTED_BY_CALLBACK;
		if (running > 0)
			(void)curl_multi_poll(multi, NULL, 0, MF_WEB_CANCEL_MS, NULL);
	}
	for (CURLMsg *m; (m = curl_multi_info_read(multi, &waiting)) != NULL;)
		if (m->msg == CURLMSG_DONE)
			return m->data.result;
	return CURLE_FAILED_INIT;
}

static mf_code
verdict(struct exchange *x, CURLcode c, mf_err *err)
{
	const mf_web_reply *r = x->reply;

	if (c == CURLE_OK && x->head_done)
		return MF_OK;
	if (c == CURLE_OK)
		c = CURLE_WEIRD_SERVER_REPLY;
	if (mf_canceled(x->cancel))
		return mf_fail(err, MF_ECANCELED, 0, "canceled");
	if (x->rc != MF_OK) {
		if (err != NULL)
			*err = x->why;
		return x->rc;
	}
	if (r->status >= 300 && r->body.n == MF_WEB_REFUSAL_MAX)
		return MF_OK; /* a long no is a no */
	return mf_fail(err, MF_ENET, (int)c, "%s: %s", x->http->who, curl_easy_strerror(c));
}

static struct lane
lane_take(struct mf_web *h)
{
	struct lane l = {0};

	(void)pthread_mutex_lock(&h->lock);
	if (h->n_idle > 0)
		l = h->idle[--h->n_idle];
	(void)pthread_mutex_unlock(&h->lock);
	if (l.multi == NULL)
		l = (struct lane){curl_multi_init(), curl_easy_init()};
	return l;
}

static void
lane_put(struct mf_web *h, struct lane l)
{
	(void)pthread_mutex_lock(&h->lock);
	if (h->n_idle < MF_WEB_IDLE_MAX) {
		h->idle[h->n_idle++] = l;
		l = (struct lane){0};
	}
	(void)pthread_mutex_unlock(&h->lock);
	lane_free(&l);
}

mf_code
mf_web_do(struct mf_web *h, const mf_web_request *q, mf_web_reply *out, const mf_cancel *cancel, mf_err *err)
{
	struct lane l = lane_take(h);
	struct exchange x = {.http = h, .q = q, .reply = out, .cancel = cancel, .easy = l.easy};

	*out = (mf_web_reply){0};
	if (l.multi == NULL || l.easy == NULL) {
		lane_free(&l);
		return mf_fail(err, MF_ENOMEM, 0, "cannot ask %s", h->who);
	}
	struct curl_slist *headers = set_request(&x);
	CURLcode c = CURLE_FAILED_INIT;
	if (curl_multi_add_handle(l.multi, l.easy) == CURLM_OK) {
		c = drive(&x, l.multi);
		(void)curl_multi_remove_handle(l.multi, l.easy);
	}
	long sent = 0;
	(void)curl_easy_getinfo(l.easy, CURLINFO_REQUEST_SIZE, &sent);
	out->reached = out->status != 0 || sent > 0;
	mf_code rc = verdict(&x, c, err);
	curl_easy_reset(l.easy); /* forgets what was lent; the connection stays in the multi handle */
	curl_slist_free_all(headers);
	if (rc == MF_OK)
		lane_put(h, l);
	else
		lane_free(&l);
	return rc;
}
