/* Objects put into the grid past its operations, also from recorded files. */
#include "store.h"

#include <stdlib.h>

#include <jansson.h>
#include <sodium.h>

static mf_code
text_of(mf_str cap, char out[MF_CAP_MAX])
{
	mf_cap parsed;

	if (cap.n >= MF_CAP_MAX || mf_cap_parse(cap, &parsed, NULL) != MF_OK || parsed.kind == MF_CAP_UNKNOWN)
		return MF_EFORMAT;
	memset(out, 0, MF_CAP_MAX);
	memcpy(out, cap.p, cap.n);
	return MF_OK;
}

mf_code
sim_install_file(struct sim_world *w, mf_str cap, const void *p, size_t n)
{
	char text[MF_CAP_MAX];
	mf_code rc = text_of(cap, text);
	struct sim_object *o = rc == MF_OK ? sim_store_add(w, text, SIM_FILE) : NULL;

	if (o != NULL)
		mf_buf_add(&o->data, p, n);
	return rc;
}

mf_code
sim_install_immdir(struct sim_world *w, mf_str cap, const mf_link *links, size_t n)
{
	char text[MF_CAP_MAX];
	mf_code rc = text_of(cap, text);
	struct sim_object *o = rc == MF_OK ? sim_store_add(w, text, SIM_IMMDIR) : NULL;

	return o == NULL ? rc : sim_children_of(links, n, &o->now, NULL);
}

mf_code
sim_install_dir(struct sim_world *w, const mf_dirwrite *cap, const mf_link *links, size_t n)
{
	mf_dirread ro;

	mf_dirwrite_read(cap, &ro);
	struct sim_object *o = sim_store_add(w, ro.text, SIM_DIR);
	return o == NULL ? MF_EEXIST : sim_store_update(w, o, links, n, NULL);
}

mf_code
sim_peek_dir(struct sim_world *w, const mf_dirread *cap, mf_listing *out)
{
	const struct sim_object *o = sim_store_find(w, cap->text);

	*out = (mf_listing){0};
	if (o == NULL || o->kind == SIM_FILE)
		return MF_ENOTFOUND;
	out->version = o->version;
	return sim_children_list(&o->now, false, out);
}

mf_code
sim_peek_file(struct sim_world *w, mf_str cap, mf_buf *out)
{
	char text[MF_CAP_MAX];
	mf_buf room = {0};
	mf_str all;
	mf_code rc = text_of(cap, text);

	if (rc == MF_OK)
		rc = sim_store_content(w, text, &room, &all);
	if (rc == MF_OK)
		mf_buf_adds(out, all);
	mf_buf_free(&room);
	return rc;
}

mf_code
sim_poke_dir(struct sim_world *w, const mf_dirwrite *cap, const mf_link *links, size_t n)
{
	mf_dirread ro;

	mf_dirwrite_read(cap, &ro);
	struct sim_object *o = sim_store_find(w, ro.text);
	return o == NULL ? MF_ENOTFOUND : sim_store_update(w, o, links, n, NULL);
}

void
sim_number_dir(struct sim_world *w, const mf_dirread *cap, uint64_t seqnum)
{
	struct sim_object *o = sim_store_find(w, cap->text);

	if (o == NULL)
		MF_BUG("no such directory");
	o->version.seqnum = seqnum;
}

/* ---- golden/grid-sample.json ---- */

static mf_code
sample_files(struct sim_world *w, json_t *files)
{
	const char *cap;
	json_t *value;

	json_object_foreach(files, cap, value)
	{
		const char *b64 = json_string_value(value);
		size_t n = 0, max = b64 == NULL ? 0 : strlen(b64);
		mf_buf bytes = {0};
		mf_buf_reserve(&bytes, max + 1);
		bool good = b64 != NULL &&
			sodium_base642bin(bytes.p, max + 1, b64, max, NULL, &n, NULL, sodium_base64_VARIANT_ORIGINAL) ==
				0;
		mf_code rc = good ? sim_install_file(w, mf_strz(cap), bytes.p, n) : MF_EFORMAT;
		mf_buf_free(&bytes);
		if (rc != MF_OK)
			return rc;
	}
	return MF_OK;
}

/* {name: [type, {"ro_uri", "rw_uri", "metadata"}]}: the links, whose metadata the caller frees. */
static mf_link *
sample_links(json_t *children, size_t *n)
{
	mf_link *links = mf_alloc((json_object_size(children) + 1) * sizeof(*links));
	const char *name;
	json_t *value;

	*n = 0;
	json_object_foreach(children, name, value)
	{
		json_t *what = json_array_get(value, 1);
		const char *rw = json_string_value(json_object_get(what, "rw_uri"));
		const char *ro = json_string_value(json_object_get(what, "ro_uri"));
		const char *cap = rw != NULL ? rw : ro;
		char *metadata = json_dumps(json_object_get(what, "metadata"), JSON_COMPACT);
		links[(*n)++] = (mf_link){.name = mf_strz(name),
			.cap = mf_strz(cap == NULL ? "" : cap),
			.metadata = mf_strz(metadata == NULL ? mf_strdup(MF_STR("{}")) : metadata)};
	}
	return links;
}

static mf_code
sample_dirs(struct sim_world *w, json_t *dirs)
{
	const char *cap;
	json_t *value;
	mf_code rc = MF_OK;

	json_object_foreach(dirs, cap, value)
	{
		size_t n;
		mf_dirwrite rw;
		mf_link *links = sample_links(value, &n);
		if (mf_dirwrite_parse(mf_strz(cap), &rw, NULL) == MF_OK)
			rc = sim_install_dir(w, &rw, links, n);
		else if (n > 0)
			rc = sim_install_immdir(w, mf_strz(cap), links, n);
		for (size_t i = 0; i < n; i++)
			free((char *)(uintptr_t)links[i].metadata.p);
		free(links);
		if (rc != MF_OK)
			return rc;
	}
	return MF_OK;
}

mf_code
sim_install_sample(struct sim_world *w, const char *json_path, mf_err *err)
{
	json_error_t where;
	json_t *doc = json_load_file(json_path, 0, &where);

	if (doc == NULL)
		return mf_fail(err, MF_EFORMAT, 0, "%s: %s", json_path, where.text);
	mf_code rc = sample_files(w, json_object_get(doc, "files"));
	if (rc == MF_OK)
		rc = sample_dirs(w, json_object_get(doc, "immutable_directories"));
	if (rc == MF_OK)
		rc = sample_dirs(w, json_object_get(doc, "mutable_directories"));
	json_decref(doc);
	return rc == MF_OK ? rc : mf_fail(err, rc, 0, "%s: not as expected", json_path);
}
