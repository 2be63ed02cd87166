/* A folder's settings: GET and PUT. */
#include "daemon/api.h"

#include <stdlib.h>

/* The value as JSON: true or false, a number or null, a word. */
static json_t *
value_json(const mf_setting *which, const mf_settings *s)
{
	unsigned n = mf_setting_get(which, s);
	mf_buf text = {0};
	json_t *v;

	if (which->kind == MF_SETTING_YESNO)
		return json_boolean(n != 0);
	if (which->kind == MF_SETTING_SECONDS)
		return n > 0 ? json_integer(n) : json_null();
	mf_setting_text(which, s, &text);
	v = mf_json_text(mf_buf_str(&text));
	mf_buf_free(&text);
	return v;
}

static json_t *
setting_json(const mf_setting *which, const mf_settings *s, const mf_settings *standard)
{
	json_t *v = json_object();
	mf_buf choices = {0};

	mf_setting_choices(which, &choices);
	(void)json_object_set_new(v, "value", value_json(which, s));
	(void)json_object_set_new(v, "default", value_json(which, standard));
	(void)json_object_set_new(v, "choices", mf_json_text(mf_buf_str(&choices)));
	(void)json_object_set_new(v, "help", mf_json_text(mf_strz(which->help)));
	mf_buf_free(&choices);
	return v;
}

static void
answer(struct mf_http_req *req, const struct mf_folder *folder)
{
	const mf_settings *now = mf_folder_settings(folder), standard = mf_settings_standard();
	json_t *all = json_object();

	for (size_t i = 0; i < MF_SETTING_COUNT; i++)
		(void)json_object_set_new(
			all, mf_setting_table[i].key, setting_json(&mf_setting_table[i], now, &standard));
	mf_api_json(req, 200, all);
}

void
mf_api_settings(mf_api *api, struct mf_http_req *req, mf_str name)
{
	struct mf_folder *folder = mf_api_open_folder(api, req, name);

	if (folder != NULL)
		answer(req, folder);
}

/* What a member says, as text on the heap; NULL: it can be no value. */
static char *
value_text(const mf_setting *which, const json_t *v)
{
	mf_buf number = {0};

	if (json_is_string(v) && strlen(json_string_value(v)) == json_string_length(v))
		return mf_strdup(mf_strz(json_string_value(v)));
	if (json_is_boolean(v) && which->kind == MF_SETTING_YESNO)
		return mf_strdup(mf_strz(json_is_true(v) ? "yes" : "no"));
	if (json_is_null(v) && which->kind == MF_SETTING_SECONDS && which->words != NULL)
		return mf_strdup(mf_strz(which->words));
	if (!json_is_integer(v) || which->kind != MF_SETTING_SECONDS)
		return NULL;
	mf_buf_addf(&number, "%lld", (long long)json_integer_value(v));
	return (char *)number.p;
}

/* Take the body apart into @p list of MF_SETTING_COUNT; false: answered. */
static bool
read_values(struct mf_http_req *req, json_t *body, mf_assignment *list, size_t *n)
{
	const mf_setting *which;
	const char *key;
	json_t *v;
	mf_err err;

	json_object_foreach(body, key, v)
	{
		mf_buf choices = {0};
		char *text;
		if (mf_setting_find(mf_strz(key), &which, &err) != MF_OK) {
			mf_api_error(req, 400, "%s", err.text);
			return false;
		}
		text = value_text(which, v);
		if (text == NULL) {
			mf_setting_choices(which, &choices);
			mf_api_error(req, 400, "%s must be %s.", key, (const char *)choices.p);
			mf_buf_free(&choices);
			return false;
		}
		list[(*n)++] = (mf_assignment){mf_strz(which->key), mf_strz(text)};
	}
	return true;
}

void
mf_api_set(mf_api *api, struct mf_http_req *req, mf_str name)
{
	struct mf_folder *folder = mf_api_open_folder(api, req, name);
	mf_assignment list[MF_SETTING_COUNT]; /* JSON objects have each key once */
	size_t n = 0;
	json_t *body;
	mf_err err;
	mf_code rc;

	if (folder == NULL || (body = mf_api_object(req)) == NULL)
		return;
	if (read_values(req, body, list, &n)) {
		rc = mf_folder_set_all(folder, list, n, &err);
		if (rc == MF_OK)
			answer(req, folder);
		else if (rc == MF_EBUSY)
			mf_api_error(req, 503, "another program holds the folder's database; try again");
		else
			mf_api_fail(req, &err);
	}
	for (size_t i = 0; i < n; i++)
		free((char *)(uintptr_t)list[i].value.p);
	json_decref(body);
}
