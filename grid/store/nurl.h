/** @file
 * Where a storage server is and who it is: NURLs and FURLs (lafs.md 7.1, 7.2; Tahoe's url.rst), and what identifies a
 * certificate.
 *
 *     NURL  pb://<base64url(SHA-256(public key))>@host[:port]/<swissnum>#v=1
 *     FURL  pb://<base32(SHA-1(certificate))>@tcp:host:port[,...]/<swissnum>
 *
 * The swissnum is a secret: who knows it may use the server.  Print hosts and ports, never the whole.
 * Pure; [any] thread. */
#ifndef MF_GRID_STORE_NURL_H
#define MF_GRID_STORE_NURL_H

#include "base/buf.h"
#include "grid/lafs/hash.h"

enum {
	MF_HOST_MAX = 254,     /**< bytes with the NUL: the longest name of DNS */
	MF_SWISSNUM_MAX = 129, /**< bytes with the NUL; Tahoe makes them of 32 characters */
	MF_HINTS_MAX = 8,      /**< places that a FURL may name; more are passed over */
	MF_NURL_PORT = 443,    /**< where none is said */
};

/** A TCP address. */
typedef struct mf_place {
	char host[MF_HOST_MAX]; /* a name or an address; IPv6 without brackets */
	uint16_t port;          /* not 0 */
} mf_place;

/** "host:port", IPv6 in brackets; appended. */
void mf_place_print(mf_buf *out, const mf_place *p);

typedef struct mf_nurl {
	uint8_t spki[MF_HASH_SIZE]; /* SHA-256 of the server's SubjectPublicKeyInfo */
	mf_place place;
	char swissnum[MF_SWISSNUM_MAX]; /* secret */
} mf_nurl;

/** Is it meant to be a NURL rather than a FURL?  It says so in its fragment. */
bool mf_nurl_is(mf_str text);
/** @return MF_EFORMAT with a sentence that does not hold the text; MF_EUNSUPPORTED for NURLs of another version, and
 *  those that lead through Tor or I2P. */
mf_code mf_nurl_parse(mf_str text, mf_nurl *out, mf_err *err);
/** The inverse, with the port; appended.  A secret. */
void mf_nurl_print(mf_buf *out, const mf_nurl *n);

typedef struct mf_furl {
	uint8_t tubid[MF_TUBID_SIZE];
	mf_place hint[MF_HINTS_MAX]; /* those that are plain TCP */
	size_t hints;
	char swissnum[MF_SWISSNUM_MAX]; /* secret */
} mf_furl;

/** @return MF_EFORMAT as above; MF_EUNSUPPORTED when no hint is plain TCP. */
mf_code mf_furl_parse(mf_str text, mf_furl *out, mf_err *err);

/** What a certificate is known by. */
typedef struct mf_cert_ids {
	uint8_t spki[MF_HASH_SIZE];   /* SHA-256 of its public key: what a NURL pins */
	uint8_t tubid[MF_TUBID_SIZE]; /* SHA-1 of the whole: what a FURL pins, what write enablers are bound to */
} mf_cert_ids;

struct x509_st; /* OpenSSL's X509 */
mf_code mf_cert_ids_of(const struct x509_st *cert, mf_cert_ids *out, mf_err *err);

#endif
