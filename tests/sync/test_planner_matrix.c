/* The matrices of docs/planner.md: local situation by relation of the best candidate.  A test is a row, a case
 * a cell; cells that cannot be are left out. */
#include <criterion/criterion.h>

#include "tests/sync/planner_case.h"

/* A case is a line of a table. */
/* clang-format off */

#define SNAPSHOT .act = MF_ACT_SNAPSHOT_LOCAL
#define ADOPT .act = MF_ACT_ADOPT, .sid = 'r'
#define TAKE .act = MF_ACT_TAKE, .sid = 'r'
#define MERGE .act = MF_ACT_TAKE_MERGE, .sid = 'r'
#define PUBLISH .act = MF_ACT_PUBLISH
#define RECORD .act = MF_ACT_RECORD_CONFLICTS

/* ---- not conflicted, read-write -------------------------------------------------------------------------------- */

PLANNER_TEST(planner_matrix, L0_no_base_nothing_there,
	{.name = "none", .graph = "", .act = MF_ACT_NOTHING},
	{.name = "newer, same bytes", .graph = "o=1 r=-:o", .heads = "Br", ADOPT},
	{.name = "newer, other bytes", .graph = "r=1", .heads = "Br", TAKE})

#define L1 .disk = '1', .heads = "Br"
PLANNER_TEST(planner_matrix, L1_no_base_a_file_there,
	{.name = "none", .graph = "", .disk = '1', SNAPSHOT},
	{.name = "newer, same bytes", .graph = "q=9 r=1:q", L1, ADOPT},
	{.name = "newer, other bytes: an old copy", .graph = "o=1 r=2:o", L1, TAKE},
	{.name = "newer, a deletion of what is here", .graph = "o=1 r=-:o", L1, TAKE},
	{.name = "twin", .graph = "r=1", L1, ADOPT},
	{.name = "wins", .graph = "q=9 r=-:q", L1, SNAPSHOT, .sids = "r"},
	{.name = "conflict", .graph = "r=2", L1, SNAPSHOT})

#define L2 .heads = "Br"
PLANNER_TEST(planner_matrix, L2_base_and_a_clean_disk,
	{.name = "same", .graph = "r=1", .disk = '1', .base = 'r', .self = 'r', L2, .act = MF_ACT_NOTHING},
	{.name = "older", .graph = "r=1 x=2:r", .disk = '2', .base = 'x', .self = 'x', L2, .act = MF_ACT_NOTHING},
	{.name = "newer, same bytes", .graph = "x=1 r=1:x", .disk = '1', .base = 'x', .self = 'x', L2, ADOPT},
	{.name = "newer, other bytes", .graph = "x=1 r=2:x", .disk = '1', .base = 'x', .self = 'x', L2, TAKE},
	{.name = "twin, theirs preferred", .graph = "o=1 x=2:o r=2:o", .disk = '2', .base = 'x', .self = 'x', L2, ADOPT},
	{.name = "twin, ours preferred", .graph = "o=1 m=2:o r=2:o", .disk = '2', .base = 'm', .self = 'm', L2,
		.act = MF_ACT_NOTHING},
	{.name = "equal", .graph = "o=1 q=9 x=2:o r=2:q", .disk = '2', .base = 'x', .self = 'x', L2, SNAPSHOT,
		.sids = "xr"},
	{.name = "wins", .graph = "o=1 q=9 x=2:o r=-:q", .disk = '2', .base = 'x', .self = 'x', L2, SNAPSHOT,
		.sids = "xr"},
	{.name = "loses", .graph = "o=1 q=9 x=2:o y=2:q r=3:y", .disk = '2', .base = 'x', .self = 'x', L2, MERGE,
		.sids = "xr"},
	{.name = "loses, a deletion", .graph = "o=1 x=-:o r=2", .disk = '-', .base = 'x', .self = 'x', L2, MERGE,
		.sids = "xr"},
	{.name = "conflict", .graph = "o=1 x=2:o r=3:o", .disk = '2', .base = 'x', .self = 'x', L2, RECORD, .sids = "r"})

