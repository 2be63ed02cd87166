/* TLS on bytes. */
#include "daemon/tls.h"

#include <limits.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

struct mf_tls_ctx {
	SSL_CTX *ssl;
};

struct mf_tls {
	SSL *ssl;
	BIO *in, *out; /* owned by ssl */
	bool broken;   /* nothing may be said any more */
};

/* The certificate and the key of @p pem, in any order. */
static bool
use_pem(SSL_CTX *ssl, mf_str pem)
{
	BIO *one = BIO_new_mem_buf(pem.p, (int)pem.n), *two = BIO_new_mem_buf(pem.p, (int)pem.n);
	X509 *cert = one == NULL ? NULL : PEM_read_bio_X509(one, NULL, NULL, NULL);
	EVP_PKEY *key = two == NULL ? NULL : PEM_read_bio_PrivateKey(two, NULL, NULL, NULL);
	bool ok = cert != NULL && key != NULL && SSL_CTX_use_certificate(ssl, cert) == 1 &&
		SSL_CTX_use_PrivateKey(ssl, key) == 1 && SSL_CTX_check_private_key(ssl) == 1;

	EVP_PKEY_free(key);
	X509_free(cert);
	BIO_free(two);
	BIO_free(one);
	return ok;
}

mf_code
mf_tls_ctx_new(mf_str pem, struct mf_tls_ctx **out, mf_err *err)
{
	SSL_CTX *ssl = pem.n > INT_MAX ? NULL : SSL_CTX_new(TLS_server_method());

	*out = NULL;
	if (ssl == NULL || SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) != 1 || !use_pem(ssl, pem)) {
		SSL_CTX_free(ssl);
		ERR_clear_error();
		return mf_fail(err, MF_EFORMAT, 0, "no certificate and key to serve with");
	}
	(void)SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	(void)SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
	(void)SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF); /* clients keep tickets, we keep nothing */
	(void)SSL_CTX_set_num_tickets(ssl, 1);
	*out = mf_alloc(sizeof(**out));
	(*out)->ssl = ssl;
	return MF_OK;
}

void
mf_tls_ctx_free(struct mf_tls_ctx *ctx)
{
	if (ctx == NULL)
		return;
	SSL_CTX_free(ctx->ssl);
	free(ctx);
}

struct mf_tls *
mf_tls_new(struct mf_tls_ctx *ctx)
{
	struct mf_tls *t = mf_alloc(sizeof(*t));

	t->ssl = SSL_new(ctx->ssl);
	t->in = BIO_new(BIO_s_mem());
	t->out = BIO_new(BIO_s_mem());
	if (t->ssl == NULL || t->in == NULL || t->out == NULL)
		MF_BUG("no memory for a connection");
	(void)BIO_set_mem_eof_return(t->in, -1); /* empty means later, not never */
	SSL_set_bio(t->ssl, t->in, t->out);
	SSL_set_accept_state(t->ssl);
	return t;
}

void
mf_tls_free(struct mf_tls *t)
{
	if (t == NULL)
		return;
	SSL_free(t->ssl);
	free(t);
}

static void
take_out(struct mf_tls *t, mf_buf *out)
{
	size_t n = BIO_ctrl_pending(t->out);

	if (n == 0)
		return;
	mf_buf_reserve(out, n);
	int got = BIO_read(t->out, out->p + out->n, (int)n);
	if (got > 0)
		out->n += (size_t)got;
}

mf_code
mf_tls_feed(struct mf_tls *t, const void *p, size_t n, mf_buf *plain, mf_buf *out, bool *eof)
{
	enum { PIECE = 16384 }; /* a record at most */
	size_t got = 0;
	int rc, why;

	if (t->broken || n > INT_MAX)
		return MF_EFORMAT;
	ERR_clear_error();
	if (n > 0 && BIO_write(t->in, p, (int)n) != (int)n)
		MF_BUG("a memory BIO took less than it was given");
	do {
		mf_buf_reserve(plain, PIECE);
		rc = SSL_read_ex(t->ssl, plain->p + plain->n, PIECE, &got);
		if (rc == 1)
			plain->n += got;
	} while (rc == 1);
	why = SSL_get_error(t->ssl, rc);
	take_out(t, out);
	if (why == SSL_ERROR_ZERO_RETURN) {
		*eof = true;
		return MF_OK;
	}
	if (why == SSL_ERROR_WANT_READ)
		return MF_OK;
	t->broken = true;
	ERR_clear_error();
	return MF_EFORMAT;
}

mf_code
mf_tls_seal(struct mf_tls *t, const void *p, size_t n, mf_buf *out)
{
	size_t done = 0;

	if (t->broken || !SSL_is_init_finished(t->ssl))
		return MF_EFORMAT;
	ERR_clear_error();
	if (n > 0 && (SSL_write_ex(t->ssl, p, n, &done) != 1 || done != n)) {
		t->broken = true;
		ERR_clear_error();
		return MF_EFORMAT;
	}
	take_out(t, out);
	return MF_OK;
}

void
mf_tls_end(struct mf_tls *t, mf_buf *out)
{
	if (t->broken || !SSL_is_init_finished(t->ssl))
		return;
	ERR_clear_error();
	(void)SSL_shutdown(t->ssl);
	take_out(t, out);
}
