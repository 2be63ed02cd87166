/* The API above folders that do nothing: what is hard to bring about with a real engine. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/api.h"
#include "daemon/files.h"
#include "tests/daemon/fake_folder.h"

static struct world {
	char base[64];
	uv_loop_t loop;
	struct mf_config *config;
	struct mf_env *env;
	mf_api api;
	struct mf_http *http;
	mf_endpoint bound;
} w;

static void
open_world(void)
{
	mf_config_new what = {.api_endpoint = "tcp:0:interface=127.0.0.1"};
	const mf_http_conf conf = {.handler = mf_api_handle, .arg = &w.api};
	char dir[100], grid[100];
	mf_endpoint where;
	mf_err err;

	cr_assert(sodium_init() >= 0);
	(void)snprintf(w.base, sizeof(w.base), "/tmp/mf-api-XXXXXX");
	cr_assert(mkdtemp(w.base) != NULL);
	(void)snprintf(dir, sizeof(dir), "%s/c", w.base);
	(void)snprintf(grid, sizeof(grid), "dir:%s/store", w.base);
	what.grid = grid;
	cr_assert(mf_config_create(dir, &what, &err) == MF_OK, "%s", err.text);
	cr_assert(mf_config_open(dir, 1000, 0, &w.config, &err) == MF_OK, "%s", err.text);
	(void)snprintf(dir, sizeof(dir), "%s/f", w.base);
	cr_assert(mkdir(dir, 0700) == 0);
	cr_assert(uv_loop_init(&w.loop) == 0);
	cr_assert(mf_env_real_new(&w.loop, 2, &w.env, &err) == MF_OK, "%s", err.text);
	cr_assert(mf_config_token(w.config, w.api.token, &err) == MF_OK);
	w.api.app = mf_app_new(w.env, w.config);
	cr_assert(mf_app_load(w.api.app, &err) == MF_OK, "%s", err.text);
	cr_assert(mf_endpoint_server(MF_STR("tcp:0:interface=127.0.0.1"), &where, NULL) == MF_OK);
	cr_assert(mf_http_listen(&w.loop, &where, &conf, &w.http, &w.bound, &err) == MF_OK, "%s", err.text);
	mf_app_start(w.api.app);
}

static void
env_closed(void *arg)
{
	*(bool *)arg = true;
}

static void
app_stopped(void *arg)
{
	mf_env_real_close(w.env, env_closed, arg);
}

static void
http_closed(void *arg)
{
	mf_app_stop(w.api.app, app_stopped, arg);
}

static void
close_world(void)
{
	bool done = false;

	mf_http_close(w.http, http_closed, &done);
	(void)uv_run(&w.loop, UV_RUN_DEFAULT);
	cr_assert(done, "something was left under way");
	cr_assert(uv_loop_close(&w.loop) == 0);
	cr_assert(fake_open == 0, "a folder was left open");
	mf_config_close(w.config);
	(void)mf_remove_tree(w.base, NULL);
}

/* Send a request; the connection. */
static int
ask(const char *method, const char *path, const char *body)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_port = htons(w.bound.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	mf_buf b = {0};

	mf_buf_addf(&b,
		"%s %s HTTP/1.1\r\nConnection: close\r\nAuthorization: Bearer %s\r\nContent-Length: %zu\r\n\r\n%s",
		method, path, w.api.token, strlen(body), body);
	cr_assert(connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
	cr_assert(send(fd, b.p, b.n, MSG_NOSIGNAL) == (ssize_t)b.n);
	cr_assert(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	mf_buf_free(&b);
	return fd;
}

/* Run the loop a little. */
static void
turn(unsigned ms)
{
	for (unsigned i = 0; i < ms; i++) {
		(void)uv_run(&w.loop, UV_RUN_NOWAIT);
		(void)usleep(1000);
	}
}

/* Receive the whole answer: its status; its body, parsed, to *out (may be NULL). */
static int
reap(int fd, json_t **out)
{
	mf_buf got = {0};
	int status = 0;

	for (int i = 0; i < 20000; i++) {
		char chunk[65536];
		(void)uv_run(&w.loop, UV_RUN_NOWAIT);
		ssize_t n = recv(fd, chunk, sizeof(chunk), 0);
		if (n > 0)
			mf_buf_add(&got, chunk, (size_t)n);
		else if (n == 0)
			break;
		else
			(void)usleep(500);
	}
	(void)close(fd);
	cr_assert(got.n > 12, "no answer");
	status = atoi((const char *)got.p + 9);
	if (out != NULL) {
		const char *body = strstr((const char *)got.p, "\r\n\r\n") + 4;
		*out = json_loads(body, JSON_DECODE_ANY, NULL);
		cr_assert(*out != NULL, "[%s]", body);
	}
	mf_buf_free(&got);
	return status;
}

static int
add(const char *name)
{
	mf_buf body = {0};
	int fd;

	mf_buf_addf(&body,
		"{\"name\": \"%s\", \"author_name\": \"alice\", \"local_path\": \"%s/f\", \"poll_interval\": 60,"
		" \"scan_interval\": null}",
		name, w.base);
	fd = ask("POST", "/v1/magic-folder", (const char *)body.p);
	mf_buf_free(&body);
	return fd;
}

Test(api, a_client_that_leaves_is_forgotten, .timeout = 60)
{
	int fd;

	open_world();
	cr_assert(reap(add("slow"), NULL) == 200);
	fd = ask("PUT", "/v1/magic-folder/slow/scan-local", "");
	turn(50);
	cr_assert(fake_forgotten == 0);
	(void)close(fd);
	turn(50);
	cr_assert(fake_forgotten == 1);
	close_world();
}

Test(api, leaving_answers_those_who_wait, .timeout = 60)
{
	int scan, leave;
	json_t *said;
	char state[160];
	struct stat st;

	open_world();
	cr_assert(reap(add("slow"), NULL) == 200);
	scan = ask("PUT", "/v1/magic-folder/slow/scan-local", "");
	turn(20);
	leave = ask("DELETE", "/v1/magic-folder/slow", "{\"really-delete-write-capability\": true}");
	turn(2);
	cr_assert(reap(ask("PUT", "/v1/magic-folder/slow/poll-remote", ""), NULL) == 404, "it is being left");
	cr_assert(reap(scan, &said) == 410);
	cr_assert(strcmp(json_string_value(json_object_get(said, "reason")), "cancelled") == 0);
	json_decref(said);
	cr_assert(reap(leave, NULL) == 200);
	char *dir = mf_config_state_dir(w.config, "slow");
	cr_assert(stat(dir, &st) != 0, "state is left");
	free(dir);
	(void)snprintf(state, sizeof(state), "%s/f", w.base);
	cr_assert(stat(state, &st) == 0, "the user's directory is gone");
	close_world();
}

Test(api, two_adds_of_one_name_make_one_folder, .timeout = 60)
{
	int a, b, first, second;
	json_t *list;

	open_world();
	a = add("same");
	b = add("same");
	first = reap(a, NULL);
	second = reap(b, NULL);
	cr_assert((first == 200 && second == 409) || (first == 409 && second == 200), "%d and %d", first, second);
	cr_assert(reap(ask("GET", "/v1/magic-folder", ""), &list) == 200);
	cr_assert(json_object_size(list) == 1 && json_object_get(list, "same") != NULL);
	json_decref(list);
	cr_assert(fake_open == 1);
	close_world();
}

Test(api, adding_goes_on_when_the_client_leaves, .timeout = 60)
{
	json_t *list;
	size_t n = 0;

	open_world();
	(void)close(add("orphan"));
	for (int i = 0; i < 1000 && n == 0; i++) {
		turn(20);
		cr_assert(reap(ask("GET", "/v1/magic-folder", ""), &list) == 200);
		n = json_object_size(list);
		json_decref(list);
	}
	cr_assert(n == 1);
	close_world();
}

Test(api, stopping_in_the_midst_of_an_add_is_orderly, .timeout = 60)
{
	int fd;

	open_world();
	fd = add("midst");
	turn(3);
	close_world();
	(void)close(fd);
}

Test(api, a_hundred_thousand_rows_are_listed, .timeout = 120)
{
	json_t *rows, *one;

	open_world();
	cr_assert(reap(add("many"), NULL) == 200);
	fake_rows = 100000;
	cr_assert(reap(ask("GET", "/v1/magic-folder/many/file-status", ""), &rows) == 200);
	cr_assert(json_array_size(rows) == 100000);
	one = json_array_get(rows, 0);
	cr_assert(strcmp(json_string_value(json_object_get(one, "relpath")), "d\"\xc3\xbc/0") == 0);
	cr_assert(json_integer_value(json_object_get(one, "size")) == 99);
	cr_assert(json_real_value(json_object_get(one, "last-upload-duration")) == 0.352162816);
	one = json_array_get(rows, 1);
	cr_assert(json_is_null(json_object_get(one, "mtime")) && json_is_null(json_object_get(one, "size")));
	cr_assert(json_is_null(json_object_get(one, "last-upload-duration")));
	cr_assert(json_is_integer(json_object_get(one, "last-updated")));
	json_decref(rows);
	close_world();
}

Test(api, conflicts_are_grouped_by_path, .timeout = 60)
{
	json_t *all;

	open_world();
	cr_assert(reap(add("conflicted"), NULL) == 200);
	cr_assert(reap(ask("GET", "/v1/magic-folder/conflicted/conflicts", ""), &all) == 200);
	char *text = json_dumps(all, JSON_COMPACT);
	cr_assert(strcmp(text, "{\"hello.txt\":[\"alice\",\"carol\"]}") == 0, "%s", text);
	free(text);
	json_decref(all);
	close_world();
}

static void
resolve_says(const char *body, int status, const char *want)
{
	json_t *all;

	cr_assert(reap(ask("POST", "/v1/magic-folder/conflicted/resolve-conflict", body), &all) == status, "%s", body);
	char *text = json_dumps(all, JSON_COMPACT);
	cr_assert(strcmp(text, want) == 0, "%s: %s", body, text);
	free(text);
	json_decref(all);
}

#define WHO ",\"participants\":[\"alice\",\"carol\"]"

Test(api, a_conflict_is_settled_or_it_is_said_why_not, .timeout = 60)
{
	open_world();
	cr_assert(reap(add("conflicted"), NULL) == 200);
	resolve_says("{\"relpath\": \"hello.txt\", \"take\": \"mine\"}", 200, "{\"hello.txt\":[\"alice\",\"carol\"]}");
	resolve_says("{\"relpath\": \"hello.txt\", \"use\": \"carol\"}", 200, "{\"hello.txt\":[\"alice\",\"carol\"]}");
	resolve_says("{\"relpath\": \"hello.txt\", \"take\": \"theirs\"}", 400,
		"{\"reason\":\"Cannot use \\\"theirs\\\" with 2 conflicts\"" WHO "}");
	resolve_says("{\"relpath\": \"hello.txt\", \"use\": \"dora\"}", 400,
		"{\"reason\":\"\\\"hello.txt\\\" is not conflicted with \\\"dora\\\"\"" WHO "}");
	resolve_says("{\"relpath\": \"hello.txt\", \"merge\": true}", 409,
		"{\"reason\":\"the merge is not clean\"" WHO ",\"merge_conflicts\":[{\"line\":3,\"lines\":2}]}");
	resolve_says(
		"{\"relpath\": \"x\", \"take\": \"mine\"}", 409, "{\"reason\":\"x was changed meanwhile\"" WHO "}");
	close_world();
}

Test(api, a_resolution_says_one_thing, .timeout = 60)
{
	static const char *const bad[][2] = {
		{"{}", "Must specify \\\"relpath\\\", the path below the folder"},
		{"{\"relpath\": 1, \"take\": \"mine\"}", "Must specify \\\"relpath\\\", the path below the folder"},
		{"{\"relpath\": \"a\\u0000b\", \"take\": \"mine\"}",
			"Must specify \\\"relpath\\\", the path below the folder"},
		{"{\"relpath\": \"p\"}", "Must specify \\\"take\\\" or \\\"use\\\""},
		{"{\"relpath\": \"p\", \"take\": \"mine\", \"use\": \"bob\"}",
			"Cannot specify \\\"take\\\" and \\\"use\\\" at once"},
		{"{\"relpath\": \"p\", \"take\": \"all\"}", "\\\"take\\\" must be \\\"mine\\\" or \\\"theirs\\\""},
		{"{\"relpath\": \"p\", \"take\": 1}", "\\\"take\\\" must be \\\"mine\\\" or \\\"theirs\\\""},
		{"{\"relpath\": \"p\", \"use\": 1}", "\\\"use\\\" must be a participant's name"},
		{"{\"relpath\": \"p\", \"merge\": false}", "\\\"merge\\\" must be true"},
		{"{\"relpath\": \"p\", \"merge\": true, \"use\": \"bob\"}",
			"Cannot specify \\\"merge\\\" with \\\"take\\\" or \\\"use\\\""},
	};
	char want[200];

	open_world();
	cr_assert(reap(add("conflicted"), NULL) == 200);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)snprintf(want, sizeof(want), "{\"reason\":\"%s\"}", bad[i][1]);
		resolve_says(bad[i][0], 400, want);
	}
	cr_assert(reap(ask("POST", "/v1/magic-folder/conflicted/resolve-conflict", "[]"), NULL) == 400);
	cr_assert(reap(ask("POST", "/v1/magic-folder/nobody/resolve-conflict", "{}"), NULL) == 404);
	cr_assert(reap(ask("GET", "/v1/magic-folder/conflicted/resolve-conflict", ""), NULL) == 405);
	close_world();
}

