/* The mailbox server's core: what it answers, and whom it lets in. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "tests/grid/golden.h"
#include "tests/wormhole/parties.h"

Test(rendezvous, two_sides_meet_and_part, .timeout = 20)
{
	struct hall h;

	hall_open(&h, NULL);
	PLAY(&h, "A+", "A> {`type`: `bind`, `appid`: `app`, `side`: `a`, `client_version`: [`x`, `1`], `id`: `i1`}",
		"A< {`type`: `ack`, `id`: `i1`}", "A> {`type`: `claim`, `nameplate`: `4`, `id`: 7}",
		"A< {`type`: `ack`, `id`: 7}", "A< {`type`: `claimed`, `mailbox`: `" FIRST "`}",
		"A> {`type`: `open`, `mailbox`: `" FIRST "`}", "A< " ACK,
		"A> {`type`: `add`, `phase`: `pake`, `body`: `00`, `id`: [1]}", "A< {`type`: `ack`, `id`: [1]}",
		"A< {`type`: `message`, `side`: `a`, `phase`: `pake`, `body`: `00`, `id`: [1]}",
		"A> {`type`: `add`, `phase`: `pake`, `body`: `00`}", "A< " ACK,
		"A< {`type`: `message`, `side`: `a`, `phase`: `pake`, `body`: `00`, `id`: null}", /* doubled: kept */
		ENTER_B, "B> {`type`: `claim`, `nameplate`: `4`}", "B< " ACK,
		"B< {`type`: `claimed`, `mailbox`: `" FIRST "`}", "B> {`type`: `open`, `mailbox`: `" FIRST "`}",
		"B< " ACK, "B< {`type`: `message`, `side`: `a`, `phase`: `pake`, `body`: `00`, `id`: [1]}",
		"B< {`type`: `message`, `side`: `a`, `phase`: `pake`, `body`: `00`, `id`: null}",
		"B> {`type`: `release`}", "B< " ACK, "B< {`type`: `released`}",
		"B> {`type`: `add`, `phase`: `0`, `body`: `ff`}", "B< " ACK,
		"B< {`type`: `message`, `side`: `b`, `phase`: `0`, `body`: `ff`, `id`: null}",
		"A< {`type`: `message`, `side`: `b`, `phase`: `0`, `body`: `ff`, `id`: null}",
		"A> {`type`: `release`, `nameplate`: `4`}", "A< " ACK, "A< {`type`: `released`}",
		"B> {`type`: `close`, `mood`: `happy`}", "B< " ACK, "B< {`type`: `closed`}",
		"A> {`type`: `add`, `phase`: `1`, `body`: `11`}", "A< " ACK,
		"A< {`type`: `message`, `side`: `a`, `phase`: `1`, `body`: `11`, `id`: null}", "B.",
		"A> {`type`: `close`, `mailbox`: `" FIRST "`, `mood`: `happy`}", "A< " ACK, "A< {`type`: `closed`}",
		"A.", "B.");
	hall_close(&h);
}

