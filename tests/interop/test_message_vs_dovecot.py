"""ENVELOPE, BODY, BODYSTRUCTURE and every BODY[n] of the messages of
corpus.py, from Culver and from Debian's Dovecot 2.3.

Culver is asked twice: core/message alone (message-dump), and the running
server over IMAP.  What differs is listed in DIFFERENCES with the reason; an
entry that no longer differs fails, so that the list stays true."""
import fnmatch
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "scenario")]
import corpus  # noqa: E402
import culver  # noqa: E402
import dovecot  # noqa: E402
import imap_fetch  # noqa: E402

BUILD = pathlib.Path(os.environ.get("CULVER_BUILD_DIR", HERE.parent.parent))
DUMP = BUILD / "tests" / "interop" / "message-dump"
LISTS = ("ENVELOPE", "BODY", "BODYSTRUCTURE")
PARTS_MAX = 40		# of one message; many_parts has hundreds
MESSAGES = list(corpus.messages())

# (shape, items) -> why Culver's answer is right.
DIFFERENCES = {
    ("rfc2231", "BODY*"):
    "[RFC2231 4.1] a plain segment among extended ones is joined to one "
    "extended value, in which a blank is no attribute-char: %20",
    ("odd_addresses", "ENVELOPE"):
    "[RFC5322 4.4] obs-local-part and obs-domain allow blanks around the "
    "dots; Dovecot gives up on the list there and loses two addresses",
    ("bad_content_types", "BODY*"):
    "[RFC2045 5.2] a syntactically invalid Content-Type is text/plain with "
    "us-ascii, as is an absent one",
    ("empty_fields", "BODY*"):
    "[RFC2045 5.2] an empty Content-Type too",
    ("base64_message", "BODY*"):
    "[RFC2046 5.1.1] the line end before a delimiter belongs to it, so the "
    "message in the part is as long as its header; Dovecot counts the line "
    "end to the part, but not to that header",
    ("base64_message", "1"): "the same",
    ("empty_message_part", "BODY*"): "the same",
    ("empty_message_part", "[12]"): "the same",
}


def general_difference(item, theirs, ours, expected):
    """Differences that are not of one shape; the reason, or None."""
    if ours is None and theirs == b"":
        # [RFC9051 4.4]: NIL is what does not exist, in contrast to the empty
        # string
        return "NIL for a section that does not exist"
    below, _, last = item.rpartition(".")
    if ours is None and last == "1" and theirs == expected.get(below):
        # [RFC9051 6.4.5.1]: only messages and multiparts have parts; Dovecot
        # takes "1.1" for "1" where part 1 is a text
        return "no part below a leaf"
    return None


def shape_of(name):
    return name.split("-", 1)[1].removesuffix(".eml")


def sections_of(structure):
    sections = ["", "HEADER", "TEXT", "HEADER.FIELDS (SUBJECT TO X-NONE)",
                "HEADER.FIELDS.NOT (SUBJECT TO)", "2", "99", "1.99", "1.1",
                "1.1.1"]
    for number in list(imap_fetch.part_numbers(structure))[:PARTS_MAX]:
        for what in ("", ".MIME", ".HEADER", ".TEXT"):
            if number + what not in sections:
                sections.append(number + what)
    return sections


def fill_maildir(server):
    maildir = server.home("alice") / "Maildir"
    for folder in ("cur", "new", "tmp"):
        (maildir / folder).mkdir(parents=True)
    for number, (name, data) in enumerate(MESSAGES):
        path = maildir / "cur" / f"{1700000000 + number}.M{number}P1.host:2,S"
        path.write_bytes(data)
        os.utime(path, (1700000000 + number,) * 2)
    if culver.IS_ROOT:
        for path in [server.home("alice"), *server.home("alice").rglob("*")]:
            shutil.chown(path, culver.MAIL_USER, culver.MAIL_GROUP)


def fetch_all(port, sections=None):
    """{name: {item: value}} of all messages."""
    source = imap_fetch.Source(port)
    result = {}
    for seq, (name, data) in enumerate(MESSAGES, 1):
        values = source.fetch(seq, "RFC822.SIZE ENVELOPE BODY BODYSTRUCTURE")
        wanted = sections_of(values["BODYSTRUCTURE"]) if sections is None \
            else sections[name]
        for section in wanted:
            answer = source.fetch(seq, f"BODY.PEEK[{section}]")
            values[section] = next(value for key, value in answer.items()
                                   if key.startswith("BODY["))
        for start, size in ((0, 10), (7, 100), (len(data), 50)):
            answer = source.fetch(seq, f"BODY.PEEK[]<{start}.{size}>")
            values[f"<{start}.{size}>"] = next(
                value for key, value in answer.items()
                if key.startswith("BODY["))
        result[name] = values
    source.close()
    return result


