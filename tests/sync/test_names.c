/* Names that programs give to what they write for a moment. */
#include <criterion/criterion.h>

#include "sync/local/names.h"

Test(names, a_name_tells_what_its_file_is_for, .timeout = 10)
{
	static const struct {
		const char *name;
		enum mf_name_kind kind;
	} all[] = {
		{"report.txt", MF_NAME_PLAIN},
		{"Makefile", MF_NAME_PLAIN},
		{"saved-17", MF_NAME_PLAIN},
		{"part", MF_NAME_PLAIN},
		{"a.partial", MF_NAME_PLAIN},
		{"report.1234567", MF_NAME_PLAIN},
		{"notes.backup", MF_NAME_PLAIN},
		{"report.txt.conflict-bob", MF_NAME_PLAIN},
		{"0123456", MF_NAME_BRIEF},
		{"4913", MF_NAME_BRIEF},
		{".profile", MF_NAME_BRIEF},
		{"index.lock", MF_NAME_BRIEF},
		{"a___jb_tmp___", MF_NAME_BRIEF},
		{"#", MF_NAME_BRIEF},
		{"##", MF_NAME_BRIEF},
		{"lu3x9k.tmp", MF_NAME_STAGE},
		{"5C7F3A00", MF_NAME_STAGE},
		{"report.XatjSJ", MF_NAME_STAGE},
		{"report.txt.abcdef", MF_NAME_STAGE},
		{".report.txt.Xy1234", MF_NAME_STAGE},
		{"~$report.doc", MF_NAME_PASSING},
		{".~lock.report.odt#", MF_NAME_PASSING},
		{"#report.txt#", MF_NAME_PASSING},
		{".report.txt.swp", MF_NAME_PASSING},
		{".report.txt.swo", MF_NAME_PASSING},
		{"report.txt~", MF_NAME_PASSING},
		{".goutputstream-AB12CD", MF_NAME_PASSING},
		{"film.mkv.part", MF_NAME_PASSING},
		{"Unconfirmed 123.crdownload", MF_NAME_PASSING},
		{"~", MF_NAME_PLAIN},
		{".swp", MF_NAME_BRIEF},
		{"", MF_NAME_PLAIN},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		cr_assert(mf_name_kind(mf_strz(all[i].name)) == all[i].kind, "%s is %d", all[i].name,
			(int)mf_name_kind(mf_strz(all[i].name)));
}
