#!/bin/sh
# Interesting (exit 1) while the block is there.
! grep -q dejavu.ffn "$1"
