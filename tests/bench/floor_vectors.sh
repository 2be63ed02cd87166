#!/bin/sh
# The floor program encodes and decodes what Tahoe-LAFS does, byte for byte.
exec ./tests/bench/floor --vectors "$MF_SRC/tests/golden/lafs"