Test(rendezvous, what_is_out_of_order_or_missing_is_told, .timeout = 20)
{
	struct hall h;
#define WRONG(says, error) "A> " says, "A< " ACK, "A< {`type`: `error`, `error`: `" error "`, `orig`: " says "}"

	hall_open(&h, NULL);
	hall_chance(9);
	PLAY(&h, "A+", WRONG("{`type`: `claim`, `nameplate`: `4`}", "must bind first"),
		WRONG("{`type`: `nonsense`}", "must bind first"),
		WRONG("{`type`: `bind`, `side`: `a`}", "bind requires 'appid'"),
		WRONG("{`type`: `bind`, `appid`: `app`}", "bind requires 'side'"),
		WRONG("{`type`: `ping`}", "ping requires 'ping'"), "A> {`type`: `ping`, `ping`: {`x`: null}}",
		"A< " ACK, "A< {`type`: `pong`, `pong`: {`x`: null}}", "A> {`ping`: 1}",
		"A< {`type`: `error`, `error`: `missing 'type'`, `orig`: {`ping`: 1}}");
	PLAY(&h, BIND_A, "A< " ACK, WRONG("{`type`: `bind`, `appid`: `app`, `side`: `a`}", "already bound"),
		WRONG("{`type`: `nonsense`}", "unknown type"), WRONG("{`type`: 5}", "unknown type"),
		WRONG("{`type`: `claim`}", "claim requires 'nameplate'"),
		WRONG("{`type`: `release`}", "release without nameplate must follow claim"),
		WRONG("{`type`: `open`}", "open requires 'mailbox'"),
		WRONG("{`type`: `add`, `phase`: `0`, `body`: ``}", "must open mailbox before adding"),
		WRONG("{`type`: `close`}", "close without mailbox must follow open"),
		"A> {`type`: `claim`, `nameplate`: `4`}", "A< " ACK,
		"A< {`type`: `claimed`, `mailbox`: `beeqscijbeeqs`}",
		WRONG("{`type`: `claim`, `nameplate`: `4`}", "only one claim per connection"),
		WRONG("{`type`: `release`, `nameplate`: `5`}", "release and claim must use same nameplate"),
		"A> {`type`: `open`, `mailbox`: `m`}", "A< " ACK,
		WRONG("{`type`: `open`, `mailbox`: `m`}", "only one open per connection"),
		WRONG("{`type`: `add`, `body`: ``}", "missing 'phase'"),
		WRONG("{`type`: `add`, `phase`: `0`}", "missing 'body'"),
		WRONG("{`type`: `close`, `mailbox`: `n`}", "open and close must use same mailbox"),
		"A> {`type`: `release`}", "A< " ACK, "A< {`type`: `released`}",
		WRONG("{`type`: `release`}", "only one release per connection"), "A> {`type`: `close`}", "A< " ACK,
		"A< {`type`: `closed`}", WRONG("{`type`: `close`}", "only one close per connection"), "A.");
	hall_close(&h);
}

Test(rendezvous, wrong_types_are_told_and_nothing_breaks, .timeout = 20)
{
	static const char *const says[] = {"{`type`: `claim`, `nameplate`: 5}", "{`type`: `claim`, `nameplate`: ``}",
		"{`type`: `claim`, `nameplate`: `4 `}", "{`type`: `claim`, `nameplate`: `x`}",
		"{`type`: `claim`, `nameplate`: `\\u0664`}", "{`type`: `claim`, `nameplate`: null}",
		"{`type`: `claim`, `nameplate`: `11111111112222222222333333333344444444445`}",
		"{`type`: `release`, `nameplate`: {}}", "{`type`: `open`, `mailbox`: [`m`]}",
		"{`type`: `open`, `mailbox`: `m\\u0000`}", "{`type`: `close`, `mailbox`: true}",
		"{`type`: `close`, `mailbox`: `m`, `mood`: 1.5}"},
				 *const adds[] = {"{`type`: `add`, `phase`: 0, `body`: `00`}",
					 "{`type`: `add`, `phase`: `0`, `body`: 7}",
					 "{`type`: `add`, `phase`: `0`, `body`: null}"};
	struct hall h;
	char line[200];

	hall_open(&h, NULL);
	PLAY(&h, "A+", "A> {`type`: `bind`, `appid`: 5, `side`: `a`}", "A< " ACK,
		"A< {`type`: `error`, `error`: `'appid' must be a string`, `orig`:"
		" {`type`: `bind`, `appid`: 5, `side`: `a`}}",
		"A> {`type`: `bind`, `appid`: `app`, `side`: {}}", "A< " ACK,
		"A< {`type`: `error`, `error`: `'side' must be a string`, `orig`:"
		" {`type`: `bind`, `appid`: `app`, `side`: {}}}",
		BIND_A, "A< " ACK);
	for (size_t i = 0; i < sizeof(says) / sizeof(*says); i++) {
		(void)snprintf(line, sizeof(line), "A> %s", says[i]);
		PLAY(&h, line, "A< " ACK);
		json_t *error = party_hears(&h.party[0]);
		cr_assert_str_eq(golden_str(error, "type"), "error", "%s", line);
		json_decref(error);
	}
	PLAY(&h, "A> {`type`: `open`, `mailbox`: `m`}", "A< " ACK, "A.");
	for (size_t i = 0; i < sizeof(adds) / sizeof(*adds); i++) {
		(void)snprintf(line, sizeof(line), "A> %s", adds[i]);
		PLAY(&h, line, "A< " ACK);
		json_t *error = party_hears(&h.party[0]);
		cr_assert_str_eq(golden_str(error, "type"), "error", "%s", line);
		json_decref(error);
	}
	/* none of it used anything up */
	PLAY(&h, "A> {`type`: `claim`, `nameplate`: `0004`}", "A< " ACK,
		"A< {`type`: `claimed`, `mailbox`: `" FIRST "`}", "A> {`type`: `release`}", "A< " ACK,
		"A< {`type`: `released`}", "A> {`type`: `close`}", "A< " ACK, "A< {`type`: `closed`}", "A.");
	hall_close(&h);
}

