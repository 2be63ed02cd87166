/** @file
 * A magic wormhole: two programs that were told the same short code exchange messages that nobody else can read.
 *
 *     struct mf_wormhole *w = mf_wormhole_new(env, links, &conf, &events, arg);
 *     mf_wormhole_allocate(w, MF_WORMHOLE_WORDS);       one side: code() tells what to say aloud
 *     mf_wormhole_set_code(w, typed, &err);             the other: what was heard
 *     mf_wormhole_send(w, text);                        as soon as one likes: it waits for the peer
 *     mf_wormhole_close(w, MF_MOOD_HAPPY);              closed() comes last, once
 *
 * Losing the connection is nothing: it is made again, and what the server has not shown us goes out again.  Messages
 * arrive in order, once.  Nothing of ours but the protocol's own hello leaves before the peer has proved that it knows
 * the code.  There is no notice when the peer goes away: what is built on this says goodbye itself, or sets a limit.
 *
 * All functions are [loop].  No event comes from inside a call; they come from the loop's timers and links, and any
 * function may be called from inside an event, mf_wormhole_free() too.  Nothing here is logged, no error has a code,
 * key or message in it.  (docs/wormhole.md; the machine itself is mailbox.h)
 */
#ifndef MF_WORMHOLE_WORMHOLE_H
#define MF_WORMHOLE_WORMHOLE_H

#include <jansson.h>

#include "base/env.h"
#include "wormhole/code.h"
#include "wormhole/link.h"

enum {
	MF_WORMHOLE_MESSAGE_MAX = 256 << 10, /**< bytes of one message, either way */
	MF_WORMHOLE_QUEUE_MAX = 1000,        /**< messages that wait for something, either way */
};

/** What the server is told when the mailbox is closed. */
enum mf_mood {
	MF_MOOD_LONELY,    /**< nobody with the right code was there */
	MF_MOOD_HAPPY,     /**< done */
	MF_MOOD_SCARY,     /**< somebody was there with a wrong code */
	MF_MOOD_ERRORY,    /**< something failed here or at the server */
	MF_MOOD_UNWELCOME, /**< the server does not want us */
};

/** How a wormhole ended. */
enum mf_wormhole_end {
	MF_WORMHOLE_HAPPY,       /**< closed by its owner, after the peer was verified */
	MF_WORMHOLE_LONELY,      /**< closed by its owner, before */
	MF_WORMHOLE_FAILED,      /**< closed by its owner with MF_MOOD_ERRORY, or the peer's messages make no sense */
	MF_WORMHOLE_SCARY,       /**< wrong code, or an attack; the code is used up */
	MF_WORMHOLE_CROWDED,     /**< others use this nameplate already */
	MF_WORMHOLE_EXPIRED,     /**< the server has forgotten the mailbox: nobody can come any more */
	MF_WORMHOLE_UNREACHABLE, /**< the first connection failed */
	MF_WORMHOLE_UNWELCOME,   /**< the server said so in its welcome */
	MF_WORMHOLE_PERMISSION,  /**< the server asks for a permission (hashcash) that we cannot give */
	MF_WORMHOLE_SERVER,      /**< the server reported an error, or made no sense */
	MF_WORMHOLE_LIMIT,       /**< conf->limit_ms has passed */
};

typedef struct mf_wormhole_closed {
	enum mf_wormhole_end end;
	mf_err err;         /**< MF_OK when happy; else a sentence for the person */
	size_t undelivered; /**< messages of ours that the server did not confirm */
} mf_wormhole_closed;

/** All but closed may be NULL.  What is handed over is lent for the call. */
typedef struct mf_wormhole_events {
	/** The server's welcome; once.  "motd" and "current_cli_version" are texts of its operator. */
	void (*welcome)(void *arg, const json_t *welcome);
	/** Nameplates that the server lists, strings; after mf_wormhole_list(). */
	void (*nameplates)(void *arg, const json_t *list);
	/** The code is settled; from now on mf_wormhole_save() has what a restart needs. */
	void (*code)(void *arg, mf_str code);
	/** The peer knows the code.  @param verifier may be compared by the two people */
	void (*verified)(void *arg, const uint8_t verifier[32]);
	/** The peer's app_versions, an object. */
	void (*versions)(void *arg, const json_t *app_versions);
	/** The peer's next message, any bytes. */
	void (*message)(void *arg, mf_str message);
	/** What mf_wormhole_save() gives has changed, and what is said next relies on it. */
	void (*changed)(void *arg);
	/** The connection was made (@p why NULL) or lost; it is made again.  For a status line. */
	void (*link)(void *arg, const mf_err *why);
	/** Once, last: the wormhole is freed when this returns. */
	void (*closed)(void *arg, const mf_wormhole_closed *how);
} mf_wormhole_events;

typedef struct mf_wormhole_conf {
	const char *url;        /**< of the mailbox server: ws:// or wss:// */
	const char *appid;      /**< both sides' must agree */
	const json_t *versions; /**< our app_versions, an object; NULL = {} */
	mf_str saved;           /**< of mf_wormhole_save(): go on with that one; appid and versions are in it */
	uint64_t limit_ms;      /**< end after so long whatever happens; 0 = no limit */
	uint64_t close_ms;      /**< to say goodbye; 0 = 20 s */
} mf_wormhole_conf;

struct mf_wormhole;

/** Begin to connect.  @p conf and what is in it is copied; @p env, @p links, @p events and @p arg are lent until the end.
 *  @return MF_OK; MF_EINVAL for an unusable URL, MF_EFORMAT for a saved state that is none: nothing comes then. */
mf_code mf_wormhole_new(struct mf_env *env, struct mf_links *links, const mf_wormhole_conf *conf,
	const mf_wormhole_events *events, void *arg, struct mf_wormhole **out, mf_err *err);

/** Have the server choose a nameplate, and chance the words (1 to MF_WORMHOLE_WORDS_MAX). */
void mf_wormhole_allocate(struct mf_wormhole *w, unsigned words);
/** Use the code that somebody said.  MF_EINVAL with a sentence, and nothing has changed: ask again. */
mf_code mf_wormhole_set_code(struct mf_wormhole *w, mf_str typed, mf_err *err);
/** Ask which nameplates there are, for completion. */
void mf_wormhole_list(struct mf_wormhole *w);

/** Queue a message (copied).  Numbered now, encrypted and sent when the peer is verified.
 *  MF_EFULL beyond the maxima above; MF_ECANCELED when closed or closing. */
mf_code mf_wormhole_send(struct mf_wormhole *w, mf_str message, mf_err *err);

/** Say goodbye and end: MF_MOOD_HAPPY where all went well (lonely is told if nobody came), MF_MOOD_ERRORY where not.
 *  What was sent before is delivered first.  Bounded by conf->close_ms, for which a lost connection is made again.  Again
 *  changes nothing. */
void mf_wormhole_close(struct mf_wormhole *w, enum mf_mood mood);
/** The process ends: no event any more, the connection is dropped, the mailbox stays for a restart.  NULL allowed. */
void mf_wormhole_free(struct mf_wormhole *w);

/** Append all that is needed to go on after a restart: a secret, as JSON.  With what the owner knows itself it belongs
 *  into one file, written before code(), changed(), versions() or message() returns, and after something was sent.  Nothing
 *  is appended before code() and once it is closing. */
void mf_wormhole_save(const struct mf_wormhole *w, mf_buf *out);

#endif
