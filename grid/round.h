/** @file
 * Asking several storage servers at once, and not waiting for the slow ones.
 *
 * A round has items; each is worked on by a thread of a crew, as blocking code that reads top to bottom.  Whoever holds
 * the round waits for items to finish, one after the other, and may leave while some still run: those are canceled, and
 * the memory goes with the last of them.
 *
 * An item belongs to its worker while it runs, else to the holder.  A round belongs to one thread, a crew to any. */
#ifndef MF_GRID_ROUND_H
#define MF_GRID_ROUND_H

#include "base/env.h"

struct mf_crew;
struct mf_round;

enum { MF_CREW_MAX = 64 /**< threads; more work waits */ };

struct mf_crew *mf_crew_new(void);
/** No round is held any more; what still runs is canceled and waited for.  NULL allowed. */
void mf_crew_free(struct mf_crew *c);

typedef void mf_round_fn(void *item, const mf_cancel *cancel);

/** @p n items of @p size bytes, zeroed.
 *  @param deinit  frees what an item owns; called once for each, in the thread that is the last to let go. */
struct mf_round *mf_round_new(struct mf_crew *c, size_t n, size_t size, void (*deinit)(void *item));
/** Cancel what runs, and let go.  NULL allowed. */
void mf_round_leave(struct mf_round *r);
/** Let go, and let what runs finish: nobody waits for it but mf_crew_free(), which cancels it. */
void mf_round_detach(struct mf_round *r);

void *mf_round_item(struct mf_round *r, size_t i);
/** Work on an item that does not run.  It may be started again when it has finished. */
void mf_round_start(struct mf_round *r, size_t i, mf_round_fn *fn);
bool mf_round_runs(const struct mf_round *r, size_t i);
/** Wait for the next item to finish.
 *  @param wait_ms  at most so long; negative: for as long as any runs.
 *  @return its index; -1: none runs, the time is over, or @p cancel was set. */
int mf_round_next(struct mf_round *r, int64_t wait_ms, const mf_cancel *cancel);

/** Milliseconds of a clock that only goes forward. */
int64_t mf_mono_ms(void);

#endif
