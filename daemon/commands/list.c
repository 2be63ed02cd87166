/* magic-folder list */
#include "daemon/commands/ask.h"
#include "daemon/commands/commands.h"

#include <stdio.h>

enum { O_JSON, O_SECRET };

static const mf_option options[] = {
	[O_JSON] = {"json", '\0', NULL, "print JSON", NULL},
	[O_SECRET] = {"include-secret-information", '\0', NULL, "with private keys and capabilities", NULL},
	{0},
};

static const char *
text(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s != NULL ? s : "";
}

static void
print_folder(const char *name, const json_t *f)
{
	const json_t *author = json_object_get(f, "author");
	const char *signing = json_string_value(json_object_get(author, "signing_key"));

	printf("%s:\n    location: %s\n   stash-dir: %s\n", name, text(f, "magic_path"), text(f, "stash_path"));
	printf("      author: %s (%s: %s)\n", text(author, "name"), signing != NULL ? "private_key" : "public_key",
		signing != NULL ? signing : text(author, "verify_key"));
	if (signing != NULL) {
		printf("  collective: %s\n", text(f, "collective_dircap"));
		if (json_is_string(json_object_get(f, "upload_dircap")))
			printf("    personal: %s\n", text(f, "upload_dircap"));
		else
			printf("    personal: none (read-only)\n");
	}
	printf("     updates: every %llds\n", (long long)json_integer_value(json_object_get(f, "poll_interval")));
	printf("       admin: %s\n", json_is_true(json_object_get(f, "is_admin")) ? "True" : "False");
}

static int
run(struct mf_cli *cli, const mf_args *args)
{
	bool secret = args->value[O_SECRET] != NULL;
	mf_answer answer = mf_ask_daemon(cli,
		(mf_ask){.method = "GET",
			.rest = secret ? "/v1/magic-folder?include_secret_information=1" : "/v1/magic-folder"},
		NULL);
	const char *name;
	json_t *folder;

	if (answer.exit_status != 0)
		return answer.exit_status;
	if (args->value[O_JSON] != NULL) {
		mf_print_json(answer.json, 4);
	} else if (json_object_size(answer.json) == 0) {
		printf("No magic-folders"); /* as in Python: no newline */
	} else {
		printf("Configured magic-folders:\n");
		json_object_foreach(answer.json, name, folder) print_folder(name, folder);
	}
	json_decref(answer.json);
	return 0;
}

const mf_command mf_cmd_list = {
	.name = "list",
	.words = "",
	.summary = "List the folders",
	.options = options,
	.run = run,
	.origin = MF_COMMAND_PYTHON,
};
