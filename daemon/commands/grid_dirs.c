/* grid ls, mkdir, ln */
#include "daemon/commands/grid.h"

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/commands/ask.h"
#include "daemon/jsontext.h"

/* -- ls --------------------------------------------------------------------------------------------------- */

enum { L_JSON };

static const mf_option ls_options[] = {
	[L_JSON] = {"json", '\0', NULL, "print JSON, with metadata and, through a write capability, write capabilities",
		NULL},
	{0},
};

static json_t *
text_or_null(mf_str s)
{
	return s.n > 0 ? mf_json_text(s) : json_null();
}

static json_t *
child_json(const mf_child *c)
{
	json_t *v = json_object(), *metadata = json_loadb(c->metadata.p, c->metadata.n, 0, NULL);

	(void)json_object_set_new(v, "name", mf_json_text(c->name));
	(void)json_object_set_new(v, "ro", text_or_null(c->ro));
	(void)json_object_set_new(v, "rw", text_or_null(c->rw));
	(void)json_object_set_new(v, "metadata", metadata != NULL ? metadata : json_null());
	return v;
}

static mf_code
list(struct mf_grid_call *c, const char *text, mf_listing *out, mf_err *err)
{
	mf_dirwrite rw;
	mf_dirread ro;
	bool unchanged;
	mf_code rc;

	if (mf_dirwrite_parse(mf_strz(text), &rw, NULL) == MF_OK) {
		rc = c->grid->ops->list_rw(c->grid, &rw, out, NULL, err);
		sodium_memzero(&rw, sizeof(rw));
		return rc;
	}
	rc = mf_dirread_parse(mf_strz(text), &ro, err);
	return rc != MF_OK ? rc : c->grid->ops->list(c->grid, &ro, NULL, &unchanged, out, NULL, err);
}

static int
ls_run(struct mf_grid_call *c)
{
	char *text = mf_cli_secret_word(c->cli, c->args->word[0]);
	mf_listing listing = {0};
	json_t *all;
	mf_err err;
	mf_code rc;

	if (text == NULL)
		return c->cli->program->failure;
	rc = list(c, text, &listing, &err);
	sodium_memzero(text, strlen(text));
	free(text);
	if (rc != MF_OK)
		return mf_cli_fail(c->cli, "%s", err.text);
	all = json_array();
	for (size_t i = 0; i < listing.n; i++) {
		const mf_child *child = &listing.child[i];
		if (c->args->value[L_JSON] != NULL)
			(void)json_array_append_new(all, child_json(child));
		else
			printf("%.*s\t%.*s\n", (int)child->name.n, child->name.p, (int)child->ro.n, child->ro.p);
	}
	if (c->args->value[L_JSON] != NULL)
		mf_print_json(all, 4);
	json_decref(all);
	mf_listing_free(&listing);
	return 0;
}

const struct mf_grid_verb mf_grid_ls = {
	.name = "ls",
	.words = "DIRCAP",
	.summary = "List a directory: name, tab, read capability, a line each",
	.options = ls_options,
	.min_words = 1,
	.max_words = 1,
	.run = ls_run,
};

/* -- mkdir ------------------------------------------------------------------------------------------------ */

static int
mkdir_run(struct mf_grid_call *c)
{
	mf_dirwrite cap;
	mf_err err;

	if (c->grid->ops->mkdir(c->grid, &cap, NULL, &err) != MF_OK)
		return mf_cli_fail(c->cli, "%s", err.text);
	printf("%s\n", cap.text);
	sodium_memzero(&cap, sizeof(cap));
	return 0;
}

const struct mf_grid_verb mf_grid_mkdir = {
	.name = "mkdir",
	.words = "",
	.summary = "Make an empty mutable directory and print its write capability",
	.run = mkdir_run,
};

/* -- ln --------------------------------------------------------------------------------------------------- */

enum { N_REPLACE, N_REMOVE };

static const mf_option ln_options[] = {
	[N_REPLACE] = {"replace", '\0', NULL, "also if the name is taken", NULL},
	[N_REMOVE] = {"remove", '\0', NULL, "take NAME out of the directory instead", NULL},
	{0},
};

static int
ln_link(struct mf_grid_call *c, const mf_dirwrite *dir, mf_link *link)
{
	char *cap = NULL;
	mf_err err;
	int status = 0;

	if (link->how != MF_LINK_REMOVE) {
		cap = mf_cli_secret_word(c->cli, c->args->word[2]);
		if (cap == NULL)
			return c->cli->program->failure;
		link->cap = mf_strz(cap);
	}
	if (c->grid->ops->update(c->grid, dir, link, 1, NULL, NULL, &err) != MF_OK)
		status = mf_cli_fail(c->cli, "%s", err.text);
	if (cap != NULL)
		sodium_memzero(cap, strlen(cap));
	free(cap);
	return status;
}

static int
ln_run(struct mf_grid_call *c)
{
	bool removes = c->args->value[N_REMOVE] != NULL;
	mf_link link = {.name = mf_strz(c->args->word[1]), .metadata = MF_STR("{}"), .how = MF_LINK_NEW};
	mf_dirwrite dir;
	mf_cap parsed;
	mf_err err;
	char *text;
	mf_code rc;
	int status;

	if (c->args->words != (removes ? 2 : 3))
		return mf_cli_usage(c->cli, "usage: magic-folder grid ln DIRCAP NAME CAP, or ln --remove DIRCAP NAME");
	if (!removes && strcmp(c->args->word[2], "-") != 0 &&
		mf_cap_parse(mf_strz(c->args->word[2]), &parsed, &err) != MF_OK)
		return mf_cli_fail(c->cli, "%s", err.text);
	text = mf_cli_secret_word(c->cli, c->args->word[0]);
	if (text == NULL)
		return c->cli->program->failure;
	rc = mf_dirwrite_parse(mf_strz(text), &dir, &err);
	sodium_memzero(text, strlen(text));
	free(text);
	if (rc != MF_OK)
		return mf_cli_fail(c->cli, "that is not a directory's write capability: %s", err.text);
	if (removes)
		link.how = MF_LINK_REMOVE;
	else if (c->args->value[N_REPLACE] != NULL)
		link.how = MF_LINK_REPLACE;
	status = ln_link(c, &dir, &link);
	sodium_memzero(&dir, sizeof(dir));
	return status;
}

const struct mf_grid_verb mf_grid_ln = {
	.name = "ln",
	.words = "DIRCAP NAME CAP",
	.summary = "Put a capability into a mutable directory under a name",
	.options = ln_options,
	.min_words = 2,
	.max_words = 3,
	.run = ln_run,
};
