/* What a folder tells: events, and errors that stay until they are mended. */
#include "sync/engine.h"

#include <stdlib.h>

enum { ERRORS_KEPT = 1000 };

uint64_t
mf_now_ms(struct mf_folder *f)
{
	return MF_OPS(f)->mono_ms(f->env);
}

void
mf_tell(struct mf_folder *f, enum mf_folder_event_kind kind, const char *relpath, const char *text)
{
	mf_folder_event ev = {.kind = kind, .relpath = relpath, .text = text, .at_ns = MF_OPS(f)->now_ns(f->env)};

	if (f->listen != NULL)
		f->listen(f->listen_arg, f, &ev);
}

/* ---- errors ---------------------------------------------------------------------------------------- */

static bool
same_path(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void
error_free(struct mf_error *e)
{
	free(e->relpath);
	free(e->text);
	free(e);
}

void
mf_report(struct mf_folder *f, const char *relpath, const char *text)
{
	struct mf_error **link = &f->errors, *e;

	while ((e = *link) != NULL && !same_path(e->relpath, relpath))
		link = &e->next;
	if (e != NULL && strcmp(e->text, text) == 0)
		return; /* said already */
	if (e != NULL) {
		*link = e->next;
		error_free(e);
		f->n_errors--;
	}
	e = mf_alloc(sizeof(*e));
	e->relpath = relpath == NULL ? NULL : mf_strdup(mf_strz(relpath));
	e->text = mf_strdup(mf_strz(text));
	e->at_ns = MF_OPS(f)->now_ns(f->env);
	e->next = f->errors;
	f->errors = e;
	f->n_errors++;
	mf_tell(f, MF_EV_ERROR, relpath, text);
	if (f->n_errors <= ERRORS_KEPT)
		return;
	for (link = &f->errors; (*link)->next != NULL;)
		link = &(*link)->next;
	error_free(*link);
	*link = NULL;
	f->n_errors--;
}

void
mf_report_clear(struct mf_folder *f, const char *relpath)
{
	for (struct mf_error **link = &f->errors, *e; (e = *link) != NULL; link = &e->next) {
		if (!same_path(e->relpath, relpath))
			continue;
		*link = e->next;
		f->n_errors--;
		mf_tell(f, MF_EV_ERROR_CLEARED, relpath, e->text);
		error_free(e);
		return;
	}
}

void
mf_folder_errors(
	struct mf_folder *f, void (*each)(void *arg, const char *relpath, const char *text, int64_t at_ns), void *arg)
{
	for (const struct mf_error *e = f->errors; e != NULL; e = e->next)
		each(arg, e->relpath, e->text, e->at_ns);
}

void
mf_reports_free(struct mf_folder *f)
{
	while (f->errors != NULL) {
		struct mf_error *e = f->errors;
		f->errors = e->next;
		error_free(e);
	}
}
