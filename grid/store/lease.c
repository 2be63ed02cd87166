/* Leases as they stand in containers. */
#include "grid/store/lease.h"

#include <sodium.h>

#include "grid/store/inner.h"

enum { /* offsets in a record */
	IMM_RENEW = 4,
	IMM_CANCEL = 36,
	IMM_EXPIRY = 68,
	MUT_EXPIRY = 4,
	MUT_RENEW = 8,
	MUT_CANCEL = 40,
	MUT_TUBID = 72,
	MUT_OWNER = 1, /* of every mutable lease; 0 marks an empty slot */
};

void
mf_lease_hash(const uint8_t secret[32], uint8_t out[32])
{
	(void)crypto_generichash(out, 32, secret, 32, NULL, 0);
}

void
mf_lease_of(const struct mf_store *s, const uint8_t si[MF_SI_SIZE], mf_lease *out)
{
	uint8_t renew[32], cancel[32];

	mf_bucket_secret(MF_LEASE_RENEW, s->client_renew, si, s->tubid, renew);
	mf_bucket_secret(MF_LEASE_CANCEL, s->client_cancel, si, s->tubid, cancel);
	mf_lease_given(s, renew, cancel, out);
	sodium_memzero(renew, sizeof(renew));
	sodium_memzero(cancel, sizeof(cancel));
}

void
mf_lease_given(const struct mf_store *s, const uint8_t renew[32], const uint8_t cancel[32], mf_lease *out)
{
	memcpy(out->renew, renew, 32);
	memcpy(out->cancel, cancel, 32);
	mf_lease_hash(renew, out->renew_hashed);
	mf_lease_hash(cancel, out->cancel_hashed);
	out->expiry = mf_store_now(s) + MF_LEASE_S;
}

void
mf_lease_wipe(mf_lease *l)
{
	sodium_memzero(l, sizeof(*l));
}

void
mf_lease_imm(const mf_lease *l, uint32_t container_version, uint32_t owner, uint8_t out[MF_IMM_LEASE])
{
	mf_put32(out, owner);
	memcpy(out + IMM_RENEW, container_version == 1 ? l->renew : l->renew_hashed, 32);
	memcpy(out + IMM_CANCEL, container_version == 1 ? l->cancel : l->cancel_hashed, 32);
	mf_put32(out + IMM_EXPIRY, l->expiry);
}

bool
mf_lease_imm_ours(const mf_lease *l, uint32_t container_version, const uint8_t p[MF_IMM_LEASE])
{
	return sodium_memcmp(p + IMM_RENEW, container_version == 1 ? l->renew : l->renew_hashed, 32) == 0;
}

void
mf_lease_mut(const mf_lease *l, const uint8_t tubid[MF_TUBID_SIZE], uint8_t out[MF_MUT_LEASE])
{
	mf_put32(out, MUT_OWNER);
	mf_put32(out + MUT_EXPIRY, l->expiry);
	memcpy(out + MUT_RENEW, l->renew_hashed, 32);
	memcpy(out + MUT_CANCEL, l->cancel_hashed, 32);
	memcpy(out + MUT_TUBID, tubid, MF_TUBID_SIZE);
}

bool
mf_lease_mut_ours(const mf_lease *l, const uint8_t p[MF_MUT_LEASE])
{
	return mf_be32(p) != 0 && sodium_memcmp(p + MUT_RENEW, l->renew_hashed, 32) == 0;
}

void
mf_lease_mut_upgrade(uint8_t p[MF_MUT_LEASE])
{
	uint8_t hashed[32];

	if (mf_be32(p) == 0)
		return;
	mf_lease_hash(p + MUT_RENEW, hashed);
	memcpy(p + MUT_RENEW, hashed, 32);
	mf_lease_hash(p + MUT_CANCEL, hashed);
	memcpy(p + MUT_CANCEL, hashed, 32);
}