Test(api, the_summary_counts, .timeout = 60)
{
	json_t *all, *f;

	open_world();
	cr_assert(reap(add("one"), NULL) == 200);
	cr_assert(reap(ask("GET", "/v1/status-summary", ""), &all) == 200);
	f = json_object_get(json_object_get(all, "folders"), "one");
	cr_assert(json_integer_value(json_object_get(f, "files")) == 3);
	cr_assert(json_array_size(json_object_get(f, "problems")) == 1);
	cr_assert(json_is_null(json_object_get(f, "error")) && json_is_null(json_object_get(f, "last_scan")));
	cr_assert(strcmp(json_string_value(json_object_get(f, "state")), "problem") == 0);
	cr_assert(strcmp(json_string_value(json_object_get(f, "say")), "problem: cannot be read") == 0);
	cr_assert(json_array_size(json_object_get(all, "grids")) == 1);
	json_decref(all);
	close_world();
}

/* What PUT settings with @p body says, for folder @p name: the status; *reason gets the sentence, if any. */
static int
put_settings(const char *name, const char *body, char reason[256])
{
	char path[100];
	json_t *said;

	(void)snprintf(path, sizeof(path), "/v1/magic-folder/%s/settings", name);
	int status = reap(ask("PUT", path, body), &said);
	const char *text = json_string_value(json_object_get(said, "reason"));
	(void)snprintf(reason, 256, "%s", text != NULL ? text : "");
	json_decref(said);
	return status;
}

