# Sourced by tests/emulators/run, tests/bench/run and tests/cloud/run: makes the virtual environment that they need, once
# for each state of the two requirement files, and sets PYTHON. It is outside the clone: in $UNDERSTUDY_CACHE, or the user's
# cache.
#   understudy_venv [FOLDER]    FOLDER has the requirement files; without it, those beside this file

understudy_venv() {
    local here cache venv
    here=${1:-$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)}
    cache=${UNDERSTUDY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/understudy}
    venv=$cache/venv-$(cat "$here/requirements.txt" "$here/constraints.txt" | sha256sum | cut -c1-16)
    if [ ! -e "$venv/complete" ]; then
        echo "installing $(grep -v '^#' "$here/requirements.txt" | tr '\n' ' ')into $venv" >&2
        rm -rf "$venv"
        mkdir -p "$cache"
        python3 -m venv "$venv" || {
            echo "error: python3 -m venv: failed; install python3 with its venv module (Debian: python3-venv)" >&2
            return 2
        }
        timeout 600 "$venv/bin/pip" install --quiet --disable-pip-version-check \
            -r "$here/requirements.txt" -c "$here/constraints.txt" || return 2
        touch "$venv/complete"
    fi
    PYTHON=$venv/bin/python
}
