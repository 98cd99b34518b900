#!/usr/bin/env bash
# tidy.sh [FILE...] - clang-tidy, by .clang-tidy, on the given sources, else
# on all. Needs a configured build for its compile commands.
set -euo pipefail
source "$(dirname "$0")/common.sh"
cd "$root"

if [[ $# -gt 0 ]]; then
  files=("$@")
else
  mapfile -t files < <(git ls-files -- 'lib/*.cpp' 'tools/*.cpp')
fi
printf '%s\0' "${files[@]}" |
  xargs -0 -n 1 -P "$jobs" "$llvm/bin/clang-tidy" -p build --quiet \
    --warnings-as-errors='*'
