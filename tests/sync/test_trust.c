/* The rules of docs/identity.md, line by line. */
#include <criterion/criterion.h>

#include <ctype.h>
#include <stdio.h>

#include "sync/trust/trust.h"

Test(trust, judged_line_by_line, .timeout = 10)
{
	static const struct {
		mf_trust_facts facts;
		enum mf_verdict want;
		const char *why;
	} rows[] = {
		{{.known = true, .met = true, .has_key = true}, MF_TRUST_TAKE, "who accepts a snapshot links it"},
		{{.known = true}, MF_TRUST_TAKE, "before the first reading, too"},
		{{.is_self = true, .met = true}, MF_TRUST_LEARN, "we link only what we have accepted"},
		{{.is_self = true, .own_name = true}, MF_TRUST_LEARN, "our own directory is nobody's first use"},
		{{.own_name = true}, MF_TRUST_PIN, "first use"},
		{{.own_name = true, .met = true}, MF_TRUST_PIN, "first use, later than the first reading"},
		{{.met = false}, MF_TRUST_LEARN, "of people who left before we came"},
		{{.met = false, .has_key = true}, MF_TRUST_LEARN, "the same, and it has signed something itself"},
		{{.met = false, .has_key = true, .own_name = true}, MF_TRUST_LEARN, "its key before this one"},
		{{.met = true}, MF_TRUST_HOLD, "perhaps it is somebody's who was not read yet"},
		{{.met = true, .has_key = true}, MF_TRUST_HOLD, "not its key"},
		{{.met = true, .has_key = true, .own_name = true}, MF_TRUST_HOLD, "not its key, in its name"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_assert(mf_trust_judge(&rows[i].facts) == rows[i].want, "%s", rows[i].why);
}

/* "0a:bob 1a:bob" = participant 0 shows key a on a snapshot by bob, participant 1 too.  @return "x=a y=-". */
static const char *
assigned(const char *names, const char *shown)
{
	static char out[128];
	static char name[4][16], author[16][16];
	const char *list[4];
	mf_sighting seen[16] = {{0}};
	size_t n_name = 0, n = 0;
	long whose[4];
	char *p = out;
	int used;

	while (sscanf(names, " %15s%n", name[n_name], &used) == 1) {
		list[n_name] = name[n_name];
		n_name++;
		names += used;
	}
	unsigned who;
	char key;
	while (sscanf(shown, " %u%c:%15s%n", &who, &key, author[n], &used) == 3) {
		seen[n] = (mf_sighting){.who = who, .key = {(uint8_t)key}, .author = author[n]};
		n++;
		shown += used;
	}
	mf_trust_assign(list, n_name, seen, n, whose);
	out[0] = '\0';
	for (size_t i = 0; i < n_name; i++)
		p += sprintf(p, "%s%s=%c", i > 0 ? " " : "", list[i], whose[i] < 0 ? '-' : seen[whose[i]].key[0]);
	return out;
}

Test(trust, keys_go_to_whom_they_clearly_belong, .timeout = 10)
{
	static const char *const rows[][4] = {
		{"bob", "", "bob=-", "nothing shown"},
		{"bob", "0a:bob", "bob=a", "in its own name"},
		{"bob", "0a:robert", "bob=a", "the only one, whatever the author is called"},
		{"bob", "0a:robert 0b:dave", "bob=-", "one of them is of somebody who left"},
		{"bob", "0a:dave 0b:bob", "bob=b", "its own name decides"},
		{"bob carol", "0a:bob 1a:bob", "bob=a carol=-", "she only accepted it"},
		{"bob carol", "1a:bob", "bob=- carol=-", "his, but he has not shown it himself"},
		{"laptop carol", "0a:bob 1a:bob", "laptop=- carol=-", "one of them, nobody knows who"},
		{"laptop carol", "0a:bob 1a:bob 1c:carol", "laptop=a carol=c", "what she has leaves one for the other"},
		{"laptop phone", "0a:me 1b:me", "laptop=a phone=b", "two devices, one login name"},
		{"me phone", "0a:me 0b:me 1a:me 1b:me", "me=a phone=b", "the same, each has accepted the other's"},
		{"a b c", "0x:p 1x:p 1y:q 2y:q 2z:r", "a=- b=- c=-", "no key is anybody's alone"},
		{"a b c", "0x:a 1x:a 1y:q 2y:q 2z:c", "a=x b=y c=z", "one after the other"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *got = assigned(rows[i][0], rows[i][1]);
		cr_assert(strcmp(got, rows[i][2]) == 0, "%s: %s, not %s", rows[i][3], got, rows[i][2]);
	}
}

Test(trust, fingerprints_are_compared_as_people_type_them, .timeout = 10)
{
	uint8_t key[32] = {1, 2, 3};
	char text[MF_FINGERPRINT_MAX], typed[MF_FINGERPRINT_MAX];

	mf_fingerprint(key, text);
	cr_assert(strlen(text) == 29 && text[4] == '-' && text[24] == '-', "%s", text);
	cr_assert(mf_fingerprint_matches(text, key));
	for (size_t i = 0; i <= strlen(text); i++)
		typed[i] = text[i] == '-' ? ' ' : (char)toupper((unsigned char)text[i]);
	cr_assert(mf_fingerprint_matches(typed, key));
	typed[28] = '\0';
	cr_assert(!mf_fingerprint_matches(typed, key), "cut short");
	cr_assert(!mf_fingerprint_matches("", key) && !mf_fingerprint_matches("-", key));
	key[31] ^= 1;
	cr_assert(!mf_fingerprint_matches(text, key));
}
