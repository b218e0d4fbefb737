"""Writes rfc-sections.txt: each RFC and the numbers of its sections.

    python3 tests/lint/make-rfc-sections.py FOLDER > tests/lint/rfc-sections.txt

FOLDER holds the texts as the RFC Editor publishes them (rfc9051.txt).  They are no part of the
repository; the list is, and rfc-refs needs nothing else.
"""
import pathlib
import re
import sys

# "6.3.11. APPEND Command", "A.1  Example", also as the table of contents has them
HEADING = re.compile(r"([1-9][0-9]?(?:\.[0-9]{1,3})*|[A-H](?:\.[0-9]{1,3})+)\.?(?:\s+(\S.*))?$")
APPENDIX = re.compile(r"Appendix ([A-H])\b", re.I)
CONTENTS = re.compile(r"(?:\s*\.){2,}\s*[0-9]+$")


def sections_of(lines):
    found = set()
    for line in lines:
        bare = line.rstrip()
        in_contents = bool(CONTENTS.search(bare))
        indent = len(bare) - len(bare.lstrip())
        if indent > (12 if in_contents else 0):
            continue
        bare = bare.strip()
        if match := APPENDIX.match(bare):
            found.add(match.group(1).upper())
        match = HEADING.match(bare)
        if match and (match.group(2) or "." in match.group(1)):
            found.add(match.group(1))
    return sorted(found, key=key)


def key(section):
    return [(0, int(p), "") if p.isdigit() else (1, 0, p) for p in section.split(".")]


def main(folder):
    numbers = sorted(int(p.stem[3:]) for p in pathlib.Path(folder).glob("rfc*.txt")
                     if p.stem[3:].isdigit())
    for number in numbers:
        text = pathlib.Path(folder, f"rfc{number}.txt").read_text(errors="replace")
        lines = text.replace("\r", "").replace("\f", "\n").lstrip("\ufeff\n").split("\n")
        print(f"{number}:", *sections_of(lines))


main(sys.argv[1])
