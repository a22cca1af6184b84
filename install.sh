#!/bin/sh
# Installs git-pliny from this checkout: a virtual environment of its own, and links to it on the PATH, among the man
# pages and among the completions. Everything that it puts into place is listed in <prefix>/lib/git-pliny/installed;
# --uninstall removes just that. Nothing else is written, but for a temporary folder.
set -eu

newline='
'

usage() {
    cat <<'END'
usage: ./install.sh [--prefix DIR] [--python PROGRAM] [--with llm] [--demo]
       ./install.sh --uninstall [--prefix DIR]
       ./install.sh --develop DIR [--python PROGRAM]

Installs git-pliny from this checkout, or brings an earlier installation up to date.

  --prefix DIR      where to: DIR/bin, DIR/lib/git-pliny, DIR/share
                    (default: /usr/local for root, ~/.local for others)
  --python PROGRAM  the Python to use, 3.11 or newer (default: python3, or the newest found)
  --with llm        also what agents need that ask a model by themselves (model: openai/gpt-5)
  --demo            then run the plan of this repository, pliny.yaml, with what was installed
  --uninstall       remove what an installation put there
  --develop DIR     for work on git-pliny itself: a virtual environment DIR with this checkout
                    in place and the test tools; nothing else is touched
END
}

say() { printf '%s\n' "$*"; }
fail() {
    printf 'error: %s\n' "$1" >&2
    shift
    for hint; do printf 'hint: %s\n' "$hint" >&2; done
    exit 1
}

# absolute DIR: its one name, whether it is there or not.
absolute() {
    if [ -d "$1" ]; then (cd "$1" && pwd); else say "$(absolute "$(dirname "$1")")/$(basename "$1")"; fi
}

# --- What we need ------------------------------------------------------------------------------------------------

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    for program in ${python:+"$python"} python3 python3.14 python3.13 python3.12 python3.11 python; do
        if new_enough "$program"; then
            python=$(command -v "$program")
            return
        fi
        [ -z "$python" ] || fail "'$python' is not Python 3.11 or newer" "./install.sh --python /path/to/python3.11"
    done
    fail "Python 3.11 or newer was not found" "$(how_to_get python3 'Python 3.11')" \
        "./install.sh --python PROGRAM uses one that is not on the PATH"
}