Test(api, settings_are_shown_and_changed, .timeout = 60)
{
	json_t *all, *one;
	char why[256];

	open_world();
	cr_assert(reap(add("set"), NULL) == 200);
	cr_assert(put_settings("set",
			  "{\"merge\": \"text\", \"paused\": true, \"poll_interval\": 5,"
			  " \"scan_interval\": null, \"confirm_deletes\": \"never\"}",
			  why) == 200);
	cr_assert(reap(ask("GET", "/v1/magic-folder/set/settings", ""), &all) == 200);
	cr_assert(json_object_size(all) == MF_SETTING_COUNT);
	one = json_object_get(all, "merge");
	cr_assert(strcmp(json_string_value(json_object_get(one, "value")), "text") == 0);
	cr_assert(strcmp(json_string_value(json_object_get(one, "default")), "ask") == 0);
	cr_assert(strcmp(json_string_value(json_object_get(one, "choices")), "ask|text") == 0);
	cr_assert(strlen(json_string_value(json_object_get(one, "help"))) > 10);
	cr_assert(json_is_true(json_object_get(json_object_get(all, "paused"), "value")));
	cr_assert(json_integer_value(json_object_get(json_object_get(all, "poll_interval"), "value")) == 5);
	cr_assert(json_is_null(json_object_get(json_object_get(all, "scan_interval"), "value")));
	json_decref(all);
	cr_assert(reap(ask("PUT", "/v1/magic-folder/set/scan-local", ""), NULL) == 409, "it is paused");
	cr_assert(reap(ask("PUT", "/v1/magic-folder/set/poll-remote", ""), NULL) == 409, "it is paused");
	/* as text, too */
	cr_assert(put_settings("set", "{\"paused\": \"no\", \"scan_interval\": \"9\"}", why) == 200);
	cr_assert(reap(ask("GET", "/v1/magic-folder/set/settings", ""), &all) == 200);
	cr_assert(json_is_false(json_object_get(json_object_get(all, "paused"), "value")));
	cr_assert(json_integer_value(json_object_get(json_object_get(all, "scan_interval"), "value")) == 9);
	json_decref(all);
	close_world();
}

