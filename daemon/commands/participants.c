/* magic-folder participants, magic-folder trust */
#include "daemon/commands/ask.h"
#include "daemon/commands/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/text.h"

/* ---- asking ------------------------------------------------------------------------------------------------- */

/* Each folder's answer of /keys, or of the one only; *status is not 0 if one could not be asked. */
static json_t *
keys_of(struct mf_cli *cli, const char *only, int *status)
{
	json_t *folders = NULL, *all = json_object(), *folder;
	const char *name;

	*status = 0;
	if (only != NULL) {
		folders = json_object();
		(void)json_object_set_new(folders, only, json_null());
	} else {
		mf_answer answer = mf_ask_daemon(cli, (mf_ask){.method = "GET", .rest = "/v1/magic-folder"}, NULL);
		folders = answer.json;
		*status = answer.exit_status;
	}
	json_object_foreach(*status == 0 ? folders : NULL, name, folder)
	{
		mf_answer one = mf_ask_daemon(cli, (mf_ask){.method = "GET", .folder = name, .rest = "/keys"}, NULL);
		if (one.exit_status == 0)
			(void)json_object_set(all, name, one.json);
		else
			*status = one.exit_status;
		json_decref(one.json);
	}
	json_decref(folders);
	return all;
}

/* A string member as it may be printed; on the heap. */
static char *
member(const json_t *object, const char *key, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(object, key));

	return mf_text_safe(text != NULL ? text : otherwise);
}

/* ---- participants ---------------------------------------------------------------------------------------------- */

enum { O_JSON, O_FOLDER };

static const mf_option participants_options[] = {
	[O_JSON] = {"json", '\0', NULL, "print JSON: folder to the API's answer", NULL},
	[O_FOLDER] = {"folder", 'n', "NAME", "only this one", NULL},
	{0},
};

static void
print_how(const json_t *p)
{
	static const char *const words[][2] = {{"first-use", "on first use"},
		{"collective", "from the list of participants"}, {"user", "accepted here"}, {"shared", "on first use"},
		{"ours", "on first use"}};
	const char *how = json_string_value(json_object_get(p, "how"));
	char since[32];

	if (json_is_true(json_object_get(p, "self"))) {
		printf("this device");
		return;
	}
	if (how == NULL) {
		printf("nothing that it has signed was seen yet");
		return;
	}
	mf_text_time((int64_t)json_integer_value(json_object_get(p, "since")), since);
	printf("pinned %s", since);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i][0], how) == 0)
			printf(", %s", words[i][1]);
}

static void
print_changed(const json_t *k)
{
	const char *print = json_string_value(json_object_get(k, "fingerprint"));
	char *where = member(k, "shown_by", "");
	char files[64];

	mf_text_count((uint64_t)json_integer_value(json_object_get(k, "files")), "file", "files", files);
	if (where[0] != '\0')
		printf("    CHANGED to %s: %s in the directory of %s, not applied\n", print, files, where);
	else
		printf("    CHANGED to %s: so the list of participants says\n", print);
	free(where);
}

static void
print_person(const json_t *p)
{
	const char *print = json_string_value(json_object_get(p, "fingerprint"));
	const json_t *changed = json_object_get(p, "changed");
	char *name = member(p, "name", ""), *author = member(p, "author", "");

	printf("  %-16s %-29s  ", name, print != NULL ? print : "-");
	print_how(p);
	if (author[0] != '\0' && strcmp(author, name) != 0)
		printf("; calls itself %s", author);
	printf("\n");
	for (size_t i = 0; i < json_array_size(changed); i++)
		print_changed(json_array_get(changed, i));
	free(name);
	free(author);
}

static void
print_folder(const char *folder, const json_t *keys)
{
	const json_t *people = json_object_get(keys, "participants"), *others = json_object_get(keys, "others");

	printf("%s:\n", folder);
	for (size_t i = 0; i < json_array_size(people); i++)
		print_person(json_array_get(people, i));
	for (size_t i = 0; i < json_array_size(others); i++) {
		const json_t *k = json_array_get(others, i);
		char *name = member(k, "participant", ""), *author = member(k, "author", "");
		printf("  %-16s %-29s  ", name[0] != '\0' ? name : author,
			json_string_value(json_object_get(k, "fingerprint")));
		printf(name[0] != '\0' ? "an earlier key, or of somebody who left\n" : "of nobody who is here\n");
		free(name);
		free(author);
	}
}

static int
run_participants(struct mf_cli *cli, const mf_args *args)
{
	int status;
	json_t *all, *keys;
	const char *name;

	if (args->words > 0)
		return mf_cli_usage(cli, "no arguments, please");
	all = keys_of(cli, args->value[O_FOLDER], &status);
	if (args->value[O_JSON] != NULL && (status == 0 || json_object_size(all) > 0))
		mf_print_json(all, 4);
	else
		json_object_foreach(all, name, keys) print_folder(name, keys);
	json_decref(all);
	return status;
}

