/* The decision table of docs/planner.md, row by row: the test's name is the row's. */
#include <criterion/criterion.h>

#include "tests/sync/planner_case.h"

/* A case is a line of a table. */
/* clang-format off */

/* ---- 2.3: relations, line by line ------------------------------------------------------------------------------ */

Test(planner_relation, line_by_line, .timeout = 10)
{
	static const struct {
		const char *graph;
		enum mf_relation rel;
	} line[] = {
		{"o=1 r=1:o x=2:r", MF_REL_OLDER},                       /* 2 */
		{"o=1 x=1:o r=2:x", MF_REL_NEWER},                       /* 3 */
		{"o=1 x=2:o y=2:o r=3:y", MF_REL_NEWER},                 /* 4, the same change on their side */
		{"o=1 x=1:o r=2:o", MF_REL_NEWER},                       /* 4, a touch */
		{"o=1 r=2:o y=2:o x=3:y", MF_REL_OLDER},                 /* 5 */
		{"o=1 r=1:o x=2:o", MF_REL_OLDER},                       /* 5, a touch */
		{"o=1 x=2:o r=2:o", MF_REL_TWIN},                        /* 6 */
		{"x=1 r=1", MF_REL_TWIN},                                /* 6, without parents */
		{"o=1 x=-:o r=-:o", MF_REL_TWIN},                        /* 6, deletions */
		{"o=1 q=9 x=2:o r=2:q", MF_REL_EQUAL},                   /* 7 */
		{"o=1 q=9 x=-:o r=-:q", MF_REL_EQUAL},                   /* 7, two unrelated deletions */
		{"o=1 q=9 x=2:o y=2:q r=3:y", MF_REL_LOSES},             /* 8 */
		{"o=1 q=9 r=2:o y=2:q x=3:y", MF_REL_WINS},              /* 9 */
		{"o=1 q=9 x=2:o r=-:q", MF_REL_WINS},                    /* 10 */
		{"o=1 x=2:o r=-:o", MF_REL_OLDER},                       /* 10, nothing else lost */
		{"o=1 q=9 x=-:q r=2:o", MF_REL_LOSES},                   /* 11 */
		{"o=1 x=-:o r=2:o", MF_REL_NEWER},                       /* 11, nothing else lost */
		{"o=1 x=2:o r=3:o", MF_REL_CONFLICT},                    /* 12 */
		{"x=1 r=2", MF_REL_CONFLICT},                            /* 12, without parents */
		/* F5: a deletion of several versions is a real deletion */
		{"a=1 b=-:a c=3 d=3:bc x=-:d r=3:c", MF_REL_OLDER},
		/* F3: a merge that adds nothing to 2 gives way to what replaced 2 */
		{"a=1 d=-:a b=2 x=2:bd r=3:b", MF_REL_LOSES},
		/* an unknown hash counts as different in the past, and here nobody is there to be asked */
		{"x=1? r=1?", MF_REL_CONFLICT},
	};

	for (size_t i = 0; i < sizeof(line) / sizeof(line[0]); i++)
		cr_assert(planner_relation(line[i].graph) == line[i].rel, "%s: %d, expected %d", line[i].graph,
			(int)planner_relation(line[i].graph), (int)line[i].rel);
}

/* ---- 1.1: when a hash is asked for ----------------------------------------------------------------------------- */

