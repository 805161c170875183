#!/usr/bin/env bash
# Static analysis through forge. Fails on findings of medium impact or more, and when slither saw fewer contracts
# than there are (given an unusual compiler it can find none, and says so only in a number).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
slither . --foundry-out-directory .build/forge --filter-paths 'node_modules|contracts/test' \
  --exclude-informational --exclude-optimization --exclude-low --fail-medium "$@" >"$log" 2>&1 || status=$?
cat "$log"
seen=$(sed -nE 's/.*analyzed \(([0-9]+) contracts.*/\1/p' "$log")
there=$(grep -rhE '^(abstract contract|contract|interface|library) ' contracts | wc -l)
if [ "${seen:-0}" -lt "$there" ]; then
  echo "slither analysed ${seen:-0} contracts, there are $there" >&2
  exit 1
fi
exit "$status"
