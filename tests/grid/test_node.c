/* The back end of node: grids: the suite through a stand-in node, recorded answers of a real one, and bad ones. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "grid/lafs/dir.h"
#include "grid/node.h"
#include "tests/grid/golden.h"
#include "tests/grid/stand_in.h"
#include "tests/grid/store_fixture.h"
#include "tests/grid/suite.h"

#define OK(call) cr_assert((call) == MF_OK, "%s: %s", #call, err.text)

/* A stand-in node with its directory, and the back end on it. */
struct stage {
	struct fixture f; /* f.g: the store behind the stand-in */
	struct stand_in in;
	stand_in_mood mood; /* under lock */
	pthread_mutex_t lock;
	atomic_uint writes; /* of directories: mkdir, set_children, single links */
	atomic_uint asked;
	char node[96];
	struct mf_grid *g;
};

static stand_in_mood
mood_of(void *arg)
{
	struct stage *s = arg;

	(void)pthread_mutex_lock(&s->lock);
	stand_in_mood m = s->mood;
	(void)pthread_mutex_unlock(&s->lock);
	return m;
}

static void
set_mood(struct stage *s, stand_in_mood m)
{
	(void)pthread_mutex_lock(&s->lock);
	s->mood = m;
	(void)pthread_mutex_unlock(&s->lock);
}

static void
told(void *arg, const char *what)
{
	struct stage *s = arg;

	atomic_fetch_add(&s->asked, 1);
	if (strcmp(what, "POST mkdir") == 0 || strcmp(what, "POST set_children") == 0 || strcmp(what, "PUT link") == 0)
		atomic_fetch_add(&s->writes, 1);
}

static void
write_node(const struct stage *s, const char *name, const char *text)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/%s", s->node, name);
	write_path(path, text, strlen(text));
}

static struct mf_grid *
open_node(const char *dir)
{
	mf_grid_conf conf = {0};
	struct mf_grid *g;
	char url[128];
	mf_err err;

	(void)snprintf(url, sizeof(url), "node:%s", dir);
	OK(mf_grid_open(url, &conf, &g, &err));
	return g;
}

static void
stage_init(struct stage *s)
{
	memset(s, 0, sizeof(*s));
	fixture_init(&s->f, 1, 1);
	(void)pthread_mutex_init(&s->lock, NULL);
	s->mood.servers = 1;
	s->in = (struct stand_in){.store = s->f.g, .mood = mood_of, .told = told, .arg = s};
	stand_in_start(&s->in);
	(void)snprintf(s->node, sizeof(s->node), "%s/node", s->f.dir);
	cr_assert(mkdir(s->node, 0700) == 0);
	write_node(s, "node.url", serve_url(s->in.server));
	write_node(s, "tahoe.cfg", "[client]\nshares.happy = 1\n");
	s->g = open_node(s->node);
}

static void
stage_deinit(struct stage *s)
{
	mf_grid_close(s->g);
	stand_in_stop(&s->in);
	fixture_deinit(&s->f);
}

Test(node, it_passes_the_suite, .timeout = 120)
{
	struct stage s;

	stage_init(&s);
	suite_files_of_every_size_come_back(s.g);
	suite_ranges_are_cut_at_the_end(s.g);
	suite_directories_can_be_made_listed_and_changed(s.g);
	suite_names_and_metadata_of_all_kinds_come_back(s.g);
	suite_immutable_directories_come_back(s.g);
	suite_what_is_not_there_is_not_found(s.g);
	suite_what_was_canceled_is_not_done(s.g);
	stage_deinit(&s);
}

/* -- the servers ------------------------------------------------------------------------------------------ */

Test(node, below_happy_no_directory_is_written_and_files_are, .timeout = 60)
{
	struct stage s;
	mf_grid_status status;
	mf_dirwrite rw;
	mf_filecap cap;
	mf_buf plain = noise(1, 1000);
	mf_source src = mf_source_mem(plain.p, plain.n);
	mf_link link = {.name = MF_STR("x"), .cap = MF_STR("URI:LIT:nbswy3dp")};
	mf_err err;

	stage_init(&s);
	write_node(
		&s, "tahoe.cfg", "\xef\xbb\xbf[node]\nshares.happy = 9\n[client]\nshares.happy = 3\nShares.Happy: 2\n");
	cr_assert(s.g->ops->mkdir(s.g, &rw, NULL, &err) == MF_ENET);
	cr_assert(strcmp(err.text, "Wanted 2 storage-servers but have 1") == 0, "%s", err.text);
	cr_assert(s.writes == 0);
	OK(s.g->ops->put(s.g, &src, &cap, NULL, &err));
	OK(s.g->ops->status(s.g, &status, NULL, &err));
	cr_assert(status.connected == 1 && status.wanted == 2 && !status.happy);

	set_mood(&s, (stand_in_mood){.servers = 2}); /* it resumes by itself */
	OK(s.g->ops->mkdir(s.g, &rw, NULL, &err));
	OK(s.g->ops->status(s.g, &status, NULL, &err));
	cr_assert(status.connected == 2 && status.happy && s.writes == 1);
	set_mood(&s, (stand_in_mood){.servers = 0});
	OK(s.g->ops->status(s.g, &status, NULL, &err)); /* as the daemon does every few seconds */
	cr_assert(s.g->ops->update(s.g, &rw, &link, 1, NULL, NULL, &err) == MF_ENET && s.writes == 1);
	mf_buf_free(&plain);
	stage_deinit(&s);
}