PLANNER_TEST(planner_equality, asked_for_only_where_it_decides,
	{.name = "E and the disk, disk not hashed", .graph = "o=1", .disk = '1', .disk_not_hashed = true, .base = 'o',
		.self = 'o', .act = MF_ACT_NEED_CONTENT},
	{.name = "E has no hash", .graph = "o=1!", .disk = '1', .base = 'o', .self = 'o', .act = MF_ACT_NEED_CONTENT,
		.sid = 'o'},
	{.name = "E's hash cannot be had: an edit", .graph = "o=1#", .disk = '1', .base = 'o', .self = 'o',
		.act = MF_ACT_SNAPSHOT_LOCAL, .sids = "o"},
	{.name = "a head", .graph = "o=1 x=2:o r=2:o!", .disk = '2', .base = 'x', .self = 'x', .heads = "Br",
		.act = MF_ACT_NEED_CONTENT, .sid = 'r'},
	{.name = "a head whose hash cannot be had", .graph = "o=1 x=2:o r=2:o#", .disk = '2', .base = 'x', .self = 'x',
		.heads = "Br", .act = MF_ACT_RECORD_CONFLICTS, .sids = "r", .slots = "B"},
	{.name = "not for an ancestor", .graph = "o=1! x=2:o", .disk = '2', .base = 'x', .self = 'x', .heads = "Bo",
		.act = MF_ACT_NOTHING},
	{.name = "not for the past", .graph = "o=1 q=2:o! r=3:q", .disk = '2', .base = 'o', .self = 'o', .heads = "Br",
		.act = MF_ACT_SNAPSHOT_LOCAL, .sids = "o"},
	{.name = "is the head a touch?", .graph = "o=1 x=2:o r=1:o!", .disk = '2', .base = 'x', .self = 'x',
		.heads = "Br", .act = MF_ACT_NEED_CONTENT, .sid = 'r'},
	{.name = "it is older than an edit of what it touched", .graph = "o=1 x=2:o r=1:o", .disk = '2', .base = 'x',
		.self = 'x', .heads = "Br", .act = MF_ACT_NOTHING},
	{.name = "the disk may hold what is past", .graph = "o=1 q=2:o r=3:q", .disk = '2', .disk_not_hashed = true,
		.base = 'o', .self = 'o', .heads = "Br", .act = MF_ACT_NEED_CONTENT},
	{.name = "bytes on disk against what is newer", .graph = "o=1 r=2:o!", .disk = '1', .base = 'o', .self = 'o',
		.heads = "Br", .act = MF_ACT_NEED_CONTENT, .sid = 'r'})

/* ---- 4.1: the lines -------------------------------------------------------------------------------------------- */

PLANNER_TEST(planner_table, p0_nothing_can_be_said_of_the_disk,
	{.name = "root gone", .graph = "o=1 r=2:o", .kind = MF_LOCAL_ROOT_GONE, .base = 'o', .self = 'o', .heads = "Br",
		.act = MF_ACT_NOTHING},
	{.name = "unreadable", .graph = "o=1 r=2:o", .kind = MF_LOCAL_UNREADABLE, .base = 'o', .self = 'o',
		.heads = "Br", .act = MF_ACT_NOTHING},
	{.name = "unsettled", .graph = "o=1 r=2:o", .kind = MF_LOCAL_UNSETTLED, .base = 'o', .self = 'o', .heads = "Br",
		.intent = true, .act = MF_ACT_NOTHING},
	{.name = "a directory in the way of a take", .graph = "r=1", .kind = MF_LOCAL_OTHER, .heads = "Br",
		.act = MF_ACT_REPORT, .sid = 'r'},
	{.name = "a directory in the way of a merge", .graph = "o=1 x=-:o r=2", .kind = MF_LOCAL_OTHER, .base = 'x',
		.self = 'x', .heads = "Br", .act = MF_ACT_REPORT, .sid = 'r', .sids = "xr"},
	{.name = "a directory where a file was: the file is deleted", .graph = "o=1", .kind = MF_LOCAL_OTHER,
		.base = 'o', .self = 'o', .act = MF_ACT_SNAPSHOT_LOCAL, .sids = "o"},
	{.name = "a directory where a deletion arrives", .graph = "o=1 r=-:o", .kind = MF_LOCAL_OTHER, .base = 'o',
		.self = 'o', .heads = "Br", .act = MF_ACT_ADOPT, .sid = 'r'})

PLANNER_TEST(planner_table, p1_an_intent_comes_first,
	{.name = "before closing rows", .graph = "o=1 r=2:o", .disk = '1', .base = 'o', .self = '?', .rows = "Brc",
		.intent = true, .act = MF_ACT_CONTINUE_APPLY})

