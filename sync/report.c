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

void
mf_doubt_disk(struct mf_folder *f)
{
	f->scan_needed = f->scan_round + 1 + (f->scan_running ? 1 : 0);
}

void
mf_doubt_grid(struct mf_folder *f)
{
	f->poll_needed = f->poll_round + 1 + (f->poll != NULL ? 1 : 0);
}

/* "" is the folder's own directory. */
char *
mf_safe_name(const char *path)
{
	mf_buf safe = {0};

	for (const char *c = path; *c != '\0' && safe.n < 400; c++) {
		bool plain = (unsigned char)*c >= 0x20 && (unsigned char)*c < 0x7f;
		bool control = (unsigned char)*c < 0x20 || (unsigned char)*c == 0x7f;
		if (plain || (!control && mf_utf8_valid(mf_strz(path))))
			mf_buf_addc(&safe, *c);
		else
			mf_buf_addf(&safe, "\\x%02x", (unsigned char)*c);
	}
	return safe.n == 0 ? mf_strdup(MF_STR("")) : (char *)safe.p;
}

/* ---- errors ---------------------------------------------------------------------------------------- */

static bool
is_about(const struct mf_error *e, enum mf_trouble what, const char *relpath)
{
	if (e->trouble != what)
		return false;
	return e->relpath == NULL || relpath == NULL ? e->relpath == relpath : strcmp(e->relpath, relpath) == 0;
}

static void
error_free(struct mf_error *e)
{
	free(e->relpath);
	free(e->peer);
	free(e->text);
	free(e);
}

static void
forget_oldest(struct mf_folder *f)
{
	struct mf_error **link = &f->errors;

	while ((*link)->next != NULL)
		link = &(*link)->next;
	error_free(*link);
	*link = NULL;
	f->n_errors--;
}

static struct mf_error *
report(struct mf_folder *f, enum mf_trouble what, const char *relpath, const char *text)
{
	struct mf_error *e = f->errors;

	while (e != NULL && !is_about(e, what, relpath))
		e = e->next;
	if (e != NULL && strcmp(e->text, text) == 0)
		return e; /* said already */
	if (e == NULL) {
		e = mf_alloc(sizeof(*e));
		e->trouble = what;
		e->relpath = relpath == NULL ? NULL : mf_strdup(mf_strz(relpath));
		e->at_ns = MF_OPS(f)->now_ns(f->env);
		e->next = f->errors;
		f->errors = e;
		f->n_errors++;
	}
	free(e->text);
	e->text = mf_strdup(mf_strz(text));
	e->scan = 0;
	mf_tell(f, MF_EV_ERROR, relpath, text);
	if (f->n_errors > ERRORS_KEPT)
		forget_oldest(f);
	return e;
}

static void
clear(struct mf_folder *f, enum mf_trouble what, const char *relpath)
{
	for (struct mf_error **link = &f->errors, *e; (e = *link) != NULL; link = &e->next) {
		if (!is_about(e, what, relpath))
			continue;
		*link = e->next;
		f->n_errors--;
		mf_tell(f, MF_EV_ERROR_CLEARED, relpath, e->text);
		error_free(e);
		return;
	}
}

void
mf_report(struct mf_folder *f, const char *relpath, const char *text)
{
	(void)report(f, MF_TR_PATH, relpath, text);
}

void
mf_report_clear(struct mf_folder *f, const char *relpath)
{
	clear(f, MF_TR_PATH, relpath);
}

void
mf_trouble(struct mf_folder *f, enum mf_trouble what, const char *text)
{
	(void)report(f, what, NULL, text);
}

void
mf_trouble_over(struct mf_folder *f, enum mf_trouble what)
{
	clear(f, what, NULL);
}

void
mf_trouble_at(struct mf_folder *f, enum mf_trouble what, const char *dir, const char *text)
{
	if (text == NULL)
		clear(f, what, dir);
	else
		(void)report(f, what, dir, text);
}

/* ---- participants -------------------------------------------------------------------------------------- */

void
mf_report_peer(struct mf_folder *f, const char *participant, const char *entry, const mf_err *err)
{
	mf_buf about = {0};

	if (entry == NULL)
		mf_buf_addf(&about, "participant %s", participant);
	else
		mf_buf_addf(&about, "%s of %s", entry, participant);
	char *name = mf_safe_name((char *)about.p);
	if (err == NULL || err->code == MF_OK) {
		clear(f, MF_TR_PEER, name);
	} else {
		struct mf_error *e = report(f, MF_TR_PEER, name, err->text);
		if (e->peer == NULL)
			e->peer = mf_strdup(mf_strz(participant));
	}
	free(name);
	mf_buf_free(&about);
}

void
mf_report_key(struct mf_folder *f, const char *participant, const char *text)
{
	mf_buf about = {0};

	mf_buf_addf(&about, "participant %s", participant);
	char *name = mf_safe_name((char *)about.p);
	if (text == NULL)
		clear(f, MF_TR_KEY, name);
	else
		(void)report(f, MF_TR_KEY, name, text);
	free(name);
	mf_buf_free(&about);
}

void
mf_report_peers_left(struct mf_folder *f, bool (*stays)(const void *arg, const char *participant), const void *arg)
{
	for (struct mf_error *e = f->errors, *next; e != NULL; e = next) {
		next = e->next;
		if (e->trouble == MF_TR_PEER && e->peer != NULL && !stays(arg, e->peer))
			clear(f, MF_TR_PEER, e->relpath);
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
