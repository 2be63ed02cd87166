/* The mailbox machine, one matter at a time: the test is the server. */
#include <criterion/criterion.h>
#include <sodium.h>

#include "wormhole/mailbox.h"
#include "wormhole/keys.h"
#include "wormhole/spake2.h"

/* A machine, and what came out of it since last asked. */
typedef struct bench {
	struct mf_mailbox *m;
	uint64_t now;
	mf_buf said;                           /* texts, a line each */
	unsigned count[MF_MAILBOX_CLOSED + 1]; /* of each kind, since the beginning */
	mf_buf got;                            /* messages, a line each */
	mf_wormhole_closed how;
} bench;

static void
chance(void *arg, void *p, size_t n)
{
	(void)arg;
	memset(p, 7, n);
}

static void
take(bench *b)
{
	mf_mailbox_out o;

	b->said.n = 0;
	mf_buf_addc(&b->said, '\n');
	while (mf_mailbox_next(b->m, &o)) {
		b->count[o.kind]++;
		if (o.kind == MF_MAILBOX_SEND) {
			mf_buf_adds(&b->said, o.text);
			mf_buf_addc(&b->said, '\n');
		} else if (o.kind == MF_MAILBOX_MESSAGE) {
			mf_buf_adds(&b->got, o.text);
			mf_buf_addc(&b->got, '\n');
		} else if (o.kind == MF_MAILBOX_CLOSED) {
			b->how = o.closed;
		}
	}
}

static void
begin_with(bench *b, mf_mailbox_conf conf)
{
	cr_assert(sodium_init() >= 0);
	conf.appid = "test";
	conf.random = chance;
	cr_assert(mf_mailbox_new(&conf, b->now, &b->m, NULL) == MF_OK);
	take(b);
	cr_assert(b->count[MF_MAILBOX_CONNECT] == 1);
}

static void
end(bench *b)
{
	mf_mailbox_free(b->m);
	mf_buf_free(&b->said);
	mf_buf_free(&b->got);
}

static void
hear(bench *b, const char *text)
{
	mf_mailbox_text(b->m, b->now, mf_strz(text));
	take(b);
}

static void
up(bench *b)
{
	mf_mailbox_up(b->m, b->now);
	take(b);
}

static void
down(bench *b)
{
	const mf_err why = {MF_ENET, 0, "cut"};

	mf_mailbox_down(b->m, b->now, &why);
	take(b);
}

/* Go on to the machine's next deadline. */
static void
wait(bench *b)
{
	cr_assert(mf_mailbox_deadline(b->m) != UINT64_MAX);
	b->now = mf_mailbox_deadline(b->m);
	mf_mailbox_tick(b->m, b->now);
	take(b);
}

static bool
said(const bench *b, const char *part)
{
	return strstr((const char *)b->said.p, part) != NULL;
}

/* Connected, code 4-a-b typed, mailbox open, our pake echoed. */
static void
open_box(bench *b)
{
	begin_with(b, (mf_mailbox_conf){0});
	up(b);
	hear(b, "{\"type\": \"welcome\", \"welcome\": {}}");
	cr_assert(mf_mailbox_set_code(b->m, b->now, MF_STR("4-a-b"), NULL) == MF_OK);
	take(b);
	cr_assert(said(b, "\"claim\""));
	hear(b, "{\"type\": \"claimed\", \"mailbox\": \"mb\"}");
	cr_assert(said(b, "\"open\"") && said(b, "\"pake\""));
	hear(b, "{\"type\": \"message\", \"side\": \"0707070707\", \"phase\": \"pake\", \"body\": \"\"}");
}

/* ---- a peer, made by hand --------------------------------------------------------------------------------- */

typedef struct peer {
	char text[4][400]; /* pake, version, 0, 1 as the server hands them on */
} peer;