PLANNER_TEST(planner_table, p2_closing_rows_are_finished,
	{.name = "marker gone", .graph = "o=1 r=2:o", .disk = '1', .base = 'o', .self = '?', .rows = "Brg",
		.act = MF_ACT_DROP_ROW, .row = 'B'},
	{.name = "marker as written", .graph = "o=1 r=2:o", .disk = '1', .base = 'o', .self = '?', .rows = "Brc",
		.act = MF_ACT_REMOVE_MARKER, .row = 'B'},
	{.name = "marker edited", .graph = "o=1 r=2:o", .disk = '1', .base = 'o', .self = '?', .rows = "Brf",
		.act = MF_ACT_RELEASE_MARKER, .row = 'B'},
	{.name = "in slot order, before an open one", .graph = "o=1 r=2:o s=3:o", .disk = '1', .base = 'o',
		.self = 'o', .rows = "Crc Bsg Drn", .act = MF_ACT_DROP_ROW, .row = 'B'})

PLANNER_TEST(planner_table, p3_own_directory_is_read_first,
	{.name = "read-write", .graph = "o=1 r=2:o", .disk = '3', .base = 'o', .self = '?', .heads = "Br",
		.act = MF_ACT_NOTHING},
	{.name = "read-only needs none", .graph = "o=1 r=2:o", .disk = '1', .base = 'o', .self = '?', .heads = "Br",
		.read_only = true, .act = MF_ACT_TAKE, .sid = 'r'})

PLANNER_TEST(planner_table, p4_the_best_of_those_ahead,
	{.name = "not one that another overtakes", .graph = "o=1 r=2:o s=3:r", .disk = '1', .base = 'o', .self = 'o',
		.heads = "Br Cs", .act = MF_ACT_TAKE, .sid = 's'},
	{.name = "the deeper one", .graph = "o=1 q=4:o b=2:o c=3:q", .disk = '1', .base = 'o', .self = 'o',
		.heads = "Bb Cc", .act = MF_ACT_TAKE, .sid = 'c'},
	{.name = "Python's, as it cannot step back", .graph = "o=1 b=2:o c=3:o!", .disk = '1', .base = 'o', .self = 'o',
		.heads = "Bb Cc", .act = MF_ACT_NEED_CONTENT, .sid = 'c'},
	{.name = "Python's, hash known to be out of reach", .graph = "o=1# b=2:o# c=3:o!", .disk = '-', .base = 'o',
		.self = 'o', .heads = "Bb", .act = MF_ACT_TAKE, .sid = 'b'},
	{.name = "the smaller capability", .graph = "o=1 b=2:o c=3:o", .disk = '1', .base = 'o', .self = 'o',
		.heads = "Cb Bc", .act = MF_ACT_TAKE, .sid = 'b'},
	{.name = "not downward: merge", .graph = "a=2 b=1 c=1:b x=1:c o=2 r=3:o", .disk = '1', .base = 'x', .self = 'x',
		.heads = "Ba", .act = MF_ACT_RECORD_CONFLICTS, .sids = "a", .slots = "B"})

PLANNER_TEST(planner_table, p4a_ahead_with_the_bytes_on_disk,
	{.name = "adopt", .graph = "o=1 r=2:o", .disk = '2', .base = 'o', .self = 'o', .heads = "Br",
		.act = MF_ACT_ADOPT, .sid = 'r'},
	{.name = "a touch", .graph = "o=1 r=1:o", .disk = '1', .base = 'o', .self = 'o', .heads = "Br",
		.act = MF_ACT_ADOPT, .sid = 'r'})

PLANNER_TEST(planner_table, p4b_ahead_with_other_bytes,
	{.name = "take", .graph = "o=1 r=2:o", .disk = '1', .base = 'o', .self = 'o', .heads = "Br", .act = MF_ACT_TAKE,
		.sid = 'r'},
	{.name = "take a deletion", .graph = "o=1 r=-:o", .disk = '1', .base = 'o', .self = 'o', .heads = "Br",
		.act = MF_ACT_TAKE, .sid = 'r'},
	{.name = "a stale read does nothing", .graph = "o=1 x=2:o", .disk = '2', .base = 'x', .self = 'x', .heads = "Bo",
		.act = MF_ACT_NOTHING})

