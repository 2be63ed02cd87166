/* What the users of a random run know. */
#include "oracle.h"

#include <stdio.h>
#include <stdlib.h>

#include "sync/doc/relpath.h"

void
oracle_free(struct oracle *o)
{
	free(o->v);
	free(o->judged);
	free(o->touched);
}

unsigned
oracle_value_of(mf_str content)
{
	char text[16] = "";

	if (content.n < 8 || content.p[0] != 'v')
		return 0;
	memcpy(text, content.p + 1, 7);
	return (unsigned)strtoul(text, NULL, 10);
}

unsigned
oracle_shown(struct member *m, const char *path)
{
	mf_buf b = {0};
	unsigned v = sim_read(m->h, cast_path(path), &b) ? oracle_value_of(mf_buf_str(&b)) : 0;

	mf_buf_free(&b);
	return v;
}

static struct oracle_value *
find(const struct oracle *o, const char *path, unsigned value)
{
	for (size_t i = 0; i < o->n; i++)
		if (o->v[i].value == value && strcmp(o->v[i].path, path) == 0)
			return &o->v[i];
	return NULL;
}

static bool
is_touched(const struct oracle *o, const char *path)
{
	for (size_t i = 0; i < o->n_touched; i++)
		if (strcmp(o->touched[i], path) == 0)
			return true;
	return false;
}

static void
touch(struct oracle *o, const struct member *m, const char *path)
{
	if (!m->reader || is_touched(o, path))
		return;
	o->touched = mf_realloc_array(o->touched, o->n_touched + 1, sizeof(*o->touched));
	(void)snprintf(o->touched[o->n_touched++], ORACLE_PATH_MAX, "%s", path);
}

/* Who is no member is all of the others. */
static unsigned
bit_of(const struct member *m)
{
	const struct cast *c = m->cast;

	return m >= c->m && m < c->m + CAST_MAX ? 1u << (m - c->m) : 1u << CAST_MAX;
}

void
oracle_kill(struct oracle *o, struct member *m, const char *path, unsigned value)
{
	struct oracle_value *v = find(o, path, value);

	touch(o, m, path);
	if (v == NULL || v->private != m->reader)
		return;
	v->killers |= bit_of(m);
	sim_trace(m->cast->w, "KNOWS %s replaces %u at %s", m->name, value, path);
}

void
oracle_revive(struct oracle *o, struct member *m, const char *path)
{
	struct oracle_value *v = find(o, path, oracle_shown(m, path));

	if (v != NULL)
		v->killers &= ~bit_of(m);
}

void
oracle_add(struct oracle *o, struct member *m, const char *path, unsigned value)
{
	if (o->n == o->cap) {
		o->cap = o->cap * 2 + 64;
		o->v = mf_realloc_array(o->v, o->cap, sizeof(*o->v));
	}
	struct oracle_value *v = &o->v[o->n++];
	touch(o, m, path);
	*v = (struct oracle_value){.value = value, .private = m->reader};
	(void)snprintf(v->path, sizeof(v->path), "%s", path);
	(void)snprintf(v->by, sizeof(v->by), "%s", m->name);
	sim_trace(m->cast->w, "KNOWS %s puts %u at %s", m->name, value, path);
}

static bool
is_judged(const struct oracle *o, const char *path)
{
	for (size_t i = 0; i < o->n_judged; i++)
		if (strcmp(o->judged[i], path) == 0)
			return true;
	return false;
}

void
oracle_judge(struct oracle *o, const char *path)
{
	if (is_judged(o, path))
		return;
	o->judged = mf_realloc_array(o->judged, o->n_judged + 1, sizeof(*o->judged));
	(void)snprintf(o->judged[o->n_judged++], ORACLE_PATH_MAX, "%s", path);
}

static bool
on_its_disk(const struct member *m, const char *path)
{
	return m->has_disk && strncmp(path, CAST_MOUNT "/", sizeof(CAST_MOUNT)) == 0;
}

/* Is there room at @p path for a file?  Makes the directories above it. */
static bool
make_room(struct member *m, const char *path)
{
	char dir[ORACLE_PATH_MAX];
	const char *slash = strrchr(path, '/');
	mf_stat st;

	if (cast_is_away(m, path))
		return false;
	if (slash != NULL) {
		(void)snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
		if (sim_stat(m->h, cast_path(dir), &st) && st.kind != MF_KIND_DIR)
			return false;
		sim_mkdirs(m->h, cast_path(dir));
	}
	return !sim_stat(m->h, cast_path(path), &st) || st.kind == MF_KIND_FILE;
}

