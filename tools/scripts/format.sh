#!/usr/bin/env bash
# format.sh [--check] - clang-format on every C++ and TableGen-free source of
# the tree. With --check changes nothing and fails if it would.
set -euo pipefail
source "$(dirname "$0")/common.sh"
cd "$root"

mapfile -d '' files < <(git ls-files -z --cached --others --exclude-standard \
  -- '*.cpp' '*.h' '*.c')
mode=(-i)
[[ ${1:-} == --check ]] && mode=(--dry-run --Werror)
[[ ${#files[@]} -gt 0 ]] || die "no sources found"
exec "$llvm/bin/clang-format" "${mode[@]}" "${files[@]}"