/* One who knows 4-@p words; ours has the scalar that chance() gives. */
static void
peer_of(peer *p, const char *side, const char *code)
{
	static const char *const phases[] = {"pake", "version", "0", "1"},
				 *const plain[] = {"", "{}", "first", "second"};
	uint8_t entropy[64] = {1}, x[32], key[32], ours_key[32], theirs[33];
	mf_spake2 own, ours;
	char hex[67];
	mf_buf body = {0}, json = {0};

	mf_spake2_scalar(x, entropy);
	cr_assert(mf_spake2_start(&own, mf_strz(code), MF_STR("test"), x) == MF_OK);
	memset(entropy, 7, sizeof(entropy));
	mf_spake2_scalar(x, entropy);
	cr_assert(mf_spake2_start(&ours, MF_STR("4-a-b"), MF_STR("test"), x) == MF_OK);
	memcpy(theirs, own.message, sizeof(theirs));
	mf_hex(hex, theirs, sizeof(theirs));
	mf_buf_addf(&json, "{\"pake_v1\": \"%s\"}", hex);
	cr_assert(mf_spake2_finish(&own, (mf_str){(char *)ours.message, 33}, key) == MF_OK);
	cr_assert(mf_spake2_finish(&ours, (mf_str){(char *)theirs, 33}, ours_key) == MF_OK);
	for (size_t i = 0; i < 4; i++) {
		const uint8_t nonce[24] = {(uint8_t)i};

		body.n = 0;
		if (i == 0) {
			mf_buf_reserve(&body, 2 * json.n);
			mf_hex((char *)body.p, json.p, json.n);
			body.n = 2 * json.n;
		} else {
			mf_wormhole_seal(&body, key, mf_strz(side), mf_strz(phases[i]), nonce, mf_strz(plain[i]));
		}
		(void)snprintf(p->text[i], sizeof(p->text[i]),
			"{\"type\": \"message\", \"side\": \"%s\", \"phase\": \"%s\", \"body\": \"%.*s\"}", side,
			phases[i], (int)body.n, body.p);
	}
	mf_buf_free(&body);
	mf_buf_free(&json);
}

Test(mailbox, messages_in_any_order_and_again_are_taken_in_order_and_once, .timeout = 10)
{
	static const int orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}, {1, 3, 0, 2}};

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		bench b = {0};
		peer p;

		open_box(&b);
		peer_of(&p, "aa", "4-a-b");
		for (int round = 0; round < 2; round++) {
			for (size_t k = 0; k < 4; k++)
				hear(&b, p.text[orders[i][k]]);
		}
		cr_assert_str_eq((const char *)b.got.p, "first\nsecond\n");
		cr_assert(b.count[MF_MAILBOX_VERIFIED] == 1 && b.count[MF_MAILBOX_VERSIONS] == 1);
		end(&b);
	}
}

Test(mailbox, nothing_of_the_owners_leaves_before_the_proof, .timeout = 10)
{
	bench b = {0};
	peer p;

	open_box(&b);
	cr_assert(mf_mailbox_send(b.m, b.now, MF_STR("secret"), NULL) == MF_OK);
	take(&b);
	cr_assert(!said(&b, "\"add\""));
	peer_of(&p, "aa", "4-a-b");
	hear(&b, p.text[0]);
	cr_assert(said(&b, "\"release\"") && said(&b, "\"version\"") && !said(&b, "\"phase\": \"0\""));
	hear(&b, p.text[1]);
	cr_assert(said(&b, "\"phase\": \"0\""));
	end(&b);
}

Test(mailbox, a_wrong_code_is_scary_and_uses_the_code_up, .timeout = 10)
{
	bench b = {0};
	peer p;

	open_box(&b);
	(void)mf_mailbox_send(b.m, b.now, MF_STR("secret"), NULL);
	peer_of(&p, "aa", "4-a-c");
	hear(&b, p.text[0]);
	hear(&b, p.text[1]);
	cr_assert(said(&b, "\"mood\": \"scary\"") && !said(&b, "\"phase\": \"0\""));
	hear(&b, "{\"type\": \"released\"}");
	hear(&b, "{\"type\": \"closed\"}");
	cr_assert(b.how.end == MF_WORMHOLE_SCARY && b.how.err.code == MF_EAUTH && b.how.undelivered == 1);
	cr_assert(mf_mailbox_send(b.m, b.now, MF_STR("more"), NULL) == MF_ECANCELED);
	end(&b);
}