Test(rendezvous, what_is_no_message_is_told_and_a_hundred_errors_are_the_end, .timeout = 20)
{
	static const char *const garbage[] = {
		"", "{", "[]", "5", "null", "\"text\"", "{\"type\": \"bind\"} x", "\xff\xfe", "{\"a\": NaN}"};
	struct hall h;
	unsigned errors = 0;

	hall_open(&h, NULL);
	party_join(&h, &h.party[0]);
	json_decref(party_hears(&h.party[0]));
	while (!h.party[0].ended) {
		json_t *got;

		party_says(&h.party[0], mf_strz(garbage[errors % (sizeof(garbage) / sizeof(*garbage))]));
		got = party_hears(&h.party[0]);
		cr_assert_str_eq(golden_str(got, "error"), "a message is a JSON object");
		json_decref(got);
		errors++;
	}
	cr_assert(errors == 100 && !h.party[0].ours);
	party_says(&h.party[0], MF_STR("{\"type\": \"ping\", \"ping\": 1}"));
	cr_assert(party_hears(&h.party[0]) == NULL, "it goes on after the end");
	hall_close(&h);
}

Test(rendezvous, deep_or_long_messages_are_refused, .timeout = 20)
{
	struct hall h;
	mf_buf text = {0};

	hall_open(&h, NULL);
	PLAY(&h, ENTER_A, "A> {`type`: `open`, `mailbox`: `m`}", "A< " ACK);
	mf_buf_addz(&text, "{\"type\": \"ping\", \"ping\": ");
	for (int i = 0; i < 5000; i++)
		mf_buf_addc(&text, '[');
	for (int i = 0; i < 5000; i++)
		mf_buf_addc(&text, ']');
	mf_buf_addc(&text, '}');
	party_says(&h.party[0], mf_buf_str(&text));
	PLAY(&h, "A< {`type`: `error`, `error`: `a message is a JSON object`, `orig`: null}");
	text.n = 0;
	mf_buf_addz(&text, "{\"type\": \"add\", \"phase\": \"0\", \"body\": \"");
	while (text.n < MF_RENDEZVOUS_MAX_TEXT)
		mf_buf_addc(&text, 'a');
	mf_buf_addz(&text, "\"}");
	party_says(&h.party[0], mf_buf_str(&text));
	PLAY(&h, "A< {`type`: `error`, `error`: `a message is a JSON object`, `orig`: null}");
	text.n = 0;
	mf_buf_addz(&text, "{\"type\": \"add\", \"body\": \"\", \"phase\": \"");
	for (int i = 0; i < 129; i++)
		mf_buf_addc(&text, 'p');
	mf_buf_addz(&text, "\"}");
	party_says(&h.party[0], mf_buf_str(&text));
	PLAY(&h, "A< " ACK);
	json_t *got = party_hears(&h.party[0]);
	cr_assert_str_eq(golden_str(got, "error"), "'phase' is too long");
	json_decref(got);
	mf_buf_free(&text);
	PLAY(&h, "A.");
	hall_close(&h);
}

