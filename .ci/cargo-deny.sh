# Sourced by .ci/run and .ci/advisories: installs cargo-deny once, into the cache folder, and sets CARGO_DENY.

readonly CARGO_DENY_VERSION=0.20.2

# install_cargo_deny CACHE
install_cargo_deny() {
    local root=$1/cargo-deny-$CARGO_DENY_VERSION
    CARGO_DENY=$root/bin/cargo-deny
    if [ ! -x "$CARGO_DENY" ]; then
        CARGO_TARGET_DIR=$1/cargo-deny-target timeout 2400 \
            cargo install --locked --quiet --root "$root" "cargo-deny@$CARGO_DENY_VERSION"
        rm -rf "$1/cargo-deny-target"
    fi
}
