/** @file
 * What inviter and joiner say to each other over a wormhole: JSON objects of the protocol invite-v1, as the Python
 * magic-folder has them.  Pure; [any] thread.  What comes from the other side is checked here, once; sentences are
 * Python's where it has one.  (Source: magic-folder src/magic_folder/invite.py)
 *
 *     inviter -> joiner   offer: this directory, under that name
 *     joiner -> inviter   reply: here is mine, or no
 *     inviter -> joiner   ack: you are in, or not
 */
#ifndef MF_INVITES_MESSAGE_H
#define MF_INVITES_MESSAGE_H

#include <jansson.h>

#include "grid/caps.h"

#define MF_INVITE_APPID "private.storage/magic-folder/invites"

enum {
	MF_INVITE_NAME_MAX = 255,    /**< bytes of a folder's or participant's name */
	MF_INVITE_REASON_MAX = 1000, /**< bytes of a reason that are kept */
	MF_INVITE_TEXT_MAX = 65536,  /**< bytes of a message */
};

enum mf_invite_mode { MF_INVITE_READ_WRITE, MF_INVITE_READ_ONLY };

typedef struct mf_invite_offer {
	mf_dirread collective;
	enum mf_invite_mode mode;
	char folder[MF_INVITE_NAME_MAX + 1];      /* as the inviter calls it; "" if not said; for people only */
	char participant[MF_INVITE_NAME_MAX + 1]; /* as the joiner will be called; "" if not said */
} mf_invite_offer;

typedef struct mf_invite_reply {
	bool accepted;
	bool writes; /* accepted, and personal is set: else they only read */
	mf_dirread personal;
	char reason[MF_INVITE_REASON_MAX + 1]; /* rejected: why */
} mf_invite_reply;

typedef struct mf_invite_ack {
	bool success;
	char error[MF_INVITE_REASON_MAX + 1]; /* "" if it is one */
} mf_invite_ack;

/** Our app_versions; the caller's. */
json_t *mf_invite_versions(void);
/** MF_EUNSUPPORTED unless the other side's @p app_versions have the protocol. */
mf_code mf_invite_check_versions(const json_t *app_versions, mf_err *err);

/** A name that a participant may be invited under: not empty, NFC, at most MF_INVITE_NAME_MAX bytes, without '/' and
 *  control characters, not "@metadata".  MF_EINVAL with a sentence otherwise. */
mf_code mf_invite_check_name(mf_str name, mf_err *err);

/* Append a message. */
void mf_invite_add_offer(mf_buf *out, const mf_invite_offer *offer);
void mf_invite_add_reply(mf_buf *out, const mf_invite_reply *reply);
/** @param participant the name they were invited under: said with a success */
void mf_invite_add_ack(mf_buf *out, const mf_invite_ack *ack, mf_str participant);

/* Take one apart; MF_EFORMAT with a sentence that has no capability in it. */
mf_code mf_invite_read_offer(mf_str text, mf_invite_offer *out, mf_err *err);
/** @param mode what was offered: nobody who is to read only may bring a directory */
mf_code mf_invite_read_reply(mf_str text, enum mf_invite_mode mode, mf_invite_reply *out, mf_err *err);
mf_code mf_invite_read_ack(mf_str text, mf_invite_ack *out, mf_err *err);

#endif