Test(api, refused_settings_change_nothing, .timeout = 60)
{
	static const char *const bad[][2] = {
		{"{\"merge\": \"text\", \"colour\": 1}", "There is no setting 'colour'"},
		{"{\"merge\": \"text\", \"poll_interval\": null}", "poll_interval must be SECONDS."},
		{"{\"merge\": \"text\", \"poll_interval\": 0}", "poll_interval must be SECONDS, not '0'."},
		{"{\"merge\": true}", "merge must be ask|text."},
		{"{\"paused\": 1}", "paused must be yes|no."},
		{"{\"paused\": \"yes\\u0000\"}", "paused must be yes|no."},
		{"{\"poll_interval\": 1.5}", "poll_interval must be SECONDS."},
		{"[]", "The body must be a JSON object"},
	};
	json_t *all;
	char why[256];

	open_world();
	cr_assert(reap(add("set"), NULL) == 200);
	cr_assert(reap(add("locked"), NULL) == 200);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		cr_assert(put_settings("set", bad[i][0], why) == 400, "%s", bad[i][0]);
		cr_assert(strncmp(why, bad[i][1], strlen(bad[i][1])) == 0, "%s: %s", bad[i][0], why);
	}
	cr_assert(put_settings("locked", "{\"merge\": \"text\"}", why) == 503);
	cr_assert(put_settings("nobody", "{}", why) == 404);
	cr_assert(reap(ask("GET", "/v1/magic-folder/set/settings", ""), &all) == 200);
	cr_assert(strcmp(json_string_value(json_object_get(json_object_get(all, "merge"), "value")), "ask") == 0);
	json_decref(all);
	close_world();
}