#define L3 .disk = '2', .base = 'o', .self = 'o', .heads = "Br"
PLANNER_TEST(planner_matrix, L3_base_and_an_edited_file,
	{.name = "none", .graph = "o=1", .disk = '2', .base = 'o', .self = 'o', SNAPSHOT, .sids = "o"},
	{.name = "re-created", .graph = "n=1 o=-:n", .disk = '2', .base = 'o', .self = 'o', SNAPSHOT, .sids = "o"},
	{.name = "older", .graph = "r=9 o=1:r", L3, SNAPSHOT, .sids = "o"},
	{.name = "newer, same bytes", .graph = "o=1 q=3:o r=2:q", L3, ADOPT},
	{.name = "newer, other bytes", .graph = "o=1 q=2:o r=3:q", L3, TAKE},
	{.name = "twin", .graph = "o=1 r=2:o", L3, ADOPT},
	{.name = "equal", .graph = "o=1 q=9 r=2:q", L3, SNAPSHOT, .sids = "or"},
	{.name = "wins", .graph = "o=1 q=9 r=-:q", L3, SNAPSHOT, .sids = "or"},
	{.name = "loses", .graph = "o=1 q=9 y=2:q r=3:y", L3, SNAPSHOT, .sids = "o"},
	{.name = "conflict", .graph = "o=1 r=3:o", L3, SNAPSHOT, .sids = "o"})

#define L4 .disk = '-', .base = 'o', .self = 'o', .heads = "Br"
PLANNER_TEST(planner_matrix, L4_base_is_a_file_now_missing,
	{.name = "none", .graph = "o=1", .disk = '-', .base = 'o', .self = 'o', SNAPSHOT, .sids = "o"},
	{.name = "older, a touch", .graph = "o=1 r=1:o", L4, SNAPSHOT, .sids = "o"},
	{.name = "newer, same bytes", .graph = "o=1 q=2:o r=-:q", L4, ADOPT},
	{.name = "newer, other bytes: the edit wins", .graph = "o=1 r=2:o", L4, TAKE},
	{.name = "twin", .graph = "o=1 r=-:o", L4, ADOPT},
	{.name = "equal", .graph = "o=1 q=9 r=-:q", L4, SNAPSHOT, .sids = "or"},
	{.name = "wins, they chose by merge what we deleted", .graph = "o=1 q=9 d=-:q r=1:od", L4, SNAPSHOT,
		.sids = "or"},
	{.name = "loses", .graph = "o=1 r=2", L4, SNAPSHOT, .sids = "o"})

#define L5 .disk = '2', .base = 'o', .pending = "x", .self = 'o', .heads = "Br"
PLANNER_TEST(planner_matrix, L5_pending_and_clean,
	{.name = "none", .graph = "o=1 x=2:o", .disk = '2', .base = 'o', .pending = "x", .self = 'o', PUBLISH, .sid = 'x'},
	{.name = "newer, same bytes", .graph = "o=1 x=2:o q=3:o r=2:q", L5, ADOPT},
	{.name = "newer, other bytes", .graph = "o=1 x=2:o q=2:o r=3:q", L5, TAKE},
	{.name = "twin, theirs preferred", .graph = "o=1 x=2:o r=2:o", L5, ADOPT},
	{.name = "twin, ours preferred", .graph = "o=1 m=2:o r=2:o", .disk = '2', .base = 'o', .pending = "m", .self = 'o',
		.heads = "Br", ADOPT},
	{.name = "equal", .graph = "o=1 x=2:o q=9 r=2:q", L5, PUBLISH, .sid = 'x'},
	{.name = "wins", .graph = "o=1 x=2:o q=9 r=-:q", L5, PUBLISH, .sid = 'x'},
	{.name = "loses", .graph = "o=1 x=2:o q=9 y=2:q r=3:y", L5, MERGE, .sids = "xr"},
	{.name = "conflict", .graph = "o=1 x=2:o r=3:o", L5, PUBLISH, .sid = 'x'})

#define L6 .disk = '3', .base = 'o', .pending = "x", .self = 'o', .heads = "Br"
PLANNER_TEST(planner_matrix, L6_pending_and_edited_again,
	{.name = "none", .graph = "o=1 x=2:o", .disk = '3', .base = 'o', .pending = "x", .self = 'o', SNAPSHOT,
		.sids = "x"},
	{.name = "newer, same bytes", .graph = "o=1 x=2:o f=2:o g=5:f r=3:g", L6, ADOPT},
	{.name = "newer, other bytes", .graph = "o=1 x=2:o f=2:o g=3:f r=6:g", L6, TAKE},
	{.name = "twin", .graph = "o=1 x=2:o f=2:o r=3:f", L6, ADOPT},
	{.name = "equal", .graph = "o=1 x=2:o q=9 r=3:q", L6, SNAPSHOT, .sids = "xr"},
	{.name = "wins", .graph = "o=1 x=2:o q=9 r=-:q", L6, SNAPSHOT, .sids = "xr"},
	{.name = "loses", .graph = "o=1 x=2:o q=9 y=3:q r=4:y", L6, SNAPSHOT, .sids = "x"},
	{.name = "conflict", .graph = "o=1 x=2:o r=7:o", L6, SNAPSHOT, .sids = "x"})

/* ---- conflicted, read-write ------------------------------------------------------------------------------------- */

