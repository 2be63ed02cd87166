/* magic-folder set */
#include "daemon/commands/ask.h"
#include "daemon/commands/commands.h"

#include <stdio.h>

enum { O_JSON };

static const mf_option options[] = {
	[O_JSON] = {"json", '\0', NULL, "print JSON: the API's answer", NULL},
	{0},
};

/* {"KEY": "VALUE", ...} of the words from the second on; NULL: the usage error is printed. */
static json_t *
make_body(struct mf_cli *cli, const mf_args *args)
{
	json_t *body = json_object();

	for (int i = 1; i < args->words; i++) {
		const char *eq = strchr(args->word[i], '=');
		json_t *text = eq != NULL ? json_string(eq + 1) : NULL;
		if (text == NULL ||
			json_object_setn_new(body, args->word[i], (size_t)(eq - args->word[i]), text) != 0) {
			(void)mf_cli_usage(cli, "'%s' is not KEY=VALUE", args->word[i]);
			json_decref(body);
			return NULL;
		}
	}
	return body;
}

static void
add_value(mf_buf *out, const json_t *v, const char *choices)
{
	if (json_is_string(v))
		mf_buf_addz(out, json_string_value(v));
	else if (json_is_boolean(v))
		mf_buf_addz(out, json_is_true(v) ? "yes" : "no");
	else if (json_is_integer(v))
		mf_buf_addf(out, "%lld", (long long)json_integer_value(v));
	else if (choices != NULL && strchr(choices, '|') != NULL) /* null: the word after SECONDS */
		mf_buf_addz(out, strchr(choices, '|') + 1);
}

/* "key=value" in a column, then what it means. */
static void
print_settings(const json_t *all)
{
	const char *key;
	json_t *one;

	json_object_foreach((json_t *)(uintptr_t)all, key, one)
	{
		const char *choices = json_string_value(json_object_get(one, "choices"));
		const char *help = json_string_value(json_object_get(one, "help"));
		mf_buf value = {0}, standard = {0};
		mf_buf_addf(&value, "%s=", key);
		add_value(&value, json_object_get(one, "value"), choices);
		add_value(&standard, json_object_get(one, "default"), choices);
		printf("%-24s %s\n%24s (%s; default %s)\n", (const char *)value.p, help != NULL ? help : "", "",
			choices != NULL ? choices : "?", standard.n > 0 ? (const char *)standard.p : "?");
		mf_buf_free(&value);
		mf_buf_free(&standard);
	}
}

static int
run(struct mf_cli *cli, const mf_args *args)
{
	json_t *body = NULL;
	mf_answer answer;

	if (args->words == 0)
		return mf_cli_usage(cli, "say the folder's name");
	if (args->words > 1 && (body = make_body(cli, args)) == NULL)
		return 2;
	answer = mf_ask_daemon(cli,
		(mf_ask){.method = body != NULL ? "PUT" : "GET",
			.folder = args->word[0],
			.rest = "/settings",
			.body = body},
		NULL);
	if (answer.exit_status != 0)
		return answer.exit_status;
	if (args->value[O_JSON] != NULL)
		mf_print_json(answer.json, 4);
	else if (args->words == 1)
		print_settings(answer.json);
	json_decref(answer.json);
	return 0;
}

const mf_command mf_cmd_set = {
	.name = "set",
	.words = "NAME [KEY=VALUE ...]",
	.summary = "Print or change a folder's settings",
	.about =
		"Without KEY=VALUE prints each setting, its value and what it means.  Several are changed together or, "
		"when one\n"
		"of them is refused, not at all.  A change is in force at once and stays.\n",
	.options = options,
	.run = run,
	.origin = MF_COMMAND_OURS,
};