Test(api, deletions_are_shown_and_answered, .timeout = 60)
{
	static const char path[] = "/v1/magic-folder/asking/confirm-deletes";
	static const char *const bad[] = {"{}", "{\"action\": \"burn\"}", "{\"action\": 1}", "[]",
		"{\"action\": \"delete\", \"asked\": \"25\"}", "{\"action\": \"delete\", \"asked\": -1}"};
	json_t *all;

	open_world();
	cr_assert(reap(add("asking"), NULL) == 200);
	cr_assert(reap(add("calm"), NULL) == 200);
	cr_assert(reap(ask("GET", path, ""), &all) == 200);
	cr_assert(json_integer_value(json_object_get(all, "asked")) == 25);
	cr_assert(json_integer_value(json_object_get(all, "files")) == 3);
	cr_assert(json_array_size(json_object_get(all, "first")) == 10);
	json_decref(all);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		cr_assert(reap(ask("POST", path, bad[i]), NULL) == 400, "%s", bad[i]);
	cr_assert(reap(ask("POST", path, "{\"action\": \"delete\", \"asked\": 24}"), NULL) == 409);
	cr_assert(reap(ask("POST", "/v1/magic-folder/calm/confirm-deletes", "{\"action\": \"delete\"}"), NULL) == 409);
	cr_assert(reap(ask("POST", "/v1/magic-folder/none/confirm-deletes", "{\"action\": \"delete\"}"), NULL) == 404);
	cr_assert(fake_deletes_word == -1, "nothing of this was an answer");
	cr_assert(reap(ask("POST", path, "{\"action\": \"restore\", \"asked\": 25}"), NULL) == 200);
	cr_assert(fake_deletes_word == MF_DELETES_RESTORE);
	cr_assert(reap(ask("POST", path, "{\"action\": \"delete\"}"), NULL) == 409, "it is answered");
	close_world();
}