Test(mailbox, whoever_comes_first_is_the_peer_and_others_are_not_listened_to, .timeout = 10)
{
	bench b = {0};
	peer right, wrong;

	open_box(&b);
	peer_of(&right, "aa", "4-a-b");
	peer_of(&wrong, "bb", "4-a-c");
	hear(&b, wrong.text[2]); /* before anybody's pake: kept, and then not looked at */
	hear(&b, right.text[0]);
	for (size_t i = 0; i < 4; i++)
		hear(&b, wrong.text[i]);
	hear(&b, right.text[1]);
	hear(&b, right.text[2]);
	cr_assert_str_eq((const char *)b.got.p, "first\n");
	cr_assert(b.count[MF_MAILBOX_CLOSED] == 0 && !said(&b, "close"));
	end(&b);
}

Test(mailbox, our_own_message_under_another_side_is_scary, .timeout = 10)
{
	bench b = {0};
	char body[200], text[400];
	const char *from;

	begin_with(&b, (mf_mailbox_conf){0});
	up(&b);
	cr_assert(mf_mailbox_set_code(b.m, b.now, MF_STR("4-a-b"), NULL) == MF_OK);
	take(&b);
	hear(&b, "{\"type\": \"claimed\", \"mailbox\": \"mb\"}");
	from = strstr((const char *)b.said.p, "\"body\": \"");
	cr_assert(from != NULL && sscanf(from, "\"body\": \"%199[0-9a-f]", body) == 1);
	(void)snprintf(text, sizeof(text),
		"{\"type\": \"message\", \"side\": \"x\", \"phase\": \"pake\", \"body\": \"%s\"}", body);
	hear(&b, text);
	cr_assert(said(&b, "\"mood\": \"scary\""));
	end(&b);
}

Test(mailbox, the_first_connection_is_not_tried_again, .timeout = 10)
{
	bench b = {0};

	begin_with(&b, (mf_mailbox_conf){0});
	down(&b);
	cr_assert(b.how.end == MF_WORMHOLE_UNREACHABLE && b.how.err.code == MF_ENET);
	cr_assert_str_eq(b.how.err.text, "cut");
	cr_assert(mf_mailbox_deadline(b.m) == UINT64_MAX);
	end(&b);
	b = (bench){0};
	begin_with(&b, (mf_mailbox_conf){0});
	wait(&b); /* a server that does not even refuse */
	cr_assert(b.now == 30000 && b.how.end == MF_WORMHOLE_UNREACHABLE && b.count[MF_MAILBOX_DROP] == 1);
	end(&b);
}

Test(mailbox, later_ones_are_tried_for_ever_with_growing_pauses, .timeout = 10)
{
	static const unsigned at_least[] = {
		1500, 2250, 3375, 5062, 7593, 11389, 17083, 25624, 38436, 57654, 60000, 60000};
	bench b = {0};

	open_box(&b);
	down(&b);
	for (size_t i = 0; i < sizeof(at_least) / sizeof(at_least[0]); i++) {
		uint64_t pause = mf_mailbox_deadline(b.m) - b.now;

		cr_assert(pause >= at_least[i] && pause <= at_least[i] + 1000, "pause %zu: %llu ms", i,
			(unsigned long long)pause);
		wait(&b);
		cr_assert(b.count[MF_MAILBOX_CONNECT] == i + 2);
		down(&b);
	}
	wait(&b);
	up(&b);
	hear(&b, "{\"type\": \"welcome\", \"welcome\": {}}");
	down(&b);
	cr_assert(mf_mailbox_deadline(b.m) - b.now < 2600, "begins anew after a success");
	end(&b);
}

