# shellcheck shell=bash disable=SC2154 # tools.sh sets root and tools
# What measures the tests themselves. Neither is in the default list: each takes minutes to build, and the gate needs neither.

# cargo_tool NAME VERSION: builds a subcommand of cargo into bin/.
cargo_tool() {
    if [[ $("$tools/bin/$1" "${1#cargo-}" --version 2>/dev/null) == *" $2" ]]; then
        say "$1 is there"
        return
    fi
    say "building $1 $2"
    CARGO_TARGET_DIR=$tools/build cargo install --quiet --locked --root "$tools" --no-track --force "$1" --version "$2"
    rm -rf "$tools/build"
}

# llvm-cov reads what the compiler's own LLVM writes, and nothing older does: rustc 1.95 has LLVM 22.
install_coverage() {
    cargo_tool cargo-llvm-cov 0.9.1
    local tool
    if "$tools/bin/llvm-cov" --version >/dev/null 2>&1 && "$tools/bin/llvm-profdata" --version >/dev/null 2>&1; then
        say "llvm-cov is there"
        return
    fi
    say "unpacking llvm-cov"
    own_apt
    unpack_whole "$tools/llvm" llvm-22
    for tool in llvm-cov llvm-profdata; do
        rm -f "$tools/bin/$tool"
        cat >"$tools/bin/$tool" <<WRAPPER
#!/bin/sh
LD_LIBRARY_PATH=\$(echo "$tools"/llvm/usr/lib/*-linux-gnu):$tools/llvm/usr/lib/llvm-22/lib \\
    exec "$tools/llvm/usr/lib/llvm-22/bin/$tool" "\$@"
WRAPPER
        chmod +x "$tools/bin/$tool"
        "$tools/bin/$tool" --version | sed -n 's/^.*LLVM version/tools: LLVM/p'
    done
}

install_mutants() {
    cargo_tool cargo-mutants 27.1.0
}
