/* POST /v1/magic-folder/NAME/resolve-conflict */
#include "daemon/api.h"

#include <stdlib.h>

enum { RELPATH_MAX = 4096, NAME_MAX_BYTES = 1024 };

struct settling {
	struct mf_http_req *req;
	struct mf_folder *folder;
	uint64_t ticket;
	char *relpath;
};

static void
settling_free(struct settling *s)
{
	free(s->relpath);
	free(s);
}

/* The client left: what is not recorded yet is not done. */
static void
on_gone(void *arg)
{
	struct settling *s = arg;

	mf_folder_forget(s->folder, s->ticket);
	settling_free(s);
}

static json_t *
names_of(const mf_resolution *r)
{
	json_t *names = json_array();

	for (size_t i = 0; i < r->n_participants; i++)
		(void)json_array_append_new(names, mf_json_text(mf_strz(r->participants[i])));
	return names;
}

/* Why not; and, where it helps, between whom, or in which of our lines. */
static json_t *
refusal(const mf_err *err, const mf_resolution *r)
{
	json_t *body = json_object(), *lines;

	(void)json_object_set_new(body, "reason", mf_json_text(mf_strz(err->text)));
	if (r->n_participants > 0)
		(void)json_object_set_new(body, "participants", names_of(r));
	if (r->n_clash == 0)
		return body;
	lines = json_array();
	for (size_t i = 0; i < r->n_clash; i++)
		(void)json_array_append_new(lines,
			json_pack("{s:I, s:I}", "line", (json_int_t)r->clash[i].first, "lines",
				(json_int_t)r->clash[i].count));
	(void)json_object_set_new(body, "merge_conflicts", lines);
	return body;
}

static void
on_settled(void *arg, const mf_err *err, const mf_resolution *r)
{
	struct settling *s = arg;

	if (err->code == MF_OK) {
		json_t *body = json_object();
		(void)json_object_set_new(body, s->relpath, names_of(r));
		mf_api_json(s->req, 200, body);
	} else if (err->code == MF_ECANCELED) {
		mf_api_fail(s->req, err);
	} else {
		mf_api_json(s->req, err->code == MF_EINVAL ? 400 : 409, refusal(err, r));
	}
	settling_free(s);
}

static const char *
read_take(const json_t *body, enum mf_take *take)
{
	const json_t *take_json = json_object_get(body, "take"), *use = json_object_get(body, "use");
	const json_t *merge = json_object_get(body, "merge");
	const char *text = json_string_value(take_json);

	if (take_json != NULL && use != NULL)
		return "Cannot specify \"take\" and \"use\" at once";
	if (merge != NULL && (take_json != NULL || use != NULL))
		return "Cannot specify \"merge\" with \"take\" or \"use\"";
	if (merge != NULL && !json_is_true(merge))
		return "\"merge\" must be true";
	if (take_json == NULL && use == NULL && merge == NULL)
		return "Must specify \"take\" or \"use\"";
	if (take_json != NULL && (text == NULL || (strcmp(text, "mine") != 0 && strcmp(text, "theirs") != 0)))
		return "\"take\" must be \"mine\" or \"theirs\"";
	*take = use != NULL                 ? MF_TAKE_USE
		: merge != NULL             ? MF_TAKE_MERGE
		: strcmp(text, "mine") == 0 ? MF_TAKE_MINE
					    : MF_TAKE_THEIRS;
	return NULL;
}

static void
settle(struct mf_folder *folder, struct mf_http_req *req, const json_t *body)
{
	mf_str relpath = mf_json_member(body, "relpath", RELPATH_MAX);
	mf_str use = mf_json_member(body, "use", NAME_MAX_BYTES);
	enum mf_take take = MF_TAKE_MINE;
	const char *wrong = read_take(body, &take);
	struct settling *s;
	char *whose;

	if (relpath.p == NULL || relpath.n == 0)
		wrong = "Must specify \"relpath\", the path below the folder";
	else if (wrong == NULL && take == MF_TAKE_USE && use.p == NULL)
		wrong = "\"use\" must be a participant's name";
	if (wrong != NULL) {
		mf_api_error(req, 400, "%s", wrong);
		return;
	}
	s = mf_alloc(sizeof(*s));
	*s = (struct settling){.req = req, .folder = folder, .relpath = mf_strdup(relpath)};
	whose = take == MF_TAKE_USE ? mf_strdup(use) : NULL;
	mf_http_on_gone(req, on_gone, s);
	mf_folder_resolve(folder, s->relpath, take, whose, on_settled, s, &s->ticket);
	free(whose);
}

void
mf_api_resolve(mf_api *api, struct mf_http_req *req, mf_str name)
{
	struct mf_folder *folder = mf_api_open_folder(api, req, name);
	json_t *body = folder != NULL ? mf_api_object(req) : NULL;

	if (body != NULL)
		settle(folder, req, body);
	json_decref(body);
}
