/** @file
 * What a store is called when it is served: STORE/private/storage.furl, as a Tahoe node has it, and storage.nurl
 * beside it.  Both hold the swissnum: secrets. */
#ifndef MF_GRID_STORE_ADDRESS_H
#define MF_GRID_STORE_ADDRESS_H

#include "grid/store/nurl.h"
#include "grid/store/store.h"

/** The store's NURL at @p place.  The swissnum is made once and kept, whatever the place; that of a Tahoe node whose
 *  storage/ this is, is used.  Writes both files when they say something else.  Blocking.  Wipe *out after use. */
mf_code mf_store_address(struct mf_store *s, const mf_place *place, mf_nurl *out, mf_err *err);

/** Only one process serves a store: *lock ends with mf_store_unlock().  MF_EBUSY: another one does. */
mf_code mf_store_serve_lock(struct mf_store *s, int *lock, mf_err *err);

#endif
