/* Messages of an invite. */
#include "invites/message.h"

#include "base/json.h"
#include "base/log.h"
#include "base/unicode.h"

#define PROTOCOL "invite-v1"

json_t *
mf_invite_versions(void)
{
	return json_pack("{s{s[s]}}", "magic-folder", "supported-messages", PROTOCOL);
}

mf_code
mf_invite_check_versions(const json_t *app_versions, mf_err *err)
{
	const json_t *ours = json_object_get(app_versions, "magic-folder"), *one;
	size_t i;

	if (!json_is_object(ours) || json_object_size(ours) == 0)
		return mf_fail(err, MF_EUNSUPPORTED, 0, "Other side doesn't support 'magic-folder' protocol");
	json_array_foreach(json_object_get(ours, "supported-messages"), i, one)
	{
		if (json_is_string(one) && strcmp(json_string_value(one), PROTOCOL) == 0)
			return MF_OK;
	}
	return mf_fail(err, MF_EUNSUPPORTED, 0, "Other side doesn't support 'invite-v1' messages");
}

mf_code
mf_invite_check_name(mf_str name, mf_err *err)
{
	mf_buf nfc = {0};
	bool same;

	if (name.n == 0)
		return mf_fail(err, MF_EINVAL, 0, "the participant's name is empty");
	if (name.n > MF_INVITE_NAME_MAX)
		return mf_fail(err, MF_EINVAL, 0, "the participant's name is longer than %d bytes", MF_INVITE_NAME_MAX);
	for (size_t i = 0; i < name.n; i++) {
		uint8_t c = (uint8_t)name.p[i];

		if (c == '/' || c < 0x20 || c == 0x7f || (c == 0xc2 && i + 1 < name.n && (uint8_t)name.p[i + 1] < 0xa0))
			return mf_fail(
				err, MF_EINVAL, 0, "the participant's name has a '/' or a control character in it");
	}
	if (mf_str_eq(name, MF_STR("@metadata")))
		return mf_fail(err, MF_EINVAL, 0, "no participant can be called @metadata");
	same = mf_nfc(name, &nfc, NULL) == MF_OK && mf_str_eq(name, mf_buf_str(&nfc));
	mf_buf_free(&nfc);
	return same ? MF_OK : mf_fail(err, MF_EINVAL, 0, "the participant's name is not in Unicode's normal form C");
}

/* ---- writing ------------------------------------------------------------------------------------------ */

static void
member(mf_buf *out, const char *key, mf_str value)
{
	mf_buf_addf(out, ", \"%s\": ", key);
	mf_json_add_string(out, value);
}

static void
begin(mf_buf *out, const char *kind)
{
	mf_buf_addf(out, "{\"kind\": \"%s\", \"protocol\": \"" PROTOCOL "\"", kind);
}

void
mf_invite_add_offer(mf_buf *out, const mf_invite_offer *offer)
{
	begin(out, "join-folder");
	member(out, "folder-name", mf_strz(offer->folder));
	member(out, "collective", mf_strz(offer->collective.text));
	member(out, "participant-name", mf_strz(offer->participant));
	member(out, "mode", mf_strz(offer->mode == MF_INVITE_READ_WRITE ? "read-write" : "read-only"));
	mf_buf_addc(out, '}');
}

void
mf_invite_add_reply(mf_buf *out, const mf_invite_reply *reply)
{
	begin(out, reply->accepted ? "join-folder-accept" : "join-folder-reject");
	if (!reply->accepted)
		member(out, "reject-reason", mf_strz(reply->reason));
	else if (reply->writes)
		member(out, "personal", mf_strz(reply->personal.text));
	mf_buf_addc(out, '}');
}

void
mf_invite_add_ack(mf_buf *out, const mf_invite_ack *ack, mf_str participant)
{
	begin(out, "join-folder-ack");
	if (ack->success)
		member(out, "participant-name", participant);
	else
		member(out, "error", mf_strz(ack->error));
	mf_buf_addf(out, ", \"success\": %s}", ack->success ? "true" : "false");
}

/* ---- reading ------------------------------------------------------------------------------------------ */

/* Text of the other side for people: without control characters, cut at @p room - 1 bytes. */
static void
foreign(char *out, size_t room, const json_t *top, const char *path)
{
	mf_buf clean = {0};
	mf_str s;
	size_t n;

	out[0] = '\0';
	if (mf_json_at(top, path) == NULL || mf_json_str(top, path, MF_INVITE_TEXT_MAX, &s, NULL) != MF_OK)
		return;
	mf_log_clean(&clean, s);
	n = clean.n < room ? clean.n : room - 1;
	while (n > 0 && n < clean.n && (clean.p[n] & 0xc0) == 0x80)
		n--; /* not within a character */
	memcpy(out, clean.n > 0 ? (const char *)clean.p : "", n);
	out[n] = '\0';
	mf_buf_free(&clean);
}