/* Something temporary on the same disk. */
static const char *
beside(const struct member *m, const char *path)
{
	return on_its_disk(m, path) ? CAST_MOUNT "/.beside.tmp~" : ".beside.tmp~";
}

void
oracle_write(struct oracle *o, struct member *m, const char *path, unsigned how)
{
	oracle_write_text(o, m, path, how, NULL);
}

void
oracle_write_text(struct oracle *o, struct member *m, const char *path, unsigned how, const char *more)
{
	char text[400];
	unsigned value = ++o->next;
	size_t n = 8 + sim_random(m->cast->w, 2) * (50 + sim_random(m->cast->w, 300));

	if (!make_room(m, path))
		return;
	memset(text, '.', sizeof(text));
	(void)snprintf(text, sizeof(text), "v%06u", value);
	text[7] = ' ';
	if (more != NULL)
		n = (size_t)snprintf(text + 7, sizeof(text) - 7, "\n%s", more) + 7;
	oracle_kill(o, m, path, oracle_shown(m, path));
	if (how == 0) {
		sim_write(m->h, cast_path(path), text, n);
	} else {
		sim_write(m->h, cast_path(beside(m, path)), text, n);
		(void)cast_move(m, beside(m, path), path);
	}
	oracle_add(o, m, path, value);
}

void
oracle_delete(struct oracle *o, struct member *m, const char *path)
{
	mf_stat st;

	if (cast_is_away(m, path) || !sim_stat(m->h, cast_path(path), &st) || st.kind != MF_KIND_FILE)
		return;
	oracle_kill(o, m, path, oracle_shown(m, path));
	(void)cast_remove(m, path);
}

void
oracle_rename(struct oracle *o, struct member *m, const char *from, const char *to)
{
	unsigned value = oracle_shown(m, from);

	/* a value that comes back to where it was replaced would have to be live and not live */
	if (value == 0 || find(o, to, value) != NULL || cast_is_away(m, from) || !make_room(m, to) ||
		on_its_disk(m, from) != on_its_disk(m, to))
		return;
	oracle_kill(o, m, from, value);
	oracle_kill(o, m, to, oracle_shown(m, to));
	(void)cast_move(m, from, to);
	oracle_add(o, m, to, value);
}

struct below {
	struct oracle *o;
	struct member *m;
	const char *from, *to; /* to NULL: they are deleted */
	bool odd;              /* something there that cannot be moved with knowledge */
	bool looking;
};

static void
each_below(void *arg, const char *relpath, const mf_stat *st, mf_str content)
{
	struct below *b = arg;
	char from[512], to[512];
	unsigned value = oracle_value_of(content);

	(void)st;
	(void)snprintf(from, sizeof(from), "%s/%s", b->from, relpath);
	(void)snprintf(to, sizeof(to), "%s/%s", b->to == NULL ? "" : b->to, relpath);
	if (b->looking) {
		b->odd |= find(b->o, to, value) != NULL || /* as in oracle_rename() */
			value == 0 || strstr(relpath, ".conflict-") != NULL || strstr(relpath, ".tmp") != NULL ||
			strlen(from) + 8 >= ORACLE_PATH_MAX;
		return;
	}
	oracle_kill(b->o, b->m, from, value);
	if (b->to != NULL)
		oracle_add(b->o, b->m, to, value);
}

static bool
has_parent(struct member *m, const char *path)
{
	char *parent = mf_strdup(mf_relpath_dir(mf_strz(path)));
	bool there = parent[0] == '\0' || cast_exists(m, parent);

	free(parent);
	return there;
}

static void
all_below(struct oracle *o, struct member *m, const char *from, const char *to)
{
	struct below b = {.o = o, .m = m, .from = from, .to = to, .looking = true};
	mf_stat st;

	if (cast_is_away(m, from) || !sim_stat(m->h, cast_path(from), &st) || st.kind != MF_KIND_DIR ||
		(to != NULL && cast_exists(m, to)))
		return;
	if (to != NULL && (strncmp(from, to, strlen(from)) == 0 || !has_parent(m, to)))
		return; /* into itself, or nowhere */
	sim_walk(m->h, cast_path(from), each_below, &b);
	if (b.odd)
		return;
	b.looking = false;
	sim_walk(m->h, cast_path(from), each_below, &b);
	if (to == NULL)
		(void)cast_remove(m, from);
	else
		(void)cast_move(m, from, to);
}