static int
post_trust(const char *body, char reason[256])
{
	json_t *said;
	int status = reap(ask("POST", "/v1/magic-folder/keys/trust", body), &said);
	const char *text = json_string_value(json_object_get(said, "reason"));

	(void)snprintf(reason, 256, "%s", text != NULL ? text : "");
	json_decref(said);
	return status;
}

static const char *
text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "(null)";
}

#define BOB(rest) "{\"participant\": \"bob\"" rest "}"

Test(api, keys_are_shown_and_another_is_accepted_by_its_fingerprint, .timeout = 60)
{
	static const char *const bad[] = {"{}", BOB(""), "{\"participant\": 1, \"fingerprint\": \"x\"}",
		BOB(", \"fingerprint\": \"finger-3\", \"more\": 1")};
	static const uint8_t key[4][32] = {{0}, {1}, {2}, {3}};
	char why[256], print[4][MF_FINGERPRINT_MAX], body[128];
	json_t *all, *p, *k;

	for (size_t i = 0; i < 4; i++)
		mf_fingerprint(key[i], print[i]);
	open_world();
	cr_assert(reap(add("keys"), NULL) == 200);
	cr_assert(reap(ask("GET", "/v1/magic-folder/nothing/keys", ""), NULL) == 404);
	cr_assert(reap(ask("GET", "/v1/magic-folder/keys/keys", ""), &all) == 200);
	p = json_array_get(json_object_get(all, "participants"), 0);
	cr_assert(json_is_true(json_object_get(p, "self")) && json_is_null(json_object_get(p, "how")));
	p = json_array_get(json_object_get(all, "participants"), 1);
	cr_assert(strcmp(text_of(p, "name"), "bob") == 0 && strcmp(text_of(p, "author"), "robert") == 0);
	cr_assert(strcmp(text_of(p, "state"), "changed") == 0 && strcmp(text_of(p, "how"), "first-use") == 0);
	cr_assert(strcmp(text_of(p, "fingerprint"), print[2]) == 0 && strlen(text_of(p, "verify_key")) == 56);
	cr_assert(json_integer_value(json_object_get(p, "since")) == 1700000000);
	k = json_array_get(json_object_get(p, "changed"), 0);
	cr_assert(strcmp(text_of(k, "fingerprint"), print[3]) == 0 && strcmp(text_of(k, "shown_by"), "bob") == 0);
	cr_assert(json_integer_value(json_object_get(k, "files")) == 2);
	p = json_array_get(json_object_get(all, "participants"), 2);
	cr_assert(strcmp(text_of(p, "state"), "unknown") == 0 && json_is_null(json_object_get(p, "fingerprint")));
	k = json_array_get(json_object_get(all, "others"), 0);
	cr_assert(json_is_null(json_object_get(k, "participant")) && strcmp(text_of(k, "author"), "dave") == 0);
	json_decref(all);

	cr_assert(reap(ask("GET", "/v1/status-summary", ""), &all) == 200);
	k = json_object_get(json_object_get(json_object_get(all, "folders"), "keys"), "changed_keys");
	k = json_array_get(k, 0);
	cr_assert(strcmp(text_of(k, "participant"), "bob") == 0 && strcmp(text_of(k, "fingerprint"), print[3]) == 0);
	json_decref(all);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert(post_trust(bad[i], why) == 400, "%s", bad[i]);
	static const struct {
		const char *who;
		int print, status;
	} tries[] = {{"bob", 2, 409}, {"eve", 3, 404}, {"bob", 3, 200}, {"bob", 3, 404}};
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		(void)snprintf(body, sizeof(body), "{\"participant\": \"%s\", \"fingerprint\": \"%s\"}", tries[i].who,
			print[tries[i].print]);
		cr_assert(post_trust(body, why) == tries[i].status, "%s: %s", body, why);
	}
	close_world();
}

