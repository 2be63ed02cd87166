/* The list of folders: GET, POST, DELETE. */
#include "daemon/api.h"

#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/base32.h"
#include "base/log.h"
#include "daemon/files.h"

/* -- GET --------------------------------------------------------------------------------------------------- */

static json_t *
key_text(const uint8_t key[32])
{
	mf_buf b = {0};
	json_t *v;

	mf_b32_add_upper(&b, key, 32);
	v = mf_json_text(mf_buf_str(&b));
	mf_buf_wipe_free(&b);
	return v;
}

static json_t *
describe(const mf_folder_conf *c, bool secrets)
{
	json_t *author = json_object(), *one = json_object();
	const char *collective = c->is_admin ? c->collective_write.text : c->collective.text;

	(void)json_object_set_new(author, "name", mf_json_text(mf_strz(c->author)));
	(void)json_object_set_new(author, "verify_key", key_text(c->verify_key));
	(void)json_object_set_new(one, "name", mf_json_text(mf_strz(c->name)));
	(void)json_object_set_new(one, "author", author);
	(void)json_object_set_new(one, "stash_path", mf_json_text(mf_strz(c->stash_path)));
	(void)json_object_set_new(one, "magic_path", mf_json_text(mf_strz(c->magic_path)));
	(void)json_object_set_new(one, "poll_interval", json_integer(c->poll_interval_s));
	(void)json_object_set_new(
		one, "scan_interval", c->scan_interval_s > 0 ? json_integer(c->scan_interval_s) : json_null());
	(void)json_object_set_new(one, "is_admin", json_boolean(c->is_admin));
	if (secrets) {
		(void)json_object_set_new(author, "signing_key", key_text(c->seed));
		(void)json_object_set_new(one, "collective_dircap", json_string(collective));
		(void)json_object_set_new(
			one, "upload_dircap", c->read_only ? json_null() : json_string(c->personal.text));
	}
	return one;
}

void
mf_api_list(mf_api *api, struct mf_http_req *req, mf_str name)
{
	mf_buf number = {0};
	json_t *all;
	bool secrets = false;

	(void)name;
	if (mf_api_query(req, "include_secret_information", &number)) {
		const char *text = number.n > 0 ? (const char *)number.p : "";
		char *end = NULL;
		secrets = strtol(text, &end, 10) != 0;
		if (number.n == 0 || *end != '\0') {
			mf_buf_free(&number);
			mf_api_error(req, 400, "include_secret_information must be a whole number");
			return;
		}
	}
	mf_buf_free(&number);
	all = json_object();
	for (const mf_app_folder *f = mf_app_folders(api->app); f != NULL; f = f->next) {
		mf_folder_conf conf;
		mf_err err;
		if (f->leaving)
			continue;
		/* from the file on each call: GridSync writes there behind our back */
		if (mf_config_folder_conf(f->name, f->state_dir, &conf, &err) == MF_OK) {
			(void)json_object_set_new(all, f->name, describe(&conf, secrets));
			mf_folder_conf_clear(&conf);
		} else if (f->folder != NULL) {
			(void)json_object_set_new(all, f->name, describe(mf_folder_config(f->folder), secrets));
		} else {
			mf_log(MF_LOG_ERROR, "api", f->name, "left out of the list: %s", err.text);
		}
	}
	mf_api_json(req, 200, all);
}

/* -- POST -------------------------------------------------------------------------------------------------- */

/* A request that waits for the app; its client may leave meanwhile. */
struct waiting {
	struct mf_http_req *req; /* NULL: gone */
	bool joined;
};

static void
on_gone(void *arg)
{
	struct waiting *w = arg;

	w->req = NULL; /* the work goes on */
}

static struct waiting *
wait_new(struct mf_http_req *req)
{
	struct waiting *w = mf_alloc(sizeof(*w));

	w->req = req;
	mf_http_on_gone(req, on_gone, w);
	return w;
}

static void
on_added(void *arg, const mf_err *err, const mf_dirread *personal)
{
	struct waiting *w = arg;
	json_t *answer;

	if (w->req == NULL) {
		free(w);
		return;
	}
	if (err->code == MF_OK) {
		answer = json_object();
		if (w->joined)
			(void)json_object_set_new(answer, "personal_dmd", json_string(personal->text));
		mf_api_json(w->req, 200, answer);
	} else if (err->code == MF_EEXIST) {
		mf_api_error(w->req, 409, "%s", err->text);
	} else if (w->joined && (err->code == MF_EFORMAT || err->code == MF_ENOTFOUND || err->code == MF_EAUTH)) {
		mf_api_error(w->req, 400, "%s", err->text); /* what was given to join is no good */
	} else {
		mf_api_fail(w->req, err);
	}
	free(w);
}