PLANNER_TEST(planner_table, p4c_ours_goes_into_the_history_before_it_loses,
	{.name = "a deletion not recorded yet", .graph = "o=1 r=2", .disk = '-', .base = 'o', .self = 'o', .heads = "Br",
		.act = MF_ACT_SNAPSHOT_LOCAL, .sids = "o"},
	{.name = "even if our own entry is in conflict", .graph = "o=1 q=9 y=2:q r=3:y s=4:o", .disk = '2', .base = 'o',
		.self = 's', .heads = "Br", .act = MF_ACT_SNAPSHOT_LOCAL, .sids = "o"})

PLANNER_TEST(planner_table, p4d_theirs_wins_by_a_merge,
	{.name = "not conflicted", .graph = "o=1 x=-:o r=2", .disk = '-', .base = 'x', .self = 'x', .heads = "Br",
		.act = MF_ACT_TAKE_MERGE, .sid = 'r', .sids = "xr"},
	{.name = "conflicted, p unmodified", .graph = "a=1 d=-:a b=2 x=2:bd c=9 r=3:b", .disk = '2', .base = 'x',
		.self = 'x', .heads = "Br Cc", .rows = "Ccw", .act = MF_ACT_TAKE_MERGE, .sid = 'r', .sids = "xr"},
	{.name = "newer, but not upward: a merge instead", .graph = "o=1 p=1:o x=-:p r=2:o", .disk = '-', .base = 'x',
		.self = 'x', .heads = "Br", .act = MF_ACT_TAKE_MERGE, .sid = 'r', .sids = "xr"})

PLANNER_TEST(planner_table, p5_the_same_change_made_twice,
	{.name = "published, theirs better", .graph = "o=1 x=2:o r=2:o", .disk = '2', .base = 'x', .self = 'x',
		.heads = "Br", .act = MF_ACT_ADOPT, .sid = 'r'},
	{.name = "published, ours better", .graph = "o=1 m=2:o r=2:o", .disk = '2', .base = 'm', .self = 'm',
		.heads = "Br", .act = MF_ACT_NOTHING},
	{.name = "published, Python's preferred", .graph = "m=2 r=2! q=1", .disk = '2', .base = 'm', .self = 'm',
		.heads = "Br", .act = MF_ACT_NEED_CONTENT, .sid = 'r'},
	{.name = "virtual, whatever the order", .graph = "o=1 z=2:o", .disk = '2', .base = 'o', .self = 'o',
		.heads = "Bz", .act = MF_ACT_ADOPT, .sid = 'z'},
	{.name = "pending, whatever the order", .graph = "o=1 m=2:o z=2:o", .disk = '2', .base = 'o', .pending = "m",
		.self = 'o', .heads = "Bz", .act = MF_ACT_ADOPT, .sid = 'z'},
	{.name = "the best of several", .graph = "o=1 x=2:o r=2:o s=2:o", .disk = '2', .base = 'x', .self = 'x',
		.heads = "Bs Cr", .act = MF_ACT_ADOPT, .sid = 'r'},
	{.name = "linked already, not recorded: no haste", .graph = "o=1 m=2:o z=2:o", .disk = '2', .base = 'o',
		.pending = "m", .self = 'm', .heads = "Bz", .act = MF_ACT_RECORD_PUBLISHED, .sid = 'm'})

