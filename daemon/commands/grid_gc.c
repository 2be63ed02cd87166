/* grid gc */
#include "daemon/commands/grid.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "daemon/commands/ask.h"
#include "daemon/files.h"
#include "daemon/gc.h"
#include "daemon/jsontext.h"
#include "daemon/text.h"

enum { O_DELETE, O_HISTORY, O_FORGET, O_DAMAGE, O_JSON, LISTED = 20 };

static const mf_option options[] = {
	[O_DELETE] = {"delete", '\0', NULL, "remove it; without this it is only listed", NULL},
	[O_HISTORY] = {"keep-history", '\0', "AGE",
		"contents of versions replaced longer ago may go: such as 90d, or all", "all"},
	[O_FORGET] = {"forget", '\0', "CONFIG", "this configuration is gone for good: do not ask its folders any more",
		NULL},
	[O_DAMAGE] = {"despite-damage", '\0', NULL, "go on although something cannot be read", NULL},
	[O_JSON] = {"json", '\0', NULL, "print JSON", NULL},
	{0},
};

struct report {
	bool json, tty;
	json_t *garbage, *odd, *damage;
	uint64_t listed;
	time_t told;
};

static void
on_progress(void *arg, const char *phase, uint64_t done)
{
	struct report *p = arg;
	time_t now = time(NULL);

	if (!p->tty || now == p->told)
		return;
	p->told = now;
	(void)fprintf(stderr, "\r%llu %s ", (unsigned long long)done, phase);
}

static void
on_share(void *arg, const mf_gc_share *one)
{
	struct report *p = arg;
	char size[24], when[32];
	json_t *v;

	if (one->fate == MF_GC_YOUNG || one->fate == MF_GC_FOREIGN)
		return;
	mf_text_size(one->bytes, size);
	mf_text_time(one->used_s, when);
	if (p->json) {
		v = json_object();
		(void)json_object_set_new(v, "share", mf_json_text(mf_strz(one->path)));
		(void)json_object_set_new(v, "bytes", json_integer((json_int_t)one->bytes));
		(void)json_object_set_new(v, "last_used", json_integer(one->used_s));
		(void)json_array_append_new(one->fate == MF_GC_GARBAGE ? p->garbage : p->odd, v);
	} else if (one->fate != MF_GC_GARBAGE) {
		char *path = mf_text_safe(one->path); /* any name may lie there */

		printf("%s %s: left as it is\n", one->fate == MF_GC_BAD ? "bad share" : "no share", path);
		free(path);
	} else if (p->listed++ < LISTED) {
		printf("reached by nothing: %s, %s, last used %s\n", one->path, size, when);
	}
}

static void
on_damage(void *arg, const char *text)
{
	struct report *p = arg;

	if (p->json) {
		(void)json_array_append_new(p->damage, mf_json_text(mf_strz(text)));
	} else {
		char *safe = mf_text_safe(text);

		printf("cannot be read: %s\n", safe);
		free(safe);
	}
}

/* "90d", "12h", "all".  Seconds; -1 for all. */
static bool
parse_age(const char *text, int64_t *out)
{
	char *end;

	*out = -1;
	if (strcmp(text, "all") == 0)
		return true;
	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	long long n = strtoll(text, &end, 10);
	if (errno != 0 || n > 100000 || (end[0] != 'd' && end[0] != 'h') || end[1] != '\0')
		return false;
	*out = n * (end[0] == 'd' ? 86400 : 3600);
	return true;
}

static void
line(const char *what, uint64_t n, uint64_t bytes)
{
	char size[24];

	mf_text_size(bytes, size);
	printf("%-26s %8llu shares, %s\n", what, (unsigned long long)n, size);
}

