/* NURLs, FURLs, certificates. */
#include "grid/store/nurl.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sodium.h>

#include "base/base32.h"

enum { SPKI_TEXT = 43, TUBID_TEXT = 32, PORT_DIGITS_MAX = 5 };

static const mf_str scheme = MF_STR("pb://");

/* What stands before the first @p c in *s; that and @p c are taken off.  False: there is none. */
static bool
take_until(mf_str *s, char c, mf_str *out)
{
	const char *at = s->n == 0 ? NULL : memchr(s->p, c, s->n);

	if (at == NULL)
		return false;
	*out = (mf_str){s->p, (size_t)(at - s->p)};
	*s = (mf_str){at + 1, s->n - out->n - 1};
	return true;
}

static bool
all_of(mf_str s, const char *also)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		if (!alnum && (c == '\0' || strchr(also, c) == NULL))
			return false;
	}
	return true;
}

/* -- places ------------------------------------------------------------------------------------------------ */

static bool
port_parse(mf_str s, uint16_t *out)
{
	uint32_t v = 0;

	if (s.n == 0 || s.n > PORT_DIGITS_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		v = 10 * v + (uint32_t)(s.p[i] - '0');
	}
	*out = (uint16_t)v;
	return v > 0 && v <= UINT16_MAX;
}

/* "host", "host:port", "[address]", "[address]:port". */
static bool
place_parse(mf_str s, uint16_t default_port, mf_place *out)
{
	bool bracket = mf_str_starts(s, MF_STR("["));
	mf_str host = s, port = {0};

	if (bracket) {
		s = (mf_str){s.p + 1, s.n - 1};
		if (!take_until(&s, ']', &host) || (s.n > 0 && s.p[0] != ':'))
			return false;
		port = s.n > 0 ? (mf_str){s.p + 1, s.n - 1} : s;
	} else if (take_until(&s, ':', &host)) {
		port = s;
		if (port.n == 0)
			return false;
	}
	if (host.n == 0 || host.n >= sizeof(out->host) || !all_of(host, bracket ? ":." : "-._"))
		return false;
	memcpy(out->host, host.p, host.n);
	out->host[host.n] = '\0';
	out->port = default_port;
	return port.n == 0 ? default_port != 0 : port_parse(port, &out->port);
}

void
mf_place_print(mf_buf *out, const mf_place *p)
{
	bool v6 = strchr(p->host, ':') != NULL;

	mf_buf_addf(out, "%s%s%s:%u", v6 ? "[" : "", p->host, v6 ? "]" : "", p->port);
}

static bool
swissnum_parse(mf_str s, char out[MF_SWISSNUM_MAX])
{
	if (s.n == 0 || s.n >= MF_SWISSNUM_MAX || !all_of(s, "-._~"))
		return false;
	memcpy(out, s.p, s.n);
	out[s.n] = '\0';
	return true;
}

/* -- NURL --------------------------------------------------------------------------------------------------- */

bool
mf_nurl_is(mf_str text)
{
	return text.n > 0 && memchr(text.p, '#', text.n) != NULL;
}