PLANNER_TEST(planner_table, p6_an_edit_becomes_a_snapshot,
	{.name = "edit", .graph = "o=1", .disk = '2', .base = 'o', .self = 'o', .act = MF_ACT_SNAPSHOT_LOCAL,
		.sids = "o"},
	{.name = "what is absorbed is a parent, by capability", .graph = "o=1 p=8 q=9 s=-:p r=-:q", .disk = '2',
		.base = 'o', .self = 'o', .heads = "Bs Cr", .act = MF_ACT_SNAPSHOT_LOCAL, .sids = "ors"},
	{.name = "before a conflict is recorded", .graph = "o=1 r=2:o", .disk = '3', .base = 'o', .self = 'o',
		.heads = "Br", .act = MF_ACT_SNAPSHOT_LOCAL, .sids = "o"},
	{.name = "not while conflicted", .graph = "o=1 x=2:o r=3:o", .disk = '4', .base = 'x', .self = 'x',
		.heads = "Br", .rows = "Brw", .act = MF_ACT_NOTHING},
	{.name = "with what was settled while it was ignored", .graph = "o=1 r=3:o", .disk = '2', .base = 'o',
		.self = 'o', .heads = "Br", .known = "r", .act = MF_ACT_SNAPSHOT_LOCAL, .sids = "or"},
	{.name = "also if nothing was edited here", .graph = "o=1 r=3:o", .disk = '1', .base = 'o', .self = 'o',
		.heads = "Br", .known = "r", .act = MF_ACT_SNAPSHOT_LOCAL, .sids = "or"},
	{.name = "or the decision was to have nothing", .graph = "r=3", .disk = '-', .heads = "Br", .known = "r",
		.act = MF_ACT_SNAPSHOT_LOCAL, .sids = "r"},
	{.name = "not against our own newer entry", .graph = "o=1 s=2:o", .disk = '3', .base = 'o', .self = 's',
		.heads = "Bs", .act = MF_ACT_RECORD_CONFLICTS, .sids = "s", .slots = "B"},
	{.name = "a row for our own entry, if nobody else shows it", .graph = "o=1 s=2:o", .disk = '3', .base = 'o',
		.self = 's', .heads = "Bo", .act = MF_ACT_RECORD_CONFLICTS, .sids = "s", .slots = "A"})

PLANNER_TEST(planner_table, p7_pending_is_published,
	{.name = "our entry shows it", .graph = "o=1 x=2:o", .disk = '2', .base = 'o', .pending = "x", .self = 'x',
		.act = MF_ACT_RECORD_PUBLISHED, .sid = 'x'},
	{.name = "no entry", .graph = "x=2", .disk = '2', .pending = "x", .act = MF_ACT_PUBLISH, .sid = 'x'},
	{.name = "entry older, several pending", .graph = "o=1 x=2:o y=3:x", .disk = '3', .base = 'o', .pending = "xy",
		.self = 'o', .act = MF_ACT_PUBLISH, .sid = 'y'},
	{.name = "conflicted or not", .graph = "o=1 x=2:o r=3:o", .disk = '2', .base = 'o', .pending = "x", .self = 'o',
		.heads = "Br", .rows = "Brw", .act = MF_ACT_PUBLISH, .sid = 'x'},
	{.name = "not over our own newer entry", .graph = "o=1 x=2:o s=3:x", .disk = '2', .pending = "ox", .self = 's',
		.act = MF_ACT_TAKE, .sid = 's'},
	{.name = "not over an entry that conflicts", .graph = "o=1 x=2:o s=3:o", .disk = '2', .base = 'o',
		.pending = "x", .self = 's', .act = MF_ACT_RECORD_CONFLICTS, .sids = "s", .slots = "A"})

PLANNER_TEST(planner_table, p8_both_histories_in_a_merge,
	{.name = "equal", .graph = "o=1 q=9 x=2:o r=2:q", .disk = '2', .base = 'x', .self = 'x', .heads = "Br",
		.act = MF_ACT_SNAPSHOT_LOCAL, .sids = "xr"},
	{.name = "wins", .graph = "o=1 q=9 x=2:o r=-:q", .disk = '2', .base = 'x', .self = 'x', .heads = "Br",
		.act = MF_ACT_SNAPSHOT_LOCAL, .sids = "xr"},
	{.name = "also while conflicted", .graph = "o=1 q=9 x=2:o r=-:q s=3:o", .disk = '2', .base = 'x', .self = 'x',
		.heads = "Br Cs", .rows = "Csw", .act = MF_ACT_SNAPSHOT_LOCAL, .sids = "xr"},
	{.name = "pending goes first", .graph = "o=1 q=9 x=2:o r=-:q", .disk = '2', .base = 'o', .pending = "x",
		.self = 'o', .heads = "Br", .act = MF_ACT_PUBLISH, .sid = 'x'},
	{.name = "not in a read-only folder", .graph = "o=1 q=9 x=2:o r=2:q", .disk = '2', .base = 'x', .heads = "Br",
		.read_only = true, .act = MF_ACT_NOTHING})

