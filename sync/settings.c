/* The table of a folder's settings, and their values as text. */
#include "sync/settings.h"

#include <limits.h>
#include <stddef.h>

#define AT(member) offsetof(mf_settings, member)

const mf_setting mf_setting_table[MF_SETTING_COUNT] = {
	{"merge", MF_SETTING_WORD, "ask|text", "ask",
		"text: two edits of a text that merge cleanly are merged without asking", AT(merge)},
	{"paused", MF_SETTING_YESNO, NULL, "no", "yes: nothing is sent or fetched until it is no again", AT(paused)},
	{"poll_interval", MF_SETTING_SECONDS, NULL, "60", "look for others' changes at least this often",
		AT(poll_interval_s)},
	{"scan_interval", MF_SETTING_SECONDS, "never", "60", "look for our own changes at least this often",
		AT(scan_interval_s)},
	{"confirm_deletes", MF_SETTING_WORD, "ask|never", "ask",
		"ask: when most files are gone at once, deletions wait for confirm-deletes", AT(confirm_deletes)},
};

static unsigned *
value_of(const mf_setting *which, mf_settings *s)
{
	return (unsigned *)(void *)((char *)s + which->at);
}

unsigned
mf_setting_get(const mf_setting *which, const mf_settings *s)
{
	return *(const unsigned *)(const void *)((const char *)s + which->at);
}

mf_settings
mf_settings_standard(void)
{
	mf_settings s = {0};

	for (size_t i = 0; i < MF_SETTING_COUNT; i++) {
		const mf_setting *one = &mf_setting_table[i];
		if (mf_setting_parse(one, mf_strz(one->standard), &s, NULL) != MF_OK)
			MF_BUG("the default of %s is not one of its values", one->key);
	}
	return s;
}

mf_code
mf_setting_find(mf_str key, const mf_setting **out, mf_err *err)
{
	mf_buf keys = {0};

	for (size_t i = 0; i < MF_SETTING_COUNT; i++) {
		if (mf_str_eq(key, mf_strz(mf_setting_table[i].key))) {
			*out = &mf_setting_table[i];
			mf_buf_free(&keys);
			return MF_OK;
		}
		mf_buf_addf(&keys, "%s%s", i == 0 ? "" : ", ", mf_setting_table[i].key);
	}
	(void)mf_fail(err, MF_EINVAL, 0, "There is no setting '%.*s'; there are %s.", key.n < 40 ? (int)key.n : 40,
		key.p, (const char *)keys.p);
	mf_buf_free(&keys);
	return MF_EINVAL;
}

/* The number of @p word in "first|second|..."; UINT_MAX: it is none of them. */
static unsigned
number_of(const char *words, mf_str word)
{
	for (unsigned n = 0;; n++) {
		const char *end = strchr(words, '|');
		if (mf_str_eq(word, (mf_str){words, end != NULL ? (size_t)(end - words) : strlen(words)}))
			return n;
		if (end == NULL)
			return UINT_MAX;
		words = end + 1;
	}
}

static bool
seconds_of(mf_str text, unsigned *out)
{
	unsigned n = 0;

	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9' || n > (INT_MAX - 9) / 10)
			return false;
		n = n * 10 + (unsigned)(text.p[i] - '0');
	}
	*out = n;
	return n > 0;
}

mf_code
mf_setting_parse(const mf_setting *which, mf_str text, mf_settings *s, mf_err *err)
{
	unsigned n = UINT_MAX;
	mf_buf allowed = {0};

	switch (which->kind) {
	case MF_SETTING_WORD: n = number_of(which->words, text); break;
	case MF_SETTING_YESNO: n = number_of("no|yes", text); break;
	case MF_SETTING_SECONDS:
		if (which->words != NULL && mf_str_eq(text, mf_strz(which->words)))
			n = 0;
		else if (!seconds_of(text, &n))
			n = UINT_MAX;
		break;
	}
	if (n != UINT_MAX) {
		*value_of(which, s) = n;
		return MF_OK;
	}
	mf_setting_choices(which, &allowed);
	(void)mf_fail(err, MF_EINVAL, 0, "%s must be %s, not '%.*s'.", which->key, (const char *)allowed.p,
		text.n < 40 ? (int)text.n : 40, text.p);
	mf_buf_free(&allowed);
	return MF_EINVAL;
}

void
mf_setting_text(const mf_setting *which, const mf_settings *s, mf_buf *out)
{
	unsigned n = mf_setting_get(which, s);
	const char *words = which->words;

	if (which->kind == MF_SETTING_YESNO) {
		mf_buf_addz(out, n != 0 ? "yes" : "no");
	} else if (which->kind == MF_SETTING_SECONDS) {
		if (n == 0 && words != NULL)
			mf_buf_addz(out, words);
		else
			mf_buf_addf(out, "%u", n);
	} else {
		for (; n > 0 && strchr(words, '|') != NULL; n--)
			words = strchr(words, '|') + 1;
		mf_buf_adds(out, (mf_str){words, strcspn(words, "|")});
	}
}

void
mf_setting_choices(const mf_setting *which, mf_buf *out)
{
	switch (which->kind) {
	case MF_SETTING_WORD: mf_buf_addz(out, which->words); break;
	case MF_SETTING_YESNO: mf_buf_addz(out, "yes|no"); break;
	case MF_SETTING_SECONDS:
		mf_buf_addz(out, "SECONDS");
		if (which->words != NULL)
			mf_buf_addf(out, "|%s", which->words);
		break;
	}
}
