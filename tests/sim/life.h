/** @file
 * One random life of a shared folder: users who write, delete, rename and settle conflicts, processes that crash, power
 * that fails, a grid that lies and loses, disks that fill up, or go and come back, rules that change, a Python program
 * among them.  At the end all faults stop, conflicts are settled, and everything must be as the users' knowledge says
 * (oracle.h). */
#ifndef MF_TESTS_SIM_LIFE_H
#define MF_TESTS_SIM_LIFE_H

#include "oracle.h"

/** What may happen in a life; bits. */
enum life_with {
	LIFE_CRASH = 1,
	LIFE_POWER = 2,
	LIFE_STALE = 4,
	LIFE_CUT_OFF = 8,
	LIFE_GRID_FAILS = 16,
	LIFE_LOST_ANSWER = 32,
	LIFE_FULL = 64,
	LIFE_DEAF = 128,
	LIFE_CLOCK = 256,
	LIFE_NO_EXCHANGE = 512,
	LIFE_PREEMPT = 1024,
	LIFE_SLOW = 2048,
	LIFE_INSIDE = 4096,
	LIFE_DIRS = 8192,
	LIFE_SETTLE = 16384,
	LIFE_GRAIN = 32768,
	LIFE_DISK_FAILS = 65536,
	LIFE_LOCKED = 131072,
	LIFE_PAUSE = 262144,
	LIFE_SETTINGS = 524288,   /* of the folder are changed */
	LIFE_MANY = 1048576,      /* many files, deleted all at once, and the question that follows */
	LIFE_MOUNT = 2097152,     /* a disk below the folder, unmounted and mounted again */
	LIFE_ROOT = 4194304,      /* the folder's directory is away for a while */
	LIFE_RULES = 8388608,     /* a .magicignore is made, edited, removed */
	LIFE_PYTHON = 16777216,   /* one more participant, who behaves as the Python program does */
	LIFE_DATABASE = 33554432, /* the index is lost, or both databases are put back to an older state */
	LIFE_ALL = 67108863,
};

/** What is counted: that a misfortune came to pass, or that something else of note was done. */
enum life_kind {
	LIFE_DID_CRASH,
	LIFE_DID_POWER_CUT,
	LIFE_DID_READ_STALE,
	LIFE_DID_CUT_OFF,
	LIFE_DID_GRID_FAIL,
	LIFE_DID_LOSE_ANSWER,
	LIFE_DID_FILL_DISK,
	LIFE_DID_DROP_EVENT,
	LIFE_DID_OVERFLOW,
	LIFE_DID_JUMP_CLOCK,
	LIFE_DID_REFUSE_EXCHANGE,
	LIFE_DID_PREEMPT,
	LIFE_DID_SLOW_DOWN,
	LIFE_DID_ACT_INSIDE,
	LIFE_DID_MOVE_TREE,
	LIFE_DID_SETTLE,
	LIFE_DID_COARSE_TIMES,
	LIFE_DID_FAIL_CALL,
	LIFE_DID_LOCK_DATABASE,
	LIFE_DID_PAUSE,
	LIFE_DID_SET,
	LIFE_DID_ASK,
	LIFE_DID_CONFIRM,
	LIFE_DID_RESTORE,
	LIFE_DID_UNMOUNT,
	LIFE_DID_MOVE_ROOT,
	LIFE_DID_CHANGE_RULES,
	LIFE_DID_WITHHOLD,
	LIFE_DID_PYTHON_PUBLISH,
	LIFE_DID_PYTHON_TAKE,
	LIFE_DID_PYTHON_CONFLICT,
	LIFE_DID_LOSE_INDEX,
	LIFE_DID_ROLL_BACK,
	LIFE_KINDS,
};
/** Its name in a few words, and without which bits of life_with it cannot be. */
const char *life_kind_name(enum life_kind kind);
unsigned life_kind_needs(enum life_kind kind);

typedef struct life_conf {
	uint64_t seed;
	unsigned with;    /* life_with; chosen by the seed if 0 */
	unsigned members; /* 1 to 4; chosen by the seed if 0 */
	unsigned without; /* of what the seed chooses, these do not happen */
	unsigned steps;   /* user actions and misfortunes; chosen by the seed if 0 */
	const bool *skip; /* `steps` of them: these do not happen; NULL: all do */
	bool reader;      /* one more member, read-only, whose user does what others do, too */
	bool one_writer;  /* only the first member's user does anything: no conflict may ever be seen */
} life_conf;

typedef struct life_result {
	char wrong[320]; /* empty: all was well */
	uint64_t trace;
	unsigned with, steps; /* as chosen; steps: up to where it went wrong */
	uint64_t calls;       /* of the engine: files, databases, grid */
	uint64_t events;      /* jobs begun and ended, timers, watch events */
	size_t ops, troubles, conflicts;
	size_t truths; /* times that somebody said to be up to date, and was */
	uint64_t did[LIFE_KINDS];
	int64_t virtual_ms;
} life_result;

/** Live it.  Also aborts the test where cast.h does. */
void life_run(const life_conf *conf, life_result *out);

#endif
