/** @file
 * Capability strings: one type per kind, so that a write capability cannot be passed where a read
 * capability belongs.  Source: lafs.md 1, datamodel-and-sync.md 1.1.
 *
 * Text is kept byte for byte as received; equality is equality of text.  All types are values with
 * NUL-terminated text inside; write capabilities are secrets: wipe with sodium_memzero.
 */
#ifndef MF_GRID_CAPS_H
#define MF_GRID_CAPS_H

#include "base/buf.h"
#include "base/err.h"

enum { MF_CAP_MAX = 192 }; /* the longest known capability is about 125 characters */

/** URI:CHK: or URI:LIT: — an immutable file. */
typedef struct mf_filecap {
	char text[MF_CAP_MAX];
} mf_filecap;

/** URI:DIR2-CHK: or URI:DIR2-LIT: — an immutable directory; a snapshot is one. */
typedef struct mf_immdir {
	char text[MF_CAP_MAX];
} mf_immdir;

/** URI:DIR2-RO:, or an immutable directory where one stands in for it (a read-only participant). */
typedef struct mf_dirread {
	char text[MF_CAP_MAX];
} mf_dirread;

/** URI:DIR2: — secret: may change the directory. */
typedef struct mf_dirwrite {
	char text[MF_CAP_MAX];
} mf_dirwrite;

enum mf_cap_kind {
	MF_CAP_UNKNOWN = 0,
	MF_CAP_CHK,
	MF_CAP_CHK_VERIFIER,
	MF_CAP_LIT,
	MF_CAP_SSK,
	MF_CAP_SSK_RO,
	MF_CAP_SSK_VERIFIER,
	MF_CAP_MDMF,
	MF_CAP_MDMF_RO,
	MF_CAP_MDMF_VERIFIER,
	MF_CAP_DIR2,
	MF_CAP_DIR2_RO,
	MF_CAP_DIR2_VERIFIER,
	MF_CAP_DIR2_CHK,
	MF_CAP_DIR2_CHK_VERIFIER,
	MF_CAP_DIR2_LIT,
	MF_CAP_DIR2_MDMF,
	MF_CAP_DIR2_MDMF_RO,
	MF_CAP_DIR2_MDMF_VERIFIER,
};

/** Any capability taken apart.  Which fields hold depends on the kind. */
typedef struct mf_cap {
	enum mf_cap_kind kind;
	enum mf_cap_prefix { MF_CAP_PLAIN, MF_CAP_RO_PREFIX, MF_CAP_IMM_PREFIX } prefix; /* "ro." / "imm." */
	uint8_t key[16];  /* CHK: read key; SSK: write key; SSK-RO: read key; verifiers: storage index */
	uint8_t hash[32]; /* CHK: UEB hash; SSK: fingerprint */
	uint32_t k, n;    /* CHK */
	uint64_t size;    /* CHK: plaintext bytes; LIT: bytes inside */
	mf_str lit;       /* LIT: the base32 text, borrowed from the parsed string */
} mf_cap;

/** Take @p text apart.  MF_EFORMAT with a sentence that does not contain the capability. An unknown kind
 *  is MF_OK with kind MF_CAP_UNKNOWN (legal to hold in directories, not to be opened); a string that has
 *  a known prefix and a bad body, or that violates "ro."/"imm.", is MF_EFORMAT.  Leading zeros in numbers pass, as in
 *  Tahoe; a trailing newline, which Tahoe lets pass, does not: trim at the edge where people type. */
mf_code mf_cap_parse(mf_str text, mf_cap *out, mf_err *err);
/** Print @p cap; the inverse of mf_cap_parse(). @p out gets at most a NUL-terminated MF_CAP_MAX text; LIT is
 *  not printed here. */
void mf_cap_print(const mf_cap *cap, char out[MF_CAP_MAX]);

bool mf_cap_is_dir(enum mf_cap_kind kind);
bool mf_cap_is_mutable(enum mf_cap_kind kind);
bool mf_cap_is_writable(enum mf_cap_kind kind);

/* Parse into a type; refuse every other kind (MF_EFORMAT), or MDMF (MF_EUNSUPPORTED). */
mf_code mf_filecap_parse(mf_str text, mf_filecap *out, mf_err *err);
mf_code mf_immdir_parse(mf_str text, mf_immdir *out, mf_err *err);
mf_code mf_dirread_parse(mf_str text, mf_dirread *out, mf_err *err);
mf_code mf_dirwrite_parse(mf_str text, mf_dirwrite *out, mf_err *err);

/** Plaintext size that the capability states: file bytes, or bytes of the packed directory. */
uint64_t mf_filecap_size(const mf_filecap *cap);
uint64_t mf_immdir_size(const mf_immdir *cap);

/** Diminish: write to read.  There is no way back. */
void mf_dirwrite_read(const mf_dirwrite *cap, mf_dirread *out);
/** An immutable directory is readable as any directory is. */
void mf_immdir_read(const mf_immdir *cap, mf_dirread *out);

/** The three derivations of lafs.md 1.3 on capabilities taken apart; @p out may be @p cap.
 *  Prefixes "ro." and "imm." do not survive.
 *  @return false where there is no such thing: unknown kinds; LIT has no verifier and no storage index. */
bool mf_cap_readonly(const mf_cap *cap, mf_cap *out);
bool mf_cap_verifier(const mf_cap *cap, mf_cap *out);
bool mf_cap_storage_index(const mf_cap *cap, uint8_t si[16]);

/** What may be printed of a capability: its kind and last four characters, "URI:DIR2-RO:...abcd"; only the
 *  kind of a literal (its end is content) and of what does not parse. */
void mf_cap_hint(mf_str text, char out[40]);

#endif
