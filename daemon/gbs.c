/* The storage server's life. */
#include "daemon/gbs_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <sodium.h>
#include <uv.h>

#include "grid/store/address.h"

enum {
	CONNS = 1024,
	STRANGERS = 128,
	FILES_WANTED = 65536, /* descriptors; connections and uploads have one each */
};

/* -- where it is -------------------------------------------------------------------------------------- */

/* An address of this machine that others may reach; the loopback if there is none. */
static void
own_address(bool six, char host[MF_HOST_MAX])
{
	uv_interface_address_t *all;
	int n = 0;

	(void)snprintf(host, MF_HOST_MAX, "%s", six ? "::1" : "127.0.0.1");
	if (uv_interface_addresses(&all, &n) != 0)
		return;
	for (int i = 0; i < n; i++) {
		if (all[i].is_internal || all[i].address.address4.sin_family != (six ? AF_INET6 : AF_INET))
			continue;
		if (six && IN6_IS_ADDR_LINKLOCAL(&all[i].address.address6.sin6_addr))
			continue;
		if (six)
			(void)uv_ip6_name(&all[i].address.address6, host, MF_HOST_MAX);
		else
			(void)uv_ip4_name(&all[i].address.address4, host, MF_HOST_MAX);
		break;
	}
	uv_free_interface_addresses(all, n);
}

/* "HOST", "HOST:PORT", "[HOST]:PORT"; port 0 where none is said. */
static bool
parse_location(const char *text, mf_place *out)
{
	const char *end = text[0] == '[' ? strchr(text, ']') : NULL, *host = end != NULL ? text + 1 : text;
	const char *colon = strchr(end != NULL ? end : text, ':');
	size_t n = end != NULL ? (size_t)(end - host) : colon != NULL ? (size_t)(colon - host) : strlen(host);
	char *rest = NULL;
	unsigned long port = 0;

	if (n == 0 || n >= MF_HOST_MAX || (text[0] == '[' && end == NULL) || strpbrk(host, "/@# \n") != NULL)
		return false;
	if (end != NULL && end[1] != '\0' && end[1] != ':')
		return false;
	if (colon != NULL) {
		port = strtoul(colon + 1, &rest, 10);
		if (colon[1] < '0' || colon[1] > '9' || *rest != '\0' || port == 0 || port > 65535)
			return false;
	}
	memcpy(out->host, host, n);
	out->host[n] = '\0';
	out->port = (uint16_t)port;
	return true;
}

bool
mf_gbs_location_ok(const char *text)
{
	mf_place place;

	return parse_location(text, &place);
}

bool
mf_gbs_bytes(const char *text, uint64_t *out)
{
	static const char units[] = "KMGT";
	const char *unit;
	char *end;
	unsigned shift = 0;

	if (*text < '0' || *text > '9')
		return false;
	*out = strtoull(text, &end, 10);
	unit = *end != '\0' ? strchr(units, *end & ~0x20) : NULL;
	if (unit != NULL) {
		shift = 10 * (unsigned)(unit - units + 1);
		end++;
	}
	if (*end != '\0' || *out > UINT64_MAX >> 1 >> shift)
		return false;
	*out <<= shift;
	return true;
}

static void
find_place(const mf_gbs_conf *conf, const mf_endpoint *bound, mf_place *out)
{
	*out = (mf_place){.port = 0};
	if (conf->location != NULL)
		(void)parse_location(conf->location, out);
	else if (conf->where->host[0] == '\0' || strcmp(conf->where->host, "0.0.0.0") == 0 ||
		strcmp(conf->where->host, "::") == 0)
		own_address(conf->where->kind == MF_ENDPOINT_TCP6, out->host);
	else
		(void)snprintf(out->host, sizeof(out->host), "%.*s", MF_HOST_MAX - 1, conf->where->host);
	if (out->port == 0)
		out->port = bound->port;
}

/* -- opening ------------------------------------------------------------------------------------------- */

/* As many descriptors as we may have.  Returns how many connections they suffice for. */
static unsigned
raise_limit(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) != 0)
		return CONNS / 4;
	if (lim.rlim_cur < FILES_WANTED && lim.rlim_cur < lim.rlim_max) {
		lim.rlim_cur = lim.rlim_max < FILES_WANTED ? lim.rlim_max : FILES_WANTED;
		(void)setrlimit(RLIMIT_NOFILE, &lim);
		(void)getrlimit(RLIMIT_NOFILE, &lim);
	}
	return lim.rlim_cur / 4 < CONNS ? (unsigned)(lim.rlim_cur / 4) : CONNS;
}

