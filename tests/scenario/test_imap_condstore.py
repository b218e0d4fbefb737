"""CONDSTORE [RFC7162 3.1]: mod-sequences of messages, and changes only when nothing has changed."""
import re

import pytest

from test_imap_session import box, wire  # noqa: F401


def modseqs(lines):
    """{message number: mod-sequence} of FETCH responses."""
    found = {}
    for line in lines:
        m = re.match(r"\* (\d+) FETCH .*MODSEQ \((\d+)\)", line, re.S)
        if m:
            found[int(m.group(1))] = int(m.group(2))
    return found


def highest(lines):
    return [int(n) for n in re.findall(r"\[HIGHESTMODSEQ (\d+)\]", "\n".join(lines))]


def test_announced_and_told_by_select(box):  # noqa: F811
    assert " CONDSTORE " in box.do("CAPABILITY")[0]
    assert len(highest(box.selected)) == 1
    status = box.do(f"STATUS {box.name} (HIGHESTMODSEQ)")
    # the first enabling command tells what the mailbox has
    assert highest(status) == highest(box.selected)
    assert f"(HIGHESTMODSEQ {highest(box.selected)[0]})" in status[1]


@pytest.mark.parametrize("command", [
    "ENABLE CONDSTORE", "FETCH 1 (MODSEQ)", "SEARCH MODSEQ 1", "STATUS INBOX (HIGHESTMODSEQ)",
    "FETCH 1 FLAGS (CHANGEDSINCE 1)", "STORE 1 (UNCHANGEDSINCE 1) FLAGS ()",
    'LIST "" INBOX RETURN (STATUS (HIGHESTMODSEQ))'])
def test_each_enabling_command(box, command):  # noqa: F811
    before = box.do("STORE 2 +FLAGS (\\Draft)")
    assert "MODSEQ" not in before[0] and "UID" not in before[0]
    assert len(highest(box.do(command))) == 1
    # [RFC7162 3.2.4] from now on the UID and the mod-sequence are told
    assert re.match(r"\* 2 FETCH \(UID 2 FLAGS \([^)]*\) MODSEQ \(\d+\)\)$",
                    box.do("STORE 2 -FLAGS (\\Draft)")[0])
    assert highest(box.do(command)) == []


def test_select_with_the_parameter(box, wire):  # noqa: F811
    other = wire()
    assert " OK [READ-WRITE]" in other.do(f"SELECT {box.name} (CONDSTORE)")[-1]
    box.do("STORE 3 +FLAGS (\\Flagged)")
    line = other.do("NOOP")[0]
    assert line.startswith("* 3 FETCH (UID 3 FLAGS (") and "MODSEQ (" in line
    assert " BAD " in other.do(f"SELECT {box.name} (CONDSTORE OTHER)")[-1]
    assert " BAD " in other.do(f"SELECT {box.name} ()")[-1]


def test_flags_that_are_there_change_nothing(box):  # noqa: F811
    start = modseqs(box.do("FETCH 1:* (MODSEQ)"))
    box.do("STORE 1 +FLAGS.SILENT (\\Seen)")
    box.do("STORE 2 -FLAGS.SILENT (\\Seen)")
    assert modseqs(box.do("FETCH 1:* (MODSEQ)")) == start
    box.do("STORE 1 -FLAGS.SILENT (\\Seen)")
    after = modseqs(box.do("FETCH 1:* (MODSEQ)"))
    assert after[1] > max(start.values()) and after[2] == start[2]


