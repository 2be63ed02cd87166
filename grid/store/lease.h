/** @file
 * Leases as they stand in containers (lafs.md 4.2, 4.3).  Pure but for the store's clock. */
#ifndef MF_GRID_STORE_LEASE_H
#define MF_GRID_STORE_LEASE_H

#include "grid/store/store.h"

enum {
	MF_IMM_LEASE = 72, /**< bytes: u32 owner, renew, cancel, u32 expiry */
	MF_MUT_LEASE = 92, /**< bytes: u32 owner, u32 expiry, renew, cancel, TubID */
};

/** Our lease on one storage index.  Version 2 containers keep BLAKE2b-256 of the secrets. */
typedef struct mf_lease {
	uint8_t renew[32], cancel[32];               /* secret: what version 1 stores */
	uint8_t renew_hashed[32], cancel_hashed[32]; /* what version 2 stores */
	uint32_t expiry;                             /* seconds since the epoch: now + 31 days */
} mf_lease;

void mf_lease_of(const struct mf_store *s, const uint8_t si[MF_SI_SIZE], mf_lease *out);
/** A lease that somebody else asks for, by his secrets. */
void mf_lease_given(const struct mf_store *s, const uint8_t renew[32], const uint8_t cancel[32], mf_lease *out);
void mf_lease_wipe(mf_lease *l);
/** The stored form of a secret. */
void mf_lease_hash(const uint8_t secret[32], uint8_t out[32]);

void mf_lease_imm(const mf_lease *l, uint32_t container_version, uint32_t owner, uint8_t out[MF_IMM_LEASE]);
/** Is the lease at @p p ours?  Its expiry then is at p + 68. */
bool mf_lease_imm_ours(const mf_lease *l, uint32_t container_version, const uint8_t p[MF_IMM_LEASE]);

/** Version 2. */
void mf_lease_mut(const mf_lease *l, const uint8_t tubid[MF_TUBID_SIZE], uint8_t out[MF_MUT_LEASE]);
bool mf_lease_mut_ours(const mf_lease *l, const uint8_t p[MF_MUT_LEASE]);
/** Turn one of version 1 into version 2; an empty slot stays empty. */
void mf_lease_mut_upgrade(uint8_t p[MF_MUT_LEASE]);

static inline uint32_t
mf_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t
mf_be64(const uint8_t *p)
{
	return (uint64_t)mf_be32(p) << 32 | mf_be32(p + 4);
}

static inline void
mf_put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static inline void
mf_put64(uint8_t *p, uint64_t v)
{
	mf_put32(p, (uint32_t)(v >> 32));
	mf_put32(p + 4, (uint32_t)v);
}

#endif
