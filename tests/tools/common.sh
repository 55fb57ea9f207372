# shellcheck shell=bash disable=SC2154 # tools.sh sets root and tools
# How anything is put into .tools: Python packages apart from each other, and Debian packages unpacked, not configured.

say() { printf 'tools: %s\n' "$*"; }

# apart NAME LIST PROGRAM...: a Python of its own in NAME with the packages of LIST, which are to agree with nothing but each
# other, as bin/python-with-NAME, and some of its programs.
apart() {
    local name=$1 list=$2 program
    shift 2
    if cmp -s "$list" "$tools/$name/requirements.txt" && "$tools/bin/python-with-$name" -c '' 2>/dev/null; then
        say "$name is there"
        return
    fi
    say "installing python packages into $tools/$name"
    python3 -m venv "$tools/$name"
    "$tools/$name/bin/pip" install --quiet --disable-pip-version-check --requirement "$list"
    rm -f "$tools/bin/python-with-$name"
    cat >"$tools/bin/python-with-$name" <<WRAPPER
#!/bin/sh
exec "$tools/$name/bin/python" "\$@"
WRAPPER
    chmod +x "$tools/bin/python-with-$name"
    for program in "$@"; do
        ln -sfn "$tools/$name/bin/$program" "$tools/bin/$program"
    done
    cp "$list" "$tools/$name/requirements.txt"
}

# The machine's own Debian mirror, from either format of apt's source lists.
mirror() {
    local lists=(/etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list)
    sed -n -E 's#^URIs:[[:space:]]*([^[:space:]]+/debian)/?([[:space:]].*)?$#\1#p
        s#^deb[[:space:]]+(\[[^]]*\][[:space:]]+)?([^[:space:]]+/debian)/?[[:space:]].*$#\2#p' "${lists[@]}" 2>/dev/null |
        sed -n 1p
}

# Chooses this machine's own packages for `unpack`.
own_apt() {
    apt_options=(-qq -o APT::Sandbox::User=root)
    apt-get "${apt_options[@]}" update || say "apt-get update failed; trying with the lists as they are"
}

# Chooses the packages of another suite, with lists, cache and status of our own, so that the machine's stay as they
# are. Fails where the suite cannot be had.
suite_apt() {
    local suite=$1 uri directory keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    uri=$(mirror)
    [[ -n $uri && -r $keyring ]] || return 1
    directory=$tools/apt-$suite
    mkdir -p "$directory"/{lists/partial,cache/archives/partial,empty.d}
    : >"$directory/status"
    printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$uri" "$suite" >"$directory/sources.list"
    apt_options=(-qq
        -o "Dir::Etc::SourceList=$directory/sources.list" -o "Dir::Etc::SourceParts=$directory/empty.d"
        -o "Dir::State::Lists=$directory/lists" -o "Dir::State::Status=$directory/status"
        -o "Dir::Cache=$directory/cache" -o APT::Sandbox::User=root -o APT::Update::Error-Mode=any)
    apt-get "${apt_options[@]}" update
}

# extract DIRECTORY ARCHIVES: puts the content of the packages below ARCHIVES into DIRECTORY, and removes ARCHIVES.
extract() {
    mkdir -p "$1"
    for package in "$2"/*.deb; do
        dpkg-deb -x "$package" "$1"
    done
    rm -rf "$2"
}

# unpack DIRECTORY PACKAGE...: downloads with the apt chosen last and unpacks below DIRECTORY.
unpack() {
    local directory=$1 download
    shift
    download=$(mktemp -d "$tools/download.XXXXXX")
    if ! (cd "$download" && apt-get "${apt_options[@]}" download "$@"); then
        rm -rf "$download"
        return 1
    fi
    extract "$directory" "$download"
}

# unpack_whole DIRECTORY PACKAGE...: the same with every package that these depend on and this machine lacks. The
# packages named are unpacked even where the machine has them.
unpack_whole() {
    local directory=$1 archives
    shift
    archives=$(mktemp -d "$tools/download.XXXXXX")
    mkdir "$archives/partial"
    if ! { apt-get "${apt_options[@]}" -o "Dir::Cache::archives=$archives" -o Debug::NoLocking=1 -y \
        --no-install-recommends --reinstall --download-only install "$@" && [[ -n $(echo "$archives"/*.deb) ]]; }; then
        rm -rf "$archives"
        return 1
    fi
    extract "$directory" "$archives"
}

# with_libraries DIRECTORY PROGRAM: bin/PROGRAM runs what is unpacked in DIRECTORY, with the libraries that lie beside it.
with_libraries() {
    rm -f "$tools/bin/$2"
    cat >"$tools/bin/$2" <<WRAPPER
#!/bin/sh
LD_LIBRARY_PATH=\$(echo "$tools/$1"/usr/lib/*-linux-gnu) exec "$tools/$1/usr/bin/$2" "\$@"
WRAPPER
    chmod +x "$tools/bin/$2"
}
