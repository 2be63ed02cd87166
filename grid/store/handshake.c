/* One TLS handshake, for the certificate. */
#define _GNU_SOURCE
#include "grid/store/handshake.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ssl.h>

enum { LOOK_MS = 50 };

static int64_t
now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Until @p fd is ready; false when the time is over or nobody wants it any more. */
static bool
wait_for(int fd, short events, int64_t end, const mf_cancel *cancel)
{
	struct pollfd p = {.fd = fd, .events = events};

	while (!mf_canceled(cancel) && now_ms() < end)
		if (poll(&p, 1, LOOK_MS) > 0)
			return true;
	return false;
}

static int
connect_one(const struct addrinfo *a, int64_t end, const mf_cancel *cancel)
{
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), sys = 0;
	socklen_t n = sizeof(sys);

	if (fd < 0)
		return -1;
	if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
		return fd;
	if (errno == EINPROGRESS && wait_for(fd, POLLOUT, end, cancel) &&
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &sys, &n) == 0 && sys == 0)
		return fd;
	(void)close(fd);
	return -1;
}

static int
connect_any(const mf_place *at, int64_t end, const mf_cancel *cancel)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *all = NULL;
	char port[8];
	int fd = -1;

	(void)snprintf(port, sizeof(port), "%u", at->port);
	if (getaddrinfo(at->host, port, &hints, &all) != 0)
		return -1;
	for (const struct addrinfo *a = all; a != NULL && fd < 0; a = a->ai_next)
		fd = connect_one(a, end, cancel);
	freeaddrinfo(all);
	return fd;
}

static bool
shake(SSL *ssl, int fd, int64_t end, const mf_cancel *cancel)
{
	for (;;) {
		int rc = SSL_connect(ssl);
		int why = SSL_get_error(ssl, rc);

		if (rc == 1)
			return true;
		if ((why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) ||
			!wait_for(fd, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, end, cancel))
			return false;
	}
}

/* The certificate over the connection @p fd; NULL: no TLS there. */
static X509 *
certificate(int fd, int64_t end, const mf_cancel *cancel)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = ctx == NULL ? NULL : SSL_new(ctx); /* verifies nothing by default */
	X509 *cert = NULL;

	if (ssl != NULL && SSL_set_fd(ssl, fd) == 1 && shake(ssl, fd, end, cancel)) {
		cert = SSL_get1_peer_certificate(ssl);
		(void)SSL_shutdown(ssl);
	}
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	return cert;
}

mf_code
mf_handshake(const mf_place *at, mf_cert_ids *out, const mf_cancel *cancel, mf_err *err)
{
	int64_t end = now_ms() + MF_HANDSHAKE_MS;
	int fd = connect_any(at, end, cancel);
	mf_code rc = MF_OK;

	if (fd < 0) {
		rc = mf_fail(err, MF_ENET, 0, "%s port %u: no connection", at->host, at->port);
	} else {
		X509 *cert = certificate(fd, end, cancel);

		rc = cert != NULL ? mf_cert_ids_of(cert, out, err)
				  : mf_fail(err, MF_ENET, 0, "%s port %u: no TLS there", at->host, at->port);
		X509_free(cert);
		(void)close(fd);
	}
	if (mf_canceled(cancel))
		rc = mf_fail(err, MF_ECANCELED, 0, "canceled");
	return rc;
}
