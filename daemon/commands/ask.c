/* How client commands talk to the daemon. */
#include "daemon/commands/ask.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/client.h"
#include "daemon/jsontext.h"

void
mf_print_json(const json_t *value, unsigned indent)
{
	mf_buf text = {0};

	mf_json_py_indent(&text, value, indent);
	mf_buf_addc(&text, '\n');
	(void)fwrite(text.p, 1, text.n, stdout);
	mf_buf_wipe_free(&text);
}

static bool
is_api(const struct mf_cli *cli)
{
	return cli->program->api_failure != cli->program->failure;
}

static int
unreachable(struct mf_cli *cli, const char *endpoint)
{
	/* what the database says is shown (Python does so), what was tried otherwise */
	char *column = mf_config_client_endpoint_column(cli->config);
	FILE *second = is_api(cli) ? stderr : stdout;

	(void)mf_cli_fail(cli, "Can't reach the magic folder daemon at all");
	(void)fprintf(second, "   Attempted access via %s\n", column != NULL ? column : endpoint);
	free(column);
	return 1;
}

static int
api_error(struct mf_cli *cli, unsigned status, const json_t *body, const mf_buf *raw, const char *hint)
{
	const char *reason = json_string_value(json_object_get(body, "reason"));
	const json_t *details = json_object_get(body, "details"), *who = json_object_get(body, "participants");
	const char *path;
	json_t *text;

	(void)fflush(stdout);
	if (is_api(cli)) {
		(void)fwrite(raw->p, 1, raw->n, stderr);
		(void)fputc('\n', stderr);
		return cli->program->api_failure;
	}
	(void)fprintf(stderr, "Error: Magic Folder HTTP API reported error %u: %s\n", status,
		reason != NULL          ? reason
			: status == 503 ? "it has too many clients at the moment"
					: "(no reason given)");
	for (size_t i = 0; i < json_array_size(who); i++)
		(void)fprintf(stderr, "%s%s%s", i == 0 ? "In conflict: " : ", ",
			json_string_value(json_array_get(who, i)), i + 1 == json_array_size(who) ? "\n" : "");
	json_object_foreach((json_t *)(uintptr_t)details, path, text)(void)
		fprintf(stderr, "%s: %s\n", path, json_string_value(text));
	if (status == 409 && hint != NULL)
		(void)fprintf(stderr, "%s\n", hint);
	return cli->program->api_failure;
}

static void
make_path(const mf_ask *ask, mf_buf *path)
{
	if (ask->folder == NULL) {
		mf_buf_addz(path, ask->rest);
		return;
	}
	mf_buf_addz(path, "/v1/magic-folder/");
	mf_url_add(path, mf_strz(ask->folder));
	mf_buf_addz(path, ask->rest);
}

/* Send and receive with all addresses known. */
static mf_answer
exchange(struct mf_cli *cli, const mf_ask *ask, const char *endpoint, const char *hint)
{
	mf_client_request what = {.method = ask->method};
	mf_buf path = {0}, sent = {0}, got = {0};
	char token[MF_TOKEN_LEN + 1] = "";
	mf_answer out = {0};
	mf_endpoint where;
	mf_err err;
	mf_code rc;

	rc = mf_endpoint_client(mf_strz(endpoint), &where, &err);
	if (rc == MF_OK)
		rc = mf_config_token(cli->config, token, &err);
	if (rc != MF_OK) {
		out.exit_status = mf_cli_fail(cli, "%s", err.text);
		return out;
	}
	make_path(ask, &path);
	if (ask->body != NULL)
		mf_json_py(&sent, ask->body);
	what.path = (const char *)path.p;
	what.token = token;
	what.body = mf_buf_str(&sent);
	rc = mf_client_ask(&where, &what, &out.status, &got, &err);
	sodium_memzero(token, sizeof(token));
	if (rc == MF_ENET) {
		out.exit_status = unreachable(cli, endpoint);
	} else if (rc != MF_OK) {
		out.exit_status = mf_cli_fail(cli, "%s", err.text);
	} else {
		out.json = json_loadb(got.n > 0 ? (const char *)got.p : "", got.n, JSON_DECODE_ANY, NULL);
		if (out.status == 401)
			out.exit_status =
				mf_cli_fail(cli, "the daemon refuses the token in %s/api_token", cli->config_dir);
		else if (out.status != 200 && out.status != 201)
			out.exit_status = api_error(cli, out.status, out.json, &got, hint);
		else if (out.json == NULL)
			out.exit_status = mf_cli_fail(cli, "the daemon's answer is no JSON");
	}
	mf_buf_free(&path);
	mf_buf_wipe_free(&sent);
	mf_buf_wipe_free(&got);
	return out;
}

mf_answer
mf_ask_daemon(struct mf_cli *cli, mf_ask ask, const char *hint)
{
	mf_answer out = {0};
	char *endpoint = NULL;
	mf_err err;

	if (!mf_cli_config(cli))
		out.exit_status = cli->program->failure;
	else if (mf_config_client_endpoint(cli->config, &endpoint, &err) != MF_OK)
		out.exit_status = mf_cli_fail(cli, "%s", err.text);
	else
		out = exchange(cli, &ask, endpoint, hint);
	free(endpoint);
	json_decref(ask.body);
	if (out.exit_status != 0) {
		json_decref(out.json);
		out.json = NULL;
	}
	return out;
}
