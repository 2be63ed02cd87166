/* grid info, grid check */
#include "daemon/commands/grid.h"

#include <inttypes.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/commands/ask.h"
#include "daemon/jsontext.h"
#include "grid/check.h"

enum { I_JSON };

static const mf_option json_option[] = {
	[I_JSON] = {"json", '\0', NULL, "print JSON", NULL},
	{0},
};

/* Print an object as JSON or as "key: value" lines; takes it over. */
static void
print(const struct mf_grid_call *c, json_t *v)
{
	const char *key;
	json_t *one;

	if (c->args->value[I_JSON] != NULL) {
		mf_print_json(v, 4);
	} else {
		json_object_foreach(v, key, one)
		{
			if (json_is_string(one))
				printf("%s: %s\n", key, json_string_value(one));
			else if (json_is_boolean(one))
				printf("%s: %s\n", key, json_is_true(one) ? "yes" : "no");
			else if (json_is_integer(one))
				printf("%s: %" JSON_INTEGER_FORMAT "\n", key, json_integer_value(one));
		}
	}
	json_decref(v);
}

static void
set_text(json_t *v, const char *key, const char *text)
{
	if (text[0] != '\0')
		(void)json_object_set_new(v, key, json_string(text));
}

static json_t *
describe_cap(mf_str text, mf_err *err)
{
	mf_cap_info info;
	json_t *v;

	if (mf_cap_describe(text, &info, err) != MF_OK)
		return NULL;
	v = json_object();
	set_text(v, "kind", info.name);
	(void)json_object_set_new(v, "directory", json_boolean(info.dir));
	(void)json_object_set_new(v, "mutable", json_boolean(info.is_mutable));
	(void)json_object_set_new(v, "writable", json_boolean(info.writable));
	if (info.kind != MF_CAP_UNKNOWN && !info.is_mutable)
		(void)json_object_set_new(v, "size", json_integer((json_int_t)info.size));
	if (info.n > 0)
		(void)json_object_set_new(v, "shares", json_sprintf("%u/%u", info.k, info.n));
	set_text(v, "storage_index", info.si);
	set_text(v, "read_capability", info.readonly);
	set_text(v, "verify_capability", info.verifier);
	sodium_memzero(&info, sizeof(info));
	return v;
}

static json_t *
describe_grid(struct mf_grid_call *c, mf_err *err)
{
	mf_grid_status s;
	json_t *v;

	if (c->grid->ops->status(c->grid, &s, NULL, err) != MF_OK)
		return NULL;
	v = json_object();
	(void)json_object_set_new(v, "servers", json_sprintf("%u of %u", s.connected, s.wanted));
	(void)json_object_set_new(v, "bytes_used", json_integer((json_int_t)s.bytes_used));
	(void)json_object_set_new(v, "bytes_free", json_integer((json_int_t)s.bytes_free));
	(void)json_object_set_new(v, "bytes_total", json_integer((json_int_t)s.bytes_total));
	return v;
}

/* The call's capability; the caller wipes and frees it. */
static char *
cap_text(struct mf_grid_call *c)
{
	return mf_cli_secret_word(c->cli, c->args->word[0]);
}

static void
drop_text(char *text)
{
	sodium_memzero(text, strlen(text));
	free(text);
}

static int
info_run(struct mf_grid_call *c)
{
	json_t *v;
	mf_err err;
	char *text;

	if (c->args->words == 0) {
		v = describe_grid(c, &err);
	} else {
		text = cap_text(c);
		if (text == NULL)
			return c->cli->program->failure;
		v = describe_cap(mf_strz(text), &err);
		drop_text(text);
	}
	if (v == NULL)
		return mf_cli_fail(c->cli, "%s", err.text);
	print(c, v);
	return 0;
}

const struct mf_grid_verb mf_grid_info = {
	.name = "info",
	.words = "[CAP]",
	.summary = "Say what a capability is, and the read capability of a write capability; without CAP: the grid",
	.options = json_option,
	.max_words = 1,
	.run = info_run,
};

/* -- check ------------------------------------------------------------------------------------------------ */

static json_t *
share_list(const mf_check *k)
{
	json_t *list = json_array(), *one;

	for (size_t i = 0; i < k->shares; i++) {
		one = json_object();
		(void)json_object_set_new(one, "share", json_integer(k->share[i].num));
		(void)json_object_set_new(one, "good", json_boolean(k->share[i].state == MF_OK));
		if (k->share[i].state != MF_OK)
			(void)json_object_set_new(one, "why",
				k->share[i].why[0] != '\0' ? mf_json_text(mf_strz(k->share[i].why))
							   : json_string("of another version"));
		(void)json_array_append_new(list, one);
	}
	return list;
}

static int
check_run(struct mf_grid_call *c)
{
	char *text = cap_text(c);
	mf_check *k;
	json_t *v;
	mf_err err;
	mf_code rc;
	int status;

	if (text == NULL)
		return c->cli->program->failure;
	k = mf_alloc(sizeof(*k));
	rc = mf_grid_check(c->grid, mf_strz(text), k, NULL, &err);
	drop_text(text);
	if (rc != MF_OK) {
		free(k);
		return mf_cli_fail(c->cli, "%s", err.text);
	}
	v = json_object();
	(void)json_object_set_new(v, "healthy", json_boolean(k->healthy));
	(void)json_object_set_new(v, "recoverable", json_boolean(k->recoverable));
	if (!k->literal) {
		(void)json_object_set_new(v, "good_shares", json_integer(k->good));
		(void)json_object_set_new(v, "bad_shares", json_integer(k->bad));
		(void)json_object_set_new(v, "needed_shares", json_integer(k->needed));
		(void)json_object_set_new(v, "expected_shares", json_integer(k->expected));
		(void)json_object_set_new(v, "shares", share_list(k));
	}
	if (k->seqnum > 0)
		(void)json_object_set_new(v, "version", json_integer((json_int_t)k->seqnum));
	if (c->args->value[I_JSON] == NULL)
		for (size_t i = 0; i < k->shares; i++)
			if (k->share[i].why[0] != '\0')
				printf("share %u: %s\n", k->share[i].num, k->share[i].why);
	status = k->healthy ? 0 : 1;
	print(c, v);
	free(k);
	return status;
}

const struct mf_grid_verb mf_grid_check_verb = {
	.name = "check",
	.words = "CAP",
	.summary = "Read and verify every share of an object; ends with 1 if it is not in full health",
	.options = json_option,
	.min_words = 1,
	.max_words = 1,
	.run = check_run,
};