Test(node, the_address_is_read_again_when_nobody_answers, .timeout = 60)
{
	struct stage s;
	mf_grid_status status;
	mf_err err;

	stage_init(&s);
	write_node(&s, "node.url", "http://127.0.0.1:1/\n");
	cr_assert(s.g->ops->status(s.g, &status, NULL, &err) == MF_ENET && status.connected == 0 && status.wanted == 1);
	write_node(&s, "node.url", "what?\n");
	cr_assert(s.g->ops->status(s.g, &status, NULL, &err) == MF_ENET);
	char text[128];
	(void)snprintf(text, sizeof(text), " %s/ \n", serve_url(s.in.server));
	write_node(&s, "node.url", text);
	OK(s.g->ops->status(s.g, &status, NULL, &err));
	cr_assert(status.happy);
	stand_in_stop(&s.in);
	cr_assert(s.g->ops->status(s.g, &status, NULL, &err) == MF_ENET && !status.happy);
	stand_in_start(&s.in); /* at another port */
	write_node(&s, "node.url", serve_url(s.in.server));
	OK(s.g->ops->status(s.g, &status, NULL, &err));
	stage_deinit(&s);
}

/* -- bad answers --------------------------------------------------------------------------------------------- */

static mf_code
collect(void *arg, const void *p, size_t n, mf_err *err)
{
	(void)err;
	mf_buf_add(arg, p, n);
	return MF_OK;
}

Test(node, whatever_it_answers_nothing_worse_than_an_error_comes_of_it, .timeout = 120)
{
	static const enum stand_in_trouble bad[] = {STAND_IN_HTML, STAND_IN_ERROR, STAND_IN_REDIRECT, STAND_IN_HALF,
		STAND_IN_TYPES, STAND_IN_ENDLESS, STAND_IN_GONE};
	struct stage s;
	mf_buf plain = noise(7, 70000), back = {0};
	mf_source src = mf_source_mem(plain.p, plain.n);
	mf_filecap cap, other;
	mf_dirwrite rw, made;
	mf_dirread ro;
	mf_immdir dir;
	mf_listing l;
	mf_link link = {.name = MF_STR("x"), .cap = MF_STR("URI:LIT:nbswy3dp")};
	mf_grid_status status;
	mf_err err;

	stage_init(&s);
	OK(s.g->ops->put(s.g, &src, &cap, NULL, &err));
	OK(s.g->ops->mkdir(s.g, &rw, NULL, &err));
	mf_dirwrite_read(&rw, &ro);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		set_mood(&s, (stand_in_mood){.servers = 1, .trouble = bad[i]});
		back.n = 0;
		mf_code got = s.g->ops->get(s.g, &cap, 0, UINT64_MAX, collect, &back, NULL, &err);
		cr_assert(back.n <= plain.n, "%zu", i);
		cr_assert(got == MF_ENET || (got == MF_OK && mf_str_eq(mf_buf_str(&back), mf_buf_str(&plain))),
			"%zu: %d %s", i, got, err.text);
		cr_assert(strstr(err.text, cap.text) == NULL);
		cr_assert(s.g->ops->put(s.g, &src, &other, NULL, &err) == MF_ENET, "%zu", i);
		cr_assert(s.g->ops->list(s.g, &ro, NULL, NULL, &l, NULL, &err) == MF_ENET && l.n == 0, "%zu", i);
		cr_assert(s.g->ops->put_dir(s.g, &link, 1, &dir, NULL, &err) == MF_ENET, "%zu", i);
		cr_assert(s.g->ops->update(s.g, &rw, &link, 1, NULL, NULL, &err) == MF_ENET, "%zu", i);
		cr_assert(s.g->ops->mkdir(s.g, &made, NULL, &err) == MF_ENET, "%zu", i);
		cr_assert(s.g->ops->status(s.g, &status, NULL, &err) == MF_ENET && !status.happy, "%zu", i);
	}
	set_mood(&s, (stand_in_mood){.servers = 1});
	OK(s.g->ops->update(s.g, &rw, &link, 1, NULL, NULL, &err));
	mf_buf_free(&plain);
	mf_buf_free(&back);
	stage_deinit(&s);
}