@pytest.fixture(scope="module")
def reference():
    if not dovecot.available():
        pytest.skip("needs root and Dovecot")
    server = dovecot.Dovecot()
    try:
        fill_maildir(server)
        server.start()
        yield fetch_all(server.imap_port)
    finally:
        server.stop()
        server.remove()


def compare(reference, ours, used):
    """Lines of unexpected differences; used collects the entries met."""
    problems = []
    for name, expected in reference.items():
        for item, value in expected.items():
            if item not in ours[name]:
                if not item.startswith("<"):
                    problems.append(f"{name} [{item}] is missing")
                continue
            if ours[name][item] == value:
                continue
            entry = next(
                (key for key in DIFFERENCES
                 if key[0] == shape_of(name) and
                 fnmatch.fnmatchcase(item, key[1])), None)
            if entry is None and general_difference(
                    item, value, ours[name][item], expected) is not None:
                continue
            if entry is None:
                problems.append(f"{name} [{item}]\n"
                                f"  dovecot {show(value)}\n"
                                f"  culver  {show(ours[name][item])}")
            else:
                used.add(entry)
    return problems


def show(value):
    text = repr(value)
    return text if len(text) < 2000 else text[:1000] + " ... " + text[-900:]


def dump(path, sections):
    """As fetch, from message-dump."""
    out = subprocess.run([DUMP, path, *sections], check=True, timeout=60,
                         capture_output=True).stdout
    values = {}
    for name in ["RFC822.SIZE", *LISTS, *sections]:
        line, _, out = out.partition(b"\n")
        key, _, size = line.decode().rpartition(" ")
        assert key == name
        if size == "NIL":
            values[name] = None
            continue
        data, out = out[:int(size)], out[int(size) + 1:]
        if name in LISTS:
            values[name] = imap_fetch.parse(data)[0]
        else:
            values[name] = int(data) if name == "RFC822.SIZE" else data
    return values


def check(reference, ours):
    used = set()
    problems = compare(reference, ours, used)
    assert not problems, f"{len(problems)} differences:\n" + \
        "\n".join(problems)
    stale = set(DIFFERENCES) - used
    assert not stale, f"these do not differ any more: {stale}"


def test_the_parser_agrees_with_dovecot(reference, tmp_path):
    ours = {}
    for name, data in MESSAGES:
        path = tmp_path / name
        path.write_bytes(data)
        sections = [item for item in reference[name]
                    if item != "RFC822.SIZE" and item not in LISTS and
                    not item.startswith("<")]
        ours[name] = dump(path, sections)
        path.unlink()
    check(reference, ours)


def test_the_server_agrees_with_dovecot(reference):
    if not (culver.PREFIX / "sbin" / "culverd").exists():
        pytest.skip("no installed culverd")
    server = culver.Server()
    try:
        fill_maildir(server)
        server.start()
        sections = {
            name: [item for item in values if item != "RFC822.SIZE" and
                   item not in LISTS and not item.startswith("<")]
            for name, values in reference.items()}
        ours = fetch_all(server.imap_port, sections)
        assert {name: set(values) for name, values in ours.items()} == \
            {name: set(values) for name, values in reference.items()}
        check(reference, ours)
    finally:
        server.stop()
        server.remove()


def test_what_is_appended_comes_back_byte_for_byte():
    if not (culver.PREFIX / "sbin" / "culverd").exists():
        pytest.skip("no installed culverd")
    # [RFC6855 4] would have those with 8-bit headers refused
    with culver.Server(extra="imap_client_workarounds = append-8bit-headers\n") as server:
        source = imap_fetch.Source(server.imap_port)
        sent = []
        for name, data in MESSAGES:
            data = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
            if b"\0" in data:
                continue	# [RFC3501 4.3] no literal holds it
            source.append(data)
            sent.append((name, data))
        source.command("NOOP")
        for seq, (name, data) in enumerate(sent, 1):
            values = source.fetch(seq, "RFC822.SIZE BODY.PEEK[]")
            assert values["RFC822.SIZE"] == len(data), name
            assert values["BODY[]"] == data, name
        source.close()


def test_every_message_comes_back_byte_for_byte(reference):
    """Of Dovecot too: the comparison is worth nothing otherwise."""
    for name, data in MESSAGES:
        lines = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        assert reference[name][""] == lines.replace(b"\0", b"\x80"), name


def test_literals_and_quoted_strings_are_legal(tmp_path):
    """[RFC9051 9]: a quoted string is 7-bit, without CR, LF and NUL."""
    for name, data in MESSAGES:
        path = tmp_path / name
        path.write_bytes(data)
        values = dump(path, [])
        stack = [values[item] for item in LISTS]
        while stack:
            item = stack.pop()
            assert not isinstance(item, imap_fetch.Quoted8Bit), name
            if isinstance(item, list):
                stack += item
        path.unlink()
