"""UIDONLY [RFC9586] and UIDBATCHES [RFC10022]: a mailbox without message numbers."""
import re

import pytest

from test_imap_session import MESSAGE, box, wire  # noqa: F401


@pytest.fixture
def only(box):  # noqa: F811
    """UIDs 2 and 3."""
    box.do("STORE 1 +FLAGS.SILENT (\\Deleted)")
    box.do("EXPUNGE")
    assert " UIDONLY " in box.do("CAPABILITY")[0]
    assert box.do("ENABLE UIDONLY")[0] == "* ENABLED UIDONLY"
    return box


@pytest.mark.parametrize("command", [
    "FETCH 1 (FLAGS)", "FETCH * (FLAGS)", "STORE 1 FLAGS ()", "COPY 1 INBOX", "MOVE 1 INBOX",
    "SEARCH ALL", "UID SEARCH 1:2", "UID SEARCH NOT *"])
def test_numbers_are_refused(only, command):
    assert re.match(r"t\d+ BAD \[UIDREQUIRED\] ", only.do(command)[-1])


def test_answers_have_uids(only, wire):  # noqa: F811
    assert only.do("UID FETCH 1:* (FLAGS)")[0].startswith("* 2 UIDFETCH (FLAGS (")
    # the item only when it was asked for
    assert only.do("UID FETCH 3 (UID)")[0] == "* 3 UIDFETCH (UID 3)"
    line = only.do("UID STORE 3 +FLAGS (\\Draft)")[0]
    assert line.startswith("* 3 UIDFETCH (FLAGS (") and "UID 3" not in line
    assert only.do("UID SEARCH ALL")[0] == "* SEARCH 2 3"
    assert only.do("UID SEARCH RETURN (ALL) UID 1:*")[0].endswith(" UID ALL 2:3")
    other = wire()
    other.do(f"SELECT {only.name}")
    other.do("STORE 1 +FLAGS.SILENT (\\Flagged)")
    assert only.do("NOOP")[0].startswith("* 2 UIDFETCH (FLAGS (")
    other.do("STORE 1 +FLAGS.SILENT (\\Deleted)")
    other.do("EXPUNGE")
    assert "* VANISHED 2" in only.do("NOOP")
    only.do("UID STORE 3 +FLAGS.SILENT (\\Deleted)")
    assert "* VANISHED 3" in only.do("EXPUNGE")


def test_select_tells_no_number(only):
    lines = only.do(f"SELECT {only.name}")
    assert not any("[UNSEEN" in line for line in lines)
    assert "* 2 EXISTS" in lines and lines[-1].split()[1] == "OK"
    only.do("ENABLE QRESYNC")
    validity = re.search(r"UIDVALIDITY (\d+)", "\n".join(lines)).group(1)
    assert "BAD [UIDREQUIRED]" in only.do(
        f"SELECT {only.name} (QRESYNC ({validity} 1 1:9 (1 2)))")[-1]
    lines = only.do(f"SELECT {only.name} (QRESYNC ({validity} 1 1:9))")
    assert "* VANISHED (EARLIER) 1" in lines
    assert [line for line in lines if line.startswith("* 2 UIDFETCH (FLAGS")]


def test_moves_and_partial(only):
    only.do(f"CREATE {only.name}-to")
    assert only.do("UID FETCH 1:* (UID) (PARTIAL -1:-1)")[0] == "* 3 UIDFETCH (UID 3)"
    lines = only.do(f"UID MOVE 2 {only.name}-to")
    assert "[COPYUID " in lines[0] and lines[1] == "* VANISHED 2"


def test_batches(box):  # noqa: F811
    assert " UIDBATCHES " in box.do("CAPABILITY")[0]
    n = box.count + 1
    assert box.do("UIDBATCHES 500")[0] == f'* UIDBATCHES (TAG "t{n}") 3:1'
    assert box.do("UIDBATCHES 100000 1:1")[0] == f'* UIDBATCHES (TAG "t{n + 1}") 3:1'
    assert box.do("UIDBATCHES 500 2:9") \
        == [f'* UIDBATCHES (TAG "t{n + 2}")', f"t{n + 2} OK Batches completed."]
    assert " NO [TOOFEW] " in box.do("UIDBATCHES 499")[-1]
    assert " BAD [CLIENTBUG] " in box.do("UIDBATCHES 500 3:2")[-1]
    for wrong in ("", " 0", " x", " 500 1", " 500 0:1", " 500 1:2 3", " 500 1:*"):
        assert " BAD " in box.do("UIDBATCHES" + wrong)[-1]
    box.do("UNSELECT")
    assert " BAD " in box.do("UIDBATCHES 500")[-1]


def test_batches_of_a_larger_mailbox(box):  # noqa: F811
    rows = b"".join(b" {%d+}\r\n%s" % (len(MESSAGE), MESSAGE) for _ in range(1100))
    box.count += 1
    box.send(b"t%d APPEND %s%s\r\n" % (box.count, box.name.encode(), rows))
    assert " OK " in box.until(f"t{box.count}")[-1]
    box.do("NOOP")
    box.do("UID STORE 1100:1103,5 +FLAGS.SILENT (\\Deleted)")
    box.do("EXPUNGE")
    n = box.count + 1
    # 1098 messages: 600:1099, 99:599 without 5, and the rest
    assert box.do("UIDBATCHES 500")[0] \
        == f'* UIDBATCHES (TAG "t{n}") 1099:600,599:100,99:1'
    assert box.do("UIDBATCHES 500 2:2")[0] == f'* UIDBATCHES (TAG "t{n + 1}") 599:100'
    assert box.do("UIDBATCHES 500 3:9")[0] == f'* UIDBATCHES (TAG "t{n + 2}") 99:1'
    found = box.do("UID SEARCH RETURN (COUNT) UID 600:1099")[0]
    assert found.endswith(" COUNT 500")


def test_fetch_partial(box):  # noqa: F811
    assert " PARTIAL " in box.do("CAPABILITY")[0]
    assert len(box.do("UID FETCH 1:* FLAGS (PARTIAL 1:2)")) == 3
    assert box.do("UID FETCH 1:* UID (PARTIAL -1:-2)")[:2] \
        == ["* 2 FETCH (UID 2)", "* 3 FETCH (UID 3)"]
    assert len(box.do("UID FETCH 1:* FLAGS (PARTIAL 4:9)")) == 1
    since = int(re.search(r"MODSEQ \((\d+)\)", box.do("FETCH 3 (MODSEQ)")[-2]).group(1))
    box.do("STORE 1,3 +FLAGS.SILENT (\\Flagged)")
    lines = box.do(f"UID FETCH 1:* FLAGS (PARTIAL -1:-2 CHANGEDSINCE {since})")
    assert len(lines) == 2 and lines[0].startswith("* 3 FETCH (UID 3 ")
    for wrong in ("UID FETCH 1 UID (PARTIAL)", "UID FETCH 1 UID (PARTIAL 0:1)",
                  "UID FETCH 1 UID (PARTIAL 1)", "FETCH 1 UID (PARTIAL 1:2)"):
        assert " BAD " in box.do(wrong)[-1]