PLANNER_TEST(planner_table, p9_rows_follow_the_conflict_set,
	{.name = "new", .graph = "o=1 x=2:o r=3:o", .disk = '2', .base = 'x', .self = 'x', .heads = "Br",
		.act = MF_ACT_RECORD_CONFLICTS, .sids = "r", .slots = "B"},
	{.name = "smallest name", .graph = "o=1 x=2:o r=3:o", .disk = '2', .base = 'x', .self = 'x', .heads = "Dr Cr Er",
		.act = MF_ACT_RECORD_CONFLICTS, .sids = "r", .slots = "C"},
	{.name = "one more: rows that are there come first", .graph = "o=1 x=2:o r=3:o c=4:o", .disk = '2', .base = 'x',
		.self = 'x', .heads = "Br Cc", .rows = "Brw", .act = MF_ACT_RECORD_CONFLICTS, .sids = "rc", .slots = "BC"},
	{.name = "a slot is kept", .graph = "o=1 x=2:o r=3:o c=4:o", .disk = '2', .base = 'x', .self = 'x',
		.heads = "Br Cc", .rows = "Drw", .act = MF_ACT_RECORD_CONFLICTS, .sids = "rc", .slots = "DC"},
	{.name = "they went on", .graph = "o=1 x=2:o r=3:o s=4:r", .disk = '2', .base = 'x', .self = 'x', .heads = "Bs",
		.rows = "Brw", .act = MF_ACT_RECORD_CONFLICTS, .sids = "s", .slots = "B"},
	{.name = "they left: the row stays", .graph = "o=1 x=2:o r=3:o", .disk = '2', .base = 'x', .self = 'x',
		.heads = "B-", .rows = "Brw", .act = MF_ACT_NOTHING},
	{.name = "they are read stale: the row stays", .graph = "o=1 x=2:o r=3:o", .disk = '2', .base = 'x', .self = 'x',
		.heads = "Bo", .rows = "Brw", .act = MF_ACT_NOTHING},
	{.name = "twins give one row, the better", .graph = "o=1 x=2:o r=3:o s=3:o", .disk = '2', .base = 'x',
		.self = 'x', .heads = "Bs Cr", .act = MF_ACT_RECORD_CONFLICTS, .sids = "r", .slots = "C"},
	{.name = "covered by what we absorb", .graph = "o=1 x=2:o r=3:o s=4:r", .disk = '4', .base = 'x', .self = 'x',
		.heads = "Br Cs", .rows = "Brw", .act = MF_ACT_RECORD_CONFLICTS})

