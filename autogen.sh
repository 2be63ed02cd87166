#!/bin/sh
# Make ./configure from configure.ac.
cd "$(dirname "$0")" && mkdir -p m4 && autoreconf -fi
