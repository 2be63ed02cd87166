/* Files gone, so many at once that the user is asked: GET and POST confirm-deletes. */
#include "daemon/api.h"

enum { FIRST = 10 };

static void
add_path(void *arg, const char *relpath)
{
	(void)json_array_append_new(arg, mf_json_text(mf_strz(relpath)));
}

void
mf_api_deletes(mf_api *api, struct mf_http_req *req, mf_str name)
{
	struct mf_folder *folder = mf_api_open_folder(api, req, name);
	json_t *all, *first;
	uint64_t asked = 0;
	mf_folder_status s;
	mf_err err;

	if (folder == NULL)
		return;
	all = json_object();
	first = json_array();
	(void)json_object_set_new(all, "first", first);
	if (mf_folder_deletes(folder, FIRST, add_path, first, &asked, &err) != MF_OK) {
		json_decref(all);
		mf_api_fail(req, &err);
		return;
	}
	mf_folder_status_get(folder, &s);
	(void)json_object_set_new(all, "asked", json_integer((json_int_t)asked));
	(void)json_object_set_new(all, "files", json_integer((json_int_t)s.files));
	mf_api_json(req, 200, all);
}

/* Take the body apart; false: answered.  *asked: how many the user has seen, or -1. */
static bool
read_word(struct mf_http_req *req, const json_t *body, enum mf_deletes_answer *what, json_int_t *asked)
{
	const char *action = json_string_value(json_object_get(body, "action"));
	const json_t *n = json_object_get(body, "asked");

	if (action == NULL || (strcmp(action, "delete") != 0 && strcmp(action, "restore") != 0)) {
		mf_api_error(req, 400, "'action' must be \"delete\" or \"restore\"");
		return false;
	}
	if (n != NULL && (!json_is_integer(n) || json_integer_value(n) < 0)) {
		mf_api_error(req, 400, "'asked' must be the number that GET said");
		return false;
	}
	*what = action[0] == 'd' ? MF_DELETES_CONFIRM : MF_DELETES_RESTORE;
	*asked = n != NULL ? json_integer_value(n) : -1;
	return true;
}

static void
answer(struct mf_http_req *req, struct mf_folder *folder, enum mf_deletes_answer what, json_int_t seen)
{
	uint64_t asked = 0;
	mf_err err = {0};
	mf_code rc = mf_folder_deletes(folder, 0, NULL, NULL, &asked, &err);

	if (rc == MF_OK && seen >= 0 && (uint64_t)seen != asked) {
		mf_api_error(req, 409, "%llu files are gone now, not %llu; look again", (unsigned long long)asked,
			(unsigned long long)seen);
		return;
	}
	if (rc == MF_OK)
		rc = mf_folder_deletes_answer(folder, what, &err);
	if (rc == MF_OK)
		mf_api_json(req, 200, json_pack("{s:I}", "asked", (json_int_t)asked));
	else if (rc == MF_ENOTFOUND)
		mf_api_error(req, 409, "%s", err.text);
	else if (rc == MF_EBUSY)
		mf_api_error(req, 503, "another program holds the folder's database; try again");
	else
		mf_api_fail(req, &err);
}

void
mf_api_deletes_answer(mf_api *api, struct mf_http_req *req, mf_str name)
{
	struct mf_folder *folder = mf_api_open_folder(api, req, name);
	enum mf_deletes_answer what;
	json_int_t seen;
	json_t *body;

	if (folder == NULL || (body = mf_api_object(req)) == NULL)
		return;
	if (read_word(req, body, &what, &seen))
		answer(req, folder, what, seen);
	json_decref(body);
}
