/* What the mailbox server says: JSON as Python's server writes it, members in its order. */
#include "wormhole/rendezvous_impl.h"

#include "base/json.h"

static void
add_name(mf_buf *out, const char *name)
{
	mf_buf_addc(out, '"');
	mf_buf_addz(out, name);
	mf_buf_addz(out, "\": ");
}

void
mf_rv_say_begun(struct mf_rendezvous_client *c, mf_str begun, const char *type)
{
	mf_buf out = {0};

	if (c->ended)
		return;
	mf_buf_addc(&out, '{');
	mf_buf_adds(&out, begun);
	add_name(&out, "type");
	mf_json_add_string(&out, mf_strz(type));
	mf_buf_addz(&out, ", ");
	add_name(&out, "server_tx");
	mf_json_add_real(&out, (double)c->server->env->ops->now_ns(c->server->env) / 1e9);
	mf_buf_addc(&out, '}');
	c->out->send(c->arg, mf_buf_str(&out));
	mf_buf_free(&out);
}

void
mf_rv_say(struct mf_rendezvous_client *c, const char *type)
{
	mf_rv_say_begun(c, (mf_str){"", 0}, type);
}

void
mf_rv_say_string(struct mf_rendezvous_client *c, const char *type, const char *name, mf_str value)
{
	mf_buf begun = {0};

	add_name(&begun, name);
	mf_json_add_string(&begun, value);
	mf_buf_addz(&begun, ", ");
	mf_rv_say_begun(c, mf_buf_str(&begun), type);
	mf_buf_free(&begun);
}

void
mf_rv_say_json(struct mf_rendezvous_client *c, const char *type, const char *name, const json_t *value)
{
	mf_buf begun = {0};

	add_name(&begun, name);
	if (value != NULL)
		mf_json_py(&begun, value);
	else
		mf_buf_addz(&begun, "null");
	mf_buf_addz(&begun, ", ");
	mf_rv_say_begun(c, mf_buf_str(&begun), type);
	mf_buf_free(&begun);
}

void
mf_rv_welcome(struct mf_rendezvous_client *c)
{
	const mf_rendezvous_conf *conf = &c->server->conf;
	json_t *welcome = json_object();

	if (conf->motd != NULL)
		(void)json_object_set_new(welcome, "motd", json_string(conf->motd));
	if (conf->error != NULL)
		(void)json_object_set_new(welcome, "error", json_string(conf->error));
	mf_rv_say_json(c, "welcome", "welcome", welcome);
	json_decref(welcome);
}

void
mf_rv_error(struct mf_rendezvous_client *c, const char *text, const json_t *orig)
{
	enum { MAX_ERRORS = 100 };
	mf_buf begun = {0};

	add_name(&begun, "error");
	mf_json_add_string(&begun, mf_strz(text));
	mf_buf_addz(&begun, ", ");
	add_name(&begun, "orig");
	if (orig != NULL)
		mf_json_py(&begun, orig);
	else
		mf_buf_addz(&begun, "null");
	mf_buf_addz(&begun, ", ");
	mf_rv_say_begun(c, mf_buf_str(&begun), "error");
	mf_buf_free(&begun);
	if (++c->errors >= MAX_ERRORS)
		mf_rv_end(c, "too many errors");
}

void
mf_rv_begin_message(mf_buf *out, const mf_rv_message *m)
{
	const struct {
		const char *name;
		mf_str value;
	} texts[] = {{"side", m->side}, {"phase", m->phase}, {"body", m->body}};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		add_name(out, texts[i].name);
		mf_json_add_string(out, texts[i].value);
		mf_buf_addz(out, ", ");
	}
	add_name(out, "server_rx");
	mf_json_add_real(out, m->received);
	mf_buf_addz(out, ", ");
	add_name(out, "id");
	mf_buf_adds(out, m->id);
	mf_buf_addz(out, ", ");
}
