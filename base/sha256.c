/* SHA-256 in pieces. */
#include "base/sha256.h"

#include <openssl/evp.h>

#include "base/err.h"

struct mf_sha256 *
mf_sha256_new(void)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();

	if (c == NULL || EVP_DigestInit_ex2(c, EVP_sha256(), NULL) != 1)
		MF_BUG("SHA-256 is not available");
	return (struct mf_sha256 *)c;
}

void
mf_sha256_add(struct mf_sha256 *s, const void *p, size_t n)
{
	if (EVP_DigestUpdate((EVP_MD_CTX *)s, p, n) != 1)
		MF_BUG("SHA-256 failed");
}

void
mf_sha256_end(struct mf_sha256 *s, uint8_t out[32])
{
	if (EVP_DigestFinal_ex((EVP_MD_CTX *)s, out, NULL) != 1)
		MF_BUG("SHA-256 failed");
	EVP_MD_CTX_free((EVP_MD_CTX *)s);
}