def test_conditional_store(box, wire):  # noqa: F811
    start = modseqs(box.do("FETCH 1:3 (MODSEQ)"))
    other = wire()
    other.do(f"SELECT {box.name}")
    other.do("STORE 2 +FLAGS (\\Flagged)")
    lines = box.do(f"STORE 1:3 (UNCHANGEDSINCE {max(start.values())}) +FLAGS.SILENT ($Todo)")
    assert " OK [MODIFIED 2] " in lines[-1]
    told = [line for line in lines if " FETCH " in line]
    assert len(told) == 3
    assert "FLAGS" not in told[0] and "$Todo" not in told[1] and "\\Flagged" in told[1]
    lines = box.do(f"UID STORE 1:3 (UNCHANGEDSINCE {start[1]}) +FLAGS (\\Draft)")
    assert " OK [MODIFIED 1:3] " in lines[-1]
    now = modseqs(box.do("FETCH 1:3 (MODSEQ)"))
    lines = box.do(f"UID STORE 1:3 (UNCHANGEDSINCE {max(now.values())}) +FLAGS (\\Draft)")
    assert "MODIFIED" not in lines[-1] and len(modseqs(lines)) == 3
    # 0 always fails, and no keyword comes to be by it
    assert "[MODIFIED 1]" in box.do("STORE 1 (UNCHANGEDSINCE 0) +FLAGS (\\Seen)")[-1]
    lines = box.do("STORE 1 (UNCHANGEDSINCE 0) +FLAGS ($Never)")
    assert "[MODIFIED 1]" in lines[-1] and not any("$Never" in line for line in lines)
    assert not any("$Never" in line for line in other.do(f"SELECT {box.name}"))


def test_changedsince_and_search(box):  # noqa: F811
    start = modseqs(box.do("FETCH 1:3 (MODSEQ)"))
    box.do("STORE 2 +FLAGS ($MDNSent)")
    since = max(start.values())
    lines = box.do(f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {since})")
    assert list(modseqs(lines)) == [2] and "$MDNSent" in lines[0]
    now = modseqs(lines)[2]
    assert box.do(f"SEARCH MODSEQ {since + 1}")[0] == f"* SEARCH 2 (MODSEQ {now})"
    assert box.do(f"UID SEARCH MODSEQ \"/flags/$mdnsent\" all {since + 1}")[0] \
        == f"* SEARCH 2 (MODSEQ {now})"
    assert box.do(f"SEARCH MODSEQ {now + 1}")[0] == "* SEARCH"
    assert box.do(f"SEARCH RETURN (ALL) MODSEQ {since + 1}")[0].endswith(f" ALL 2 MODSEQ {now}")
    assert box.do(f"SEARCH RETURN (COUNT) MODSEQ {now + 1}")[0].endswith(" COUNT 0")


def test_what_is_no_modseq(box):  # noqa: F811
    for command in ("FETCH 1 FLAGS (CHANGEDSINCE 0)", "FETCH 1 FLAGS (CHANGEDSINCE)",
                    "FETCH 1 FLAGS (CHANGEDSINCE 9223372036854775808)",
                    "STORE 1 (UNCHANGEDSINCE -1) FLAGS ()", "SEARCH MODSEQ x",
                    "SEARCH MODSEQ /flags/x all 1", "SEARCH MODSEQ \"/x\" all 1"):
        assert " BAD " in box.do(command)[-1], command


def test_what_is_kept_back_lowers_the_highest(box, wire):  # noqa: F811
    other = wire()
    start = highest(other.do(f"SELECT {box.name} (CONDSTORE)"))[0]
    box.do("STORE 1 +FLAGS.SILENT (\\Deleted)")
    box.do("EXPUNGE")
    box.do("STORE 2 +FLAGS.SILENT (\\Flagged)")
    # [RFC7162 3.2] the client must not take the flag's mod-sequence for all it has missed
    lines = other.do("STORE 2 +FLAGS (\\Draft)")
    told, lower = modseqs(lines), highest(lines)
    assert list(told) == [2, 3] and len(lower) == 1
    assert start <= lower[0] < told[3]
    assert not any("EXPUNGE" in line for line in lines[:-1])
    lines = other.do("NOOP")
    assert lines[0] == "* 1 EXPUNGE"
    assert highest(lines)[0] >= max(told.values())


def test_seen_by_fetch_is_told_with_its_modseq(box):  # noqa: F811
    box.do("ENABLE CONDSTORE")
    lines = box.do("FETCH 2 BODY[TEXT]")
    assert lines[0].startswith("* 2 FETCH (BODY[TEXT] {")
    assert re.match(r"\* 2 FETCH \(UID 2 FLAGS \([^)]*\\Seen[^)]*\) MODSEQ \(\d+\)\)$", lines[1])
