/* Messages of invites: those that Python's daemons sent are read and written alike; others are refused with a reason. */
#include <criterion/criterion.h>

#include "invites/message.h"
#include "tests/grid/golden.h"

/* One that a Python daemon sent: read, and written again to the byte. */
static void
again(mf_str text)
{
	mf_buf out = {0};
	mf_invite_offer offer;
	mf_invite_reply reply;
	mf_invite_ack ack;

	if (mf_invite_read_offer(text, &offer, NULL) == MF_OK)
		mf_invite_add_offer(&out, &offer);
	else if (mf_invite_read_reply(text, MF_INVITE_READ_WRITE, &reply, NULL) == MF_OK)
		mf_invite_add_reply(&out, &reply);
	else if (mf_invite_read_ack(text, &ack, NULL) == MF_OK)
		mf_invite_add_ack(&out, &ack, MF_STR("NAME"));
	else
		cr_assert_fail("%.*s", (int)text.n, text.p);
	json_t *want = json_loadb(text.p, text.n, 0, NULL), *got = json_loadb((char *)out.p, out.n, 0, NULL);
	if (json_is_true(json_object_get(got, "success"))) /* we are not told under which name */
		json_object_set(got, "participant-name", json_object_get(want, "participant-name"));
	cr_assert(json_equal(want, got), "%s", (char *)out.p);
	json_decref(want);
	json_decref(got);
	mf_buf_free(&out);
}

Test(message, all_that_python_daemons_sent, .timeout = 10)
{
	json_t *golden = golden_json("invite-messages.json");
	const json_t *one, *m;
	size_t i, k, n = 0;

	json_array_foreach(json_object_get(golden, "plaintext"), i, one)
	{
		json_array_foreach(json_object_get(one, "messages"), k, m)
		{
			const char *call = json_string_value(json_object_get(m, "call"));

			if (call != NULL && strcmp(call, "send_message") == 0) {
				again(mf_strz(golden_str(m, "value")));
				n++;
			}
		}
	}
	cr_assert(n >= 11, "%zu messages", n);
	json_decref(golden);
}

#define RO "URI:DIR2-RO:fevsgwcjybcit7hzawsbawxr4y:nm2xznszzsaypssjj6cuwynplr7r4udlp3chgev6af45f4xvonha"
#define RW "URI:DIR2:fevsgwcjybcit7hzawsbawxr4y:nm2xznszzsaypssjj6cuwynplr7r4udlp3chgev6af45f4xvonha"

static void
refused(mf_code rc, const mf_err *err, const char *why, const char *text)
{
	cr_assert(rc != MF_OK, "taken: %s", text);
	cr_assert(strstr(err->text, why) != NULL, "%s: %s", text, err->text);
	cr_assert(strstr(err->text, "nm2xzn") == NULL, "a capability in the error");
}

Test(message, offers_that_are_refused, .timeout = 10)
{
	static const char *const all[][2] = {
		{"", ""},
		{"[]", "no JSON object"},
		{"{}", "Expected a 'join-folder'"},
		{"{\"kind\": \"join-folder\"}", "Invalid protocol"},
		{"{\"kind\": \"join-folder\", \"protocol\": \"invite-v2\"}", "Invalid protocol"},
		{"{\"kind\": \"join-folder\", \"protocol\": \"invite-v1\"}", "No 'collective'"},
		{"{\"kind\": \"join-folder\", \"protocol\": \"invite-v1\", \"collective\": 5}", "must be read-only"},
		{"{\"kind\": \"join-folder\", \"protocol\": \"invite-v1\", \"collective\": \"" RW "\"}",
			"must be read-only"},
		{"{\"kind\": \"join-folder\", \"protocol\": \"invite-v1\", \"collective\": \"URI:DIR2-LIT:\"}",
			"must be read-only"},
		{"{\"kind\": \"join-folder\", \"protocol\": \"invite-v1\", \"collective\": \"" RO "\"}", "mode"},
		{"{\"kind\": \"join-folder\", \"protocol\": \"invite-v1\", \"collective\": \"" RO
		 "\", \"mode\": \"admin\"}",
			"mode"},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		mf_invite_offer offer;
		mf_err err = {0};
		mf_code rc = mf_invite_read_offer(mf_strz(all[i][0]), &offer, &err);

		refused(rc, &err, all[i][1], all[i][0]);
	}
}

Test(message, replies_that_are_refused, .timeout = 10)
{
	static const struct {
		const char *text;
		enum mf_invite_mode mode;
		const char *why;
	} all[] = {
		{"{\"kind\": \"join-folder-accept\"}", MF_INVITE_READ_WRITE, "Invalid invite reply protocol"},
		{"{\"kind\": \"x\\u001b\", \"protocol\": \"invite-v1\"}", MF_INVITE_READ_WRITE,
			"Invalid reply kind 'x"},
		{"{\"kind\": \"join-folder-accept\", \"protocol\": \"invite-v1\", \"personal\": \"" RO "\"}",
			MF_INVITE_READ_ONLY, "Read-only peer sent"},
		{"{\"kind\": \"join-folder-accept\", \"protocol\": \"invite-v1\", \"personal\": \"" RW "\"}",
			MF_INVITE_READ_WRITE, "must be a read-only directory"},
		{"{\"kind\": \"join-folder-accept\", \"protocol\": \"invite-v1\", \"personal\": null}",
			MF_INVITE_READ_WRITE, "must be a read-only directory"},
	};
	mf_invite_reply reply;
	mf_invite_ack ack;
	mf_err err = {0};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		mf_code rc = mf_invite_read_reply(mf_strz(all[i].text), all[i].mode, &reply, &err);

		refused(rc, &err, all[i].why, all[i].text);
		cr_assert(strchr(err.text, '\x1b') == NULL);
	}
	cr_assert(mf_invite_read_reply(MF_STR("{\"kind\": \"join-folder-reject\", \"protocol\": \"invite-v1\"}"),
			  MF_INVITE_READ_WRITE, &reply, NULL) == MF_OK &&
		!reply.accepted);
	cr_assert_str_eq(reply.reason, "No reason given");
	cr_assert(mf_invite_read_ack(MF_STR("{\"kind\": \"join-folder-ack\", \"protocol\": \"invite-v1\"}"), &ack,
			  &err) == MF_EFORMAT);
}

Test(message, versions_and_names, .timeout = 10)
{
	static const char *const good[] = {"bob", "J\xc3\xb6rg", "a b.c@d"};
	static const char *const bad[] = {"", "a/b", "a\nb", "a\x7f", "a\xc2\x85", "@metadata", "o\xcc\x88", "\xff"};
	json_t *ours = mf_invite_versions(),
	       *other = json_pack("{s{s[s]}}", "magic-folder", "supported-messages", "invite-v2");
	mf_err err = {0};

	cr_assert(mf_invite_check_versions(ours, &err) == MF_OK);
	cr_assert(mf_invite_check_versions(other, &err) == MF_EUNSUPPORTED && strstr(err.text, "'invite-v1'") != NULL);
	json_object_clear(other);
	cr_assert(
		mf_invite_check_versions(other, &err) == MF_EUNSUPPORTED && strstr(err.text, "'magic-folder'") != NULL);
	json_decref(ours);
	json_decref(other);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		cr_assert(mf_invite_check_name(mf_strz(good[i]), &err) == MF_OK, "%s: %s", good[i], err.text);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert(mf_invite_check_name(mf_strz(bad[i]), &err) == MF_EINVAL, "%s", bad[i]);
}
