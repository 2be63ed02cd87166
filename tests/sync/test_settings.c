/* A folder's settings: the table, values as text, what the databases keep. */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "sync/settings.h"
#include "tests/sync/fixture.h"

static mf_err err;

#define OK(call) cr_assert((call) == MF_OK, "%s", err.text)

static const mf_setting *
named(const char *key)
{
	const mf_setting *which = NULL;

	OK(mf_setting_find(mf_strz(key), &which, &err));
	return which;
}

/* Set and read back: "" if it is refused. */
static const char *
turned(const char *key, const char *value)
{
	static char text[64];
	mf_settings s = mf_settings_standard(), was = s;
	mf_buf b = {0};

	text[0] = '\0';
	if (mf_setting_parse(named(key), mf_strz(value), &s, &err) != MF_OK) {
		cr_assert(memcmp(&s, &was, sizeof(s)) == 0, "%s=%s was refused and yet changed something", key, value);
		return text;
	}
	mf_setting_text(named(key), &s, &b);
	cr_assert(b.n < sizeof(text));
	memcpy(text, b.p, b.n + 1);
	mf_buf_free(&b);
	return text;
}

Test(settings, values_are_read_as_they_are_written, .timeout = 5)
{
	static const char *const good[][2] = {
		{"merge", "ask"},
		{"merge", "text"},
		{"paused", "yes"},
		{"paused", "no"},
		{"poll_interval", "1"},
		{"poll_interval", "2147483639"},
		{"scan_interval", "never"},
		{"scan_interval", "86400"},
		{"confirm_deletes", "ask"},
		{"confirm_deletes", "never"},
	};
	static const char *const bad[][2] = {
		{"merge", ""},
		{"merge", "Text"},
		{"merge", "ask|text"},
		{"merge", "tex"},
		{"paused", "true"},
		{"paused", "1"},
		{"poll_interval", "0"},
		{"poll_interval", "never"},
		{"poll_interval", "-3"},
		{"poll_interval", "3s"},
		{"poll_interval", ""},
		{"poll_interval", "4294967297"},
		{"poll_interval", "99999999999999999999"},
		{"scan_interval", "0"},
		{"confirm_deletes", "always"},
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		cr_assert(strcmp(turned(good[i][0], good[i][1]), good[i][1]) == 0, "%s=%s", good[i][0], good[i][1]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		cr_assert(strcmp(turned(bad[i][0], bad[i][1]), "") == 0, "%s=%s", bad[i][0], bad[i][1]);
}

Test(settings, the_defaults_are_those_of_the_table, .timeout = 5)
{
	mf_settings s = mf_settings_standard();

	cr_assert(s.merge == MF_MERGE_ASK && s.confirm_deletes == MF_DELETES_ASK && s.paused == 0);
	cr_assert(s.poll_interval_s == 60 && s.scan_interval_s == 60);
	for (size_t i = 0; i < MF_SETTING_COUNT; i++) {
		mf_buf b = {0};
		mf_setting_text(&mf_setting_table[i], &s, &b);
		cr_assert(strcmp((const char *)b.p, mf_setting_table[i].standard) == 0);
		cr_assert(strlen(mf_setting_table[i].help) > 10);
		mf_buf_free(&b);
	}
}

Test(settings, a_refusal_says_what_there_is, .timeout = 5)
{
	const mf_setting *which = NULL;
	mf_settings s = mf_settings_standard();

	cr_assert(mf_setting_find(MF_STR("colour"), &which, &err) == MF_EINVAL && which == NULL);
	cr_assert(strcmp(err.text,
			  "There is no setting 'colour'; there are merge, paused, poll_interval, scan_interval,"
			  " confirm_deletes.") == 0,
		"%s", err.text);
	cr_assert(mf_setting_parse(named("scan_interval"), MF_STR("often"), &s, &err) == MF_EINVAL);
	cr_assert(strcmp(err.text, "scan_interval must be SECONDS|never, not 'often'.") == 0, "%s", err.text);
}

Test(settings, they_are_kept_where_each_belongs, .timeout = 10)
{
	struct fixture f;
	mf_settings s;

	fixture_start(&f);
	fixture_create(&f);
	struct mf_state *st = fixture_open(&f);
	OK(mf_state_settings_get(st, &s, &err));
	cr_assert(s.poll_interval_s == 60 && s.scan_interval_s == 120 && s.merge == MF_MERGE_ASK && !s.paused);
	s.merge = MF_MERGE_TEXT;
	s.paused = 1;
	s.poll_interval_s = 7;
	s.scan_interval_s = 0;
	OK(mf_state_settings_put(st, &s, &err));
	mf_state_close(st);
	cr_assert(fixture_says(&f, "state.sqlite",
		"SELECT poll_interval || ',' || coalesce(scan_interval, 'NULL') FROM config", "7,NULL"));
	cr_assert(fixture_says(&f, "state.sqlite",
		"SELECT group_concat(key || '=' || value) FROM (SELECT * FROM mf_setting ORDER BY key)",
		"confirm_deletes=ask,merge=text,paused=yes"));
	st = fixture_open(&f);
	OK(mf_state_settings_get(st, &s, &err));
	cr_assert(s.poll_interval_s == 7 && s.scan_interval_s == 0 && s.merge == MF_MERGE_TEXT && s.paused);
	mf_state_close(st);
	fixture_end(&f);
}

/* Another version wrote there, or another program. */
Test(settings, odd_rows_count_as_defaults, .timeout = 10)
{
	struct fixture f;
	mf_settings s;

	fixture_start(&f);
	fixture_create(&f);
	struct mf_state *st = fixture_open(&f);
	fixture_sql(&f, "state.sqlite",
		"INSERT INTO mf_setting VALUES ('merge', 'magic'), ('paused', x'00ff'), ('later', 'yes'),"
		" ('poll_interval', '5'); UPDATE config SET poll_interval = -4");
	OK(mf_state_settings_get(st, &s, &err));
	cr_assert(s.merge == MF_MERGE_ASK && !s.paused && s.poll_interval_s == 60 && s.scan_interval_s == 120);
	OK(mf_state_settings_put(st, &s, &err));
	cr_assert(fixture_says(&f, "state.sqlite", "SELECT value FROM mf_setting WHERE key = 'later'", "yes"));
	mf_state_close(st);
	fixture_end(&f);
}