const mf_command mf_cmd_participants = {
	.name = "participants",
	.words = "",
	.summary = "Print who is in each folder, and with which key they sign",
	.about = "Compare the fingerprints with what the others see of themselves.  What a changed key has signed is "
		 "not\n"
		 "applied before you accept it with 'magic-folder trust NAME'.\n",
	.options = participants_options,
	.run = run_participants,
	.origin = MF_COMMAND_OURS,
};

/* ---- trust -------------------------------------------------------------------------------------------------------- */

enum { O_TRUST_FOLDER, O_FINGERPRINT };

static const mf_option trust_options[] = {
	[O_TRUST_FOLDER] = {"folder", 'n', "NAME", "the folder; else the only one with such a participant", NULL},
	[O_FINGERPRINT] = {"fingerprint", '\0', "TEXT", "the key meant, as compared with the other side", NULL},
	{0},
};

/* The participant's changed keys in this folder; NULL: no such participant. */
static const json_t *
changed_of(const json_t *keys, const char *name)
{
	const json_t *people = json_object_get(keys, "participants");

	for (size_t i = 0; i < json_array_size(people); i++) {
		const json_t *p = json_array_get(people, i);
		const char *theirs = json_string_value(json_object_get(p, "name"));
		if (theirs != NULL && strcmp(theirs, name) == 0 && !json_is_true(json_object_get(p, "self")))
			return json_object_get(p, "changed");
	}
	return NULL;
}

/* Which folder is meant: one where there is something to accept; 0, or what to end with. */
static int
find_folder(struct mf_cli *cli, json_t *all, const char *who, const char **folder, const json_t **changed)
{
	const char *name;
	json_t *keys;
	size_t waiting = 0, there = 0;

	json_object_foreach(all, name, keys)
	{
		const json_t *c = changed_of(keys, who);
		there += c != NULL;
		if (json_array_size(c) == 0)
			continue;
		waiting++;
		*folder = name;
		*changed = c;
	}
	if (waiting == 1)
		return 0;
	if (waiting > 1)
		return mf_cli_fail(cli, "'%s' has another key in several folders; say which with --folder", who);
	if (there == 0)
		return mf_cli_fail(cli, "there is no participant called '%s'", who);
	return mf_cli_fail(cli, "there is nothing to accept: '%s' has no other key", who);
}

/* What the user says the fingerprint is; on the heap; NULL: nothing was said. */
static char *
ask_user(const json_t *changed, const char *who)
{
	char line[128];

	for (size_t i = 0; i < json_array_size(changed); i++)
		print_changed(json_array_get(changed, i));
	printf("Ask %s for the fingerprint that 'magic-folder participants' shows there as \"this device\", by another "
	       "way\n"
	       "than this folder, and type it: ",
		who);
	(void)fflush(stdout);
	if (fgets(line, sizeof(line), stdin) == NULL)
		return NULL;
	line[strcspn(line, "\r\n")] = '\0';
	return line[0] != '\0' ? mf_strdup(mf_strz(line)) : NULL;
}

static int
accept_key(struct mf_cli *cli, const char *folder, const char *who, const char *print)
{
	json_t *body = json_object();

	(void)json_object_set_new(body, "participant", json_string(who));
	(void)json_object_set_new(body, "fingerprint", json_string(print));
	mf_answer answer =
		mf_ask_daemon(cli, (mf_ask){.method = "POST", .folder = folder, .rest = "/trust", .body = body}, NULL);
	if (answer.exit_status == 0)
		printf("Accepted: what it has signed is applied from now on.\n");
	json_decref(answer.json);
	return answer.exit_status;
}

static int
run_trust(struct mf_cli *cli, const mf_args *args)
{
	const char *folder = NULL;
	const json_t *changed = NULL;
	char *print = NULL;
	json_t *all;
	int status;

	if (args->words != 1)
		return mf_cli_usage(cli, "say whose key, and nothing else");
	all = keys_of(cli, args->value[O_TRUST_FOLDER], &status);
	if (status == 0)
		status = find_folder(cli, all, args->word[0], &folder, &changed);
	if (status == 0) {
		print = args->value[O_FINGERPRINT] != NULL ? mf_strdup(mf_strz(args->value[O_FINGERPRINT]))
							   : ask_user(changed, args->word[0]);
		status = print != NULL ? accept_key(cli, folder, args->word[0], print)
				       : mf_cli_fail(cli, "nothing was accepted");
	}
	free(print);
	json_decref(all);
	return status;
}

const mf_command mf_cmd_trust = {
	.name = "trust",
	.words = "NAME",
	.summary = "Accept another key of a participant",
	.about = "For when somebody has set up their device anew.  Without --fingerprint it is asked for: compare it "
		 "with the\n"
		 "other person, not through the folder.  Refused when there is nothing to accept.\n",
	.options = trust_options,
	.run = run_trust,
	.origin = MF_COMMAND_OURS,
};
