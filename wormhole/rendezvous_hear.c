/* What clients say: checked, done, answered.  The words of refusals are those of Python's server where it has any. */
#include "wormhole/rendezvous_impl.h"

#include <stdlib.h>

#include "base/json.h"

enum { MAX_APP = 256, MAX_SIDE = 128 };

void
mf_rv_refuse_heard(const mf_rv_heard *h, const char *text)
{
	mf_rv_error(h->c, text, h->msg);
}

bool
mf_rv_take(const mf_rv_heard *h, const char *name, size_t max, const char *absent, mf_str *out, bool *there)
{
	const json_t *v = json_object_get(h->msg, name);
	mf_err why;

	*out = (mf_str){"", 0};
	if (there != NULL)
		*there = v != NULL;
	if (v == NULL) {
		if (absent != NULL)
			mf_rv_refuse_heard(h, absent);
		return absent == NULL;
	}
	*out = (mf_str){json_string_value(v), json_string_length(v)};
	if (json_is_string(v) && out->n <= max && memchr(out->p, 0, out->n) == NULL)
		return true;
	(void)mf_fail(&why, MF_EFORMAT, 0,
		json_is_string(v) && out->n > max ? "'%s' is too long" : "'%s' must be a string", name);
	mf_rv_refuse_heard(h, why.text);
	return false;
}

static bool
is_nameplate(mf_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.n > 0 && s.n <= MF_RV_NAMEPLATE_MAX;
}

bool
mf_rv_take_nameplate(const mf_rv_heard *h, const char *absent, mf_str *out, bool *there)
{
	if (!mf_rv_take(h, "nameplate", MF_RV_NAMEPLATE_MAX, absent, out, there))
		return false;
	if ((there != NULL && !*there) || is_nameplate(*out))
		return true;
	mf_rv_refuse_heard(h, "a nameplate is a number of at most 40 digits");
	return false;
}

/* -- what needs no state ------------------------------------------------------------------------- */

static void
hear_ping(const mf_rv_heard *h)
{
	const json_t *v = json_object_get(h->msg, "ping");

	if (v == NULL)
		mf_rv_refuse_heard(h, "ping requires 'ping'");
	else
		mf_rv_say_json(h->c, "pong", "pong", v);
}

static void
hear_bind(const mf_rv_heard *h)
{
	mf_str app, side;

	if (h->c->app != NULL) {
		mf_rv_refuse_heard(h, "already bound");
		return;
	}
	if (!mf_rv_take(h, "appid", MAX_APP, "bind requires 'appid'", &app, NULL) ||
		!mf_rv_take(h, "side", MAX_SIDE, "bind requires 'side'", &side, NULL))
		return;
	h->c->app = mf_strdup(app);
	h->c->side = mf_strdup(side);
}

static void
add_listed(void *arg, mf_str name)
{
	json_t *one = json_object();

	(void)json_object_set_new(one, "id", json_stringn(name.p, name.n));
	(void)json_array_append_new(arg, one);
}

static void
hear_list(const mf_rv_heard *h)
{
	json_t *all = json_array();
	mf_code rc = MF_OK;
	mf_err err;

	if (h->c->server->conf.list)
		rc = mf_rv_nameplates(h->c->server->state, mf_strz(h->c->app), add_listed, all, &err);
	if (rc == MF_OK)
		mf_rv_say_json(h->c, "nameplates", "nameplates", all);
	else
		mf_rv_failed(h->c, &err);
	json_decref(all);
}

/* -- all of them ------------------------------------------------------------------------------------------ */

static void
hear(const mf_rv_heard *h, const char *type)
{
	static const struct {
		const char *type;
		void (*hear)(const mf_rv_heard *h);
	} kinds[] = {
		{"ping", hear_ping}, /* these two before bind */
		{"bind", hear_bind},
		{"list", hear_list},
		{"allocate", mf_rv_hear_allocate},
		{"claim", mf_rv_hear_claim},
		{"release", mf_rv_hear_release},
		{"open", mf_rv_hear_open},
		{"add", mf_rv_hear_add},
		{"close", mf_rv_hear_close},
	};
	enum { BEFORE_BIND = 2 };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (i == BEFORE_BIND && h->c->app == NULL)
			break;
		if (type != NULL && strcmp(type, kinds[i].type) == 0) {
			kinds[i].hear(h);
			return;
		}
	}
	mf_rv_refuse_heard(h, h->c->app == NULL ? "must bind first" : "unknown type");
}

void
mf_rendezvous_text(struct mf_rendezvous_client *c, mf_str text)
{
	json_t *msg = NULL;
	mf_rv_heard h = {.c = c};
	const json_t *type;

	if (c->ended)
		return;
	if (mf_json_load(text, MF_RENDEZVOUS_MAX_TEXT, MF_JSON_ANY | MF_JSON_NUL, &msg, NULL) != MF_OK ||
		!json_is_object(msg)) {
		mf_rv_error(c, "a message is a JSON object", msg);
		json_decref(msg);
		return;
	}
	h.msg = msg;
	type = json_object_get(msg, "type");
	if (type == NULL) {
		mf_rv_refuse_heard(&h, "missing 'type'");
	} else {
		mf_rv_say_json(c, "ack", "id", json_object_get(msg, "id"));
		hear(&h, json_string_value(type));
	}
	json_decref(msg);
}
