/* One folder: participants, scan, poll, file status, conflicts. */
#include "daemon/api.h"

#include <stdlib.h>

#include "base/base32.h"
#include "base/unicode.h"

/* A request that waits for the folder.  Its memory goes with the answer, or when the client leaves. */
struct asking {
	struct mf_http_req *req;
	struct mf_folder *folder;
	uint64_t ticket;
	unsigned ok_status;
	json_t *answer;
};

/* The client left: the folder must not call back. */
static void
on_gone(void *arg)
{
	struct asking *a = arg;

	mf_folder_forget(a->folder, a->ticket);
	json_decref(a->answer);
	free(a);
}

static void
on_done(void *arg, const mf_err *err)
{
	struct asking *a = arg;

	if (err->code == MF_OK)
		mf_api_json(a->req, a->ok_status, json_incref(a->answer));
	else
		mf_api_fail(a->req, err);
	json_decref(a->answer);
	free(a);
}

static struct asking *
ask(mf_api *api, struct mf_http_req *req, mf_str name, unsigned ok_status)
{
	struct mf_folder *folder = mf_api_open_folder(api, req, name);
	struct asking *a;

	if (folder == NULL)
		return NULL;
	a = mf_alloc(sizeof(*a));
	*a = (struct asking){.req = req, .folder = folder, .ok_status = ok_status, .answer = json_object()};
	mf_http_on_gone(req, on_gone, a);
	return a;
}

/* As ask(), for what a paused folder does not do. */
static struct asking *
ask_running(mf_api *api, struct mf_http_req *req, mf_str name)
{
	const mf_app_folder *f = mf_app_folder_find(api->app, name);

	if (f != NULL && f->folder != NULL && mf_folder_settings(f->folder)->paused) {
		mf_api_error(req, 409, "the folder is paused");
		return NULL;
	}
	return ask(api, req, name, 200);
}

void
mf_api_scan(mf_api *api, struct mf_http_req *req, mf_str name)
{
	struct asking *a = ask_running(api, req, name);

	if (a != NULL)
		mf_folder_scan(a->folder, on_done, a, &a->ticket);
}

void
mf_api_poll(mf_api *api, struct mf_http_req *req, mf_str name)
{
	struct asking *a = ask_running(api, req, name);

	if (a != NULL)
		mf_folder_poll(a->folder, on_done, a, &a->ticket);
}

static void
each_participant(void *arg, const char *name, const mf_dirread *personal, bool is_self)
{
	struct asking *a = arg;

	(void)is_self;
	(void)json_object_set_new(a->answer, name, json_pack("{s:s}", "personal_dmd", personal->text));
}

void
mf_api_participants(mf_api *api, struct mf_http_req *req, mf_str name)
{
	struct asking *a = ask(api, req, name, 200);

	if (a != NULL)
		mf_folder_participants(a->folder, each_participant, on_done, a, &a->ticket);
}

static bool
only_keys(const json_t *object, const char *a, const char *b)
{
	return json_object_get(object, a) != NULL && (b == NULL || json_object_get(object, b) != NULL) &&
		json_object_size(object) == (b == NULL ? 1 : 2);
}

/* Take the body apart; false: answered.  @p author gets the name in NFC. */
static bool
read_participant(
	struct mf_http_req *req, const json_t *body, mf_buf *author, mf_dirread *cap, uint8_t key[32], bool *has_key)
{
	const json_t *who = json_object_get(body, "author");
	mf_str name, text = mf_json_member(body, "personal_dmd", MF_CAP_MAX - 1);

