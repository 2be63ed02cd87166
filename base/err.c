/* Errors by value. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void __attribute__((format(printf, 4, 0))) fill(mf_err *err, mf_code code, int sys, const char *fmt, va_list ap)
{
	err->code = code;
	err->sys = sys;
	(void)vsnprintf(err->text, sizeof(err->text), fmt, ap);
	for (char *p = err->text; *p != '\0'; p++)
		if (*p == '\n' || *p == '\r')
			*p = ' ';
}

mf_code
mf_fail(mf_err *err, mf_code code, int sys, const char *fmt, ...)
{
	va_list ap;

	if (err == NULL)
		return code;
	va_start(ap, fmt);
	fill(err, code, sys, fmt, ap);
	va_end(ap);
	return code;
}

static mf_code
code_of_errno(int sys)
{
	switch (sys) {
	case ENOENT:
	case ENOTDIR: return MF_ENOTFOUND;
	case EEXIST:
	case ENOTEMPTY: return MF_EEXIST;
	case ENOSPC:
	case EDQUOT: return MF_EFULL;
	case ENOMEM: return MF_ENOMEM;
	default: return MF_EIO;
	}
}

mf_code
mf_fail_errno(mf_err *err, int sys, const char *fmt, ...)
{
	mf_code code = code_of_errno(sys);
	va_list ap;

	if (err == NULL)
		return code;
	va_start(ap, fmt);
	fill(err, code, sys, fmt, ap);
	va_end(ap);
	size_t n = strlen(err->text);
	(void)snprintf(err->text + n, sizeof(err->text) - n, ": %s", strerror(sys));
	return code;
}

const char *
mf_code_name(mf_code code)
{
	switch (code) {
	case MF_OK: return "MF_OK";
	case MF_ECANCELED: return "MF_ECANCELED";
	case MF_EIO: return "MF_EIO";
	case MF_ENET: return "MF_ENET";
	case MF_EAUTH: return "MF_EAUTH";
	case MF_EFORMAT: return "MF_EFORMAT";
	case MF_ENOTFOUND: return "MF_ENOTFOUND";
	case MF_ENOMEM: return "MF_ENOMEM";
	case MF_EEXIST: return "MF_EEXIST";
	case MF_EFULL: return "MF_EFULL";
	case MF_EBUSY: return "MF_EBUSY";
	case MF_EINVAL: return "MF_EINVAL";
	case MF_EUNSUPPORTED: return "MF_EUNSUPPORTED";
	case MF_ECHANGED: return "MF_ECHANGED";
	}
	return "unknown code";
}

void
mf_bug(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "bug at %s:%d: ", file, line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}
