/* What a node's files and answers say; pure. */
#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#include <sodium.h>

#include "base/json.h"
#include "grid/lafs/dir_inner.h"
#include "grid/node.h"

enum { URL_MAX = 1024 };

static mf_str
trim(mf_str s)
{
	while (s.n > 0 && isspace((unsigned char)s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && isspace((unsigned char)s.p[s.n - 1]))
		s.n--;
	return s;
}

mf_code
mf_node_url(mf_str text, char **out, mf_err *err)
{
	mf_str url = trim(text);
	bool good = mf_str_starts(url, MF_STR("http://")) || mf_str_starts(url, MF_STR("https://"));

	*out = NULL;
	while (url.n > 0 && url.p[url.n - 1] == '/')
		url.n--;
	for (size_t i = 0; i < url.n; i++)
		good = good && url.p[i] > ' ' && url.p[i] < 0x7f && strchr("?#\"<>\\^`{|}", url.p[i]) == NULL;
	if (!good || url.n > URL_MAX || url.n <= sizeof("https:") || url.p[url.n - 1] == ':')
		return mf_fail(err, MF_EFORMAT, 0, "the node's node.url holds no http address");
	*out = mf_strdup(url);
	return MF_OK;
}

/* -- tahoe.cfg -------------------------------------------------------------------------------------------- */

static mf_str
next_line(mf_str *text)
{
	const char *nl = text->n > 0 ? memchr(text->p, '\n', text->n) : NULL;
	mf_str line = {text->p, nl != NULL ? (size_t)(nl - text->p) : text->n};
	size_t used = line.n + (nl != NULL ? 1 : 0);

	text->p += used;
	text->n -= used;
	return line;
}

/* "shares.happy = 3" or with a colon; names in any case, as Python's ConfigParser reads them. */
static bool
is_happy_line(mf_str line, mf_str *value)
{
	static const char name[] = "shares.happy";
	size_t n = sizeof(name) - 1;

	if (line.n <= n || strncasecmp(line.p, name, n) != 0)
		return false;
	mf_str rest = trim((mf_str){line.p + n, line.n - n});
	if (rest.n == 0 || (rest.p[0] != '=' && rest.p[0] != ':'))
		return false;
	*value = trim((mf_str){rest.p + 1, rest.n - 1});
	return true;
}

unsigned
mf_node_cfg_happy(mf_str text)
{
	unsigned happy = MF_NODE_HAPPY;
	bool client = false;
	mf_str value;

	if (mf_str_starts(text, MF_STR("\xef\xbb\xbf")))
		text = (mf_str){text.p + 3, text.n - 3};
	while (text.n > 0) {
		mf_str line = trim(next_line(&text));

		if (line.n > 0 && line.p[0] == '[')
			client = mf_str_eq(line, MF_STR("[client]"));
		else if (client && is_happy_line(line, &value)) {
			unsigned v = 0;
			size_t i = 0;

			for (; i < value.n && i < 4 && value.p[i] >= '0' && value.p[i] <= '9'; i++)
				v = v * 10 + (unsigned)(value.p[i] - '0');
			if (i > 0 && i == value.n && v > 0)
				happy = v;
		}
	}
	return happy;
}

/* -- answers ---------------------------------------------------------------------------------------------- */

mf_code
mf_node_count(mf_str json, unsigned *connected, mf_err *err)
{
	json_t *top = NULL;
	const json_t *servers;
	unsigned n = 0;

	*connected = 0;
	if (mf_json_load(json, MF_NODE_LISTING_MAX, 0, &top, NULL) != MF_OK ||
		!json_is_array(servers = json_object_get(top, "servers"))) {
		json_decref(top);
		return mf_fail(err, MF_ENET, 0, "what answers at the node's address is no Tahoe-LAFS node");
	}
	for (size_t i = 0; i < json_array_size(servers); i++) {
		const char *how = json_string_value(json_object_get(json_array_get(servers, i), "connection_status"));

		n += how != NULL && strncasecmp(how, "connected", 9) == 0 ? 1 : 0;
	}
	json_decref(top);
	*connected = n;
	return MF_OK;
}

/* The first word that is the name of a Python exception; "" if there is none. */
static mf_str
exception(mf_str body)
{
	for (size_t i = 0; i < body.n; i++) {
		size_t n = 0;

		if (!isupper((unsigned char)body.p[i]) || (i > 0 && isalnum((unsigned char)body.p[i - 1])))
			continue;
		while (i + n < body.n && isalpha((unsigned char)body.p[i + n]))
			n++;
		if (n > 5 && n <= 40 && memcmp(body.p + i + n - 5, "Error", 5) == 0)
			return (mf_str){body.p + i, n};
	}
	return MF_STR("");
}

static bool
mentions(mf_str body, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= body.n; i++)
		if (memcmp(body.p + i, word, n) == 0)
			return true;
	return false;
}