struct waiting {
	struct stage *s;
	mf_cancel cancel;
	mf_code rc;
};

static void *
list_silent(void *arg)
{
	struct waiting *w = arg;
	mf_grid_status status;

	(void)status;
	mf_dirread ro = {"URI:DIR2-RO:65ruo2zytr3uxnaxkptdoqkth4:hncpinwszbggrurbvuaaexnftk3j5wfr7473pj2g734mo2isxlbq"};
	mf_listing l;
	w->rc = w->s->g->ops->list(w->s->g, &ro, NULL, NULL, &l, &w->cancel, NULL);
	return NULL;
}

Test(node, who_waits_for_a_silent_node_can_be_called_back, .timeout = 30)
{
	struct stage s;
	struct waiting w = {.s = &s};
	pthread_t t;

	stage_init(&s);
	set_mood(&s, (stand_in_mood){.trouble = STAND_IN_SILENT});
	(void)pthread_create(&t, NULL, list_silent, &w);
	while (atomic_load(&s.asked) == 0)
		(void)usleep(1000);
	atomic_store(&w.cancel.on, true);
	(void)pthread_join(t, NULL);
	cr_assert(w.rc == MF_ECANCELED);
	stage_deinit(&s);
}

Test(node, a_file_that_breaks_off_goes_on_where_it_was, .timeout = 30)
{
	struct stage s;
	mf_buf plain = noise(9, 300000), back = {0};
	mf_source src = mf_source_mem(plain.p, plain.n);
	mf_filecap cap;
	mf_err err;

	stage_init(&s);
	OK(s.g->ops->put(s.g, &src, &cap, NULL, &err));
	unsigned before = s.asked;
	set_mood(&s, (stand_in_mood){.servers = 1, .trouble = STAND_IN_HALF});
	cr_assert(s.g->ops->get(s.g, &cap, 0, UINT64_MAX, collect, &back, NULL, &err) == MF_ENET);
	cr_assert(s.asked - before == MF_NODE_TRIES && back.n > plain.n * 9 / 10 && back.n < plain.n);
	cr_assert(memcmp(back.p, plain.p, back.n) == 0);
	mf_buf_free(&plain);
	mf_buf_free(&back);
	stage_deinit(&s);
}

/* -- what a real node said ---------------------------------------------------------------------------------- */

/* Answers from the recording: of the exchange with this method, target and body. */
struct replay {
	json_t *top;
	const char *step; /* the one that is expected next; others are answered with 501 */
	unsigned answered;
};

static enum serve_then
play(void *arg, const serve_request *q, mf_buf *out)
{
	struct replay *r = arg;
	size_t i;
	const json_t *x;

	json_array_foreach(json_object_get(r->top, "exchange"), i, x)
	{
		const char *body = json_string_value(json_object_get(x, "request_body"));
		const json_t *headers = json_object_get(x, "headers");

		if (strcmp(json_string_value(json_object_get(x, "step")), r->step) != 0)
			continue;
		if (!mf_str_eq(q->method, mf_strz(json_string_value(json_object_get(x, "method")))) ||
			!mf_str_eq(q->target, mf_strz(json_string_value(json_object_get(x, "path")))) ||
			!mf_str_eq(q->body, mf_strz(body != NULL ? body : "")))
			break;
		r->answered++;
		const char *range = json_string_value(json_object_get(headers, "Content-Range"));
		const char *said = json_string_value(json_object_get(x, "response_body"));
		mf_buf_addf(out, "HTTP/1.1 %d Recorded\r\nContent-Length: %zu\r\n",
			(int)json_integer_value(json_object_get(x, "status")), strlen(said));
		if (range != NULL)
			mf_buf_addf(out, "Content-Range: %s\r\n", range);
		mf_buf_addf(out, "\r\n%s", said);
		return SERVE_KEEP;
	}
	serve_text(out, 501, "not recorded");
	return SERVE_KEEP;
}

/* Text of a recorded exchange. */
static const char *
recorded(const struct replay *r, const char *step, const char *member)
{
	size_t i;
	const json_t *x;

	json_array_foreach(json_object_get(r->top, "exchange"), i, x)
	{
		if (strcmp(json_string_value(json_object_get(x, "step")), step) == 0)
			return json_string_value(json_object_get(x, member));
	}
	cr_assert_fail("no step %s", step);
	return NULL;
}

