"""QRESYNC [RFC7162 3.2]: a client that was away is told what it has missed."""
import re

import pytest

from test_imap_condstore import highest, modseqs
from test_imap_session import MESSAGE, box, wire  # noqa: F401


def vanished(lines, earlier=True):
    word = "* VANISHED (EARLIER) " if earlier else "* VANISHED "
    return [line[len(word):] for line in lines if line.startswith(word)
            and (earlier or "(EARLIER)" not in line)]


def uidvalidity(lines):
    return int(re.search(r"UIDVALIDITY (\d+)", "\n".join(lines)).group(1))


@pytest.fixture
def big(box, wire):  # noqa: F811
    """Ten messages, a client that knows them all, and one that does the work."""
    for i in range(7):
        box.append(MESSAGE, box.name)
    box.do("NOOP")
    box.worker = wire()
    box.worker.do(f"SELECT {box.name}")
    assert box.do("ENABLE QRESYNC")[0] == "* ENABLED QRESYNC"
    box.selected = box.do(f"SELECT {box.name}")
    box.known = highest(box.selected)[0]
    box.validity = uidvalidity(box.selected)
    return box


def expunge(w, numbers):
    w.do(f"STORE {numbers} +FLAGS.SILENT (\\Deleted)")
    w.do("EXPUNGE")


def test_enabled_in_any_order(wire):  # noqa: F811
    w = wire()
    assert " QRESYNC " in w.do("CAPABILITY")[0]
    assert sorted(w.do("ENABLE CONDSTORE QRESYNC")[0].split()[2:]) == ["CONDSTORE", "QRESYNC"]
    assert w.do("ENABLE QRESYNC")[0] == "* ENABLED"


def test_not_before_it_is_enabled(box):  # noqa: F811
    assert " BAD " in box.do(f"SELECT {box.name} (QRESYNC (1 1))")[-1]
    assert " OK " in box.do("FETCH 1 FLAGS")[-1]
    assert " BAD " in box.do("UID FETCH 1:9 (FLAGS) (CHANGEDSINCE 1 VANISHED)")[-1]


def test_select_tells_what_was_missed(big):
    expunge(big.worker, "2:3,8")
    big.worker.do("STORE 1 +FLAGS.SILENT ($MDNSent)")
    lines = big.do(f"SELECT {big.name} (QRESYNC ({big.validity} {big.known}))")
    assert lines[0].startswith("* OK [CLOSED]")
    assert vanished(lines) == ["2:3,8"]
    assert list(modseqs(lines)) == [1]
    fetch = [line for line in lines if " FETCH " in line]
    assert "UID 1 " in fetch[0] and "$MDNSent" in fetch[0]
    # VANISHED comes before any FETCH [RFC7162 3.2.6]
    assert lines.index(fetch[0]) > lines.index("* VANISHED (EARLIER) 2:3,8")
    # the list of known UIDs restricts it
    lines = big.do(f"SELECT {big.name} (QRESYNC ({big.validity} {big.known} 3:7))")
    assert vanished(lines) == ["3"] and modseqs(lines) == {}
    # nothing since
    now = highest(lines)[0]
    lines = big.do(f"EXAMINE {big.name} (QRESYNC ({big.validity} {now}))")
    assert vanished(lines) == [] and modseqs(lines) == {}


def test_another_uidvalidity(big):
    expunge(big.worker, "2")
    lines = big.do(f"SELECT {big.name} (QRESYNC ({big.validity + 1} 1 1:9))")
    assert vanished(lines) == [] and modseqs(lines) == {}
    assert uidvalidity(lines) == big.validity and " OK [READ-WRITE]" in lines[-1]


def test_match_data_is_taken(big):
    expunge(big.worker, "5")
    lines = big.do(f"SELECT {big.name} (QRESYNC ({big.validity} {big.known} 1:10 (1,3,9 1,3,9)))")
    assert vanished(lines) == ["5"]
    lines = big.do(f"SELECT {big.name} (QRESYNC ({big.validity} {big.known} (1:4 1:4)))")
    assert vanished(lines) == ["5"]