void
oracle_rename_dir(struct oracle *o, struct member *m, const char *from, const char *to)
{
	all_below(o, m, from, to);
}

void
oracle_delete_dir(struct oracle *o, struct member *m, const char *dir)
{
	all_below(o, m, dir, NULL);
}

void
oracle_settle_one(struct oracle *o, struct member *m, const char *path, const char *slot, bool take)
{
	char marker[ORACLE_PATH_MAX + 64];

	if (cast_is_away(m, path))
		return;
	(void)snprintf(marker, sizeof(marker), "%s.conflict-%s", path, slot);
	unsigned theirs = oracle_shown(m, marker), ours = oracle_shown(m, path);
	if (!m->reader) /* who settles for one device alone judges for nobody else */
		oracle_judge(o, path);
	touch(o, m, path);
	if (theirs == 0)
		return;
	if (!take) {
		oracle_kill(o, m, path, theirs);
		(void)cast_remove(m, marker);
	} else if (make_room(m, path)) {
		oracle_kill(o, m, path, ours);
		(void)cast_move(m, marker, path);
	}
}

/* ---- in the end ---- */

struct checking {
	const struct oracle *o;
	struct member *m;
	char *text;
	size_t size;
	bool temporary; /* names of ours are allowed: the next start sweeps them */
};

/* Who wrote to a name that was empty for a moment has replaced nothing: what was to come back there is kept beside it
 * (replace.c). */
static const char *
kept_beside(const char *path)
{
	static char name[ORACLE_PATH_MAX + 16];

	(void)snprintf(name, sizeof(name), "%s.recovered", path);
	return name;
}

static void
check_file(void *arg, const char *relpath, const mf_stat *st, mf_str content)
{
	struct checking *c = arg;
	unsigned value = oracle_value_of(content);
	const char *beside = strstr(relpath, ".recovered");
	if (beside == NULL && c->o->forgetful)
		beside = strstr(relpath, ".conflict-");
	char *path =
		beside == NULL ? mf_strdup(mf_strz(relpath)) : mf_strdup((mf_str){relpath, (size_t)(beside - relpath)});
	const struct oracle_value *v = find(c->o, path, value);

	free(path);
	(void)st;
	if (c->text[0] != '\0' || (c->temporary && mf_is_tmp_name(mf_strz(relpath))))
		return;
	if (v == NULL)
		(void)snprintf(c->text, c->size, "%s shows %s with value %u, which nobody wrote there", c->m->name,
			relpath, value);
	else if (v->private && strcmp(v->by, c->m->name) != 0)
		(void)snprintf(c->text, c->size, "%s shows %s with value %u, which is private to %s", c->m->name,
			relpath, value, v->by);
	else if (v->killers != 0 && !c->o->forgetful && !is_judged(c->o, relpath) &&
		!(c->m->reader && is_touched(c->o, relpath)))
		(void)snprintf(c->text, c->size, "%s shows %s with value %u, which was knowingly replaced", c->m->name,
			relpath, value);
}

/* Must @p m show it? */
static bool
is_due(const struct oracle *o, const struct oracle_value *v, const struct member *m)
{
	return v->private ? strcmp(v->by, m->name) == 0 : !m->reader || !is_touched(o, v->path);
}

const char *
oracle_check_one(const struct oracle *o, struct member *m, bool temporary)
{
	static char text[256];

	text[0] = '\0';
	for (size_t i = 0; i < o->n; i++) {
		const struct oracle_value *v = &o->v[i];
		if (v->killers != 0 || oracle_shown(m, v->path) == v->value ||
			oracle_shown(m, kept_beside(v->path)) == v->value || !is_due(o, v, m))
			continue;
		(void)snprintf(text, sizeof(text), "%s does not show value %u by %s at %s but %u", m->name, v->value,
			v->by, v->path, oracle_shown(m, v->path));
		return text;
	}
	struct checking check = {o, m, text, sizeof(text), temporary};
	sim_walk(m->h, CAST_DIR, check_file, &check);
	return text[0] != '\0' ? text : NULL;
}

const char *
oracle_check(const struct oracle *o, struct cast *c, bool temporary)
{
	const char *text = NULL;

	for (size_t k = 0; k < c->n && text == NULL; k++)
		text = oracle_check_one(o, &c->m[k], temporary);
	return text;
}