Test(api, a_participant_may_be_added_with_its_key, .timeout = 60)
{
	static const char cap[] =
		"URI:DIR2-RO:aeotvthibzvyhkgvcj2uvwmoc4:nm2xznszzsaypssjj6cuwynplr7r4udlp3chgev6af45f4xvonha";
	static const char *const author[][2] = {
		{"{\"name\": \"no key\"}", "201 0"},
		{"{\"name\": \"key\", \"verify_key\": \"AEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA====\"}",
			"201 1"},
		{"{\"name\": \"short\", \"verify_key\": \"AEAA====\"}", "400 1"},
		{"{\"name\": \"number\", \"verify_key\": 5}", "400 1"},
		{"{\"name\": \"other\", \"key\": \"x\"}", "400 1"},
		{"{\"verify_key\": \"AEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA====\"}", "400 1"},
	};
	char body[512], got[16];

	open_world();
	cr_assert(reap(add("keys"), NULL) == 200);
	for (size_t i = 0; i < sizeof(author) / sizeof(author[0]); i++) {
		(void)snprintf(body, sizeof(body), "{\"author\": %s, \"personal_dmd\": \"%.*s%c%s\"}", author[i][0], 12,
			cap, (int)('b' + i), cap + 13);
		int status = reap(ask("POST", "/v1/magic-folder/keys/participants", body), NULL);
		(void)snprintf(got, sizeof(got), "%d %u", status, fake_key);
		cr_assert(strcmp(got, author[i][1]) == 0, "%s: %s", author[i][0], got);
	}
	close_world();
}

Test(api, only_who_joins_can_be_read_only, .timeout = 60)
{
	static const char *const bad[][2] = {{"true", "Only a folder that is joined can be read-only."},
		{"\"yes\"", "read-only must be true or false."}, {"1", "read-only must be true or false."}};
	json_t *said;

	open_world();
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		mf_buf body = {0};
		mf_buf_addf(&body,
			"{\"name\": \"r\", \"author_name\": \"alice\", \"local_path\": \"%s/f\","
			" \"poll_interval\": 60, \"scan_interval\": null, \"read-only\": %s}",
			w.base, bad[i][0]);
		cr_assert(reap(ask("POST", "/v1/magic-folder", (const char *)body.p), &said) == 400);
		cr_assert(strcmp(json_string_value(json_object_get(said, "reason")), bad[i][1]) == 0);
		json_decref(said);
		mf_buf_free(&body);
	}
	cr_assert(fake_open == 0);
	close_world();
}