@pytest.mark.parametrize("params", [
    "", "()", "(1)", "(0 1)", "(1 0)", "(1 1 *)", "(1 1 1:*)", "(1 1 1 (1 1) 2)", "(1 1 (1:2 1:3))",
    "(1 1 (1))", "(1 1 (* 1))", "(4294967296 1)", "(1 9223372036854775808)", "1 1"])
def test_wrong_parameters_select_nothing(big, params):
    assert " BAD " in big.do(f"SELECT {big.name} (QRESYNC {params})")[-1]
    # [RFC7162 3.2.5] it was no attempt
    assert " OK " in big.do("FETCH 1 (FLAGS)")[-1]


def test_vanished_takes_the_place_of_expunge(big):
    big.do("STORE 3,5:7 +FLAGS.SILENT (\\Deleted)")
    lines = big.do("EXPUNGE")
    assert vanished(lines, False) == ["3,5:7"]
    assert not any(line.endswith(" EXPUNGE") for line in lines)
    assert re.match(r"t\d+ OK \[HIGHESTMODSEQ \d+\] ", lines[-1])
    assert "HIGHESTMODSEQ" not in big.do("EXPUNGE")[-1]
    big.do("STORE 1 +FLAGS.SILENT (\\Deleted)")
    lines = big.do("UID EXPUNGE 1")
    assert vanished(lines, False) == ["1"] and "[HIGHESTMODSEQ" in lines[-1]
    # of another session
    big.worker.do("NOOP")
    expunge(big.worker, "1")
    assert vanished(big.do("NOOP"), False) == ["2"]
    # CLOSE must not tell it
    big.do("STORE 1 +FLAGS.SILENT (\\Deleted)")
    assert big.do("CLOSE") == [f"t{big.count} OK Close completed."]


def test_vanished_names_only_what_was_announced(big):
    expunge(big.worker, "1:2")
    big.worker.append(MESSAGE, big.name)
    big.worker.do("NOOP")
    expunge(big.worker, "9")
    lines = big.do("NOOP")
    assert vanished(lines, False) == ["1:2"]
    assert big.do("FETCH 8 UID")[0].startswith("* 8 FETCH (UID 10")


def test_none_while_numbers_are_in_use(big):
    expunge(big.worker, "1")
    for command in ("FETCH 2 FLAGS", "SEARCH ALL", "STORE 3 +FLAGS (\\Seen)", "UID SEARCH 1:3"):
        assert vanished(big.do(command), False) == [], command
    assert vanished(big.do("UID SEARCH ALL"), False) == ["1"]


def test_fetch_with_vanished(big):
    expunge(big.worker, "4:5")
    big.worker.do("STORE 1,4 +FLAGS.SILENT (\\Flagged)")
    lines = big.do(f"UID FETCH 1:7 (FLAGS) (CHANGEDSINCE {big.known} VANISHED)")
    # the view shows them still: they come with the answer's end, not as earlier ones
    assert vanished(lines) == [] and vanished(lines, False) == ["4:5"]
    lines = big.do(f"UID FETCH 1:4,6:100 (FLAGS) (VANISHED CHANGEDSINCE {big.known})")
    assert vanished(lines) == ["4"] and sorted(modseqs(lines)) == [1, 4]
    assert " BAD " in big.do("UID FETCH 1:7 (FLAGS) (VANISHED)")[-1]
    assert " BAD " in big.do("FETCH 1:2 (FLAGS) (CHANGEDSINCE 1 VANISHED)")[-1]


def test_moves_are_expunges(big):
    big.do(f"CREATE {big.name}-to")
    lines = big.do(f"UID MOVE 2,9 {big.name}-to")
    assert "[COPYUID " in lines[0] and vanished(lines, False) == ["2,9"]
    assert "[HIGHESTMODSEQ" in lines[-1]
    lines = big.do(f"SELECT {big.name} (QRESYNC ({big.validity} {big.known}))")
    assert vanished(lines) == ["2,9"]


def test_it_survives_a_restart(big, server):
    expunge(big.worker, "2")
    for w in (big, big.worker):
        w.close()
    server.stop()
    server.start()
    from test_imap_session import Wire
    w = Wire(server.imap_port).login()
    w.do("ENABLE QRESYNC")
    lines = w.do(f"SELECT {big.name} (QRESYNC ({big.validity} {big.known}))")
    assert vanished(lines) == ["2"] and modseqs(lines) == {}
    w.close()
