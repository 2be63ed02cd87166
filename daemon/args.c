/* Options as Python's getopt reads them. */
#include "daemon/cli.h"

#include <stdlib.h>

static size_t
count(const mf_option *options)
{
	size_t n = 0;

	while (options != NULL && options[n].name != NULL)
		n++;
	return n;
}

/* The option that @p name means: exact, or the only one that begins so. */
static mf_code
find_long(const mf_option *options, mf_str name, size_t *at, mf_err *err)
{
	size_t n = count(options), hits = 0;

	for (size_t i = 0; i < n; i++) {
		mf_str full = mf_strz(options[i].name);
		if (mf_str_eq(full, name)) {
			*at = i;
			return MF_OK;
		}
		if (mf_str_starts(full, name)) {
			*at = i;
			hits++;
		}
	}
	if (hits == 1)
		return MF_OK;
	return mf_fail(err, MF_EINVAL, 0,
		hits == 0 ? "option --%.*s not recognized" : "option --%.*s not a unique prefix",
		(int)(name.n < 80 ? name.n : 80), name.p);
}

static mf_code
parse_long(const mf_option *options, char ***arg, mf_args *out, mf_err *err)
{
	const char *text = **arg + 2;
	size_t n = strcspn(text, "="), at = 0;
	bool given = text[n] == '=';

	if (find_long(options, (mf_str){text, n}, &at, err) != MF_OK)
		return MF_EINVAL;
	if (options[at].value == NULL && given)
		return mf_fail(err, MF_EINVAL, 0, "option --%s must not have an argument", options[at].name);
	if (options[at].value == NULL) {
		out->value[at] = "1";
	} else if (given) {
		out->value[at] = text + n + 1;
	} else {
		if ((*arg)[1] == NULL)
			return mf_fail(err, MF_EINVAL, 0, "option --%s requires argument", options[at].name);
		out->value[at] = *++*arg;
	}
	return MF_OK;
}

/* A word like "-xyVALUE": flags, then perhaps an option with its value. */
static mf_code
parse_short(const mf_option *options, char ***arg, mf_args *out, mf_err *err)
{
	size_t n = count(options), at;

	for (const char *c = **arg + 1; *c != '\0'; c++) {
		for (at = 0; at < n && options[at].letter != *c; at++)
			;
		if (at == n)
			return mf_fail(err, MF_EINVAL, 0, "option -%c not recognized", *c);
		if (options[at].value == NULL) {
			out->value[at] = "1";
			continue;
		}
		if (c[1] != '\0')
			out->value[at] = c + 1;
		else if ((*arg)[1] != NULL)
			out->value[at] = *++*arg;
		else
			return mf_fail(err, MF_EINVAL, 0, "option -%c requires argument", *c);
		break;
	}
	return MF_OK;
}

mf_code
mf_args_parse(const mf_option *options, int argc, char **argv, mf_args *out, mf_err *err)
{
	char **arg = argv, **end = argv + argc;

	memset(out, 0, sizeof(*out));
	if (count(options) > MF_CLI_MAX_OPTIONS)
		MF_BUG("more than %d options", MF_CLI_MAX_OPTIONS);
	for (size_t i = 0; i < count(options); i++)
		out->value[i] = options[i].standard;
	for (; arg < end && (*arg)[0] == '-' && (*arg)[1] != '\0'; arg++) {
		mf_code rc;
		if (strcmp(*arg, "--") == 0) {
			arg++;
			break;
		}
		rc = (*arg)[1] == '-' ? parse_long(options, &arg, out, err) : parse_short(options, &arg, out, err);
		if (rc != MF_OK)
			return rc;
	}
	out->word = arg;
	out->words = (int)(end - arg);
	return MF_OK;
}

bool
mf_positive(const char *text, unsigned max, unsigned *out)
{
	char *end;
	unsigned long v;

	if (text == NULL || *text < '0' || *text > '9' || strlen(text) > 10)
		return false;
	v = strtoul(text, &end, 10);
	*out = (unsigned)v;
	return *end == '\0' && v >= 1 && v <= max;
}
