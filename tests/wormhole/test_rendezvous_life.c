/* The mailbox server's core: what it gives out, forgets, holds and survives; a recorded session. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/base32.h"
#include "tests/grid/golden.h"
#include "tests/wormhole/parties.h"

/* Claims a nameplate in a connection of its own; the length of what was allocated. */
static size_t
allocate_one(struct hall *h, unsigned i, bool *seen)
{
	struct party *p = &h->party[0];
	char text[100];
	json_t *got;
	size_t n;

	party_join(h, p);
	(void)snprintf(text, sizeof(text), "{\"type\": \"bind\", \"appid\": \"app\", \"side\": \"s%u\"}", i);
	party_says(p, mf_strz(text));
	party_says(p, MF_STR("{\"type\": \"allocate\"}"));
	for (int k = 0; k < 3; k++)
		json_decref(party_hears(p));
	got = party_hears(p);
	n = strlen(golden_str(got, "nameplate"));
	unsigned v = (unsigned)strtoul(golden_str(got, "nameplate"), NULL, 10);
	cr_assert(v >= 1 && v < 1000000 && !seen[v], "nameplate %u", v);
	seen[v] = true;
	json_decref(got);
	party_leave(p);
	return n;
}

Test(rendezvous, nameplates_are_as_short_as_can_be, .timeout = 60)
{
	static bool seen[1000000];
	struct hall h;

	hall_open(&h, NULL);
	for (unsigned i = 1; i <= 1010; i++) {
		size_t n = allocate_one(&h, i, seen);

		cr_assert(i >= 1000 ? n >= 4 : n == (i < 10 ? 1U : i < 100 ? 2U : 3U), "%zu digits for the %uth", n, i);
	}
	hall_close(&h);
}

Test(rendezvous, what_nobody_comes_for_is_forgotten, .timeout = 20)
{
	struct hall h;
#define OPEN_A ENTER_A, "A> {`type`: `open`, `mailbox`: `m`}", "A< " ACK
#define SECRET "{`type`: `message`, `side`: `a`, `phase`: `0`, `body`: `x`, `id`: null}"

	hall_open(&h, NULL);
	PLAY(&h, OPEN_A, "A> {`type`: `claim`, `nameplate`: `4`}", "A< " ACK,
		"A< {`type`: `claimed`, `mailbox`: `" FIRST "`}", "A> {`type`: `add`, `phase`: `0`, `body`: `x`}",
		"A< " ACK, "A< " SECRET);
	/* as long as somebody is there it stays, and 11 minutes longer */
	PLAY(&h, "@ 86400", "A-", OPEN_A, "A< " SECRET, "A-", "@ 650", OPEN_A, "A< " SECRET, "A-", "@ 961", OPEN_A,
		"A.");
	/* the nameplate had nobody */
	PLAY(&h, "A> {`type`: `claim`, `nameplate`: `4`}", "A< " ACK,
		"A< {`type`: `claimed`, `mailbox`: `aeaqcaibaeaqc`}");
	/* a clock that goes back keeps nothing for ever, one that goes forward takes nothing from those who are there */
	PLAY(&h, "A> {`type`: `add`, `phase`: `0`, `body`: `x`}", "A< " ACK, "A< " SECRET);
	sim_clock_jump(h.host, 7200 * INT64_C(1000000000));
	PLAY(&h, "@ 400", "A-", OPEN_A, "A< " SECRET, "A-");
	sim_clock_jump(h.host, -86400 * INT64_C(1000000000));
	PLAY(&h, "@ 1261", OPEN_A, "A.");
	hall_close(&h);
}

static void
fill(struct hall *h, struct party *p, size_t body, const char *want_error)
{
	mf_buf text = {0};
	json_t *got;

	mf_buf_addz(&text, "{\"type\": \"add\", \"phase\": \"0\", \"body\": \"");
	for (size_t i = 0; i < body; i++)
		mf_buf_addc(&text, 'a');
	mf_buf_addz(&text, "\"}");
	party_says(p, mf_buf_str(&text));
	mf_buf_free(&text);
	json_decref(party_hears(p));
	got = party_hears(p);
	if (want_error == NULL)
		cr_assert_str_eq(golden_str(got, "type"), "message");
	else
		cr_assert_str_eq(golden_str(got, "error"), want_error);
	json_decref(got);
	(void)h;
}