PLANNER_TEST(planner_table, p10_markers_are_written,
	{.name = "absent", .graph = "o=1 x=2:o r=3:o", .disk = '2', .base = 'x', .self = 'x', .heads = "Br",
		.rows = "Brn", .act = MF_ACT_WRITE_MARKER, .row = 'B', .sid = 'r'},
	{.name = "there, not recorded", .graph = "o=1 x=2:o r=3:o", .disk = '2', .base = 'x', .self = 'x', .heads = "Br",
		.rows = "Bru", .act = MF_ACT_MARKER_DONE, .row = 'B'},
	{.name = "what we wrote before", .graph = "o=1 x=2:o r=3:o", .disk = '2', .base = 'x', .self = 'x',
		.heads = "Br", .rows = "Bro", .act = MF_ACT_WRITE_MARKER, .row = 'B'},
	{.name = "something of the user's", .graph = "o=1 x=2:o r=3:o", .disk = '2', .base = 'x', .self = 'x',
		.heads = "Br", .rows = "Brx", .act = MF_ACT_RELEASE_MARKER, .row = 'B'},
	{.name = "theirs has no hash", .graph = "o=1 x=2:o r=3:o?", .disk = '2', .disk_not_hashed = true, .base = 'x',
		.self = 'x', .heads = "Br", .rows = "Bru", .act = MF_ACT_NEED_CONTENT},
	{.name = "in slot order", .graph = "o=1 x=2:o r=3:o s=4:o", .disk = '2', .base = 'x', .self = 'x',
		.heads = "Br Cs", .rows = "Csn Brn", .act = MF_ACT_WRITE_MARKER, .row = 'B'})

PLANNER_TEST(planner_table, p9a_a_person_has_decided,
	{.name = "mine, with its marker still there", .graph = "o=1 x=2:o r=3:o", .disk = '2', .base = 'x', .self = 'x',
		.heads = "Br", .rows = "Brw", .choice = '=', .act = MF_ACT_RESOLVE, .sids = "xr"},
	{.name = "mine, edited; no marker written yet", .graph = "o=1 x=2:o r=3:o", .disk = '4', .base = 'x',
		.self = 'x', .heads = "Br", .rows = "Brn", .choice = '=', .act = MF_ACT_RESOLVE, .sids = "xr"},
	{.name = "a version: all rows are parents", .graph = "o=1 x=2:o r=3:o s=4:o", .disk = '2', .base = 'x',
		.self = 'x', .heads = "Br Cs", .rows = "Brw Csd", .choice = 's', .act = MF_ACT_RESOLVE_WITH, .sid = 's',
		.sids = "xrs"},
	{.name = "a text", .graph = "o=1 x=2:o r=3:o", .disk = '2', .base = 'x', .self = 'x', .heads = "Br",
		.rows = "Brw", .choice = '+', .act = MF_ACT_RESOLVE_WITH, .sids = "xr"},
	{.name = "p deleted, their version wanted", .graph = "o=1 x=2:o r=3:o", .disk = '-', .base = 'x', .self = 'x',
		.heads = "Br", .rows = "Brw", .choice = 'r', .act = MF_ACT_RESOLVE_WITH, .sid = 'r', .sids = "xr"},
	{.name = "not over a directory", .graph = "o=1 x=2:o r=3:o", .kind = MF_LOCAL_OTHER, .base = 'x', .self = 'x',
		.heads = "Br", .rows = "Brw", .choice = 'r', .act = MF_ACT_REPORT, .sid = 'r', .sids = "xr"},
	{.name = "what is pending comes first", .graph = "o=1 x=2:o r=3:o", .disk = '2', .base = 'o', .pending = "x",
		.self = 'o', .heads = "Br", .rows = "Brw", .choice = '=', .act = MF_ACT_PUBLISH, .sid = 'x'},
	{.name = "nothing is in conflict any more", .graph = "o=1 x=2:o", .disk = '2', .base = 'x', .self = 'x',
		.choice = '=', .act = MF_ACT_NOTHING},
	{.name = "read-only, mine", .graph = "o=1 r=3:o", .disk = '2', .base = 'o', .heads = "Br", .rows = "Brw",
		.choice = '=', .read_only = true, .act = MF_ACT_RESOLVE, .known_after = "r"},
	{.name = "read-only, theirs: what is left is known", .graph = "o=1 x=2:o r=3:o s=4:o", .disk = '2', .base = 'x',
		.heads = "Br Cs", .rows = "Brw Csw", .choice = 's', .read_only = true, .act = MF_ACT_RESOLVE_WITH,
		.sid = 's', .base_after = 's', .known_after = "rx"},
	{.name = "and it is quiet then", .graph = "o=1 x=2:o r=3:o s=4:o", .disk = '4', .base = 's', .known = "rx",
		.heads = "Br Cs Dx", .read_only = true, .act = MF_ACT_NOTHING})