mf_code
mf_node_refusal(int status, mf_str body, mf_err *err)
{
	mf_str name = exception(body);
	mf_code code = status == 400             ? MF_EINVAL
		: status == 401 || status == 403 ? MF_EAUTH
		: status == 404 || status == 410 ? MF_ENOTFOUND
		: status == 409                  ? MF_EEXIST
						 : MF_ENET;

	if (mentions(body, "UploadUnhappinessError") || mentions(body, "NoServersError") ||
		mentions(body, "NotEnoughServersError"))
		return mf_fail(err, MF_ENET, status, "the Tahoe-LAFS node reaches too few storage servers");
	if (mentions(body, "UncoordinatedWriteError"))
		return mf_fail(err, MF_EBUSY, status, "the directory was written by somebody else");
	if (code == MF_ENOTFOUND)
		return mf_fail(err, code, status, "the Tahoe-LAFS node finds too few shares of it%s%.*s",
			name.n > 0 ? ": " : "", (int)name.n, name.p);
	if (code == MF_EEXIST)
		return mf_fail(err, code, status, "the directory has an entry of that name");
	if (status / 100 == 3)
		return mf_fail(
			err, code, status, "the Tahoe-LAFS node sends us elsewhere (%d); nobody goes there", status);
	return mf_fail(err, code, status, "the Tahoe-LAFS node answers %d%s%.*s", status, name.n > 0 ? ", " : "",
		(int)name.n, name.p);
}

mf_code
mf_node_cap(mf_str body, enum mf_cap_kind kind, enum mf_cap_kind other, char text[MF_CAP_MAX], mf_cap *out, mf_err *err)
{
	mf_str cap = trim(body);

	if (cap.n >= MF_CAP_MAX || mf_cap_parse(cap, out, NULL) != MF_OK || out->prefix != MF_CAP_PLAIN ||
		(out->kind != kind && out->kind != other))
		return mf_fail(err, MF_ENET, 0, "the Tahoe-LAFS node answers with something else than a capability");
	memset(text, 0, MF_CAP_MAX);
	memcpy(text, cap.p, cap.n);
	if (out->lit.p != NULL)
		out->lit.p = text + (out->lit.p - cap.p);
	return MF_OK;
}

/* -- listings ---------------------------------------------------------------------------------------------- */

static mf_str
text_of(const json_t *v)
{
	return json_is_string(v) ? (mf_str){json_string_value(v), json_string_length(v)} : (mf_str){0};
}

static void
pack_child(mf_str name, const json_t *child, const uint8_t *writekey, mf_buf *scratch, mf_buf *packed)
{
	const json_t *what = json_array_get(child, 1), *metadata = json_object_get(what, "metadata");
	mf_str ro = text_of(json_object_get(what, "ro_uri")), rw = text_of(json_object_get(what, "rw_uri"));

	scratch->n = 0;
	if (json_is_object(metadata))
		mf_json_py(scratch, metadata);
	else
		mf_buf_addz(scratch, "{}");
	size_t at = scratch->n;
	if (writekey != NULL)
		mf_dir_seal(writekey, rw.n < MF_DIR_NAME_MAX ? rw : (mf_str){0}, scratch);
	mf_dir_add_entry(packed, name, ro, (mf_str){(const char *)scratch->p + at, scratch->n - at},
		(mf_str){(const char *)scratch->p, at});
}

/* jansson will not have U+0000 in a member's name, and who gives a child such a name shall not hide the others: it
 * becomes U+FFFD, which is nobody's name either.  false: there is none, and @p out stays empty. */