Test(rendezvous, what_it_holds_is_bounded_and_comes_back, .timeout = 20)
{
	const mf_rendezvous_conf conf = {.mailboxes = 2, .mailbox_messages = 3, .mailbox_bytes = 2000, .bytes = 3000};
	struct hall h;
	struct party *a = h.party, *b = h.party + 1;

	hall_open(&h, &conf);
	PLAY(&h, ENTER_A, "A> {`type`: `open`, `mailbox`: `m`}", "A< " ACK, ENTER_B,
		"B> {`type`: `open`, `mailbox`: `n`}", "B< " ACK, ENTER_C, "C> {`type`: `open`, `mailbox`: `o`}",
		"C< " ACK,
		"C< {`type`: `error`, `error`: `the server is full`, `orig`: {`type`: `open`, `mailbox`: `o`}}",
		"C> {`type`: `allocate`}", "C< " ACK,
		"C< {`type`: `error`, `error`: `the server is full`, `orig`: {`type`: `allocate`}}");
	fill(&h, a, 10, NULL);
	fill(&h, a, 2000, "the mailbox is full");
	fill(&h, a, 10, NULL);
	fill(&h, a, 10, NULL);
	fill(&h, a, 10, "the mailbox is full");
	fill(&h, b, 1800, NULL);
	fill(&h, b, 10, NULL);
	PLAY(&h, "A> {`type`: `close`}", "A< " ACK, "A< {`type`: `closed`}", "C> {`type`: `open`, `mailbox`: `o`}",
		"C< " ACK);
	fill(&h, &h.party[2], 1500, "the server is full");
	PLAY(&h, "B> {`type`: `close`}", "B< " ACK, "B< {`type`: `closed`}");
	fill(&h, &h.party[2], 1500, NULL);
	PLAY(&h, "C-", "@ 1300", ENTER_C, "C> {`type`: `open`, `mailbox`: `p`}", "C< " ACK, "B-", ENTER_B,
		"B> {`type`: `open`, `mailbox`: `q`}", "B< " ACK);
	fill(&h, b, 1500, NULL);
	hall_close(&h);
}

Test(rendezvous, a_restart_loses_nothing, .timeout = 20)
{
	const mf_rendezvous_conf conf = {.path = "/mailbox.sqlite"};
	struct hall h;
#define MEET(x) x "> {`type`: `claim`, `nameplate`: `4`}", x "< " ACK, x "< {`type`: `claimed`, `mailbox`: `" FIRST "`}"

	hall_open(&h, &conf);
	PLAY(&h, ENTER_A, MEET("A"), "A> {`type`: `open`, `mailbox`: `" FIRST "`}", "A< " ACK,
		"A> {`type`: `add`, `phase`: `0`, `body`: `x`}", "A< " ACK, "A< " SECRET);
	hall_restart(&h, SIM_CRASH_PROCESS);
	PLAY(&h, ENTER_A, "A> {`type`: `open`, `mailbox`: `" FIRST "`}", "A< " ACK, "A< " SECRET, ENTER_B, MEET("B"),
		"B> {`type`: `open`, `mailbox`: `" FIRST "`}", "B< " ACK, "B< " SECRET, ENTER_C,
		"C> {`type`: `claim`, `nameplate`: `4`}", "C< " ACK,
		"C< {`type`: `error`, `error`: `crowded`, `orig`: {`type`: `claim`, `nameplate`: `4`}}");
	hall_restart(&h, SIM_CRASH_POWER); /* what a power cut takes it takes; what is left works */
	PLAY(&h, ENTER_A, "A> {`type`: `open`, `mailbox`: `n`}", "A< " ACK, "A.");
	hall_close(&h);
}

Test(rendezvous, a_disk_that_fails_ends_the_connection_and_not_the_server, .timeout = 20)
{
	const mf_rendezvous_conf conf = {.path = "/mailbox.sqlite"};
	static const char *const asked[] = {"{\"type\": \"allocate\"}", "{\"type\": \"claim\", \"nameplate\": \"4\"}",
		"{\"type\": \"open\", \"mailbox\": \"m\"}"};
	struct hall h;

	hall_open(&h, &conf);
	for (size_t i = 0; i < sizeof(asked) / sizeof(*asked); i++) {
		PLAY(&h, ENTER_A);
		sim_fail_nth(h.host, SIM_DB_WRITE, 1, 28);
		party_says(&h.party[0], mf_strz(asked[i]));
		cr_assert(h.party[0].ended && h.party[0].ours, "%s", asked[i]);
		PLAY(&h, "A< " ACK, "A.", "A-");
	}
	/* nothing of it is left, and the next one finds all in order */
	PLAY(&h, ENTER_A, "A> {`type`: `open`, `mailbox`: `m`}", "A< " ACK,
		"A> {`type`: `add`, `phase`: `0`, `body`: `x`}", "A< " ACK, "A< " SECRET);
	sim_fail_nth(h.host, SIM_DB_WRITE, 1, 28);
	PLAY(&h, "A> {`type`: `add`, `phase`: `1`, `body`: `y`}", "A< " ACK, "A!", "A-", ENTER_A,
		"A> {`type`: `open`, `mailbox`: `m`}", "A< " ACK, "A< " SECRET, "A.");
	hall_close(&h);
}

static void
add_result(void *arg, mf_str result, int64_t n)
{
	mf_buf_addf(arg, "%.*s=%d ", (int)result.n, result.p, (int)n);
}

