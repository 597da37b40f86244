#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# words.sh [--count] [FILE...]: finds the words and identifiers of words.txt in all files of the
# tree, or in FILE..., and prints file:line: word -> terms to use instead. --count prints the number
# for each folder instead. Exits with 1 if there is any.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

exec python3 - "$@" <<'PYTHON'
import collections, os, re, sys

LIST = "tests/lint/words.txt"
SKIPPED = ("./.git", "./build", "./tests/fuzz/corpus", "./tests/fuzz/dict", "./tests/fixtures")
# A changelog names what was renamed.
EXEMPT = {"LICENSE", "CHANGELOG.md", LIST}

# C and Promela: comments and string literals are prose; #include lines are not.
C_TOKENS = re.compile(r"""(?P<prose>/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*")|'(?:\\.|[^'\\\n])*'
    |^[ \t]*\#[ \t]*include[^\n]*""", re.S | re.M | re.X)
# Shell, make, Python and the like: comments; the names of tests in bats files; strings that
# a script prints with echo or printf to standard error are not distinguished from data.
HASH_TOKENS = re.compile(r"""^[ \t]*(?P<prose>\#[^\n]*)|[ \t](?P<end>\#[ ][^\n]*)
    |^[^\n:=]*:[^\n]*\#\#(?P<help>[^\n]*)|^@test[ ](?P<test>"(?:\\.|[^"\\\n])*"|'[^'\n]*')""", re.M | re.X)


def rules():
    section, found = None, {"[prose]": [], "[code]": []}
    with open(LIST) as lines:
        for number, line in enumerate(lines, 1):
            line = line.rstrip("\n")
            if line in found:
                section = found[line]
            elif line and not line.startswith("#"):
                try:
                    word, terms = line.split("\t")
                    flags = re.I if section is found["[prose]"] else 0
                    section.append((re.compile(word, flags), terms))
                except (ValueError, re.error, AttributeError) as error:
                    sys.exit(f"{LIST}:{number}: not REGULAR EXPRESSION<TAB>TERMS: {error}")
    return found["[prose]"], found["[code]"]


def files():
    for folder, folders, names in os.walk("."):
        folders[:] = sorted(f for f in folders if os.path.join(folder, f) not in SKIPPED)
        for name in sorted(names):
            path = os.path.relpath(os.path.join(folder, name))
            if path not in EXEMPT:
                yield path


def prose_of(path, text):
    """Returns text with everything that is not prose as blanks, so that offsets stay the same."""
    if path.endswith((".md", ".scd")):
        return text
    tokens = C_TOKENS if path.endswith((".c", ".h", ".pml")) else HASH_TOKENS
    kept = ["\n" if c == "\n" else " " for c in text]
    for match in tokens.finditer(text):
        if match.lastgroup:
            start, end = match.span(match.lastgroup)
            kept[start:end] = text[start:end]
    return "".join(kept)


def matches(path):
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (UnicodeDecodeError, FileNotFoundError):
        return
    found = set()
    for content, words in ((prose_of(path, text), prose), (text, code)):
        for word, terms in words:
            for match in word.finditer(content):
                line = text.count("\n", 0, match.start()) + 1
                found.add((line, " ".join(match.group().split()), terms))
    yield from sorted(found)


prose, code = rules()
arguments = sys.argv[1:]
count = arguments[:1] == ["--count"]
folders = collections.Counter()
for path in arguments[count:] or files():
    for line, word, terms in matches(path):
        folders[os.path.dirname(path) or "."] += 1
        if not count:
            print(f"{path}:{line}: {word} -> {terms}")
if count:
    for folder, number in sorted(folders.items()):
        print(f"{number:5} {folder}")
    print(f"{sum(folders.values()):5} in all")
sys.exit(1 if folders else 0)
PYTHON
