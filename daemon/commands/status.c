/* magic-folder status */
#include "daemon/commands/ask.h"
#include "daemon/commands/commands.h"

#include <stdio.h>
#include <time.h>

#include "daemon/text.h"

enum { O_JSON, MAX_PROBLEMS = 10 };

static const mf_option options[] = {
	[O_JSON] = {"json", '\0', NULL, "print JSON: the answer of /v1/status-summary", NULL},
	{0},
};

static uint64_t
number(const json_t *object, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(object, key));

	return n > 0 ? (uint64_t)n : 0;
}

static bool
flag(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

static void
print_grid(const json_t *g)
{
	const char *error = json_string_value(json_object_get(g, "error"));
	char used[24], left[24];

	printf("Grid %s: ", json_string_value(json_object_get(g, "url")));
	mf_text_size(number(g, "bytes_used"), used);
	mf_text_size(number(g, "bytes_free"), left);
	if (error != NULL)
		printf("cannot be used: %s\n", error);
	else if (strncmp(json_string_value(json_object_get(g, "url")), "dir:", 4) != 0)
		printf("%u of %u storage servers wanted are connected%s\n", (unsigned)number(g, "connected"),
			(unsigned)number(g, "wanted"),
			flag(g, "happy") ? "" : "; until more are, nothing is published");
	else if (number(g, "bytes_total") > 0)
		printf("the store holds about %s, %s are free\n", used, left);
	else
		printf("the store holds about %s\n", used);
	if (json_is_string(json_object_get(g, "warning")))
		printf("  warning: %s\n", json_string_value(json_object_get(g, "warning")));
}

static void
print_when(const char *what, const json_t *folder, const char *now, const char *last)
{
	const json_t *t = json_object_get(folder, last);
	char text[32];

	if (flag(folder, now)) {
		printf("  %s: under way\n", what);
	} else if (json_is_number(t)) {
		mf_text_time((int64_t)json_number_value(t), text);
		printf("  %s: %s\n", what, text);
	} else {
		printf("  %s: not yet since the daemon started\n", what);
	}
}

/* "5 s", "3 min", "2 h", "4 d" */
static void
age_text(int64_t seconds, char out[24])
{
	static const struct {
		int64_t below, unit;
		const char *name;
	} step[] = {{120, 1, "s"}, {7200, 60, "min"}, {172800, 3600, "h"}, {INT64_MAX, 86400, "d"}};
	size_t i = 0;

	if (seconds < 0)
		seconds = 0; /* the clock was set back */
	while (seconds >= step[i].below)
		i++;
	(void)snprintf(out, 24, "%lld %s", (long long)(seconds / step[i].unit), step[i].name);
}

static void
print_problems(const json_t *problems)
{
	size_t n = json_array_size(problems);

	for (size_t i = 0; i < n && i < MAX_PROBLEMS; i++) {
		const json_t *p = json_array_get(problems, i);
		const char *relpath = json_string_value(json_object_get(p, "relpath"));
		char age[24];
		age_text((int64_t)time(NULL) - (int64_t)json_integer_value(json_object_get(p, "at")), age);
		printf("  error: %s%s%s (for %s)\n", relpath != NULL ? relpath : "", relpath != NULL ? ": " : "",
			json_string_value(json_object_get(p, "text")), age);
	}
	if (n > MAX_PROBLEMS)
		printf("  ... and %zu more (--json shows all)\n", n - MAX_PROBLEMS);
}

static void
print_folder(const char *name, const json_t *f)
{
	const char *error = json_string_value(json_object_get(f, "error"));
	char files[64], conflicts[64], errors[64];

	if (error != NULL) {
		printf("Folder \"%s\": not running: %s\n", name, error);
		return;
	}
	printf("Folder \"%s\": %s\n", name, json_string_value(json_object_get(f, "say")));
	mf_text_count(number(f, "files"), "file", "files", files);
	mf_text_count(number(f, "conflicts"), "conflict", "conflicts", conflicts);
	mf_text_count(number(f, "errors"), "error", "errors", errors);
	printf("  %s; %llu waiting to go up, %llu to come down; %s, %s\n", files,
		(unsigned long long)number(f, "uploads_queued"), (unsigned long long)number(f, "downloads_queued"),
		conflicts, errors);
	if (flag(f, "read_only") && number(f, "local_only") > 0)
		printf("  read-only: %llu files differ here from what others publish, and stay as they are\n",
			(unsigned long long)number(f, "local_only"));
	else if (flag(f, "read_only"))
		printf("  read-only: changes made here stay here\n");
	if (flag(f, "paused"))
		printf("  paused: nothing is sent or fetched ('magic-folder resume %s' goes on)\n", name);
	print_when("last scan for our own changes", f, "scanning", "last_scan");
	print_when("last poll for others' changes", f, "polling", "last_poll");
	if (!flag(f, "watching"))
		printf("  not every directory is watched: some changes wait for the next scan (see 'magic-folder "
		       "doctor')\n");
	if (flag(f, "database_busy"))
		printf("  another program holds the folder's database: our work waits for it\n");
	print_problems(json_object_get(f, "problems"));
}

static int
run(struct mf_cli *cli, const mf_args *args)
{
	mf_answer answer = mf_ask_daemon(cli, (mf_ask){.method = "GET", .rest = "/v1/status-summary"}, NULL);
	const json_t *daemon = json_object_get(answer.json, "daemon"), *grids = json_object_get(answer.json, "grids");
	const char *name;
	char text[32];
	json_t *folder;

	if (answer.exit_status != 0)
		return answer.exit_status;
	if (args->value[O_JSON] != NULL) {
		mf_print_json(answer.json, 4);
	} else {
		mf_text_time((int64_t)json_number_value(json_object_get(daemon, "started")), text);
		printf("Daemon: PID %llu, running since %s\n", (unsigned long long)number(daemon, "pid"), text);
		for (size_t i = 0; i < json_array_size(grids); i++)
			print_grid(json_array_get(grids, i));
		if (json_object_size(json_object_get(answer.json, "folders")) == 0)
			printf("No magic-folders\n");
		json_object_foreach(json_object_get(answer.json, "folders"), name, folder) print_folder(name, folder);
	}
	json_decref(answer.json);
	return 0;
}

const mf_command mf_cmd_status = {
	.name = "status",
	.words = "",
	.summary = "Print what the daemon is doing",
	.about = "\"up to date\" is said only on evidence: a scan and a poll have ended well since anything was in "
		 "doubt, nothing\nis on its way, every directory is watched, and no error stands. It is about this "
		 "device: what others\nhave seen yet is not known here.\n",
	.options = options,
	.run = run,
	.origin = MF_COMMAND_PYTHON,
};
