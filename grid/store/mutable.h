/** @file
 * Mutable share containers (lafs.md 4.3 to 4.5): version 2 written, 1 and 2 read.
 *
 * A change is a new file renamed over the old one, so a reader with one descriptor sees one version. */
#ifndef MF_GRID_STORE_MUTABLE_H
#define MF_GRID_STORE_MUTABLE_H

#include "grid/store/store.h"

enum {
	MF_MUT_HEADER = 468,                   /**< bytes before the share data: fields and four lease slots */
	MF_MUT_DATA_MAX = (256 << 20) + 65536, /**< bytes of share data at most (lafs.md 11) */
};

/** One share as read through one descriptor. */
typedef struct mf_mut_share {
	uint32_t num;
	uint8_t tubid[MF_TUBID_SIZE]; /* whose identity made it */
	uint8_t enabler[32];          /* secret: its write enabler */
	uint64_t length; /* bytes of share data, as recorded; stale bytes may stand behind the SDMF's end */
	mf_buf file;     /* the file from its beginning */
} mf_mut_share;
void mf_mut_free(mf_mut_share *m); /**< frees contents, not *m */

/** Read a share: its header and at most @p max bytes of data.
 *  @return MF_ENOTFOUND; MF_EFORMAT if the file is no mutable container or is cut off. */
mf_code mf_mut_read(
	struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint32_t num, size_t max, mf_mut_share *out, mf_err *err);

/** What was read of the share data. */
static inline mf_str
mf_mut_data(const mf_mut_share *m)
{
	size_t have = m->file.n - MF_MUT_HEADER;

	return (mf_str){(const char *)m->file.p + MF_MUT_HEADER, have < m->length ? have : (size_t)m->length};
}

/* -- read-test-write (lafs.md 4.4) ------------------------------------------------------------------- */

typedef struct mf_rtw_test {
	uint64_t off, n; /* bytes [off, off+n), cut at the end of the data, must equal */
	mf_str specimen;
} mf_rtw_test;

typedef struct mf_rtw_write {
	uint64_t off;
	mf_str data;
} mf_rtw_write;

typedef struct mf_rtw_read {
	uint64_t off, n;
} mf_rtw_read;

enum { MF_RTW_NO_LENGTH = -1 };

typedef struct mf_rtw_share {
	uint32_t num;
	const mf_rtw_test *test;
	size_t tests;
	const mf_rtw_write *write;
	size_t writes;
	int64_t new_length; /* MF_RTW_NO_LENGTH; 0 removes the share; else cuts the recorded length */
} mf_rtw_share;

typedef struct mf_rtw {
	const uint8_t *si;      /* MF_SI_SIZE bytes */
	const uint8_t *enabler; /* 32 bytes */
	const mf_rtw_share *share;
	size_t shares;
	const mf_rtw_read *read;
	size_t reads;
	enum { MF_RTW_TAKE_LOCK, MF_RTW_HAVE_LOCK } lock;
	/** NULL: our own operation.  Else somebody else's, whose lease this is: he may not read more than
	 *  MF_RTW_READ_MAX bytes (MF_EFULL), nor write more than MF_RTW_GAP_MAX bytes behind what is there (MF_EINVAL),
	 *  nor put a mutable share where immutable ones are (MF_EEXIST). */
	const struct mf_lease *guest;
} mf_rtw;

enum { MF_RTW_READ_MAX = 30 << 20, MF_RTW_GAP_MAX = 65536 };

/** What the read vectors found before anything was written: read[i * reads + j] is vector j in share num[i]. */
typedef struct mf_rtw_result {
	bool passed; /* all tests held, and the writes were made */
	uint32_t num[MF_SHARES_MAX];
	size_t shares, reads;
	mf_buf *read;
} mf_rtw_result;
void mf_rtw_result_free(mf_rtw_result *r); /**< frees contents */

/** Test, read, write; atomic against all others who use the store, durable on return.  A share file that is no
 *  container (empty, cut off) counts as absent and is replaced when written.
 *  @return MF_OK also when a test failed (then r->passed is false); MF_EAUTH for a wrong write enabler; MF_EFULL. */
mf_code mf_store_rtw(struct mf_store *s, const mf_rtw *q, mf_rtw_result *r, mf_err *err);

/** Renew our lease on one share, or add one, in place, under its lock. */
mf_code mf_mut_renew(struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint32_t num, mf_err *err);
/** The same for somebody's lease. */
mf_code mf_mut_renew_for(
	struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint32_t num, const struct mf_lease *l, mf_err *err);

/* -- for grid/store/ only ----------------------------------------------------------------------------- */

/** An open container. */
typedef struct mf_mut_file {
	int fd;
	unsigned version;
	uint64_t file_size, length, extra_off;
	uint32_t extra; /* leases behind the data */
	uint8_t head[MF_MUT_HEADER];
} mf_mut_file;

mf_code mf_mut_open(
	struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint32_t num, int flags, mf_mut_file *f, mf_err *err);

enum { /* offsets in the header */
	MF_MUT_MAGIC = 0,
	MF_MUT_TUBID = 32,
	MF_MUT_ENABLER = 52,
	MF_MUT_LENGTH = 84,
	MF_MUT_EXTRA_OFF = 92,
	MF_MUT_SLOTS = 100,
	MF_MUT_SLOT_COUNT = 4,
	MF_MUT_EXTRA_MAX = 1000,
};
/** The 32 bytes that begin a container of version 1 or 2. */
const uint8_t *mf_mut_magic(unsigned version);

#endif
