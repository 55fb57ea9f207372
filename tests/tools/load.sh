# shellcheck shell=bash disable=SC2154 # tools.sh sets root and tools
# What loads the daemon and speaks its protocols.

# `wrk -v` prints its version and fails.
wrk_runs() {
    [[ $("$tools/bin/wrk" -v 2>&1 || true) == wrk* ]]
}

install_wrk() {
    if wrk_runs; then
        say "wrk is there"
        return
    fi
    local own
    if own=$(type -P wrk); then
        say "wrk is this machine's own"
        ln -sfn "$own" "$tools/bin/wrk"
        wrk_runs
        return
    fi
    say "unpacking wrk"
    own_apt
    unpack "$tools/wrk" wrk libluajit-5.1-2 libluajit-5.1-common
    with_libraries wrk wrk
    wrk_runs
}

# A tool that runs here already is this machine's own; the others come with the libraries that this machine lacks.
install_http2() {
    local tool own missing=()
    for tool in h2load curl; do
        if "$tools/bin/$tool" --version >/dev/null 2>&1; then
            say "$tool is there"
        elif own=$(type -P "$tool"); then
            say "$tool is this machine's own"
            ln -sfn "$own" "$tools/bin/$tool"
        else
            missing+=("$tool")
        fi
    done
    ((${#missing[@]})) || return 0
    say "unpacking ${missing[*]}"
    own_apt
    unpack_whole "$tools/http2" "${missing[@]/h2load/nghttp2-client}"
    for tool in "${missing[@]}"; do
        with_libraries http2 "$tool"
        "$tools/bin/$tool" --version | sed -n '1s/^/tools: /p'
    done
}
