/* Keys that sign: GET /v1/magic-folder/NAME/keys, POST /v1/magic-folder/NAME/trust. */
#include "daemon/api.h"

#include <stdlib.h>

#include "base/base32.h"

static json_t *
when(int64_t ns)
{
	return ns > 0 ? json_integer(ns / 1000000000) : json_null();
}

static json_t *
text_or_null(const char *text)
{
	return text != NULL && text[0] != '\0' ? mf_json_text(mf_strz(text)) : json_null();
}

static void
set_key(json_t *one, const uint8_t key[32])
{
	char print[MF_FINGERPRINT_MAX];
	mf_buf b = {0};

	mf_fingerprint(key, print);
	mf_b32_add_upper(&b, key, 32);
	(void)json_object_set_new(one, "fingerprint", json_string(print));
	(void)json_object_set_new(one, "verify_key", mf_json_text(mf_buf_str(&b)));
	mf_buf_free(&b);
}

/* ---- GET ---------------------------------------------------------------------------------------------------- */

struct listing {
	json_t *people, *others;
	json_t *last; /* lent: whom changed keys that come now are of */
};

static void
add_person(void *arg, const mf_person *p)
{
	static const char *const how[] = {"", "first-use", "collective", "user", "shared", "ours"};
	struct listing *l = arg;
	json_t *one = json_object();

	(void)json_object_set_new(one, "name", mf_json_text(mf_strz(p->name)));
	(void)json_object_set_new(one, "self", json_boolean(p->is_self));
	(void)json_object_set_new(one, "author", text_or_null(p->author));
	(void)json_object_set_new(one, "state", json_string(p->has_key ? "pinned" : "unknown"));
	(void)json_object_set_new(one, "fingerprint", json_null());
	(void)json_object_set_new(one, "verify_key", json_null());
	if (p->has_key)
		set_key(one, p->key);
	(void)json_object_set_new(one, "since", when(p->has_key ? p->since_ns : 0));
	(void)json_object_set_new(one, "how",
		p->has_key && !p->is_self ? json_string(how[p->how <= MF_KEY_OURS ? p->how : 0]) : json_null());
	(void)json_object_set_new(one, "changed", json_array());
	(void)json_array_append_new(l->people, one);
	l->last = one;
}

static void
add_changed(void *arg, const mf_new_key *k)
{
	struct listing *l = arg;
	json_t *one = json_object();

	set_key(one, k->key);
	(void)json_object_set_new(one, "author", text_or_null(k->author));
	(void)json_object_set_new(one, "shown_by", text_or_null(k->shown_by));
	(void)json_object_set_new(one, "files", json_integer((json_int_t)k->files));
	(void)json_object_set_new(one, "since", when(k->since_ns));
	(void)json_array_append_new(json_object_get(l->last, "changed"), one);
	(void)json_object_set_new(l->last, "state", json_string("changed"));
}

static void
add_other(void *arg, const uint8_t key[32], const char *participant, const char *author, int64_t since_ns)
{
	struct listing *l = arg;
	json_t *one = json_object();

	set_key(one, key);
	(void)json_object_set_new(one, "participant", text_or_null(participant));
	(void)json_object_set_new(one, "author", text_or_null(author));
	(void)json_object_set_new(one, "since", when(since_ns));
	(void)json_array_append_new(l->others, one);
}

void
mf_api_keys(mf_api *api, struct mf_http_req *req, mf_str name)
{
	struct mf_folder *folder = mf_api_open_folder(api, req, name);
	struct listing l;
	mf_key_visitor visit = {add_person, add_changed, add_other, &l};
	json_t *all;
	mf_err err;

	if (folder == NULL)
		return;
	l = (struct listing){.people = json_array(), .others = json_array()};
	all = json_object();
	(void)json_object_set_new(all, "participants", l.people);
	(void)json_object_set_new(all, "others", l.others);
	if (mf_folder_keys(folder, &visit, &err) == MF_OK) {
		mf_api_json(req, 200, all);
	} else {
		json_decref(all);
		mf_api_fail(req, &err);
	}
}

/* ---- POST --------------------------------------------------------------------------------------------------- */

struct looking {
	const char *participant, *fingerprint;
	bool found;
	uint8_t key[32];
};

static void
look(void *arg, const mf_new_key *k)
{
	struct looking *l = arg;

	if (strcmp(k->participant, l->participant) != 0 || !mf_fingerprint_matches(l->fingerprint, k->key))
		return;
	l->found = true;
	memcpy(l->key, k->key, sizeof(l->key));
}

static void
trust(struct mf_http_req *req, struct mf_folder *folder, const char *participant, const char *fingerprint)
{
	struct looking l = {.participant = participant, .fingerprint = fingerprint};
	mf_key_visitor visit = {.changed = look, .arg = &l};
	mf_err err;
	mf_code rc = mf_folder_keys(folder, &visit, &err);

	if (rc == MF_OK) /* a key of zeros is nobody's, so what was not found is refused with the right sentence */
		rc = mf_folder_trust(folder, participant, l.key, &err);
	if (rc == MF_OK)
		mf_api_json(req, 200, json_object());
	else if (rc == MF_ENOTFOUND || rc == MF_ECHANGED || rc == MF_EINVAL)
		mf_api_error(req, rc == MF_ENOTFOUND ? 404 : 409, "%s", err.text);
	else
		mf_api_fail(req, &err);
}

void
mf_api_trust(mf_api *api, struct mf_http_req *req, mf_str name)
{
	struct mf_folder *folder = mf_api_open_folder(api, req, name);
	json_t *body;
	mf_str participant, fingerprint;

	if (folder == NULL || (body = mf_api_object(req)) == NULL)
		return;
	participant = mf_json_member(body, "participant", 255);
	fingerprint = mf_json_member(body, "fingerprint", 63);
	if (json_object_size(body) != 2 || participant.p == NULL || fingerprint.p == NULL)
		mf_api_error(req, 400, "Require input: participant, fingerprint");
	else
		trust(req, folder, participant.p, fingerprint.p);
	json_decref(body);
}