static bool
without_nul(mf_str json, mf_buf *out)
{
	bool found = false;

	for (size_t i = 0; i + 6 <= json.n && !found; i++)
		found = json.p[i] == '\\' && memcmp(json.p + i, "\\u0000", 6) == 0;
	if (!found)
		return false;
	mf_buf_adds(out, json);
	for (size_t i = 0; i + 6 <= out->n; i++)
		if (out->p[i] == '\\') {
			if (memcmp(out->p + i, "\\u0000", 6) == 0)
				memcpy(out->p + i, "\\ufffd", 6);
			i++; /* what is escaped escapes nothing */
		}
	return true;
}

mf_code
mf_node_pack(mf_str json, const uint8_t *writekey, mf_buf *packed, mf_err *err)
{
	json_t *top = NULL;
	mf_buf scratch = {0}, clean = {0};

	if (without_nul(json, &clean))
		json = mf_buf_str(&clean);
	mf_code rc = mf_json_load(json, MF_NODE_LISTING_MAX, 0, &top, NULL);
	json_t *children;
	void *it;

	if (rc != MF_OK) /* somebody's metadata may hold a number beyond all bounds */
		rc = mf_json_load(json, MF_NODE_LISTING_MAX, MF_JSON_BIG_REAL, &top, NULL);
	mf_buf_wipe_free(&clean);
	if (rc != MF_OK || !mf_str_eq(text_of(json_array_get(top, 0)), MF_STR("dirnode")) ||
		!json_is_object(children = json_object_get(json_array_get(top, 1), "children"))) {
		json_decref(top);
		return mf_fail(err, MF_ENET, 0, "the Tahoe-LAFS node answers with something else than a directory");
	}
	for (it = json_object_iter(children); it != NULL; it = json_object_iter_next(children, it))
		pack_child((mf_str){json_object_iter_key(it), json_object_iter_key_len(it)}, json_object_iter_value(it),
			writekey, &scratch, packed);
	json_decref(top);
	mf_buf_wipe_free(&scratch);
	return MF_OK;
}

static void
add_cap(mf_buf *out, const char *member, mf_str cap)
{
	mf_buf_addf(out, "\"%s\": ", member);
	if (cap.n > 0)
		mf_json_add_string(out, cap);
	else
		mf_buf_addz(out, "null");
	mf_buf_addz(out, ", ");
}

void
mf_node_children(const mf_link *link, size_t n, mf_buf *out)
{
	mf_cap cap = {0}, readonly;
	char text[MF_CAP_MAX];
	bool first = true;

	mf_buf_addc(out, '{');
	for (size_t i = 0; i < n; i++) {
		if (link[i].how == MF_LINK_REMOVE)
			continue;
		bool parsed = link[i].cap.n > 0 && mf_cap_parse(link[i].cap, &cap, NULL) == MF_OK;
		mf_buf_addz(out, first ? "" : ", ");
		mf_json_add_string(out, link[i].name);
		mf_buf_addf(out, ": [\"%s\", {", !parsed || !mf_cap_is_dir(cap.kind) ? "filenode" : "dirnode");
		if (parsed && mf_cap_is_writable(cap.kind) && mf_cap_readonly(&cap, &readonly)) {
			mf_cap_print(&readonly, text);
			add_cap(out, "rw_uri", link[i].cap);
			add_cap(out, "ro_uri", mf_strz(text));
		} else {
			add_cap(out, "ro_uri", link[i].cap);
		}
		mf_buf_addz(out, "\"metadata\": ");
		mf_buf_adds(out, link[i].metadata.n > 0 ? link[i].metadata : MF_STR("{}"));
		mf_buf_addz(out, "}]");
		first = false;
	}
	mf_buf_addc(out, '}');
	sodium_memzero(&cap, sizeof(cap));
}

void
mf_node_version(mf_str packed, mf_dirver *out)
{
	mf_cur c = mf_cur_of(packed.p, packed.n);
	crypto_hash_sha256_state h;
	mf_buf one = {0};
	mf_dir_entry e;

	(void)crypto_hash_sha256_init(&h);
	while (mf_dir_next(&c, &e)) {
		one.n = 0;
		mf_buf_add_ns(&one, e.name.p, e.name.n);
		mf_buf_add_ns(&one, e.ro.p, e.ro.n);
		(void)crypto_hash_sha256_update(&h, one.p, one.n);
	}
	out->seqnum = 0;
	(void)crypto_hash_sha256_final(&h, out->root);
	mf_buf_free(&one);
}
