#!/bin/sh
# Tests of the handler alone, then in a local Lambda. Run: sh tests/run.sh
set -eu
cd "$(dirname "$0")/.."

same() {
  [ "$2" = "$3" ] || { echo "FAILED $1: got $2, wanted $3" >&2; exit 1; }
  echo "ok $1"
}

. src/function.sh
same "the handler alone" "$(handler '{"key": "cat.jpg"}' 2>/dev/null)" '{"message": "hello, cat.jpg"}'
same "no key is fine" "$(handler '{}' 2>/dev/null)" '{"message": "hello, world"}'
same "in a local Lambda" "$(lambdactl invoke hello -e events/upload.json 2>/dev/null)" \
  '{"message": "hello, in/my+cat.jpg"}'
