/* Wormhole codes. */
#include "wormhole/code.h"

#include <sodium.h>

#include "base/unicode.h"
#include "wormhole/words.h"

bool
mf_wormhole_nameplate_ok(mf_str nameplate)
{
	if (nameplate.n == 0 || nameplate.n > MF_WORMHOLE_NAMEPLATE_MAX)
		return false;
	for (size_t i = 0; i < nameplate.n; i++) {
		if (nameplate.p[i] < '0' || nameplate.p[i] > '9')
			return false;
	}
	return true;
}

/* Up to the first '-', or all. */
static mf_str
nameplate_of(mf_str code)
{
	const char *dash = code.n > 0 ? memchr(code.p, '-', code.n) : NULL;

	return (mf_str){code.p, dash == NULL ? code.n : (size_t)(dash - code.p)};
}

mf_code
mf_wormhole_code_read(mf_str typed, mf_buf *password, mf_str *nameplate, mf_err *err)
{
	if (typed.n > MF_WORMHOLE_CODE_MAX)
		return mf_fail(err, MF_EINVAL, 0, "the code is too long");
	if (typed.n > 0 && memchr(typed.p, ' ', typed.n) != NULL)
		return mf_fail(err, MF_EINVAL, 0, "the code contains spaces");
	*nameplate = nameplate_of(typed);
	if (!mf_wormhole_nameplate_ok(*nameplate))
		return mf_fail(err, MF_EINVAL, 0, "the code must begin with a number: 4-purple-sausages");
	if (mf_nfc(typed, password, NULL) != MF_OK)
		return mf_fail(err, MF_EINVAL, 0, "the code is no valid UTF-8");
	return MF_OK;
}

void
mf_wormhole_code_make(mf_buf *out, mf_str nameplate, const uint8_t *bytes, size_t n)
{
	mf_buf_adds(out, nameplate);
	for (size_t i = 0; i < n; i++) {
		mf_buf_addc(out, '-');
		mf_buf_addz(out, (i % 2 == 0 ? mf_words_odd : mf_words_even)[bytes[i]]);
	}
}

/* The last word is begun: what it may become.  @param head the code up to it, with its '-' */
static void
complete_word(mf_str head, mf_str begun, size_t at, size_t words, void (*each)(void *arg, mf_str), void *arg)
{
	const char *const *list = at % 2 == 0 ? mf_words_odd : mf_words_even;
	mf_buf whole = {0};

	for (size_t i = 0; i < 256; i++) {
		if (!mf_str_starts(mf_strz(list[i]), begun))
			continue;
		whole.n = 0;
		mf_buf_adds(&whole, head);
		mf_buf_addz(&whole, list[i]);
		if (at + 1 < words)
			mf_buf_addc(&whole, '-');
		each(arg, mf_buf_str(&whole));
	}
	mf_buf_wipe_free(&whole);
}

void
mf_wormhole_code_complete(mf_str typed, const char *const *nameplates, size_t n, size_t words,
	void (*each)(void *arg, mf_str candidate), void *arg)
{
	mf_str plate = nameplate_of(typed);
	char listed[MF_WORMHOLE_NAMEPLATE_MAX + 2];
	size_t at = 0, head = plate.n + 1;

	if (plate.n < typed.n) {
		for (size_t i = head; i < typed.n; i++) {
			if (typed.p[i] == '-') {
				head = i + 1;
				at++;
			}
		}
		if (mf_wormhole_nameplate_ok(plate) && at < words)
			complete_word((mf_str){typed.p, head}, (mf_str){typed.p + head, typed.n - head}, at, words,
				each, arg);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		mf_str one = mf_strz(nameplates[i]);

		if (!mf_wormhole_nameplate_ok(one) || !mf_str_starts(one, typed))
			continue;
		memcpy(listed, one.p, one.n);
		listed[one.n] = '-';
		each(arg, (mf_str){listed, one.n + 1});
	}
}
