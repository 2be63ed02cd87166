/* magic-folder doctor */
#include "daemon/commands/commands.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/client.h"
#include "daemon/commands/ask.h"
#include "daemon/doctor.h"
#include "daemon/jsontext.h"
#include "daemon/text.h"

enum { O_JSON };

static const mf_option options[] = {
	[O_JSON] = {"json", '\0', NULL, "print JSON", NULL},
	{0},
};

/* What the daemon says of itself, without mf_ask_daemon()'s printing. */
static json_t *
ask_quietly(struct mf_config *c, mf_findings *all)
{
	mf_client_request what = {.method = "GET", .path = "/v1/status-summary"};
	char token[MF_TOKEN_LEN + 1], *endpoint = NULL;
	mf_endpoint where;
	mf_buf body = {0};
	unsigned status = 0;
	json_t *out = NULL;
	mf_err err;

	if (mf_config_client_endpoint(c, &endpoint, NULL) != MF_OK) {
		mf_finding_add(all, MF_FINDING_NOTE, "daemon", "not running; start it with: magic-folder run");
		return NULL;
	}
	what.token = token;
	if (mf_config_token(c, token, &err) != MF_OK || mf_endpoint_client(mf_strz(endpoint), &where, &err) != MF_OK ||
		mf_client_ask(&where, &what, &status, &body, &err) != MF_OK)
		mf_finding_add(all, MF_FINDING_NOTE, "daemon",
			"does not answer at %s (%s); start it with: magic-folder run", endpoint, err.text);
	else if (status != 200)
		mf_finding_add(all, MF_FINDING_WRONG, "daemon",
			"answers with status %u at %s: another program, or another"
			" configuration's daemon, has that address; restart ours",
			status, endpoint);
	else
		out = json_loadb((const char *)body.p, body.n, 0, NULL);
	mf_buf_free(&body);
	free(endpoint);
	return out;
}

static void
check_keys(const char *folder, const json_t *changed, mf_findings *all)
{
	for (size_t i = 0; i < json_array_size(changed); i++) {
		const json_t *k = json_array_get(changed, i);
		const char *name = json_string_value(json_object_get(k, "participant"));
		char *safe = mf_text_safe(name != NULL ? name : "");
		mf_finding_add(all, MF_FINDING_WRONG, "keys",
			"folder '%s': '%s' is said to sign with another key (%s); ask them, then: magic-folder trust"
			" -n %s %s; or have it removed",
			folder, safe, json_string_value(json_object_get(k, "fingerprint")), folder, safe);
		free(safe);
	}
}

static void
check_daemon(struct mf_config *c, mf_findings *all)
{
	json_t *said = ask_quietly(c, all), *folder;
	const char *name;

	if (said == NULL)
		return;
	mf_finding_add(all, MF_FINDING_OK, "daemon", "running as PID %lld",
		(long long)json_integer_value(json_object_get(json_object_get(said, "daemon"), "pid")));
	json_object_foreach(json_object_get(said, "folders"), name, folder)
	{
		const char *error = json_string_value(json_object_get(folder, "error"));
		json_int_t errors = json_integer_value(json_object_get(folder, "errors"));
		if (error != NULL)
			mf_finding_add(all, MF_FINDING_WRONG, "daemon", "folder '%s' is not running: %s", name, error);
		else if (errors > 0)
			mf_finding_add(all, MF_FINDING_NOTE, "daemon",
				"folder '%s' has %lld errors; see: magic-folder status", name, (long long)errors);
		check_keys(name, json_object_get(folder, "changed_keys"), all);
		if (error == NULL && !json_is_true(json_object_get(folder, "in_collective")))
			mf_finding_add(
				all, MF_FINDING_NOTE, "daemon", "folder '%s': the admin has not added us yet", name);
	}
	json_decref(said);
}

static bool
print(const mf_findings *all, bool as_json)
{
	static const char *const words[] = {"ok", "note", "wrong"};
	json_t *rows = json_array(), *top;
	bool wrong = false;

	for (size_t i = 0; i < all->n; i++) {
		const mf_finding *f = &all->row[i];
		json_t *row = json_object();
		wrong = wrong || f->level == MF_FINDING_WRONG;
		(void)json_object_set_new(row, "level", json_string(words[f->level]));
		(void)json_object_set_new(row, "check", json_string(f->check));
		(void)json_object_set_new(row, "text", mf_json_text(mf_strz(f->text)));
		(void)json_array_append_new(rows, row);
		if (!as_json)
			printf("%-5s %s: %s\n", f->level == MF_FINDING_WRONG ? "WRONG" : words[f->level], f->check,
				f->text);
	}
	top = json_object();
	(void)json_object_set_new(top, "ok", json_boolean(!wrong));
	(void)json_object_set_new(top, "findings", rows);
	if (as_json)
		mf_print_json(top, 4);
	json_decref(top);
	return !wrong;
}

static int
run(struct mf_cli *cli, const mf_args *args)
{
	mf_findings all = {0};
	bool fine;
	mf_err err;
	mf_code rc = mf_config_open(cli->config_dir, 2000, 2000, &cli->config, &err);

	if (rc == MF_ENOTFOUND) {
		mf_finding_add(&all, MF_FINDING_WRONG, "configuration",
			"there is none in %s; make one with: magic-folder init", cli->config_dir);
	} else if (rc != MF_OK) {
		mf_finding_add(&all, MF_FINDING_WRONG, "configuration", "%s", err.text);
	} else {
		mf_finding_add(&all, MF_FINDING_OK, "configuration", "%s", cli->config_dir);
		mf_doctor_files(cli->config, &all);
		mf_doctor_endpoint(cli->config, &all);
		check_daemon(cli->config, &all);
		mf_doctor_store(cli->config, &all);
		mf_doctor_folders(cli->config, &all);
		mf_doctor_clock(&all);
	}
	fine = print(&all, args->value[O_JSON] != NULL);
	mf_findings_free(&all);
	return fine ? 0 : 1;
}

const mf_command mf_cmd_doctor = {
	.name = "doctor",
	.words = "",
	.summary = "Look for what is wrong and say what to do",
	.about =
		"One line for each thing looked at: 'ok', 'note' (worth knowing), 'WRONG' (needs doing). Ends with 1 "
		"if anything\n"
		"is wrong. Works with and without the daemon; writes nothing but two temporary files in each folder.\n",
	.options = options,
	.run = run,
	.origin = MF_COMMAND_OURS,
};