/* An interval as Python sees it: true is 1, a whole number must be positive. */
static bool
interval(const json_t *v, unsigned *out)
{
	json_int_t n = json_is_true(v) ? 1 : json_is_integer(v) ? json_integer_value(v) : 0;

	*out = n > 0 && n <= INT_MAX ? (unsigned)n : 0;
	return *out > 0;
}

/* Python's repr, near enough, of what was given in place of a number. */
static void
repr(const json_t *v, mf_buf *out)
{
	if (v == NULL || json_is_null(v))
		mf_buf_addz(out, "None");
	else if (json_is_boolean(v))
		mf_buf_addz(out, json_is_true(v) ? "True" : "False");
	else if (json_is_string(v))
		mf_buf_addf(out, "'%s'", json_string_value(v));
	else if (json_is_number(v) || json_object_size(v) + json_array_size(v) < 8)
		mf_json_py(out, v);
	else
		mf_buf_addz(out, "...");
}

static bool
check_intervals(struct mf_http_req *req, const json_t *body, mf_folder_new *what)
{
	const json_t *poll = json_object_get(body, "poll_interval"), *scan = json_object_get(body, "scan_interval");
	mf_buf text = {0};

	if (!interval(poll, &what->poll_interval_s)) {
		repr(poll, &text);
		mf_api_error(req, 400, "Poll interval must be a positive integer (not '%s').", (const char *)text.p);
		mf_buf_free(&text);
		return false;
	}
	if (!json_is_null(scan) && !interval(scan, &what->scan_interval_s)) {
		repr(scan, &text);
		mf_api_error(
			req, 400, "Scan interval must be a positive integer or null (not '%s').", (const char *)text.p);
		mf_buf_free(&text);
		return false;
	}
	return true;
}

/* Name, and what Python looks at before anything else; false: answered. */
static bool
check_name(mf_api *api, struct mf_http_req *req, const json_t *body, mf_folder_new *what)
{
	const json_t *name = json_object_get(body, "name"), *scan = json_object_get(body, "scan_interval");
	mf_str s;
	mf_err err;

	if (!json_is_string(name) || scan == NULL || json_object_get(body, "poll_interval") == NULL ||
		!json_is_string(json_object_get(body, "author_name")) ||
		!json_is_string(json_object_get(body, "local_path"))) {
		mf_api_error(req, 400,
			"Required: name, author_name, local_path (strings), poll_interval, scan_interval"
			" (numbers; scan_interval may be null)");
		return false;
	}
	s = (mf_str){json_string_value(name), json_string_length(name)};
	if (mf_app_name_taken(api->app, s)) {
		mf_api_error(req, 409, "Already have a magic-folder named '%.*s'", (int)s.n, s.p);
		return false;
	}
	if (json_is_number(scan) && json_number_value(scan) <= 0) {
		mf_api_error(req, 400, "scan_interval must be positive integer or null");
		return false;
	}
	if (mf_folder_name_check(s, &err) != MF_OK) {
		mf_api_error(req, 400, "%s", err.text);
		return false;
	}
	what->name = s.p;
	return check_intervals(req, body, what);
}

