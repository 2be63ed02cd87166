/* What a folder is: freeing it, and which names are acceptable. */
#include "sync/folder.h"

#include <sodium.h>
#include <stdlib.h>
#include <utf8proc.h>

void
mf_folder_conf_clear(mf_folder_conf *c)
{
	free(c->name);
	free(c->author);
	free(c->stash_path);
	free(c->magic_path);
	free(c->state_dir);
	sodium_memzero(c, sizeof(*c));
}

mf_code
mf_folder_name_check(mf_str name, mf_err *err)
{
	const utf8proc_uint8_t *p = (const utf8proc_uint8_t *)name.p;
	size_t left = name.n;
	bool bad = false;

	if (name.n == 0)
		return mf_fail(err, MF_EINVAL, 0, "A magic folder's name cannot be empty.");
	while (left > 0 && !bad) {
		utf8proc_int32_t c;
		utf8proc_ssize_t n = utf8proc_iterate(p, (utf8proc_ssize_t)left, &c);
		utf8proc_category_t kind = n > 0 ? utf8proc_category(c) : UTF8PROC_CATEGORY_CN;
		bad = kind == UTF8PROC_CATEGORY_CN || kind == UTF8PROC_CATEGORY_CC || kind == UTF8PROC_CATEGORY_CS ||
			c == '/' || c == '\\';
		p += n > 0 ? n : 0;
		left -= n > 0 ? (size_t)n : 0;
	}
	if (bad)
		return mf_fail(err, MF_EINVAL, 0,
			"Magic folder names cannot contain '/', '\\', control characters or"
			" unassigned characters.");
	return MF_OK;
}
