#!/usr/bin/env bash
# Installs the tools into the project folder: .venv (Python), node_modules (Solidity), .tools (compiler, anvil,
# forge, cast). Needs Python 3.11 or 3.12, Node 20 or newer with npm, and the two public registries. Outside the
# folder only npm's, pip's and uv's caches are written. Does nothing when nothing has changed since the last run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
tools=$root/.tools
PATH=${PATH//"$root/.venv/bin:"/}
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

stamp=$(cat requirements.txt package.json package-lock.json pyproject.toml scripts/setup.sh <(echo "$root") | cksum)
if [ "$(cat "$tools/stamp" 2>/dev/null)" = "$stamp" ] && .venv/bin/python -c 'import onus' 2>/dev/null; then
  exit 0
fi

python=
for candidate in ${PYTHON:-python3 python3.12 python3.11}; do
  if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null; then
    python=$candidate
    break
  fi
done
[ -n "$python" ] || fail "Python 3.11 or 3.12 is needed (set PYTHON=/path/to/python3.12 to choose one)"
"$python" -c 'import ensurepip, venv' 2>/dev/null || fail "Python's venv is missing (Debian: python3-venv)"
command -v node >/dev/null || fail "Node 20 or newer is needed: it runs the Solidity compiler"
[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] || fail "Node 20 or newer is needed, this is $(node --version)"
command -v npm >/dev/null || fail "npm is needed (it comes with Node)"

# Caches of the user are used where there are any; without a usable HOME they go below the project.
if [ ! -w "${HOME:-/nonexistent}" ]; then
  export HOME=$tools/home
fi
export UV_SYSTEM_CERTS=1 UV_LINK_MODE=${UV_LINK_MODE:-copy} PIP_DISABLE_PIP_VERSION_CHECK=1
mkdir -p "$tools" "$HOME"
rm -f "$tools/stamp"

echo "setup: node_modules (Solidity compiler, OpenZeppelin, Foundry)"
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >"$tools/npm.log" 2>&1 &
npm=$!

echo "setup: .venv (Python packages)"
[ -x .venv/bin/python ] && .venv/bin/python -c 'import pip' 2>/dev/null || { rm -rf .venv; "$python" -m venv .venv; }
# uv is one of the locked packages: pip installs it, then it installs the rest.
awk '/^[a-zA-Z]/ { on = /^uv==/ } on' requirements.txt >"$tools/uv.txt"
.venv/bin/python -m pip install --quiet --require-hashes -r "$tools/uv.txt"
.venv/bin/uv pip install --quiet --python .venv/bin/python --require-hashes -r requirements.txt
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .

wait "$npm" || { cat "$tools/npm.log" >&2; fail "npm ci failed"; }
case "$(uname -s)-$(uname -m)" in
  Linux-x86_64) platform=linux-amd64 ;;
  Linux-aarch64 | Linux-arm64) platform=linux-arm64 ;;
  Darwin-x86_64) platform=darwin-amd64 ;;
  Darwin-arm64) platform=darwin-arm64 ;;
  *) fail "no Foundry binaries for $(uname -sm)" ;;
esac
mkdir -p "$tools/bin"
for tool in anvil cast forge; do
  binary=node_modules/@foundry-rs/$tool-$platform/bin/$tool
  [ -f "$binary" ] || fail "$binary is missing: npm installed no $tool for $platform"
  chmod +x "$binary"
  ln -sfn "../../$binary" "$tools/bin/$tool"
done
ln -sfn ../scripts/solc.js "$tools/solc-v0.8.37"

.venv/bin/python -c 'import ape, onus' || fail "the Python packages do not import"
"$tools/solc-v0.8.37" --version >/dev/null || fail "the Solidity compiler does not start"
"$tools/bin/anvil" --version >/dev/null || fail "anvil does not start"
echo "$stamp" >"$tools/stamp"
echo "setup: done"