Test(rendezvous, a_third_side_is_crowded_and_spoils_nothing, .timeout = 20)
{
	struct hall h;

	hall_open(&h, NULL);
	PLAY(&h, ENTER_A, ENTER_B, ENTER_C, "A> {`type`: `claim`, `nameplate`: `4`}", "A< " ACK,
		"A< {`type`: `claimed`, `mailbox`: `" FIRST "`}", "B> {`type`: `claim`, `nameplate`: `4`}", "B< " ACK,
		"B< {`type`: `claimed`, `mailbox`: `" FIRST "`}", CROWDED("C", "{`type`: `claim`, `nameplate`: `4`}"),
		CROWDED("C", "{`type`: `open`, `mailbox`: `" FIRST "`}"),
		CROWDED("C", "{`type`: `close`, `mailbox`: `" FIRST "`}"));
	/* the two go on, from new connections, too */
	PLAY(&h, "A-", ENTER_A, "A> {`type`: `claim`, `nameplate`: `4`}", "A< " ACK,
		"A< {`type`: `claimed`, `mailbox`: `" FIRST "`}", "A> {`type`: `open`, `mailbox`: `" FIRST "`}",
		"A< " ACK, "B> {`type`: `open`, `mailbox`: `" FIRST "`}", "B< " ACK,
		"B> {`type`: `add`, `phase`: `0`, `body`: `b`}", "B< " ACK,
		"B< {`type`: `message`, `side`: `b`, `phase`: `0`, `body`: `b`, `id`: null}",
		"A< {`type`: `message`, `side`: `b`, `phase`: `0`, `body`: `b`, `id`: null}", "A.", "B.", "C.");
	hall_close(&h);
}

Test(rendezvous, a_nameplate_is_free_when_all_have_released_it, .timeout = 20)
{
	struct hall h;

	hall_open(&h, NULL);
	PLAY(&h, ENTER_A, "A> {`type`: `allocate`}", "A< " ACK, "A< {`type`: `allocated`, `nameplate`: `1`}",
		"A> {`type`: `allocate`}", "A< " ACK,
		"A< {`type`: `error`, `error`: `you already allocated one, don't be greedy`, `orig`: {`type`: "
		"`allocate`}}",
		"A> {`type`: `claim`, `nameplate`: `1`}", "A< " ACK,
		"A< {`type`: `claimed`, `mailbox`: `aeaqcaibaeaqc`}", "A> {`type`: `release`}", "A< " ACK,
		"A< {`type`: `released`}");
	/* gone: the next one under this number is another */
	PLAY(&h, ENTER_B, "B> {`type`: `claim`, `nameplate`: `1`}", "B< " ACK,
		"B< {`type`: `claimed`, `mailbox`: `aibaeaqcaibae`}");
	/* as long as the other side holds it, who released it does not get it again */
	PLAY(&h, "A-", ENTER_A, "A> {`type`: `claim`, `nameplate`: `1`}", "A< " ACK,
		"A< {`type`: `claimed`, `mailbox`: `aibaeaqcaibae`}", "A> {`type`: `release`}", "A< " ACK,
		"A< {`type`: `released`}", "A-", ENTER_A, "A> {`type`: `claim`, `nameplate`: `1`}", "A< " ACK,
		"A< {`type`: `error`, `error`: `reclaimed`, `orig`: {`type`: `claim`, `nameplate`: `1`}}");
	/* releasing what is not there or not ours is fine */
	PLAY(&h, "A> {`type`: `release`, `nameplate`: `1`}", "A< " ACK, "A< {`type`: `released`}", ENTER_C,
		"C> {`type`: `release`, `nameplate`: `99`}", "C< " ACK, "C< {`type`: `released`}", "C.");
	hall_close(&h);
}

Test(rendezvous, closing_twice_or_what_is_gone_is_closed, .timeout = 20)
{
	struct hall h;

	hall_open(&h, NULL);
	PLAY(&h, ENTER_A, "A> {`type`: `close`, `mailbox`: `never`}", "A< " ACK, "A< {`type`: `closed`}", "A-", ENTER_A,
		"A> {`type`: `open`, `mailbox`: `m`}", "A< " ACK, ENTER_B, "B> {`type`: `open`, `mailbox`: `m`}",
		"B< " ACK, "A> {`type`: `close`, `mood`: null}", "A< " ACK, "A< {`type`: `closed`}", "A-", ENTER_A,
		"A> {`type`: `close`, `mailbox`: `m`, `mood`: `errory`}", "A< " ACK, "A< {`type`: `closed`}");
	/* another connection of the last side's listens when it closes */
	PLAY(&h, "C+", "C> {`type`: `bind`, `appid`: `app`, `side`: `b`}", "C< " ACK,
		"C> {`type`: `close`, `mailbox`: `m`}", "C< " ACK, "C< {`type`: `closed`}",
		"B> {`type`: `add`, `phase`: `0`, `body`: ``}", "B< " ACK,
		"B< {`type`: `error`, `error`: `must open mailbox before adding`, `orig`:"
		" {`type`: `add`, `phase`: `0`, `body`: ``}}",
		"B> {`type`: `open`, `mailbox`: `m`}", "B< " ACK, "B.", "C.");
	hall_close(&h);
}