Test(mailbox, an_answer_that_does_not_come_is_a_lost_connection, .timeout = 10)
{
	bench b = {0};

	begin_with(&b, (mf_mailbox_conf){0});
	up(&b);
	hear(&b, "{\"type\": \"welcome\", \"welcome\": {}}");
	mf_mailbox_allocate(b.m, b.now, 2);
	take(&b);
	b.now += 29000;
	hear(&b, "{\"type\": \"ack\"}"); /* no answer */
	cr_assert(mf_mailbox_deadline(b.m) == b.now + 1000);
	wait(&b);
	cr_assert(b.count[MF_MAILBOX_DROP] == 1 && b.count[MF_MAILBOX_CLOSED] == 0);
	wait(&b);
	up(&b);
	cr_assert(said(&b, "\"allocate\""));
	end(&b);
}

Test(mailbox, a_forgotten_mailbox_is_noticed_when_the_replay_is_complete, .timeout = 10)
{
	for (int forgotten = 0; forgotten < 2; forgotten++) {
		bench b = {0};
		unsigned ping;
		char pong[64];

		open_box(&b);
		down(&b);
		wait(&b);
		up(&b);
		cr_assert(said(&b, "\"open\"") && !said(&b, "\"add\""));
		cr_assert(sscanf(strstr((const char *)b.said.p, "\"ping\": "), "\"ping\": %u", &ping) == 1);
		if (!forgotten)
			hear(&b,
				"{\"type\": \"message\", \"side\": \"0707070707\", \"phase\": \"pake\", \"body\": "
				"\"\"}");
		(void)snprintf(pong, sizeof(pong), "{\"type\": \"pong\", \"pong\": %u}", ping);
		hear(&b, pong);
		cr_assert(said(&b, "\"close\"") == (forgotten == 1));
		mf_mailbox_close(b.m, b.now, MF_MOOD_HAPPY);
		hear(&b, "{\"type\": \"released\"}");
		hear(&b, "{\"type\": \"closed\"}");
		cr_assert(b.how.end == (forgotten ? MF_WORMHOLE_EXPIRED : MF_WORMHOLE_LONELY));
		end(&b);
	}
}

Test(mailbox, closing_ends_also_when_the_server_refuses_or_is_silent, .timeout = 10)
{
	bench b = {0};

	open_box(&b);
	hear(&b, "{\"type\": \"error\", \"error\": \"crowded\", \"orig\": {\"type\": \"open\"}}");
	cr_assert(said(&b, "\"close\"") && said(&b, "\"release\"") && said(&b, "errory"));
	hear(&b, "{\"type\": \"released\"}");
	hear(&b, "{\"type\": \"error\", \"error\": \"crowded\", \"orig\": {\"type\": \"close\"}}");
	cr_assert(b.how.end == MF_WORMHOLE_CROWDED && b.how.err.code == MF_EBUSY);
	end(&b);
	b = (bench){0};
	open_box(&b);
	mf_mailbox_close(b.m, b.now, MF_MOOD_HAPPY);
	take(&b);
	uint64_t begun = b.now;
	down(&b);
	while (b.count[MF_MAILBOX_CLOSED] == 0)
		wait(&b);
	cr_assert(b.now - begun == 20000 && b.how.end == MF_WORMHOLE_LONELY);
	end(&b);
}

Test(mailbox, a_goodbye_under_way_is_said_again_before_the_close, .timeout = 10)
{
	bench b = {0};
	peer p;
	const char *add, *close;

	open_box(&b);
	peer_of(&p, "aa", "4-a-b");
	hear(&b, p.text[0]);
	hear(&b, p.text[1]);
	(void)mf_mailbox_send(b.m, b.now, MF_STR("bye"), NULL);
	mf_mailbox_close(b.m, b.now, MF_MOOD_HAPPY);
	take(&b);
	down(&b);
	wait(&b);
	up(&b);
	add = strstr((const char *)b.said.p, "\"phase\": \"0\"");
	close = strstr((const char *)b.said.p, "\"close\"");
	cr_assert(add != NULL && close != NULL && add < close && said(&b, "\"mood\": \"happy\""));
	hear(&b, "{\"type\": \"message\", \"side\": \"0707070707\", \"phase\": \"0\", \"body\": \"\"}");
	hear(&b, "{\"type\": \"released\"}");
	hear(&b, "{\"type\": \"closed\"}");
	cr_assert(b.how.end == MF_WORMHOLE_HAPPY && b.how.undelivered == 0);
	end(&b);
}

