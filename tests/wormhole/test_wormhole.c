/* The door itself, in the simulator: two processes of two hosts, a server in memory. */
#include <criterion/criterion.h>
#include <sodium.h>

#include "tests/sim/sim.h"
#include "tests/wormhole/links.h"
#include "wormhole/wormhole.h"

typedef struct party {
	struct sim_world *world;
	struct sim_host *host;
	struct mf_env *env;
	struct mf_links *links;
	struct mf_wormhole *w;
	mf_buf code, got, saved;
	bool inside; /* a call of ours is under way: no event may come */
	bool free_on_message, closed;
	unsigned verified, versions, downs;
	mf_wormhole_closed how;
} party;

static void
on_code(void *arg, mf_str code)
{
	party *p = arg;

	cr_assert(!p->inside);
	p->code.n = 0;
	mf_buf_adds(&p->code, code);
}

static void
on_changed(void *arg)
{
	party *p = arg;

	cr_assert(!p->inside);
	p->saved.n = 0;
	mf_wormhole_save(p->w, &p->saved);
}

static void
on_verified(void *arg, const uint8_t verifier[32])
{
	party *p = arg;

	cr_assert(!p->inside && !sodium_is_zero(verifier, 32));
	p->verified++;
}

static void
on_versions(void *arg, const json_t *versions)
{
	party *p = arg;

	cr_assert(!p->inside && json_object_get(versions, "test") != NULL);
	p->versions++;
	on_changed(arg);
}

static void
on_message(void *arg, mf_str message)
{
	party *p = arg;

	cr_assert(!p->inside);
	mf_buf_adds(&p->got, message);
	mf_buf_addc(&p->got, '\n');
	if (p->free_on_message) {
		mf_wormhole_free(p->w);
		p->w = NULL;
		return;
	}
	if (!mf_str_eq(message, MF_STR("answer")))
		cr_assert(mf_wormhole_send(p->w, MF_STR("answer"), NULL) == MF_OK); /* allowed in an event */
	on_changed(arg);
}

static void
on_link(void *arg, const mf_err *why)
{
	party *p = arg;

	cr_assert(!p->inside);
	p->downs += why != NULL;
}

static void
on_closed(void *arg, const mf_wormhole_closed *how)
{
	party *p = arg;

	cr_assert(!p->inside && !p->closed);
	p->how = *how;
	p->closed = true;
	p->w = NULL;
}

static const mf_wormhole_events events = {
	.code = on_code,
	.verified = on_verified,
	.versions = on_versions,
	.message = on_message,
	.changed = on_changed,
	.link = on_link,
	.closed = on_closed,
};

static void
begin(party *p, mf_str saved)
{
	json_t *versions = json_pack("{s[]}", "test");
	const mf_wormhole_conf conf = {.url = "ws://server/v1", .appid = "test", .versions = versions, .saved = saved};

	p->inside = true;
	cr_assert(mf_wormhole_new(p->env, p->links, &conf, &events, p, &p->w, NULL) == MF_OK);
	p->inside = false;
	json_decref(versions);
}

static void
boot(party *p, struct sim_world *w, const char *name, struct server *server)
{
	p->world = w;
	p->host = sim_host_new(w, name);
	p->env = sim_boot(p->host);
	p->links = links_new(p->env, server);
}

static void
retire(party *p)
{
	cr_assert(links_free(p->links) == 0 && sim_retire(p->host) == 0);
	mf_buf_free(&p->code);
	mf_buf_free(&p->got);
	mf_buf_free(&p->saved);
}

static void
send_one(party *p, const char *text)
{
	p->inside = true;
	cr_assert(mf_wormhole_send(p->w, mf_strz(text), NULL) == MF_OK);
	p->inside = false;
}

static void
close_both(party *a, party *b)
{
	a->inside = b->inside = true;
	mf_wormhole_close(a->w, MF_MOOD_HAPPY);
	mf_wormhole_close(b->w, MF_MOOD_HAPPY);
	a->inside = b->inside = false;
	sim_run_for(a->world, 60000);
	cr_assert(a->closed && b->closed && a->how.end == MF_WORMHOLE_HAPPY && b->how.end == MF_WORMHOLE_HAPPY);
	cr_assert(a->how.undelivered == 0 && b->how.undelivered == 0);
}

