/* magic-folder add */
#include "daemon/commands/ask.h"
#include "daemon/commands/commands.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "daemon/files.h"

enum { O_NAME, O_AUTHOR, O_POLL, O_SCAN, O_NO_SCAN, O_COLLECTIVE, O_READ_ONLY, O_GRID };

static const mf_option options[] = {
	[O_NAME] = {"name", 'n', "NAME", "what to call the folder here (required)", NULL},
	[O_AUTHOR] = {"author", 'A', "NAME", "our name in the folder (default: the login name)", NULL},
	[O_POLL] = {"poll-interval", 'p', "SECONDS", "look for others' changes at least this often", "60"},
	[O_SCAN] = {"scan-interval", 's', "SECONDS", "look for our own changes at least this often", "60"},
	[O_NO_SCAN] = {"disable-scanning", '\0', NULL, "no periodic scan", NULL},
	[O_COLLECTIVE] = {"collective", '\0', "READCAP",
		"join the folder with this Collective; - reads it from standard input", NULL},
	[O_READ_ONLY] = {"read-only", '\0', NULL, "with --collective: only receive; local changes stay here", NULL},
	[O_GRID] = {"grid", '\0', "URL", "the folder's grid, if it is not the default one", NULL},
	{0},
};

/* What can be seen without the daemon; 0 or the exit status. */
static int
check(struct mf_cli *cli, const mf_args *args, const char *dir)
{
	unsigned n;
	struct stat st;
	mf_err err;

	if (args->words != 1)
		return mf_cli_usage(cli, "Must specify a single argument: the local directory");
	if (stat(dir, &st) != 0)
		return mf_cli_usage(cli, "'%s' doesn't exist", dir);
	if (!S_ISDIR(st.st_mode))
		return mf_cli_usage(cli, "'%s' isn't a directory", dir);
	if (args->value[O_NAME] == NULL)
		return mf_cli_usage(cli, "Must specify the --name option");
	if (mf_folder_name_check(mf_strz(args->value[O_NAME]), &err) != MF_OK)
		return mf_cli_usage(cli, "%s", err.text);
	if (args->value[O_READ_ONLY] != NULL && args->value[O_COLLECTIVE] == NULL)
		return mf_cli_usage(
			cli, "--read-only needs --collective: only a folder that is joined can be read-only");
	if (!mf_positive(args->value[O_POLL], INT_MAX, &n))
		return mf_cli_usage(cli, "--poll-interval must be a positive integer");
	if (!mf_positive(args->value[O_SCAN], INT_MAX, &n))
		return mf_cli_usage(cli, "--scan-interval must be a positive integer");
	return 0;
}

static json_t *
make_body(const mf_args *args, const char *dir, const char *author, const char *collective)
{
	unsigned poll = 0, scan = 0;
	json_t *body = json_object();

	(void)mf_positive(args->value[O_POLL], INT_MAX, &poll);
	(void)mf_positive(args->value[O_SCAN], INT_MAX, &scan);
	(void)json_object_set_new(body, "name", json_string(args->value[O_NAME]));
	(void)json_object_set_new(body, "author_name", json_string(author));
	(void)json_object_set_new(body, "local_path", json_string(dir));
	(void)json_object_set_new(body, "poll_interval", json_integer(poll));
	(void)json_object_set_new(
		body, "scan_interval", args->value[O_NO_SCAN] != NULL ? json_null() : json_integer(scan));
	if (collective != NULL)
		(void)json_object_set_new(body, "collective", json_string(collective));
	if (args->value[O_READ_ONLY] != NULL)
		(void)json_object_set_new(body, "read-only", json_true());
	if (args->value[O_GRID] != NULL)
		(void)json_object_set_new(body, "grid", json_string(args->value[O_GRID]));
	return body;
}

/* @p s as one word of a shell command. */
static void
add_word(mf_buf *out, const char *s)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._/@+,";

	if (s[0] != '\0' && s[0] != '-' && strspn(s, plain) == strlen(s)) {
		mf_buf_addz(out, s);
		return;
	}
	mf_buf_addc(out, '\'');
	for (; *s != '\0'; s++) {
		if (*s == '\'')
			mf_buf_addz(out, "'\\''");
		else
			mf_buf_addc(out, *s);
	}
	mf_buf_addc(out, '\'');
}

