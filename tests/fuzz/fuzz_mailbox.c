/* What a mailbox server says, a line for each text: whatever it is, the machine comes to an end when it is closed, and what
 * it saves can be gone on with.  The chance is that of a recorded session, so that its lines lead deep. */
#include <stdlib.h>

#include <sodium.h>

#include "tests/fuzz/fuzz.h"
#include "wormhole/mailbox.h"

static void
must(bool good)
{
	if (!good)
		abort();
}

/* As client B of tests/golden/wormhole-session.json had it; nonces are no matter. */
static void
chance(void *arg, void *out, size_t n)
{
	(void)arg;
	memset(out, 3, n);
	if (n == 5)
		must(mf_unhex(out, 5, MF_STR("b821157d60")));
	else if (n == 64)
		must(mf_unhex(out, 32, MF_STR("50cdd9d6499db00e43df196ac17afec4dd23ff8a3636c047458e91864284350f")));
}

/* Take all that it wants; connections are made at once. */
static bool
take(struct mf_mailbox *m, uint64_t now)
{
	mf_mailbox_out o;
	bool closed = false;

	while (mf_mailbox_next(m, &o)) {
		if (o.kind == MF_MAILBOX_CONNECT)
			mf_mailbox_up(m, now);
		closed |= o.kind == MF_MAILBOX_CLOSED;
		must(o.kind != MF_MAILBOX_MESSAGE || o.text.n <= MF_WORMHOLE_MESSAGE_MAX);
		must(o.kind != MF_MAILBOX_SEND || o.text.n <= MF_LINK_MAX_TEXT);
	}
	return closed;
}

static void
go_on(const struct mf_mailbox *m, uint64_t now)
{
	struct mf_mailbox *again;
	mf_buf saved = {0}, same = {0};

	mf_mailbox_save(m, &saved);
	if (saved.n > 0) {
		const mf_mailbox_conf conf = {.saved = mf_buf_str(&saved), .random = chance};

		must(mf_mailbox_new(&conf, now, &again, NULL) == MF_OK);
		mf_mailbox_save(again, &same);
		must(mf_str_eq(mf_buf_str(&saved), mf_buf_str(&same)));
		mf_mailbox_free(again);
	}
	mf_buf_free(&saved);
	mf_buf_free(&same);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const mf_mailbox_conf conf = {.appid = "lothar.com/wormhole/text-or-file-xfer", .random = chance};
	struct mf_mailbox *m;
	uint64_t now = 0;
	bool closed;

	must(sodium_init() >= 0);
	must(mf_mailbox_new(&conf, now, &m, NULL) == MF_OK);
	must(mf_mailbox_set_code(m, now, MF_STR("23-reproduce-drumbeat"), NULL) == MF_OK);
	must(mf_mailbox_send(m, now, MF_STR("hello"), NULL) == MF_OK);
	closed = take(m, now);
	for (size_t at = 0; at < n && !closed;) {
		const uint8_t *nl = memchr(p + at, '\n', n - at);
		size_t len = nl != NULL ? (size_t)(nl - (p + at)) : n - at;

		now += 100;
		mf_mailbox_text(m, now, (mf_str){(const char *)p + at, len});
		closed = take(m, now);
		at += len + 1;
	}
	go_on(m, now);
	mf_mailbox_close(m, now, MF_MOOD_HAPPY);
	for (int turn = 0; !(closed |= take(m, now)); turn++) {
		must(turn < 100 && mf_mailbox_deadline(m) != UINT64_MAX);
		now = mf_mailbox_deadline(m) > now ? mf_mailbox_deadline(m) : now;
		mf_mailbox_tick(m, now);
	}
	mf_mailbox_free(m);
	return 0;
}