/* A has a code and B has typed it; nobody has said anything. */
static void
meet(party *a, party *b, struct sim_world *w, struct server *server)
{
	boot(a, w, "a", server);
	boot(b, w, "b", server);
	begin(a, (mf_str){0});
	a->inside = true;
	mf_wormhole_allocate(a->w, MF_WORMHOLE_WORDS);
	a->inside = false;
	sim_run_for(w, 5000);
	cr_assert(a->code.n > 0 && a->saved.n > 0);
	begin(b, (mf_str){0});
	b->inside = true;
	cr_assert(mf_wormhole_set_code(b->w, MF_STR("no code"), NULL) == MF_EINVAL);
	cr_assert(mf_wormhole_set_code(b->w, mf_buf_str(&a->code), NULL) == MF_OK);
	b->inside = false;
}

Test(wormhole, events_come_from_the_loop_and_messages_over_cuts, .timeout = 30)
{
	struct sim_world *w = sim_world_new(1);
	struct server *server = server_new();
	party a = {0}, b = {0};

	cr_assert(sodium_init() >= 0);
	meet(&a, &b, w, server);
	send_one(&b, "one");
	links_cut(a.links);
	sim_run_for(w, 10000);
	links_cut(b.links);
	send_one(&b, "two");
	sim_run_for(w, 10000);
	cr_assert_str_eq((const char *)a.got.p, "one\ntwo\n");
	cr_assert_str_eq((const char *)b.got.p, "answer\nanswer\n");
	cr_assert(a.verified == 1 && b.verified == 1 && a.versions == 1 && b.versions == 1 && a.downs == 1 &&
		b.downs == 1);
	close_both(&a, &b);
	cr_assert(server_mailboxes(server) == 0 && server_nameplates(server) == 0);
	retire(&a);
	retire(&b);
	server_free(server);
	sim_world_free(w);
}

Test(wormhole, a_process_that_ends_without_a_word_goes_on_from_what_it_saved, .timeout = 30)
{
	struct sim_world *w = sim_world_new(2);
	struct server *server = server_new();
	party a = {0}, b = {0};

	cr_assert(sodium_init() >= 0);
	meet(&a, &b, w, server);
	mf_wormhole_free(a.w); /* before it has heard of B */
	sim_run_for(w, 60000);
	begin(&a, mf_buf_str(&a.saved));
	sim_run_for(w, 10000);
	cr_assert(a.verified == 1 && b.verified == 1);
	b.free_on_message = true; /* and this one inside an event */
	send_one(&a, "one");
	sim_run_for(w, 10000);
	cr_assert(b.w == NULL && b.got.n == 4 && !b.closed);
	b.free_on_message = false;
	begin(&b, mf_buf_str(&b.saved)); /* which did not save that message: it comes again */
	sim_run_for(w, 10000);
	cr_assert_str_eq((const char *)b.got.p, "one\none\n");
	cr_assert_str_eq((const char *)a.got.p, "answer\n");
	close_both(&a, &b);
	retire(&a);
	retire(&b);
	server_free(server);
	sim_world_free(w);
}

Test(wormhole, an_address_that_is_none_and_a_state_that_is_none_are_refused, .timeout = 10)
{
	struct sim_world *w = sim_world_new(3);
	struct server *server = server_new();
	party a = {0};
	mf_wormhole_conf conf = {.url = "http://server/v1", .appid = "test"};
	mf_err err = {0};

	cr_assert(sodium_init() >= 0);
	boot(&a, w, "a", server);
	cr_assert(mf_wormhole_new(a.env, a.links, &conf, &events, &a, &a.w, &err) == MF_EINVAL && err.text[0] != '\0');
	conf.url = "ws://server/v1";
	conf.saved = MF_STR("{\"format\": 2}");
	cr_assert(mf_wormhole_new(a.env, a.links, &conf, &events, &a, &a.w, &err) == MF_EFORMAT);
	mf_wormhole_free(NULL);
	retire(&a);
	server_free(server);
	sim_world_free(w);
}
