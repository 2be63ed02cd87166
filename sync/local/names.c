/* Names that programs give to what they write for a moment. */
#include "sync/local/names.h"

static bool
begins(mf_str s, const char *with)
{
	size_t n = strlen(with);

	return s.n > n && memcmp(s.p, with, n) == 0;
}

static bool
ends(mf_str s, const char *with)
{
	size_t n = strlen(with);

	return s.n > n && memcmp(s.p + s.n - n, with, n) == 0;
}

static bool
is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool
is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* .NAME.swp and its successors .swo, .swn, ... */
static bool
is_vim_swap(mf_str s)
{
	return s.n > 5 && s.p[0] == '.' && memcmp(s.p + s.n - 4, ".sw", 3) == 0 && is_lower(s.p[s.n - 1]);
}

static bool
is_passing(mf_str s)
{
	return begins(s, "~$") ||                                         /* MS Office: who has it open */
		(begins(s, ".~lock.") && ends(s, "#")) ||                 /* LibreOffice: the same */
		(s.n > 2 && begins(s, "#") && ends(s, "#")) ||            /* Emacs: saved by itself */
		is_vim_swap(s) || ends(s, ".kate-swp") || ends(s, "~") || /* backup */
		begins(s, ".goutputstream-") ||                           /* GIO */
		ends(s, ".part") || ends(s, ".crdownload") ||             /* a browser's download */
		begins(s, ".nfs0") || begins(s, ".fuse_hidden");          /* removed, but open */
}

/* mkstemp's and Qt's NAME.XXXXXX: letters of both kinds, or a second ending after the first. */
static bool
is_random_ending(mf_str s)
{
	bool upper = false, other = false;

	if (s.n < 8 || s.p[s.n - 7] != '.')
		return false;
	for (const char *c = s.p + s.n - 6; c < s.p + s.n; c++) {
		if (!is_lower(*c) && !is_upper(*c) && !is_digit(*c))
			return false;
		upper |= is_upper(*c);
		other |= !is_upper(*c);
	}
	return (upper && other) || memchr(s.p + 1, '.', s.n - 8) != NULL;
}

/* Excel's 8 hexadecimal digits. */
static bool
is_hex8(mf_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_digit(s.p[i]) && (s.p[i] < 'A' || s.p[i] > 'F'))
			return false;
	return s.n == 8;
}

static bool
is_stage(mf_str s)
{
	return ends(s, ".tmp") || ends(s, ".TMP") || ends(s, ".temp") || is_hex8(s) || is_random_ending(s);
}

static bool
is_brief(mf_str s)
{
	bool digits = true; /* vim and others probe with a number for a name */

	for (size_t i = 0; i < s.n; i++)
		digits &= is_digit(s.p[i]);
	return digits || s.p[0] == '.' || s.p[0] == '#' || ends(s, ".new") || ends(s, ".lock") || ends(s, "___");
}

enum mf_name_kind
mf_name_kind(mf_str name)
{
	if (name.n == 0)
		return MF_NAME_PLAIN;
	if (is_passing(name))
		return MF_NAME_PASSING;
	if (is_stage(name))
		return MF_NAME_STAGE;
	return is_brief(name) ? MF_NAME_BRIEF : MF_NAME_PLAIN;
}