Test(mailbox, what_a_welcome_may_ask_for, .timeout = 10)
{
	static const struct {
		const char *welcome;
		bool ends;
		enum mf_wormhole_end end;
	} all[] = {
		{"{\"motd\": \"hello\", \"your-address\": {\"port\": 5}}", false, MF_WORMHOLE_HAPPY},
		{"{\"permission-required\": {\"none\": {}, \"hashcash\": {}}}", false, MF_WORMHOLE_HAPPY},
		{"{\"permission-required\": {\"hashcash\": {\"bits\": 20}}}", true, MF_WORMHOLE_PERMISSION},
		{"{\"permission-required\": {}}", true, MF_WORMHOLE_PERMISSION},
		{"{\"error\": \"go away\"}", true, MF_WORMHOLE_UNWELCOME},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		bench b = {0};
		char text[200];

		begin_with(&b, (mf_mailbox_conf){0});
		up(&b);
		(void)snprintf(text, sizeof(text), "{\"type\": \"welcome\", \"welcome\": %s}", all[i].welcome);
		hear(&b, text);
		cr_assert(b.count[MF_MAILBOX_WELCOME] == 1);
		cr_assert((b.count[MF_MAILBOX_CLOSED] == 1) == all[i].ends, "%s", text);
		cr_assert(!all[i].ends || b.how.end == all[i].end, "%s", text);
		end(&b);
	}
}

Test(mailbox, too_much_is_refused_before_it_is_kept, .timeout = 30)
{
	static char large[MF_WORMHOLE_MESSAGE_MAX + 1];
	bench b = {0};
	char text[200];
	mf_code rc = MF_OK;
	size_t n = 0;

	open_box(&b);
	cr_assert(mf_mailbox_send(b.m, b.now, (mf_str){large, sizeof(large)}, NULL) == MF_EFULL);
	while (rc == MF_OK && n < 100) {
		rc = mf_mailbox_send(b.m, b.now, (mf_str){large, sizeof(large) - 1}, NULL);
		n += rc == MF_OK;
	}
	cr_assert(rc == MF_EFULL && n >= 1 && n < 10);
	for (n = 0; b.count[MF_MAILBOX_CLOSED] == 0 && n < 100 && !said(&b, "\"close\""); n++) {
		(void)snprintf(text, sizeof(text),
			"{\"type\": \"message\", \"side\": \"aa\", \"phase\": \"%zu\", \"body\": \"00\"}", n);
		hear(&b, text); /* never a pake */
	}
	cr_assert(n > 10 && n < 100 && said(&b, "errory"));
	end(&b);
}

Test(mailbox, a_limit_ends_it, .timeout = 10)
{
	bench b = {0};

	begin_with(&b, (mf_mailbox_conf){.limit_ms = 5000});
	up(&b);
	hear(&b, "{\"type\": \"welcome\", \"welcome\": {}}");
	wait(&b);
	cr_assert(b.now == 5000 && b.how.end == MF_WORMHOLE_LIMIT);
	end(&b);
}

Test(mailbox, what_was_saved_and_changed_is_refused, .timeout = 30)
{
	bench b = {0};
	mf_buf saved = {0};
	struct mf_mailbox *m;

	open_box(&b);
	mf_mailbox_save(b.m, &saved);
	cr_assert(saved.n > 0);
	for (size_t n = 0; n < saved.n; n++) { /* cut short anywhere: an error, and nothing begins */
		const mf_mailbox_conf conf = {.saved = {(const char *)saved.p, n}, .random = chance, .appid = "test"};
		mf_err err = {0};

		if (n > 0)
			cr_assert(mf_mailbox_new(&conf, 0, &m, &err) == MF_EFORMAT, "cut at %zu", n);
	}
	mf_buf_free(&saved);
	end(&b);
}