/* 'x' is ours, 's' in C's slot is what we are in conflict with. */
#define CLEAN .disk = '2', .base = 'x', .self = 'x', .heads = "Br Cs", .rows = "Csw"
PLANNER_TEST(planner_conflicted, clean,
	{.name = "a row that is older now", .graph = "o=1 s=3:o x=2:os", .disk = '2', .base = 'x', .self = 'x',
		.heads = "Cs", .rows = "Csw", RECORD},
	{.name = "older", .graph = "o=1 r=9:o x=2:r s=3:o", CLEAN, .act = MF_ACT_NOTHING},
	{.name = "newer, same bytes", .graph = "o=1 x=2:o s=3:o r=2:x", CLEAN, ADOPT},
	{.name = "newer, same bytes, all is over", .graph = "o=1 x=2:o s=3:o r=2:xs", .disk = '2', .base = 'r',
		.self = 'x', .heads = "Br Cs", .rows = "Csw", RECORD},
	{.name = "newer, other bytes: a resolution", .graph = "o=1 x=2:o s=3:o r=4:xs", CLEAN, TAKE},
	{.name = "newer, other bytes: covers some", .graph = "o=1 x=2:o s=3:o r=4:x", CLEAN, TAKE},
	{.name = "twin", .graph = "o=1 x=2:o s=3:o r=2:o", CLEAN, ADOPT},
	{.name = "equal", .graph = "o=1 x=2:o s=3:o q=9 r=2:q", CLEAN, SNAPSHOT, .sids = "xr"},
	{.name = "wins", .graph = "o=1 x=2:o s=3:o q=9 r=-:q", CLEAN, SNAPSHOT, .sids = "xr"},
	{.name = "loses", .graph = "o=1 x=2:o s=3:o q=9 y=2:q r=4:y", CLEAN, MERGE, .sids = "xr"},
	{.name = "conflict: one more", .graph = "o=1 x=2:o s=3:o r=4:o", CLEAN, RECORD, .sids = "sr", .slots = "CB"},
	{.name = "conflict: replaces the row", .graph = "o=1 x=2:o s=3:o r=4:s", CLEAN, RECORD, .sids = "r"})

#define DIRTY .disk = '8', .base = 'x', .self = 'x', .heads = "Br Cs", .rows = "Csw"
PLANNER_TEST(planner_conflicted, dirty,
	{.name = "a row that is older now", .graph = "o=1 s=3:o x=2:os", .disk = '8', .base = 'x', .self = 'x',
		.heads = "Cs", .rows = "Csw", RECORD},
	{.name = "nothing is published while one is left", .graph = "o=1 r=9:o x=2:r s=3:o", DIRTY,
		.act = MF_ACT_NOTHING},
	{.name = "newer, same bytes", .graph = "o=1 x=2:o s=3:o r=8:xs", DIRTY, ADOPT},
	{.name = "newer, other bytes, knows what is on disk", .graph = "o=1 x=2:o s=3:o q=8:x r=9:q", DIRTY, TAKE},
	{.name = "a mere descendant is a conflict", .graph = "o=1 x=2:o s=3:o r=4:x", DIRTY, RECORD, .sids = "sr"},
	{.name = "twin", .graph = "o=1 x=2:o s=3:o r=8:x", DIRTY, ADOPT},
	{.name = "equal, the row stays", .graph = "o=1 x=2:o s=3:o q=9 r=8:q", DIRTY, .act = MF_ACT_NOTHING},
	{.name = "equal, covers the row", .graph = "o=1 x=2:o s=3:o r=8:s", DIRTY, RECORD},
	{.name = "loses, the row stays", .graph = "o=1 x=2:o s=3:o q=9 y=8:q r=4:y", DIRTY, .act = MF_ACT_NOTHING},
	{.name = "loses, covers the row", .graph = "o=1 x=2:o s=3:o q=8:s r=4:q", DIRTY, RECORD},
	{.name = "conflict: a resolution of all, p edited meanwhile", .graph = "o=1 x=2:o s=3:o r=4:xs", DIRTY, RECORD,
		.sids = "r"})

