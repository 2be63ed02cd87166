/* Whose signatures count: the rules. */
#include "sync/trust/trust.h"

#include <ctype.h>
#include <stdlib.h>

#include <sodium.h>

#include "base/base32.h"
#include "base/json.h"

enum { EDGE_MAX = 4096, GROUP = 4, GROUPS = 6, PRINT_BYTES = 15 };

enum mf_verdict
mf_trust_judge(const mf_trust_facts *f)
{
	if (f->known)
		return MF_TRUST_TAKE;
	if (f->is_self)
		return MF_TRUST_LEARN; /* we link only what we have accepted */
	if (!f->has_key && f->own_name)
		return MF_TRUST_PIN;
	return f->met ? MF_TRUST_HOLD : MF_TRUST_LEARN;
}

/* ---- whose is it? ------------------------------------------------------------------------------------------- */

static bool
same_key(const mf_sighting *a, const mf_sighting *b)
{
	return memcmp(a->key, b->key, sizeof(a->key)) == 0;
}

struct assigning {
	const char *const *name;
	size_t n_name;
	const mf_sighting *seen;
	size_t n_seen;
	long *whose;
};

static bool
is_given(const struct assigning *a, const mf_sighting *s)
{
	for (size_t i = 0; i < a->n_name; i++)
		if (a->whose[i] != MF_TRUST_NONE && same_key(&a->seen[a->whose[i]], s))
			return true;
	return false;
}

/* Is the author called as somebody else is who still waits for a key? */
static bool
is_others_name(const struct assigning *a, const mf_sighting *s)
{
	for (size_t i = 0; i < a->n_name; i++)
		if (i != s->who && a->whose[i] == MF_TRUST_NONE && strcmp(a->name[i], s->author) == 0)
			return true;
	return false;
}

static bool
may_be(const struct assigning *a, const mf_sighting *s, size_t who)
{
	return s->who == who && a->whose[who] == MF_TRUST_NONE && !is_given(a, s) && !is_others_name(a, s);
}

/* The only key that may be @p who's, and nobody else's. */
static long
only_key(const struct assigning *a, size_t who)
{
	long found = MF_TRUST_NONE;

	for (size_t i = 0; i < a->n_seen; i++) {
		if (!may_be(a, &a->seen[i], who))
			continue;
		if (found != MF_TRUST_NONE && !same_key(&a->seen[found], &a->seen[i]))
			return MF_TRUST_NONE;
		found = (long)i;
	}
	for (size_t i = 0; found != MF_TRUST_NONE && i < a->n_seen; i++)
		if (same_key(&a->seen[found], &a->seen[i]) && a->seen[i].who != who &&
			may_be(a, &a->seen[i], a->seen[i].who))
			return MF_TRUST_NONE;
	return found;
}

static void
assign_by_name(struct assigning *a)
{
	for (size_t i = 0; i < a->n_seen; i++) {
		const mf_sighting *s = &a->seen[i];
		if (a->whose[s->who] == MF_TRUST_NONE && strcmp(a->name[s->who], s->author) == 0 && !is_given(a, s))
			a->whose[s->who] = (long)i;
	}
}

void
mf_trust_assign(const char *const *name, size_t n_name, const mf_sighting *seen, size_t n_seen, long *whose)
{
	struct assigning a = {name, n_name, seen, n_seen, whose};
	bool more = true;

	for (size_t i = 0; i < n_name; i++)
		whose[i] = MF_TRUST_NONE;
	assign_by_name(&a);
	while (more) { /* what is given to one may leave a single one to another */
		more = false;
		for (size_t i = 0; i < n_name; i++) {
			if (whose[i] == MF_TRUST_NONE)
				whose[i] = only_key(&a, i);
			else
				continue;
			more |= whose[i] != MF_TRUST_NONE;
		}
	}
}

/* ---- fingerprints --------------------------------------------------------------------------------------------- */

void
mf_fingerprint(const uint8_t key[32], char out[MF_FINGERPRINT_MAX])
{
	static const char tag[] = "magic-folder verify key fingerprint v1\n";
	crypto_hash_sha256_state h;
	uint8_t digest[32];
	char text[MF_B32_LEN(PRINT_BYTES) + 1];
	size_t n = 0;

	(void)crypto_hash_sha256_init(&h);
	(void)crypto_hash_sha256_update(&h, (const uint8_t *)tag, sizeof(tag) - 1);
	(void)crypto_hash_sha256_update(&h, key, 32);
	(void)crypto_hash_sha256_final(&h, digest);
	mf_b32(text, digest, PRINT_BYTES);
	for (size_t i = 0; i < (size_t)GROUP * GROUPS; i++) {
		if (i > 0 && i % GROUP == 0)
			out[n++] = '-';
		out[n++] = text[i];
	}
	out[n] = '\0';
}

bool
mf_fingerprint_matches(const char *text, const uint8_t key[32])
{
	char right[MF_FINGERPRINT_MAX];
	const char *r = right;

	mf_fingerprint(key, right);
	for (; *text != '\0'; text++) {
		if (*text == '-' || *text == ' ')
			continue;
		while (*r == '-')
			r++;
		if (tolower((unsigned char)*text) != *r++)
			return false;
	}
	return *r == '\0';
}

/* ---- in the Collective -------------------------------------------------------------------------------------- */

void
mf_edge_of_key(const uint8_t key[32], mf_buf *out)
{
	mf_buf_addz(out, "{\"magic_folder\": {\"verify_key\": \"");
	mf_b32_add_upper(out, key, 32);
	mf_buf_addz(out, "\"}}");
}

bool
mf_edge_key(mf_str metadata, uint8_t key[32])
{
	json_t *top = NULL;
	bool ok = false;

	if (mf_json_load(metadata, EDGE_MAX, MF_JSON_UNIQUE | MF_JSON_BIG_REAL | MF_JSON_NUL, &top, NULL) != MF_OK)
		return false;
	const json_t *text = mf_json_at(top, "edge.magic_folder.verify_key");
	if (json_is_string(text))
		ok = mf_unb32_upper(key, 32, (mf_str){json_string_value(text), json_string_length(text)});
	json_decref(top);
	return ok;
}