/* libsodium accepts nothing but the one spelling of 32 bytes. */
static bool
spki_parse(mf_str s, uint8_t out[MF_HASH_SIZE])
{
	size_t n;

	return s.n == SPKI_TEXT &&
		sodium_base642bin(
			out, MF_HASH_SIZE, s.p, s.n, NULL, &n, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
		n == MF_HASH_SIZE;
}

mf_code
mf_nurl_parse(mf_str text, mf_nurl *out, mf_err *err)
{
	mf_str rest, user, host;

	*out = (mf_nurl){0};
	if (mf_str_starts(text, MF_STR("pb+tor://")) || mf_str_starts(text, MF_STR("pb+i2p://")))
		return mf_fail(err, MF_EUNSUPPORTED, 0, "storage servers behind Tor or I2P are not supported");
	if (!mf_str_starts(text, scheme) || !mf_nurl_is(text))
		return mf_fail(err, MF_EFORMAT, 0, "not the address of a storage server (pb://...#v=1)");
	text = (mf_str){text.p + scheme.n, text.n - scheme.n};
	rest = text;
	(void)take_until(&rest, '#', &text);
	if (!mf_str_eq(rest, MF_STR("v=1")))
		return mf_fail(err, MF_EUNSUPPORTED, 0, "storage server's address is of another version than 1");
	if (!take_until(&text, '@', &user) || !spki_parse(user, out->spki))
		return mf_fail(err, MF_EFORMAT, 0, "storage server's address does not begin with a key's hash");
	if (!take_until(&text, '/', &host) || !place_parse(host, MF_NURL_PORT, &out->place))
		return mf_fail(err, MF_EFORMAT, 0, "storage server's address has no good host and port");
	if (!swissnum_parse(text, out->swissnum))
		return mf_fail(err, MF_EFORMAT, 0, "storage server's address does not end with a secret and \"#v=1\"");
	return MF_OK;
}

void
mf_nurl_print(mf_buf *out, const mf_nurl *n)
{
	char pin[SPKI_TEXT + 1];

	(void)sodium_bin2base64(pin, sizeof(pin), n->spki, sizeof(n->spki), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	mf_buf_addf(out, "pb://%s@", pin);
	mf_place_print(out, &n->place);
	mf_buf_addf(out, "/%s#v=1", n->swissnum);
}

/* -- FURL --------------------------------------------------------------------------------------------------- */

/* "tcp:host:port" or "host:port"; false for other ways. */
static bool
hint_parse(mf_str s, mf_place *out)
{
	static const mf_str tcp = MF_STR("tcp:");

	if (mf_str_starts(s, tcp))
		s = (mf_str){s.p + tcp.n, s.n - tcp.n};
	return place_parse(s, 0, out);
}

mf_code
mf_furl_parse(mf_str text, mf_furl *out, mf_err *err)
{
	mf_str tubid, hints, one;

	*out = (mf_furl){0};
	if (!mf_str_starts(text, scheme) || mf_nurl_is(text))
		return mf_fail(err, MF_EFORMAT, 0, "not the address of a storage server (pb://...)");
	text = (mf_str){text.p + scheme.n, text.n - scheme.n};
	if (!take_until(&text, '@', &tubid) || tubid.n != TUBID_TEXT ||
		!mf_unb32_n(out->tubid, sizeof(out->tubid), tubid))
		return mf_fail(err, MF_EFORMAT, 0, "storage server's address does not begin with a certificate's hash");
	if (!take_until(&text, '/', &hints))
		return mf_fail(err, MF_EFORMAT, 0, "storage server's address does not end with a secret");
	for (bool more = true; more && out->hints < MF_HINTS_MAX;) {
		more = take_until(&hints, ',', &one);
		if (hint_parse(more ? one : hints, &out->hint[out->hints]))
			out->hints++;
	}
	if (!swissnum_parse(text, out->swissnum))
		return mf_fail(err, MF_EFORMAT, 0, "storage server's address does not end with a secret");
	return out->hints > 0 ? MF_OK
			      : mf_fail(err, MF_EUNSUPPORTED, 0, "storage server's address names no host and port");
}

/* -- certificates ------------------------------------------------------------------------------------------- */

mf_code
mf_cert_ids_of(const struct x509_st *cert, mf_cert_ids *out, mf_err *err)
{
	unsigned char *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	unsigned hashed = 0;

	if (n <= 0 || X509_digest(cert, EVP_sha1(), out->tubid, &hashed) != 1 || hashed != sizeof(out->tubid)) {
		OPENSSL_free(der);
		return mf_fail(err, MF_EFORMAT, 0, "certificate without a public key");
	}
	mf_sha256(der, (size_t)n, out->spki);
	OPENSSL_free(der);
	return MF_OK;
}
