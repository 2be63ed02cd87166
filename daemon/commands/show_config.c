/* magic-folder show-config */
#include "daemon/commands/commands.h"

#include <stdlib.h>
#include <string.h>

#include "base/base32.h"
#include "daemon/commands/ask.h"

/* What is NULL in the database is null here. */
static json_t *
text(const char *s)
{
	return s != NULL ? json_string(s) : json_null();
}

static mf_code
add_folder(void *arg, const char *name, const char *state_dir, const char *grid)
{
	json_t *folders = arg, *one;
	mf_folder_conf conf;
	mf_buf key = {0};
	mf_err err;

	(void)grid;
	if (mf_config_folder_conf(name, state_dir, &conf, &err) != MF_OK) {
		(void)json_object_set_new(folders, name, json_pack("{s:s, s:s}", "name", name, "error", err.text));
		return MF_OK;
	}
	/* named private, but Python too prints the public key (show_config.py:32) */
	mf_b32_add_upper(&key, conf.verify_key, sizeof(conf.verify_key));
	one = json_pack("{s:s, s:s, s:s%, s:s}", "name", conf.name, "author_name", conf.author, "author_private_key",
		(const char *)key.p, key.n, "stash_path", conf.stash_path);
	(void)json_object_set_new(folders, name, one);
	mf_buf_free(&key);
	mf_folder_conf_clear(&conf);
	return MF_OK;
}

static int
run(struct mf_cli *cli, const mf_args *args)
{
	char token[MF_TOKEN_LEN + 1];
	char *client = NULL, *mailbox;
	json_t *all, *folders;
	mf_err err;
	mf_code rc;

	(void)args;
	if (!mf_cli_config(cli))
		return cli->program->failure;
	if (mf_config_token(cli->config, token, &err) != MF_OK)
		return mf_cli_fail(cli, "%s", err.text);
	(void)mf_config_client_endpoint(cli->config, &client, NULL);
	mailbox = mf_config_mailbox(cli->config);
	all = json_object();
	folders = json_object();
	(void)json_object_set_new(all, "tahoe_node_directory", text(mf_config_node_directory(cli->config)));
	(void)json_object_set_new(all, "api_endpoint", text(mf_config_api_endpoint(cli->config)));
	(void)json_object_set_new(all, "api_client_endpoint", text(client));
	(void)json_object_set_new(all, "api_token", text(token));
	(void)json_object_set_new(all, "wormhole_uri", text(mailbox));
	rc = mf_config_folders(cli->config, add_folder, folders, &err);
	(void)json_object_set_new(all, "magic_folders", folders);
	/* ours; left out where Python's members say it all */
	if (strncmp(mf_config_grid(cli->config), "node:", 5) != 0)
		(void)json_object_set_new(all, "grid", text(mf_config_grid(cli->config)));
	if (rc == MF_OK)
		mf_print_json(all, 4);
	json_decref(all);
	free(client);
	free(mailbox);
	return rc == MF_OK ? 0 : mf_cli_fail(cli, "%s", err.text);
}

const mf_command mf_cmd_show_config = {
	.name = "show-config",
	.words = "",
	.summary = "Print the configuration as JSON",
	.about = "Reads the files only: the daemon need not run. The API token is printed; keep it to yourself.\n",
	.run = run,
	.origin = MF_COMMAND_PYTHON,
};