#define DELETED .disk = '-', .base = 'x', .self = 'x', .heads = "Br Cs", .rows = "Csw"
PLANNER_TEST(planner_conflicted, deleted,
	{.name = "older", .graph = "o=1 r=9:o x=2:r s=3:o", DELETED, .act = MF_ACT_NOTHING},
	{.name = "newer, theirs is a deletion, too", .graph = "o=1 x=2:o s=3:o q=4:x r=-:q", DELETED, ADOPT},
	{.name = "newer becomes conflict", .graph = "o=1 x=2:o s=3:o r=4:xs", DELETED, RECORD, .sids = "r"},
	{.name = "newer, deletion known there: take", .graph = "o=1 x=2:o s=3:o q=-:x r=4:q", DELETED, TAKE},
	{.name = "without a base: take", .graph = "s=3 r=4:s", .disk = '-', .heads = "Br Cs", .rows = "Csw", TAKE},
	{.name = "twin", .graph = "o=1 x=2:o s=3:o r=-:x", DELETED, ADOPT},
	{.name = "equal, covers the row", .graph = "o=1 x=2:o s=3:o r=-:s", DELETED, RECORD},
	{.name = "wins, the row stays", .graph = "o=1 x=2:o s=3:o q=9 d=-:q r=2:xd", DELETED, .act = MF_ACT_NOTHING},
	{.name = "loses becomes conflict", .graph = "o=1 x=2:o s=3:o r=9", DELETED, RECORD, .sids = "sr"},
	{.name = "the row itself stays", .graph = "o=1 x=2:o s=3:o", .disk = '-', .base = 'x', .self = 'x',
		.heads = "Cs", .rows = "Csw", .act = MF_ACT_NOTHING})

/* ---- read-only ------------------------------------------------------------------------------------------------- */

#define READ_ONLY .base = 'o', .read_only = true
PLANNER_TEST(planner_read_only, follows_and_never_publishes,
	{.name = "clean: take", .graph = "o=1 r=2:o", .disk = '1', .heads = "Br", READ_ONLY, TAKE},
	{.name = "bytes here: adopt", .graph = "o=1 r=2:o", .disk = '2', .heads = "Br", READ_ONLY, ADOPT},
	{.name = "a local edit stays local", .graph = "o=1", .disk = '2', .heads = "Bo", READ_ONLY,
		.act = MF_ACT_NOTHING},
	{.name = "diverged heads: the better one", .graph = "o=1 r=2:o s=3:o", .disk = '1', .heads = "Bs Cr", READ_ONLY,
		TAKE},
	{.name = "the other a row", .graph = "o=1 r=2:o s=3:o", .disk = '2', .base = 'r', .heads = "Bs Cr",
		.read_only = true, RECORD, .sids = "s", .slots = "B"},
	{.name = "an edit and a newer head: conflict", .graph = "o=1 r=3:o", .disk = '2', .heads = "Br", READ_ONLY,
		RECORD, .sids = "r"},
	{.name = "loses is newer", .graph = "o=1 q=9 d=-:o r=2:q", .disk = '-', .base = 'd', .heads = "Br",
		.read_only = true, .act = MF_ACT_NOTHING},
	{.name = "loses is newer, upward", .graph = "o=1 q=9 p=8:q d=-:o r=2:p", .disk = '-', .base = 'd', .heads = "Br",
		.read_only = true, TAKE},
	{.name = "equal is older", .graph = "o=1 q=9 r=1:q", .disk = '1', .heads = "Br", .base = 'o', .read_only = true,
		.act = MF_ACT_ADOPT, .sid = 'r'},
	{.name = "equal is older, histories apart", .graph = "n=8 o=1:n q=9 r=1:q", .disk = '1', .heads = "Br",
		READ_ONLY, .act = MF_ACT_NOTHING},
	{.name = "wins is older", .graph = "o=1 q=9 r=-:q", .disk = '1', .heads = "Br", READ_ONLY, .act = MF_ACT_NOTHING})

PLANNER_TEST(planner_read_only, settles_locally,
	{.name = "mine: known", .graph = "o=1 r=3:o", .disk = '2', .heads = "Br", .rows = "Brd", .look = '2', READ_ONLY,
		.act = MF_ACT_RESOLVE, .known_after = "r"},
	{.name = "afterwards it is quiet", .graph = "o=1 r=3:o", .disk = '2', .heads = "Br", .known = "r", READ_ONLY,
		.act = MF_ACT_NOTHING},
	{.name = "what comes after is a conflict again", .graph = "o=1 r=3:o s=4:r", .disk = '2', .heads = "Bs",
		.known = "r", READ_ONLY, RECORD, .sids = "s"},
	{.name = "what was known and is surpassed goes", .graph = "o=1 r=3:o s=4:r", .disk = '2', .heads = "Bs",
		.rows = "Bsd", .known = "r", .look = '2', READ_ONLY, .act = MF_ACT_RESOLVE, .known_after = "s"},
	{.name = "p equals one of the rows: that one closes", .graph = "o=1 q=9:o r=3:o s=4:o", .disk = '4', .heads = "Br Cs",
		.rows = "Brd Csd", .look = '4', .base = 'q', .read_only = true, RECORD, .sids = "r"},
	{.name = "known is a part of ours: it is no conflict", .graph = "o=1 r=3:o", .disk = '1', .heads = "Br",
		.known = "r", READ_ONLY, .act = MF_ACT_NOTHING})