find_git() {
    command -v git >/dev/null 2>&1 || fail "the program 'git' was not found" "$(how_to_get git git)"
    version=$(git --version | sed 's/^[^0-9]*//; s/[^0-9.].*//')
    minor=${version#*.}
    if [ "${version%%.*}" -lt 2 ] || { [ "${version%%.*}" = 2 ] && [ "${minor%%.*}" -lt 34 ]; }; then
        fail "git $version is too old: 2.34 or newer is needed" "$(how_to_get git 'a newer git')"
    fi
}

# The command that installs a package here, or a sentence where no package manager is known.
how_to_get() {
    if command -v apt-get >/dev/null 2>&1; then say "sudo apt-get install $1"
    elif command -v dnf >/dev/null 2>&1; then say "sudo dnf install $1"
    elif command -v apk >/dev/null 2>&1; then say "sudo apk add $1"
    elif command -v pacman >/dev/null 2>&1; then say "sudo pacman -S $1"
    elif command -v brew >/dev/null 2>&1; then say "brew install $1"
    else say "install $2 and run this again"; fi
}

# --- The virtual environment -------------------------------------------------------------------------------------

# make_venv DIR: also where the distribution splits ensurepip off (python3-venv): then the pip of the same Python
# does it, or one from the package index. Sets $pip to the words that call it.
make_venv() {
    if [ -f "$1/pyvenv.cfg" ]; then
        if same_python "$1/bin/python" && "$1/bin/python" -m pip --version >/dev/null 2>&1; then return; fi
        rm -rf "$1"
    elif [ -e "$1" ] && [ -n "$(ls -A "$1")" ]; then
        fail "$1 is there already, and is not a virtual environment" "mv '$1' '$1.old', or use another place"
    fi
    if "$python" -c 'import ensurepip' >/dev/null 2>&1; then
        "$python" -m venv "$1" >"$scratch/log" 2>&1 || no_venv
    else
        "$python" -m venv --without-pip "$1" >"$scratch/log" 2>&1 || no_venv
        bootstrap_pip "$1"
    fi
}

same_python() {
    [ "$("$1" -c 'import sys; print(sys.version_info[:2])' 2>/dev/null)" = \
        "$("$python" -c 'import sys; print(sys.version_info[:2])')" ]
}

no_venv() {
    tail -n 5 "$scratch/log" >&2
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    fail "$python cannot make a virtual environment" "$(how_to_get "python$version-venv" 'the venv module of Python')"
}

bootstrap_pip() {
    if "$python" -m pip --python "$1/bin/python" install --quiet --disable-pip-version-check pip >/dev/null 2>&1; then
        return
    fi
    say "Python has no ensurepip here; getting pip from the package index"
    "$python" - "$scratch" >"$scratch/pip" 2>"$scratch/log" <<'END' || no_venv
import hashlib, os, re, sys, urllib.parse, urllib.request

index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/") + "/pip/"
page = urllib.request.urlopen(index, timeout=60).read().decode()
wheels = re.findall(r'href="([^"#]*pip-(\d+(?:\.\d+)+)-py3-none-any\.whl)#sha256=([0-9a-f]{64})"', page)
link, version, digest = max(wheels, key=lambda wheel: [int(part) for part in wheel[1].split(".")])
content = urllib.request.urlopen(urllib.parse.urljoin(index, link), timeout=60).read()
assert hashlib.sha256(content).hexdigest() == digest, "the pip that came is not the one that the index names"
path = os.path.join(sys.argv[1], os.path.basename(link))
with open(path, "wb") as file:
    file.write(content)
print(path)
END
    "$1/bin/python" "$(cat "$scratch/pip")/pip" install --quiet --disable-pip-version-check --no-index \
        "$(cat "$scratch/pip")" >"$scratch/log" 2>&1 || no_venv
}

pip_install() {
    if ! "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-input "$@" \
        >"$scratch/log" 2>&1; then
        tail -n 5 "$scratch/log" >&2
        fail "pip could not install git-pliny and what it needs" \
            "where the network is missing or goes by a proxy: HTTPS_PROXY=… or PIP_INDEX_URL=… ./install.sh"
    fi
}

# --- What is put into place --------------------------------------------------------------------------------------

record() { grep -Fqx -e "$1" "$installed" || printf '%s\n' "$1" >>"$installed"; }

# make_folder DIR: with its parents, each of which is recorded if it was not there.
make_folder() {
    [ ! -d "$1" ] || return 0
    make_folder "$(dirname "$1")"
    mkdir "$1" || fail "cannot make the folder $1" "./install.sh --prefix DIR"
    record "$1/"
}

ours() { case $(readlink "$1" 2>/dev/null) in "$lib"/*) true ;; *) false ;; esac; }

# link TARGET FOLDER [NAME]
link() {
    place=$2/${3-$(basename "$1")}
    make_folder "$2"
    ln -sfn "$1" "$place"
    record "$place"
}

check_free() {
    for program in git-pliny pliny; do
        place=$bin/$program
        if { [ -e "$place" ] || [ -L "$place" ]; } && ! ours "$place"; then
            fail "$place is there already, and is not from here" "mv '$place' '$place.old', or ./install.sh --prefix DIR"
        fi
    done
    if [ -e "$lib" ] && [ ! -f "$lib/installed" ]; then
        fail "$lib is there already, and is not from here" "./install.sh --prefix DIR"
    fi
}

link_all() {
    for page in "$venv"/share/man/man1/git-pliny*.1; do link "$page" "$share/man/man1"; done
    link "$venv/bin/git-pliny" "$bin"
    link "$venv/bin/pliny" "$bin"
    link "$venv/share/bash-completion/completions/git-pliny" "$share/bash-completion/completions"
    link "$venv/share/bash-completion/completions/git-pliny" "$share/bash-completion/completions" pliny
    link "$venv/share/zsh/site-functions/_git-pliny" "$share/zsh/site-functions"
}

# Links of pages and programs that an earlier version had and this one has not.
drop_dead_links() {
    cp "$lib/installed" "$scratch/before"
    while IFS= read -r place; do
        if [ -L "$place" ] && [ ! -e "$place" ] && ours "$place"; then rm "$place"; fi
    done <"$scratch/before"
}

# --- What is told ------------------------------------------------------------------------------------------------

report() {
    say "$("$bin/git-pliny" --version) is installed in $lib"
    case ":$PATH:" in
        *":$bin:"*) ;;
        *)
            say "  The PATH has no $bin yet. Add this line to $(startup_file), and open a new terminal:"
            say "      export PATH=\"$bin:\$PATH\""
            ;;
    esac
    if command -v man >/dev/null 2>&1 && ! PATH=$bin:$PATH man -w git-pliny >/dev/null 2>&1; then
        say "  For git pliny --help, add this line, too (the colon at the end keeps the other manuals):"
        say "      export MANPATH=\"$share/man:\""
    fi
    if command -v zsh >/dev/null 2>&1 && ! zsh -fc 'print -l $fpath' | grep -Fqx "$share/zsh/site-functions"; then
        say "  For completion in zsh, add this line to ~/.zshrc before compinit:"
        say "      fpath=(\"$share/zsh/site-functions\" \$fpath)"
    fi
    say "  Next: git pliny -h, or in a repository of yours: git pliny init"
}

startup_file() {
    case ${SHELL-} in
        */zsh) say "$HOME/.zprofile" ;;
        */bash) say "$HOME/.bashrc" ;;
        *) say "$HOME/.profile" ;;
    esac
}