/* What the person with the folder has to do now. */
static void
print_joined(const char *name, const char *author, const char *personal, const char *key)
{
	mf_buf command = {0};

	mf_buf_addz(&command, "magic-folder-api add-participant -n ");
	add_word(&command, name);
	mf_buf_addz(&command, " -a ");
	add_word(&command, author);
	mf_buf_addf(&command, " -p %s", personal);
	if (key != NULL)
		mf_buf_addf(&command, " -k %s", key);
	printf("Joined magic-folder as '%s' in '%s'.\n\nOur Personal read capability:\n\n    %s\n\n"
	       "Changes of others arrive now. Ours are seen by them once the folder's admin has typed:\n\n"
	       "    %s\n\n"
	       "(with the admin's own name of the folder after -n)\n",
		author, name, personal, (const char *)command.p);
	mf_buf_free(&command);
}

static void
joined(struct mf_cli *cli, const char *name, const char *author, const char *personal)
{
	mf_answer answer = mf_ask_daemon(cli, (mf_ask){.method = "GET", .rest = "/v1/magic-folder"}, NULL);
	const json_t *us = json_object_get(json_object_get(answer.json, name), "author");

	print_joined(name, author, personal, json_string_value(json_object_get(us, "verify_key")));
	json_decref(answer.json);
}

static int
run(struct mf_cli *cli, const mf_args *args)
{
	char *dir = args->words > 0 ? mf_path_absolute(args->word[0]) : NULL, *collective = NULL,
	     *login = mf_login_name();
	const char *author = args->value[O_AUTHOR] != NULL ? args->value[O_AUTHOR] : login;
	const char *personal;
	mf_answer answer;
	int status = check(cli, args, dir);

	if (status == 0 && author == NULL)
		status = mf_cli_usage(cli, "there is no login name: say --author NAME");
	if (status == 0 && args->value[O_COLLECTIVE] != NULL) {
		collective = mf_cli_secret_word(cli, args->value[O_COLLECTIVE]);
		status = collective == NULL ? cli->program->failure : 0;
	}
	if (status == 0) {
		answer = mf_ask_daemon(cli,
			(mf_ask){.method = "POST",
				.rest = "/v1/magic-folder",
				.body = make_body(args, dir, author, collective)},
			NULL);
		status = answer.exit_status;
		if (status == 0 && args->value[O_READ_ONLY] != NULL) {
			printf("Joined magic-folder as '%s' in '%s', read-only.\n\n"
			       "Changes of others arrive now; changes made here stay here (see 'magic-folder "
			       "status').\n",
				author, args->value[O_NAME]);
		} else if (status == 0 && collective != NULL) {
			personal = json_string_value(json_object_get(answer.json, "personal_dmd"));
			joined(cli, args->value[O_NAME], author, personal != NULL ? personal : "?");
		} else if (status == 0) {
			printf("Created magic-folder named '%s'\n", args->value[O_NAME]);
		}
		json_decref(answer.json);
	}
	free(collective);
	free(dir);
	free(login);
	return status;
}

const mf_command mf_cmd_add = {
	.name = "add",
	.words = "LOCAL_DIR",
	.summary = "Add a folder: make a new one, or join one by its Collective's read capability",
	.about = "A new folder syncs LOCAL_DIR (which must exist). Another device joins it without any server:\n\n"
		 "    here:   magic-folder list --include-secret-information    shows the 'collective' capability\n"
		 "    here:   magic-folder grid info COLLECTIVE                 shows its read capability\n"
		 "    there:  magic-folder add -n NAME -A AUTHOR --collective - LOCAL_DIR    (paste it, press Enter)\n"
		 "    here:   the command that it prints\n\n"
		 "A capability on the command line can be seen by others on the machine for a moment; '-' avoids "
		 "that.\n",
	.options = options,
	.run = run,
	.origin = MF_COMMAND_PYTHON,
};
