/** @file
 * What a fuzz target is: one function that takes any bytes and must neither crash nor leak.
 *
 * fuzz_NAME.c defines it; tests/fuzz/corpus/NAME/ holds its seeds.  With --enable-fuzz (clang) libFuzzer
 * drives it, otherwise replay.c: every seed as it is, cut short, and with bytes changed. */
#ifndef MF_TESTS_FUZZ_H
#define MF_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/** @param p lent, @p n bytes, exactly that many readable.  @return 0 (libFuzzer's convention). */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#endif