PLANNER_TEST(planner_table, p11_no_marker_left_is_a_decision,
	{.name = "one marker is left", .graph = "o=1 x=2:o r=3:o s=4:o", .disk = '2', .base = 'x', .self = 'x',
		.heads = "Br Cs", .rows = "Brd Csw", .look = '2', .act = MF_ACT_NOTHING},
	{.name = "an edited marker is still one", .graph = "o=1 x=2:o r=3:o", .disk = '2', .base = 'x', .self = 'x',
		.heads = "Br", .rows = "Bre", .look = '2', .act = MF_ACT_NOTHING},
	{.name = "first look", .graph = "o=1 x=2:o r=3:o", .disk = '2', .base = 'x', .self = 'x', .heads = "Br",
		.rows = "Brd", .act = MF_ACT_LOOK_AGAIN},
	{.name = "p changed between the looks", .graph = "o=1 x=2:o r=3:o", .disk = '4', .base = 'x', .self = 'x',
		.heads = "Br", .rows = "Brd", .look = '2', .act = MF_ACT_LOOK_AGAIN},
	{.name = "p went between the looks", .graph = "o=1 x=2:o r=3:o", .disk = '-', .base = 'x', .self = 'x',
		.heads = "Br", .rows = "Brd", .look = '2', .act = MF_ACT_LOOK_AGAIN},
	{.name = "mine", .graph = "o=1 x=2:o r=3:o", .disk = '2', .base = 'x', .self = 'x', .heads = "Br", .rows = "Brd",
		.look = '2', .act = MF_ACT_RESOLVE, .sids = "xr"},
	{.name = "edited: parents in slot order", .graph = "o=1 x=2:o r=3:o s=5:o", .disk = '4', .base = 'x',
		.self = 'x', .heads = "Cr Bs", .rows = "Crd Bsd", .look = '4', .act = MF_ACT_RESOLVE, .sids = "xsr"},
	{.name = "deleted", .graph = "o=1 x=2:o r=3:o", .disk = '-', .base = 'x', .self = 'x', .heads = "Br",
		.rows = "Brd", .look = '-', .act = MF_ACT_RESOLVE, .sids = "xr"},
	{.name = "never written is not deleted", .graph = "o=1 x=2:o r=3:o", .disk = '2', .base = 'x', .self = 'x',
		.heads = "Br", .rows = "Brn", .look = '2', .act = MF_ACT_WRITE_MARKER, .row = 'B'})

PLANNER_TEST(planner_table, p12_our_entry_shows_base,
	{.name = "no entry", .graph = "o=1", .disk = '1', .base = 'o', .act = MF_ACT_LINK, .sid = 'o'},
	{.name = "older", .graph = "o=1 x=2:o", .disk = '2', .base = 'x', .self = 'o', .act = MF_ACT_LINK, .sid = 'x'},
	{.name = "a twin to be left", .graph = "o=1 m=2:o z=2:o", .disk = '2', .base = 'm', .self = 'z',
		.act = MF_ACT_LINK, .sid = 'm'},
	{.name = "not with something pending", .graph = "o=1 x=2:o y=3:o", .disk = '2', .base = 'o', .pending = "x",
		.self = 'y', .rows = "Ayw", .act = MF_ACT_NOTHING},
	{.name = "not in a read-only folder", .graph = "o=1", .disk = '1', .base = 'o', .read_only = true,
		.act = MF_ACT_NOTHING})

PLANNER_TEST(planner_table, p13_otherwise_nothing,
	{.name = "all the same", .graph = "o=1", .disk = '1', .base = 'o', .self = 'o', .heads = "Bo Co",
		.act = MF_ACT_NOTHING},
	{.name = "nothing at all", .graph = "", .disk = '-', .act = MF_ACT_NOTHING},
	{.name = "nobody read yet", .graph = "o=1", .disk = '1', .base = 'o', .self = 'o', .heads = "B? C?",
		.act = MF_ACT_NOTHING})