/* The directory; *path is absolute, on the heap; NULL: answered. */
static char *
check_path(struct mf_http_req *req, const json_t *body)
{
	mf_str given = mf_json_member(body, "local_path", PATH_MAX - 1);
	struct stat st;
	char *path;

	if (given.p == NULL || given.n == 0) {
		mf_api_error(req, 400, "local_path is not a usable path");
		return NULL;
	}
	path = mf_path_absolute(given.p);
	if (stat(path, &st) != 0 && (errno == ENOENT || errno == ENOTDIR))
		mf_api_error(req, 400, "'%s' does not exist", path);
	else if (stat(path, &st) != 0)
		mf_api_error(req, 400, "'%s' cannot be used: %s", path, strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		mf_api_error(req, 400, "'%s' is not a directory", path);
	else
		return path;
	free(path);
	return NULL;
}

/* State left behind by somebody is not written over; false: answered. */
static bool
check_state(mf_api *api, struct mf_http_req *req, const char *name)
{
	char *dir = mf_config_state_dir(mf_app_config(api->app), name);
	struct stat st;
	bool ok = lstat(dir, &st) != 0;

	if (!ok)
		mf_api_error(req, 500, "magic-folder state directory '%s' already exists", dir);
	free(dir);
	return ok;
}

static bool
check_author(struct mf_http_req *req, const json_t *body, mf_folder_new *what)
{
	what->author = mf_json_member(body, "author_name", 255).p;
	if (what->author != NULL && what->author[0] != '\0')
		return true;
	mf_api_error(req, 400, "author_name must have 1 to 255 bytes and no NUL");
	return false;
}

/* Members of ours for joining without an invite; false: answered. */
static bool
check_join(struct mf_http_req *req, const json_t *body, mf_folder_new *what, mf_dirread *collective)
{
	mf_str cap = mf_json_member(body, "collective", MF_CAP_MAX - 1);
	const json_t *reader = json_object_get(body, "read-only");

	if (reader != NULL && !json_is_boolean(reader) && !json_is_null(reader)) {
		mf_api_error(req, 400, "read-only must be true or false.");
		return false;
	}
	what->read_only = json_is_true(reader);
	if (what->read_only && json_object_get(body, "collective") == NULL) {
		mf_api_error(req, 400, "Only a folder that is joined can be read-only.");
		return false;
	}
	if (json_object_get(body, "collective") == NULL)
		return true;
	if (cap.p == NULL || mf_dirread_parse(cap, collective, NULL) != MF_OK) {
		mf_api_error(req, 400, "collective must be a read-only directory capability.");
		return false;
	}
	what->collective = collective;
	return true;
}

void
mf_api_add(mf_api *api, struct mf_http_req *req, mf_str name)
{
	json_t *body = mf_api_object(req);
	mf_folder_new what = {0};
	mf_dirread collective = {0};
	char *path = NULL;
	struct waiting *w;
	mf_str grid;

	(void)name;
	if (body == NULL)
		return;
	if (check_name(api, req, body, &what) && check_author(req, body, &what) &&
		check_join(req, body, &what, &collective) && check_state(api, req, what.name) &&
		(path = check_path(req, body)) != NULL) {
		grid = mf_json_member(body, "grid", 4096);
		what.magic_path = path;
		w = wait_new(req);
		w->joined = what.collective != NULL;
		mf_app_add(api->app, &what, grid.p, on_added, w);
		free(path);
	}
	json_decref(body);
}

/* -- DELETE ------------------------------------------------------------------------------------------------ */

static void
on_left(void *arg, const mf_err *err, size_t failed, const char *const *paths, const mf_err *whys)
{
	struct waiting *w = arg;
	json_t *details, *answer;

	if (w->req == NULL) {
		free(w);
		return;
	}
	if (err->code != MF_OK) {
		mf_api_fail(w->req, err);
	} else if (failed == 0) {
		mf_api_json(w->req, 200, json_object());
	} else {
		details = json_object();
		answer = json_object();
		for (size_t i = 0; i < failed; i++)
			(void)json_object_set_new(details, paths[i], mf_json_text(mf_strz(whys[i].text)));
		(void)json_object_set_new(answer, "reason", json_string("Problems while removing state directories:"));
		(void)json_object_set_new(answer, "details", details);
		mf_api_json(w->req, 500, answer);
	}
	free(w);
}

/* Would leaving throw away the only right to administer the folder?  Unknown counts as yes. */
static bool
holds_write_cap(const mf_app_folder *f)
{
	mf_folder_conf conf;
	bool admin = true;

	if (f->folder != NULL)
		return mf_folder_config(f->folder)->is_admin;
	if (mf_config_folder_conf(f->name, f->state_dir, &conf, NULL) == MF_OK) {
		admin = conf.is_admin;
		mf_folder_conf_clear(&conf);
	}
	return admin;
}

void
mf_api_leave(mf_api *api, struct mf_http_req *req, mf_str name)
{
	json_t *body = mf_api_object(req);
	mf_app_folder *f;
	bool really;

	if (body == NULL)
		return;
	really = json_is_true(json_object_get(body, "really-delete-write-capability"));
	json_decref(body);
	f = mf_api_folder(api, req, name);
	if (f == NULL)
		return;
	if (!really && holds_write_cap(f)) {
		mf_api_error(req, 409, "magic folder '%s' holds a write capability, not deleting.", f->name);
		return;
	}
	mf_app_leave(api->app, f, on_left, wait_new(req));
}