Test(rendezvous, applications_do_not_see_each_other, .timeout = 20)
{
	const mf_rendezvous_conf conf = {.list = true};
	struct hall h;

	hall_open(&h, &conf);
	PLAY(&h, ENTER_A, "A> {`type`: `claim`, `nameplate`: `4`}", "A< " ACK,
		"A< {`type`: `claimed`, `mailbox`: `" FIRST "`}", "A> {`type`: `open`, `mailbox`: `m`}", "A< " ACK,
		"A> {`type`: `add`, `phase`: `0`, `body`: `secret`}", "A< " ACK,
		"A< {`type`: `message`, `side`: `a`, `phase`: `0`, `body`: `secret`, `id`: null}", "B+",
		"B> {`type`: `bind`, `appid`: `other`, `side`: `a`}", "B< " ACK, "B> {`type`: `list`}", "B< " ACK,
		"B< {`type`: `nameplates`, `nameplates`: []}", "B> {`type`: `claim`, `nameplate`: `4`}", "B< " ACK,
		"B< {`type`: `claimed`, `mailbox`: `aeaqcaibaeaqc`}", "B> {`type`: `open`, `mailbox`: `m`}", "B< " ACK,
		"B> {`type`: `add`, `phase`: `0`, `body`: `x`}", "B< " ACK,
		"B< {`type`: `message`, `side`: `a`, `phase`: `0`, `body`: `x`, `id`: null}",
		"B> {`type`: `close`, `mailbox`: `m`}", "B< " ACK, "B< {`type`: `closed`}", "A.", "B.",
		"A> {`type`: `list`}", "A< " ACK, "A< {`type`: `nameplates`, `nameplates`: [{`id`: `4`}]}");
	hall_close(&h);
}

Test(rendezvous, nameplates_are_listed_only_where_that_is_wanted, .timeout = 20)
{
	const mf_rendezvous_conf conf = {.list = true};
	struct hall h;
#define TWO \
	ENTER_A, "A> {`type`: `claim`, `nameplate`: `7`}", "A< " ACK, \
		"A< {`type`: `claimed`, `mailbox`: `" FIRST "`}", ENTER_B, "B> {`type`: `claim`, `nameplate`: `12`}", \
		"B< " ACK, "B< {`type`: `claimed`, `mailbox`: `aeaqcaibaeaqc`}", "A> {`type`: `list`}", "A< " ACK

	hall_open(&h, NULL);
	PLAY(&h, TWO, "A< {`type`: `nameplates`, `nameplates`: []}");
	hall_close(&h);
	hall_open(&h, &conf);
	PLAY(&h, TWO, "A< {`type`: `nameplates`, `nameplates`: [{`id`: `12`}, {`id`: `7`}]}");
	hall_close(&h);
}

Test(rendezvous, the_welcome_has_what_the_operator_wants, .timeout = 20)
{
	const mf_rendezvous_conf conf = {.motd = "h\xc3\xa9", .error = "closed for today"};
	struct hall h;

	hall_open(&h, &conf);
	party_join(&h, &h.party[0]);
	PLAY(&h, "A< {`type`: `welcome`, `welcome`: {`motd`: `h\xc3\xa9`, `error`: `closed for today`}}", "A.");
	hall_close(&h);
}

Test(rendezvous, a_mailbox_opened_by_a_guess_is_given_to_nobody, .timeout = 20)
{
	struct hall h;

	hall_open(&h, NULL);
	PLAY(&h, ENTER_C, "C> {`type`: `open`, `mailbox`: `" FIRST "`}", "C< " ACK, ENTER_A,
		"A> {`type`: `claim`, `nameplate`: `4`}", "A< " ACK,
		"A< {`type`: `claimed`, `mailbox`: `aeaqcaibaeaqc`}");
	hall_close(&h);
}
