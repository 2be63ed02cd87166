/* Names: relative paths, entry names, temporary and marker names. */
#include "sync/doc/relpath.h"

#include <sodium.h>

enum {
	COMPONENT_MAX = 255, /* bytes; NAME_MAX of Linux file systems */
	RELPATH_MAX = 4095,  /* PATH_MAX without the NUL */
	/* The longest slot kept whole in a marker's name: leaves the stem at least 100 bytes. */
	SLOT_MAX = 128,
};

mf_code
mf_relpath_check(mf_str s, mf_err *err)
{
	if (s.n == 0)
		return mf_fail(err, MF_EFORMAT, 0, "path is empty");
	if (s.n > RELPATH_MAX)
		return mf_fail(err, MF_EFORMAT, 0, "path is longer than %d bytes", RELPATH_MAX);
	if (memchr(s.p, '\0', s.n) != NULL)
		return mf_fail(err, MF_EFORMAT, 0, "path contains a NUL byte");
	if (!mf_utf8_valid(s))
		return mf_fail(err, MF_EFORMAT, 0, "path is not valid UTF-8");
	if (s.p[0] == '/')
		return mf_fail(err, MF_EFORMAT, 0, "path is absolute");
	for (size_t at = 0; at <= s.n;) {
		const char *slash = at < s.n ? memchr(s.p + at, '/', s.n - at) : NULL;
		size_t n = (slash == NULL ? s.n : (size_t)(slash - s.p)) - at;
		mf_str part = {s.p + at, n};

		if (n == 0)
			return mf_fail(err, MF_EFORMAT, 0, "path has an empty component");
		if (mf_str_eq(part, MF_STR(".")) || mf_str_eq(part, MF_STR("..")))
			return mf_fail(err, MF_EFORMAT, 0, "path has a component \"%.*s\"", (int)n, part.p);
		if (n > COMPONENT_MAX)
			return mf_fail(err, MF_EFORMAT, 0, "path has a component longer than %d bytes", COMPONENT_MAX);
		at += n + 1;
	}
	return MF_OK;
}

void
mf_mangle(mf_str path, mf_buf *out)
{
	size_t done = 0;

	mf_buf_reserve(out, path.n + 8);
	for (size_t i = 0; i < path.n; i++) {
		if (path.p[i] != '/' && path.p[i] != '@')
			continue;
		mf_buf_add(out, path.p + done, i - done);
		mf_buf_add(out, path.p[i] == '/' ? "@_" : "@@", 2);
		done = i + 1;
	}
	mf_buf_add(out, path.n == 0 ? "" : path.p + done, path.n - done);
}

/* Bytes of the UTF-8 character that starts at s.p[at]: for quoting it whole. */
static size_t
char_len(mf_str s, size_t at)
{
	size_t n = 1;

	while (at + n < s.n && ((uint8_t)s.p[at + n] & 0xc0) == 0x80)
		n++;
	return n;
}

mf_code
mf_unmangle(mf_str name, mf_buf *out, mf_err *err)
{
	for (size_t i = 0; i < name.n; i++) {
		/* "@" at the end or before a newline passes unchanged: the reference's pattern does not match there */
		if (name.p[i] != '@' || i + 1 == name.n || name.p[i + 1] == '\n') {
			mf_buf_addc(out, name.p[i]);
			continue;
		}
		char c = name.p[++i];
		if (c != '_' && c != '@')
			return mf_fail(err, MF_EFORMAT, 0, "invalid escape sequence '@%.*s' in '%.*s'",
				(int)char_len(name, i), name.p + i, (int)(name.n < 80 ? name.n : 80), name.p);
		mf_buf_addc(out, c == '_' ? '/' : '@');
	}
	return MF_OK;
}

mf_code
mf_relpath_entry(mf_str relpath, mf_buf *out, mf_err *err)
{
	mf_buf mangled = {0};

	mf_mangle(relpath, &mangled);
	mf_code rc = mf_nfc(mf_buf_str(&mangled), out, err);
	mf_buf_free(&mangled);
	return rc;
}

void
mf_tmp_name(char out[MF_TMP_NAME_MAX], const uint8_t random[8])
{
	static const char head[] = ".magic-folder-", tail[] = ".tmp";

	memcpy(out, head, sizeof(head) - 1);
	mf_hex(out + sizeof(head) - 1, random, 8);
	memcpy(out + sizeof(head) - 1 + 16, tail, sizeof(tail));
}