# --- What is done ------------------------------------------------------------------------------------------------

install_all() {
    find_git
    find_python
    check_free
    make_lib
    make_venv "$venv"
    # A copy, since building writes into its folder, and a leftover build/ there would be installed along.
    mkdir "$scratch/source"
    (cd "$source" && cp -R pyproject.toml README.md LICENSE git_pliny hooks man "$scratch/source")
    pip_install --upgrade "$scratch/source${extra:+[$extra]}"
    link_all
    drop_dead_links
    report
}

make_lib() {
    if [ ! -f "$lib/installed" ]; then
        installed=$scratch/installed
        : >"$installed"
        make_folder "$lib"
        cp "$installed" "$lib/installed"
    fi
    installed=$lib/installed
}

uninstall() {
    [ -f "$lib/installed" ] || fail "git-pliny is not installed in $prefix" "./install.sh --uninstall --prefix DIR"
    LC_ALL=C sort -r "$lib/installed" >"$scratch/installed"
    while IFS= read -r place; do
        case $place in */) continue ;; esac
        if ours "$place"; then rm "$place"; fi
    done <"$scratch/installed"
    rm -rf "$lib"
    while IFS= read -r place; do
        case $place in */) rmdir "$place" 2>/dev/null || : ;; esac
    done <"$scratch/installed"
    say "git-pliny is removed from $prefix"
}

develop() {
    find_git
    find_python
    make_venv "$venv"
    pip_install --editable "${source}[test]"
}

main() {
    mode=install_all prefix="" python="" demo="" extra=""
    while [ $# -gt 0 ]; do
        case $1 in
            --prefix | --python | --develop | --with) [ $# -gt 1 ] || { usage >&2; exit 2; } ;;
        esac
        case $1 in
            --prefix) prefix=$2; shift ;;
            --python) python=$2; shift ;;
            --with)
                [ "$2" = llm ] || fail "'$2' is nothing to install along" "./install.sh --with llm"
                extra=$2; shift ;;
            --develop) mode=develop venv=$2; shift ;;
            --uninstall) mode=uninstall ;;
            --demo) demo=yes ;;
            -h | --help) usage; exit ;;
            *) usage >&2; exit 2 ;;
        esac
        shift
    done

    source=$(cd "$(dirname "$0")" && pwd)
    umask 022
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM

    if [ "$mode" != develop ]; then
        if [ -z "$prefix" ]; then
            if [ "$(id -u)" = 0 ]; then prefix=/usr/local; else prefix=${HOME:?is not set}/.local; fi
        fi
        case $prefix in
            *"$newline"*) fail "a line break in the name of a folder does not work here" "./install.sh --prefix DIR" ;;
        esac
        prefix=$(absolute "$prefix")
        bin=$prefix/bin lib=$prefix/lib/git-pliny share=$prefix/share venv=$prefix/lib/git-pliny/venv
    fi

    "$mode"
    if [ "$demo" ] && [ "$mode" = install_all ]; then
        "$bin/git-pliny" -C "$source" execute
    fi
}

main "$@"