	if (!only_keys(body, "author", "personal_dmd")) {
		mf_api_error(req, 400, "Require input: author, personal_dmd");
		return false;
	}
	*has_key = json_is_object(who) && only_keys(who, "name", "verify_key"); /* the key is ours, not Python's */
	if (!json_is_object(who) || (!*has_key && !only_keys(who, "name", NULL))) {
		mf_api_error(req, 400, "'author' requires: name");
		return false;
	}
	if (*has_key && !mf_unb32_upper(key, 32, mf_json_member(who, "verify_key", 64))) {
		mf_api_error(req, 400, "verify_key must be a key as list --json prints it.");
		return false;
	}
	name = mf_json_member(who, "name", 255);
	if (name.p == NULL || name.n == 0 || mf_nfc(name, author, NULL) != MF_OK) {
		mf_api_error(req, 400, "the author's name must have 1 to 255 bytes and no NUL");
		return false;
	}
	if (text.p == NULL || mf_dirread_parse(text, cap, NULL) != MF_OK) {
		mf_api_error(req, 400, "personal_dmd must be a read-only directory capability.");
		return false;
	}
	return true;
}

void
mf_api_add_participant(mf_api *api, struct mf_http_req *req, mf_str name)
{
	mf_buf author = {0};
	mf_dirread cap;
	uint8_t key[32];
	bool has_key;
	struct asking *a;
	json_t *body;

	if (mf_api_folder(api, req, name) == NULL) /* 404 comes before anything about the body */
		return;
	body = mf_api_object(req);
	if (body == NULL)
		return;
	if (read_participant(req, body, &author, &cap, key, &has_key) && (a = ask(api, req, name, 201)) != NULL)
		mf_folder_add_participant(
			a->folder, (const char *)author.p, &cap, has_key ? key : NULL, on_done, a, &a->ticket);
	mf_buf_free(&author);
	json_decref(body);
}

/* -- answers that come from the database at once ------------------------------------------------------------ */

static mf_code
add_file(void *arg, const mf_file_status *s)
{
	mf_buf *out = arg;

	if (out->n > 1)
		mf_buf_addz(out, ", ");
	mf_buf_addz(out, "{\"relpath\": ");
	mf_json_add_string(out, mf_strz(s->relpath));
	if (s->deleted)
		mf_buf_addz(out, ", \"mtime\": null");
	else
		mf_buf_addf(out, ", \"mtime\": %lld", (long long)s->mtime_s);
	mf_buf_addf(out, ", \"last-updated\": %lld, \"last-upload-duration\": ", (long long)s->last_updated_s);
	if (s->upload_duration_ns >= 0)
		mf_json_add_real(out, (double)s->upload_duration_ns / 1e9);
	else
		mf_buf_addz(out, "null");
	if (s->deleted)
		mf_buf_addz(out, ", \"size\": null");
	else
		mf_buf_addf(out, ", \"size\": %llu", (unsigned long long)s->size);
	mf_buf_addz(out, s->local_only ? ", \"local-only\": true}" : "}");
	return MF_OK;
}

/* Written row by row: a tree of 100,000 objects would take many times the text. */
void
mf_api_file_status(mf_api *api, struct mf_http_req *req, mf_str name)
{
	struct mf_folder *folder = mf_api_open_folder(api, req, name);
	mf_buf out = {0};
	mf_err err;

	if (folder == NULL)
		return;
	mf_buf_addc(&out, '[');
	if (mf_folder_file_status(folder, add_file, &out, &err) != MF_OK) {
		mf_buf_free(&out);
		mf_api_fail(req, &err);
		return;
	}
	mf_buf_addc(&out, ']');
	mf_api_text(req, 200, &out);
}

static mf_code
add_conflict(void *arg, const char *relpath, const char *participant)
{
	json_t *all = arg, *names = json_object_get(all, relpath);

	if (names == NULL) {
		names = json_array();
		(void)json_object_set_new(all, relpath, names);
	}
	(void)json_array_append_new(names, mf_json_text(mf_strz(participant)));
	return MF_OK;
}

void
mf_api_conflicts(mf_api *api, struct mf_http_req *req, mf_str name)
{
	struct mf_folder *folder = mf_api_open_folder(api, req, name);
	json_t *all;
	mf_err err;

	if (folder == NULL)
		return;
	all = json_object();
	if (mf_folder_conflicts(folder, add_conflict, all, &err) != MF_OK) {
		json_decref(all);
		mf_api_fail(req, &err);
		return;
	}
	mf_api_json(req, 200, all);
}