/* Ours: ".magic-folder-", 16 lower-case hex digits, ".tmp". */
static bool
is_our_tmp(mf_str base)
{
	const mf_str head = MF_STR(".magic-folder-"), tail = MF_STR(".tmp");

	if (base.n != head.n + 16 + tail.n || !mf_str_starts(base, head) ||
		memcmp(base.p + head.n + 16, tail.p, tail.n) != 0)
		return false;
	for (size_t i = head.n; i < head.n + 16; i++) {
		char c = base.p[i];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
	}
	return true;
}

/* Python's: 16 characters of URL-safe base64 (Twisted's temporarySibling), the file's name, ".snaptmp". */
bool
mf_is_set_aside(mf_str base, mf_str *target)
{
	const mf_str tail = MF_STR(".snaptmp");

	if (base.n <= 16 + tail.n || memcmp(base.p + base.n - tail.n, tail.p, tail.n) != 0)
		return false;
	for (size_t i = 0; i < 16; i++) {
		char c = base.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
			    c == '_'))
			return false;
	}
	*target = (mf_str){base.p + 16, base.n - 16 - tail.n};
	return true;
}

bool
mf_is_tmp_name(mf_str name)
{
	mf_str base = mf_relpath_base(name), target;

	return is_our_tmp(base) || mf_is_set_aside(base, &target);
}

/* The longest beginning of @p s that has at most @p max bytes and cuts no character. */
static mf_str
cut(mf_str s, size_t max)
{
	if (s.n <= max)
		return s;
	while (max > 0 && ((uint8_t)s.p[max] & 0xc0) == 0x80)
		max--;
	return (mf_str){s.p, max};
}

void
mf_marker_path(mf_str relpath, mf_str slot, mf_str cap, mf_buf *out)
{
	const mf_str infix = MF_STR(".conflict-");
	mf_str dir = mf_relpath_dir(relpath), base = mf_relpath_base(relpath);
	uint8_t digest[crypto_hash_sha256_BYTES];
	char hex[2 * 4 + 1] = "";

	if (base.n + infix.n + slot.n > COMPONENT_MAX) {
		(void)crypto_hash_sha256(digest, (const uint8_t *)cap.p, cap.n);
		mf_hex(hex, digest, 4);
		slot = cut(slot, SLOT_MAX);
		base = cut(base, COMPONENT_MAX - infix.n - slot.n - 9);
	}
	if (dir.n > 0) {
		mf_buf_adds(out, dir);
		mf_buf_addc(out, '/');
	}
	mf_buf_adds(out, base);
	if (hex[0] != '\0') {
		mf_buf_addc(out, '-');
		mf_buf_addz(out, hex);
	}
	mf_buf_adds(out, infix);
	mf_buf_adds(out, slot);
}

void
mf_slot_name(mf_str participant, mf_buf *out)
{
	if (participant.n == 0)
		mf_buf_addc(out, '_');
	for (size_t i = 0; i < participant.n; i++) {
		uint8_t c = (uint8_t)participant.p[i];
		uint8_t next = i + 1 < participant.n ? (uint8_t)participant.p[i + 1] : 0;

		if (c < 0x20 || c == 0x7f || c == '/' || c == '\\') {
			mf_buf_addc(out, '_');
		} else if (c == 0xc2 && next >= 0x80 && next <= 0x9f) { /* U+0080 to U+009F: controls, too */
			mf_buf_addc(out, '_');
			i++;
		} else {
			mf_buf_addc(out, (char)c);
		}
	}
}

/* Index of the last '/', or s.n if there is none. */
static size_t
last_slash(mf_str s)
{
	for (size_t i = s.n; i > 0; i--)
		if (s.p[i - 1] == '/')
			return i - 1;
	return s.n;
}

mf_str
mf_relpath_dir(mf_str relpath)
{
	size_t slash = last_slash(relpath);

	return (mf_str){relpath.p, slash == relpath.n ? 0 : slash};
}

mf_str
mf_relpath_base(mf_str relpath)
{
	size_t slash = last_slash(relpath);

	if (slash == relpath.n)
		return relpath;
	return (mf_str){relpath.p + slash + 1, relpath.n - slash - 1};
}