/* Is member @p path this text? */
static bool
is(const json_t *top, const char *path, const char *text)
{
	mf_str s;

	return mf_json_str(top, path, MF_INVITE_TEXT_MAX, &s, NULL) == MF_OK && mf_str_eq(s, mf_strz(text));
}

/* A mutable directory's read capability, and nothing else: no write capability, no immutable one. */
static mf_code
read_only_dir(const json_t *top, const char *path, mf_dirread *out, const char *sentence, mf_err *err)
{
	mf_cap cap = {0};
	mf_str s;

	if (mf_json_str(top, path, MF_CAP_MAX, &s, NULL) != MF_OK || mf_cap_parse(s, &cap, NULL) != MF_OK ||
		(cap.kind != MF_CAP_DIR2_RO && cap.kind != MF_CAP_DIR2_MDMF_RO) || cap.prefix == MF_CAP_IMM_PREFIX)
		return mf_fail(err, MF_EFORMAT, 0, "%s", sentence);
	return mf_dirread_parse(s, out, err);
}

static mf_code
load(mf_str text, json_t **top, mf_err *err)
{
	mf_code rc = mf_json_load(text, MF_INVITE_TEXT_MAX, MF_JSON_NUL, top, err);

	if (rc == MF_OK && !json_is_object(*top))
		rc = mf_fail(err, MF_EFORMAT, 0, "the other side's message is no JSON object");
	return rc;
}

mf_code
mf_invite_read_offer(mf_str text, mf_invite_offer *out, mf_err *err)
{
	json_t *top = NULL;
	mf_code rc = load(text, &top, err);

	memset(out, 0, sizeof(*out));
	if (rc == MF_OK && !is(top, "offer.kind", "join-folder"))
		rc = mf_fail(err, MF_EFORMAT, 0, "Expected a 'join-folder' message");
	if (rc == MF_OK && !is(top, "offer.protocol", PROTOCOL))
		rc = mf_fail(err, MF_EFORMAT, 0, "Invalid protocol");
	if (rc == MF_OK && mf_json_at(top, "offer.collective") == NULL)
		rc = mf_fail(err, MF_EFORMAT, 0, "No 'collective' in invite");
	if (rc == MF_OK)
		rc = read_only_dir(
			top, "offer.collective", &out->collective, "The 'collective' must be read-only", err);
	if (rc == MF_OK && is(top, "offer.mode", "read-only"))
		out->mode = MF_INVITE_READ_ONLY;
	else if (rc == MF_OK && !is(top, "offer.mode", "read-write"))
		rc = mf_fail(err, MF_EFORMAT, 0, "the invite's mode is neither read-write nor read-only");
	if (rc == MF_OK) {
		foreign(out->folder, sizeof(out->folder), top, "offer.folder-name");
		foreign(out->participant, sizeof(out->participant), top, "offer.participant-name");
	}
	json_decref(top);
	return rc;
}

mf_code
mf_invite_read_reply(mf_str text, enum mf_invite_mode mode, mf_invite_reply *out, mf_err *err)
{
	char kind[65];
	json_t *top = NULL;
	mf_code rc = load(text, &top, err);

	memset(out, 0, sizeof(*out));
	if (rc == MF_OK && !is(top, "reply.protocol", PROTOCOL)) {
		rc = mf_fail(err, MF_EFORMAT, 0, "Invalid invite reply protocol");
	} else if (rc == MF_OK && is(top, "reply.kind", "join-folder-reject")) {
		foreign(out->reason, sizeof(out->reason), top, "reply.reject-reason");
		if (out->reason[0] == '\0')
			(void)memcpy(out->reason, "No reason given", sizeof("No reason given"));
	} else if (rc == MF_OK && is(top, "reply.kind", "join-folder-accept")) {
		out->accepted = true;
		out->writes = mf_json_at(top, "reply.personal") != NULL;
		if (out->writes && mode == MF_INVITE_READ_ONLY)
			rc = mf_fail(err, MF_EFORMAT, 0, "Read-only peer sent a Personal capability");
		else if (out->writes)
			rc = read_only_dir(top, "reply.personal", &out->personal,
				"Personal DMD must be a read-only directory", err);
	} else if (rc == MF_OK) {
		foreign(kind, sizeof(kind), top, "reply.kind");
		rc = mf_fail(err, MF_EFORMAT, 0, "Invalid reply kind '%s'", kind);
	}
	json_decref(top);
	return rc;
}

mf_code
mf_invite_read_ack(mf_str text, mf_invite_ack *out, mf_err *err)
{
	json_t *top = NULL;
	mf_code rc = load(text, &top, err);

	memset(out, 0, sizeof(*out));
	if (rc == MF_OK && (!is(top, "ack.kind", "join-folder-ack") || !is(top, "ack.protocol", PROTOCOL)))
		rc = mf_fail(err, MF_EFORMAT, 0, "Expected a 'join-folder-ack' message");
	if (rc == MF_OK)
		rc = mf_json_bool(top, "ack.success", &out->success, err);
	if (rc == MF_OK && !out->success)
		foreign(out->error, sizeof(out->error), top, "ack.error");
	json_decref(top);
	return rc;
}