Test(rendezvous, results_are_counted, .timeout = 20)
{
	struct hall h;
	mf_buf all = {0};
	mf_err err;
#define BOTH \
	ENTER_A, ENTER_B, "A> {`type`: `open`, `mailbox`: `m`}", "A< " ACK, "B> {`type`: `open`, `mailbox`: `m`}", \
		"B< " ACK
#define CLOSE(x, mood) \
	x "> {`type`: `close`, `mailbox`: `m`, `mood`: `" mood "`}", x "< " ACK, x "< {`type`: `closed`}", x "-"

	hall_open(&h, NULL);
	PLAY(&h, BOTH, CLOSE("A", "happy"), CLOSE("B", "happy"));
	PLAY(&h, BOTH, CLOSE("A", "scary"), CLOSE("B", "errory"));
	PLAY(&h, BOTH, CLOSE("A", "errory"), CLOSE("B", "strange"));
	PLAY(&h, OPEN_A, CLOSE("A", "happy"));
	PLAY(&h, BOTH, ENTER_C, CROWDED("C", "{`type`: `open`, `mailbox`: `m`}"), CLOSE("A", "happy"),
		CLOSE("B", "happy"));
	PLAY(&h, OPEN_A, "A-", "@ 1300");
	cr_assert(mf_rendezvous_tally(h.server, add_result, &all, &err) == MF_OK);
	cr_assert_str_eq((const char *)all.p, "crowded=1 errory=1 happy=1 lonely=1 pruney=1 scary=1 ");
	mf_buf_free(&all);
	hall_close(&h);
}

/* -- the recorded session of two real clients at the real server ------------------------------------------ */

/* When the real server worked on a message of a client: the time in its acknowledgement. */
static double
worked_on(const json_t *frames, const char *client, const char *id)
{
	const json_t *f;
	size_t i;

	json_array_foreach(frames, i, f)
	{
		const json_t *msg = json_object_get(f, "msg");
		const char *its = json_string_value(json_object_get(msg, "id"));
		if (strcmp(golden_str(f, "client"), client) == 0 && strcmp(golden_str(msg, "type"), "ack") == 0 &&
			its != NULL && strcmp(its, id) == 0)
			return json_real_value(json_object_get(msg, "server_tx"));
	}
	cr_assert_fail("no acknowledgement of %s", id);
	return 0;
}

struct said {
	double at;
	unsigned who;
	const char *raw;
};

static int
earlier(const void *a, const void *b)
{
	const struct said *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

/* What client @p who heard, in its order, is what it hears here. */
static void
same_heard(struct hall *h, const json_t *frames, unsigned who)
{
	const char name[2] = {(char)('A' + (int)who), '\0'};
	const json_t *f;
	size_t i;

	json_array_foreach(frames, i, f)
	{
		if (strcmp(golden_str(f, "client"), name) != 0 || strcmp(golden_str(f, "dir"), "S->C") != 0)
			continue;
		json_t *want = json_deep_copy(json_object_get(f, "msg")), *got = party_hears(&h->party[who]);
		cr_assert(got != NULL, "%s is not heard", golden_str(f, "raw"));
		if (json_object_get(want, "server_rx") != NULL) {
			cr_assert(json_is_real(json_object_get(got, "server_rx")));
			(void)json_object_del(got, "server_rx");
		}
		(void)json_object_del(want, "server_rx");
		(void)json_object_del(want, "server_tx");
		cr_assert(json_equal(want, got), "wanted %s", golden_str(f, "raw"));
		json_decref(want);
		json_decref(got);
	}
	cr_assert(party_hears(&h->party[who]) == NULL, "%s hears more", name);
}

Test(rendezvous, the_recorded_session_goes_as_it_went, .timeout = 20)
{
	json_t *golden = golden_json("wormhole-session.json");
	const json_t *frames = json_object_get(golden, "frames"), *f;
	struct said said[64];
	size_t i, n = 0;
	uint8_t mailbox[8];
	struct hall h;

	json_array_foreach(frames, i, f)
	{
		const json_t *msg = json_object_get(f, "msg");
		const char *client = golden_str(f, "client");
		if (strcmp(golden_str(f, "dir"), "C->S") != 0)
			continue;
		cr_assert(n < sizeof(said) / sizeof(*said));
		said[n++] = (struct said){worked_on(frames, client, golden_str(msg, "id")), (unsigned)(client[0] - 'A'),
			golden_str(f, "raw")};
	}
	cr_assert(n == 16, "%zu", n);
	qsort(said, n, sizeof(*said), earlier);
	hall_open(&h, NULL);
	cr_assert(mf_unb32_n(mailbox, sizeof(mailbox), MF_STR("2ede3y5rtzk5u")));
	hall_chance_is(mailbox); /* for the one draw there is */
	party_join(&h, &h.party[0]);
	party_join(&h, &h.party[1]);
	for (i = 0; i < n; i++)
		party_says(&h.party[said[i].who], mf_strz(said[i].raw));
	same_heard(&h, frames, 0);
	same_heard(&h, frames, 1);
	hall_close(&h);
	json_decref(golden);
}