/* What every server has and nobody needs to be told. */
static mf_code
open_store(struct mf_gbs *g, const char *path, mf_err *err)
{
	uint8_t no_secret[32]; /* no lease here is the server's own */
	mf_store_conf conf = {.path = path, .missing = MF_MAKE_MISSING, .lease_secret = no_secret};
	mf_buf pem = {0}, where = {0};
	mf_code rc;

	randombytes_buf(no_secret, sizeof(no_secret));
	rc = mf_store_open(&conf, &g->store, err);
	if (rc == MF_OK)
		rc = mf_store_serve_lock(g->store, &g->lock, err);
	if (rc == MF_OK)
		rc = mf_store_identity(g->store, &pem, err);
	if (rc == MF_OK)
		rc = mf_tls_ctx_new(mf_buf_str(&pem), &g->tls, err);
	mf_buf_wipe_free(&pem);
	mf_buf_addf(&where, "%s/private/storage.nurl", path);
	g->nurl_path = (char *)where.p;
	return rc;
}

static mf_code
make_nurl(struct mf_gbs *g, const mf_gbs_conf *conf, mf_err *err)
{
	mf_place place;
	mf_nurl nurl;
	mf_buf text = {0};
	mf_code rc;

	find_place(conf, &g->bound, &place);
	rc = mf_store_address(g->store, &place, &nurl, err);
	if (rc == MF_OK) {
		mf_gbs_expected(nurl.swissnum, g->expected);
		mf_nurl_print(&text, &nurl);
		g->nurl = (char *)text.p;
	}
	sodium_memzero(&nurl, sizeof(nurl));
	return rc;
}

static void
free_all(struct mf_gbs *g)
{
	const struct mf_env_ops *ops = g->env->ops;

	ops->timer_free(g->sweep);
	ops->timer_free(g->sync);
	mf_tls_ctx_free(g->tls);
	mf_store_unlock(g->lock);
	mf_store_close(g->store);
	if (g->nurl != NULL)
		sodium_memzero(g->nurl, strlen(g->nurl));
	free(g->nurl);
	free(g->nurl_path);
	(void)pthread_mutex_destroy(&g->big);
	sodium_memzero(g, sizeof(*g));
	free(g);
}

mf_code
mf_gbs_open(struct mf_env *env, struct uv_loop_s *loop, const mf_gbs_conf *conf, struct mf_gbs **out, mf_err *err)
{
	struct mf_gbs *g = mf_alloc(sizeof(*g));
	mf_http_conf http = {.handler = gbs_handle,
		.arg = g,
		.when = MF_HTTP_AT_HEAD,
		.request_ms = conf->request_ms,
		.stranger_ms = conf->stranger_ms,
		.strangers = conf->strangers != 0 ? conf->strangers : STRANGERS};
	unsigned conns = raise_limit();
	mf_code rc;

	*out = NULL;
	g->env = env;
	g->lock = -1;
	g->reserve = conf->reserve;
	g->upload_idle_ms = conf->upload_idle_ms != 0 ? conf->upload_idle_ms : GBS_UPLOAD_IDLE_MS;
	(void)pthread_mutex_init(&g->big, NULL);
	rc = open_store(g, conf->store, err);
	if (rc == MF_OK) {
		http.conns = conf->conns != 0 ? conf->conns : conns;
		http.tls = conf->plain ? NULL : g->tls;
		rc = mf_http_listen(loop, conf->where, &http, &g->http, &g->bound, err);
	}
	if (rc != MF_OK) {
		free_all(g);
		return rc;
	}
	g->sweep = env->ops->timer_new(env, gbs_uploads_sweep, g);
	g->sync = env->ops->timer_new(env, gbs_sync_now, g);
	gbs_uploads_start(g);
	rc = make_nurl(g, conf, err); /* the port is known only now */
	if (rc == MF_OK)
		*out = g;
	else
		mf_gbs_close(g, NULL, NULL);
	return rc;
}

const char *
mf_gbs_nurl(const struct mf_gbs *g)
{
	return g->nurl;
}

const mf_endpoint *
mf_gbs_bound(const struct mf_gbs *g)
{
	return &g->bound;
}

const char *
mf_gbs_nurl_path(const struct mf_gbs *g)
{
	return g->nurl_path;
}

/* -- closing ------------------------------------------------------------------------------------------- */

void
gbs_maybe_closed(struct mf_gbs *g)
{
	void (*done)(void *) = g->done;
	void *arg = g->done_arg;

	if (!g->closing || g->http != NULL || g->ops != NULL)
		return;
	gbs_uploads_stop(g);
	if (g->sync_due) /* what is here stays */
		gbs_sync_now(g);
	if (g->jobs > 0)
		return;
	free_all(g);
	if (done != NULL)
		done(arg);
}

static void
on_http_closed(void *arg)
{
	struct mf_gbs *g = arg;

	g->http = NULL;
	gbs_maybe_closed(g);
}

void
mf_gbs_close(struct mf_gbs *g, void (*done)(void *arg), void *arg)
{
	g->closing = true;
	g->done = done;
	g->done_arg = arg;
	g->env->ops->timer_stop(g->sweep);
	g->env->ops->timer_stop(g->sync);
	mf_http_close(g->http, on_http_closed, g);
}