static void
print_text(const struct report *p, const mf_gc_result *r, bool delete)
{
	if (p->listed > LISTED)
		printf("... and %llu more (--json shows all)\n", (unsigned long long)(p->listed - LISTED));
	printf("%-26s %8zu\n", "configurations asked:", r->configurations);
	line("reached:", r->shares[MF_GC_REACHED], r->bytes[MF_GC_REACHED]);
	line("used in the last 7 days:", r->shares[MF_GC_YOUNG], r->bytes[MF_GC_YOUNG]);
	line("of others, or by hand:", r->shares[MF_GC_FOREIGN], r->bytes[MF_GC_FOREIGN]);
	line("reached by nothing:", r->shares[MF_GC_GARBAGE], r->bytes[MF_GC_GARBAGE]);
	if (delete)
		line("removed:", r->removed, r->removed_bytes);
	else if (r->shares[MF_GC_GARBAGE] > 0)
		printf("Nothing was removed. To remove what is reached by nothing, add --delete\n");
}

static json_t *
pair(uint64_t n, uint64_t bytes)
{
	json_t *v = json_object();

	(void)json_object_set_new(v, "shares", json_integer((json_int_t)n));
	(void)json_object_set_new(v, "bytes", json_integer((json_int_t)bytes));
	return v;
}

static void
print_json(struct report *p, const mf_gc_result *r, const mf_err *err)
{
	static const char *const name[MF_GC_FATES] = {"reached", "young", "foreign", "garbage", "bad", "unknown"};
	json_t *v = json_object();

	(void)json_object_set_new(v, "error", err->code == MF_OK ? json_null() : mf_json_text(mf_strz(err->text)));
	(void)json_object_set_new(v, "configurations", json_integer((json_int_t)r->configurations));
	for (size_t i = 0; i < MF_GC_FATES; i++)
		(void)json_object_set_new(v, name[i], pair(r->shares[i], r->bytes[i]));
	(void)json_object_set_new(v, "removed", pair(r->removed, r->removed_bytes));
	(void)json_object_set_new(v, "garbage_list", json_incref(p->garbage));
	(void)json_object_set_new(v, "left_list", json_incref(p->odd));
	(void)json_object_set_new(v, "damage", json_incref(p->damage));
	mf_print_json(v, 4);
	json_decref(v);
}

static int
gc_run(struct mf_grid_call *c)
{
	const char *const *value = (const char *const *)c->args->value;
	struct report p = {.json = value[O_JSON] != NULL, .tty = isatty(STDERR_FILENO) == 1};
	mf_gc_conf conf = {.own = c->cli->config,
		.store = strncmp(c->url, "dir:", 4) == 0 ? c->url + 4 : "",
		.how = value[O_DELETE] != NULL ? MF_GC_TAKE : MF_GC_LOOK,
		.despite_damage = value[O_DAMAGE] != NULL,
		.progress = on_progress,
		.share = on_share,
		.damage = on_damage,
		.arg = &p};
	mf_gc_result r = {.removed = 0};
	mf_err err = {.code = MF_OK};
	mf_code rc = MF_OK;

	if (!parse_age(value[O_HISTORY], &conf.keep_history_s))
		return mf_cli_usage(c->cli, "--keep-history wants days or hours, such as 90d or 12h, or all");
	if (value[O_FORGET] != NULL) {
		char *dir = mf_path_absolute(value[O_FORGET]);

		rc = mf_gc_forget(c->grid, dir, &err);
		free(dir);
	}
	p.garbage = json_array();
	p.odd = json_array();
	p.damage = json_array();
	if (rc == MF_OK)
		rc = mf_gc_run(c->grid, &conf, &r, &err);
	if (rc == MF_OK)
		err = (mf_err){.code = MF_OK};
	if (p.told != 0)
		(void)fprintf(stderr, "\r\033[K");
	if (p.json)
		print_json(&p, &r, &err);
	else if (rc == MF_OK || r.damaged > 0)
		print_text(&p, &r, value[O_DELETE] != NULL);
	json_decref(p.garbage);
	json_decref(p.odd);
	json_decref(p.damage);
	return rc == MF_OK ? 0 : mf_cli_fail(c->cli, "%s", err.text);
}

const struct mf_grid_verb mf_grid_gc = {
	.name = "gc",
	.words = "",
	.summary = "List, and with --delete remove, what no folder of any configuration on this store reaches any more",
	.about = "The folders of every configuration that uses the store are asked. What was used in the last 7 days "
		 "stays, and\n"
		 "what somebody else stored, and what was stored by hand with 'grid put'. The daemons may run.\n",
	.options = options,
	.run = gc_run,
};
