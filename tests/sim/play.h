/** @file
 * A play: two or three people have edited one file and know of each other's edits. */
#ifndef MF_TESTS_SIM_PLAY_H
#define MF_TESTS_SIM_PLAY_H

#include "cast.h"

#define BASE "the version that all began with, too long to travel in its capability"
#define OURS "what alice made of it, which is too long to travel in its capability .."
#define THEIRS "what bob made of it, which is too long to travel in its capability ...."
#define THIRD "what carol made of it, which is too long to travel in its capability .."
#define OTHER "something quite different, which is too long to travel in its capability"

struct play {
	struct cast c;
	struct member *a, *b, *d;
};

/** Alice, bob and, for @p n = 3, carol: nothing is in their folder, and only scans and polls find what they do. */
void play_cast(struct play *p, uint64_t seed, size_t n);
/** Alice, bob and, for @p n = 3, carol are in conflict about p: OURS, THEIRS, THIRD, all made from BASE. */
void play_init(struct play *p, uint64_t seed, size_t n);
/** All agree: p is @p text (NULL: is not there), and nothing is left of the conflict. */
void play_settled(struct play *p, const char *text);
/** It must succeed. */
void play_resolve(struct member *m, enum mf_take take, const char *use);
/** It must fail with this code and sentence. */
void play_refused(
	struct member *m, const char *relpath, enum mf_take take, const char *use, mf_code code, const char *text);

#endif