Test(node, recorded_answers_of_a_real_node_are_understood, .timeout = 30)
{
	struct stage s = {0};
	struct replay r = {.top = golden_json("lafs/wapi.json")};
	mf_buf back = {0};
	mf_filecap cap, got;
	mf_dirwrite rw;
	mf_dirread ro;
	mf_immdir dir;
	mf_listing l;
	mf_err err;

	make_dir(s.node);
	struct serve *server = serve_start(play, &r);
	write_node(&s, "node.url", serve_url(server));
	write_node(&s, "tahoe.cfg", "[client]\nshares.happy = 1\n");
	struct mf_grid *g = open_node(s.node);

	mf_grid_status status;
	r.step = "welcome";
	OK(g->ops->status(g, &status, NULL, &err));
	cr_assert(status.connected == 1 && status.happy);
	r.step = "put 56 bytes";
	mf_source src = mf_source_mem("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 56);
	OK(g->ops->put(g, &src, &cap, NULL, &err));
	cr_assert(strcmp(cap.text, recorded(&r, "put 56 bytes", "response_body")) == 0);
	src.size = 55;
	OK(g->ops->put(g, &src, &got, NULL, &err)); /* asks nobody */
	cr_assert(strcmp(got.text, recorded(&r, "put 55 bytes", "response_body")) == 0);
	r.step = "get file";
	OK(g->ops->get(g, &cap, 0, UINT64_MAX, collect, &back, NULL, &err));
	cr_assert(back.n == 56);
	r.step = "range";
	OK(g->ops->get(g, &cap, 10, 10, collect, &back, NULL, &err));
	cr_assert(back.n == 66);
	r.step = "mkdir";
	OK(g->ops->mkdir(g, &rw, NULL, &err));
	mf_dirwrite_read(&rw, &ro);
	r.step = "list empty";
	OK(g->ops->list_rw(g, &rw, &l, NULL, &err));
	cr_assert(l.n == 0);
	mf_listing_free(&l);
	r.step = "list";
	OK(g->ops->list_rw(g, &rw, &l, NULL, &err));
	cr_assert(
		l.n == 2 && l.child[0].kind == MF_CAP_LIT && l.child[1].kind == MF_CAP_DIR2_RO && l.child[1].rw.n > 0);
	cr_assert(mf_str_eq(l.child[0].metadata,
		MF_STR("{\"tahoe\": {\"linkcrtime\": 1795421711.6363184, \"linkmotime\": 1795421711.7847946}}")));
	mf_dirver through_write = l.version;
	mf_listing_free(&l);
	r.step = "list read-only";
	OK(g->ops->list(g, &ro, NULL, NULL, &l, NULL, &err));
	cr_assert(l.n == 2 && l.child[1].rw.n == 0 && memcmp(&l.version, &through_write, sizeof(l.version)) == 0);
	mf_listing_free(&l);
	r.step = "mkdir-immutable";
	mf_link link = {.name = MF_STR("content"), .cap = mf_strz(cap.text), .metadata = MF_STR("{\"a\": 1}")};
	OK(g->ops->put_dir(g, &link, 1, &dir, NULL, &err));
	cr_assert(strcmp(dir.text, recorded(&r, "mkdir-immutable", "response_body")) == 0);
	cr_assert(r.answered == 9, "%u", r.answered);

	mf_grid_close(g);
	serve_stop(server);
	json_decref(r.top);
	mf_buf_free(&back);
	remove_dir(s.node);
}

Test(node, refusals_are_told_apart_and_tell_no_secrets, .timeout = 5)
{
	static const struct {
		int status;
		const char *body;
		mf_code code;
		const char *text;
	} row[] = {
		{400, "BadURIError: URI:CHK:secret", MF_EINVAL, "the Tahoe-LAFS node answers 400, BadURIError"},
		{401, "", MF_EAUTH, "the Tahoe-LAFS node answers 401"},
		{404, "<html>No such child: nope", MF_ENOTFOUND, "the Tahoe-LAFS node finds too few shares of it"},
		{410, "NoSharesError: no shares", MF_ENOTFOUND,
			"the Tahoe-LAFS node finds too few shares of it: NoSharesError"},
		{409, "There was already a child by that name", MF_EEXIST, "the directory has an entry of that name"},
		{302, "", MF_ENET, "the Tahoe-LAFS node sends us elsewhere (302); nobody goes there"},
		{500, "Traceback ... UploadUnhappinessError: shares", MF_ENET,
			"the Tahoe-LAFS node reaches too few storage servers"},
		{500, "Traceback ... UncoordinatedWriteError", MF_EBUSY, "the directory was written by somebody else"},
		{500, "xError AssertionError", MF_ENET, "the Tahoe-LAFS node answers 500, AssertionError"},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		mf_err err;

		cr_assert(mf_node_refusal(row[i].status, mf_strz(row[i].body), &err) == row[i].code, "%zu", i);
		cr_assert(strcmp(err.text, row[i].text) == 0, "%zu: %s", i, err.text);
	}
}

Test(node, addresses_and_settings_are_read_as_the_node_means_them, .timeout = 5)
{
	static const struct {
		const char *text, *url;
	} url[] = {
		{"http://127.0.0.1:3456\n", "http://127.0.0.1:3456"},
		{"  https://[::1]:3456///\r\n", "https://[::1]:3456"},
		{"http://gateway.example/tahoe/", "http://gateway.example/tahoe"},
		{"", NULL},
		{"http://", NULL},
		{"https://\n", NULL},
		{"ftp://127.0.0.1/", NULL},
		{"file:///etc/passwd", NULL},
		{"http://a b/", NULL},
		{"http://a/\nhttp://b/", NULL},
		{"http://a/?x", NULL},
		{"http://a\x7f/", NULL},
	};
	static const struct {
		const char *text;
		unsigned happy;
	} cfg[] = {
		{"", 7},
		{"[client]\nshares.happy=1", 1},
		{"[client]\r\nSHARES.HAPPY : 12 \r\n[storage]\r\nshares.happy = 3\r\n", 12},
		{"[client]\nshares.happy = 0\n", 7},
		{"[client]\nshares.happy = many\n", 7},
		{"[client]\nshares.happy = -1\n", 7},
		{"[client]\nshares.happy = 99999999999\n", 7},
		{"# shares.happy = 2\n[client]\n#shares.happy = 2\nshares.happyness = 2\n", 7},
	};

	for (size_t i = 0; i < sizeof(url) / sizeof(url[0]); i++) {
		char *got = NULL;
		mf_code rc = mf_node_url(mf_strz(url[i].text), &got, NULL);

		cr_assert((rc == MF_OK) == (url[i].url != NULL), "%zu", i);
		cr_assert(url[i].url == NULL || strcmp(got, url[i].url) == 0, "%zu: %s", i, got);
		free(got);
	}
	for (size_t i = 0; i < sizeof(cfg) / sizeof(cfg[0]); i++)
		cr_assert(mf_node_cfg_happy(mf_strz(cfg[i].text)) == cfg[i].happy, "%zu", i);
}

Test(node, listings_of_wrong_shapes_harm_nobody_else, .timeout = 5)
{
	static const char *const none[] = {"", "{}", "[]", "[\"filenode\", {}]", "[\"dirnode\"]", "[\"dirnode\", []]",
		"[\"dirnode\", {\"children\": []}]", "[\"dirnode\", {\"children\": {\"a\": 1}", "<html>", "null"};
	static const char mixed[] =
		"[\"dirnode\", {\"children\": {"
		"\"a\": 7, \"b\": [], \"c\": [\"filenode\", null], \"d\": [\"filenode\", {\"ro_uri\": 5}],"
		"\"e\": [\"unknown\", {\"ro_uri\": \"lafs:future\", \"metadata\": []}],"
		"\"f\": [\"filenode\", {\"ro_uri\": \"URI:CHK:bad\"}],"
		"\"nul\\u0000\": [\"filenode\", {\"ro_uri\": \"URI:LIT:\"}],"
		"\"z\": [\"filenode\", {\"ro_uri\": \"URI:LIT:nbswy3dp\", \"metadata\": {\"n\": 1e3, "
		"\"big\": 99999999999999999999}}]}}]";
	mf_buf packed = {0};
	mf_listing l;
	mf_err err;

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		cr_assert(mf_node_pack(mf_strz(none[i]), NULL, &packed, &err) == MF_ENET && packed.n == 0, "%zu", i);
	OK(mf_node_pack(MF_STR(mixed), NULL, &packed, &err));
	OK(mf_dir_list(&packed, NULL, &l, &err));
	cr_assert(l.n == 8);
	for (size_t i = 0; i + 2 < l.n; i++)
		cr_assert(l.child[i].kind == MF_CAP_UNKNOWN, "%zu", i);
	cr_assert(l.child[7].kind == MF_CAP_LIT && mf_str_eq(l.child[7].name, MF_STR("z")));
	mf_listing_free(&l);
}
