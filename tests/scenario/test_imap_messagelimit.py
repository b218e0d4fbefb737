"""MESSAGELIMIT and SAVELIMIT [RFC9738]: one command works on so many messages."""
import pytest

from test_imap_session import MESSAGE, Wire


@pytest.fixture
def limited(make_server):
    opened = []

    def make(extra, count=12):
        server = make_server(extra=extra)
        w = Wire(server.imap_port).login()
        opened.append(w)
        for _ in range(count):
            w.append(MESSAGE)
        w.do("SELECT INBOX")
        w.do("CREATE to")
        return w

    yield make
    for w in opened:
        w.close()


def test_not_announced_by_itself(limited):
    w = limited("", 1)
    words = w.do("CAPABILITY")[0].split()
    assert not [word for word in words if "LIMIT=" in word and not word.startswith("APPEND")]


def test_the_highest_come_first(limited):
    w = limited("imap_message_limit = 5\n")
    assert "MESSAGELIMIT=5" in w.do("CAPABILITY")[0].split()
    lines = w.do("FETCH 1:* (UID)")
    assert [line.split()[1] for line in lines[:5]] == ["8", "9", "10", "11", "12"]
    assert len(lines) == 6 and " OK [MESSAGELIMIT 5 8] " in lines[-1]
    assert "MESSAGELIMIT" not in w.do("FETCH 1:5 (UID)")[-1]
    assert " OK [MESSAGELIMIT 5 8] " in w.do("UID STORE 1:* +FLAGS.SILENT (\\Flagged)")[-1]
    assert " OK [MESSAGELIMIT 5 3] " in w.do("UID STORE 1:7 +FLAGS.SILENT (\\Flagged)")[-1]
    assert "MESSAGELIMIT" not in w.do("UID STORE 1:2 +FLAGS.SILENT (\\Flagged)")[-1]
    assert len(w.do("UID FETCH 1:* (UID) (PARTIAL 1:5)")) == 6
    assert " NO [MESSAGELIMIT 5] " in w.do("UID FETCH 1:* (UID) (PARTIAL 1:6)")[-1]


def test_search_counts_what_it_looks_at(limited):
    w = limited("imap_message_limit = 5\n")
    lines = w.do("UID SEARCH SUBJECT one")
    assert lines[0] == "* SEARCH 8 9 10 11 12" and " OK [MESSAGELIMIT 5 8] " in lines[1]
    lines = w.do("UID SEARCH UIDBEFORE 8 SUBJECT one")
    assert lines[0] == "* SEARCH 3 4 5 6 7" and " OK [MESSAGELIMIT 5 3] " in lines[1]
    lines = w.do("UID SEARCH UIDBEFORE 3 SUBJECT one")
    assert lines[0] == "* SEARCH 1 2" and "MESSAGELIMIT" not in lines[1]
    lines = w.do("UID SEARCH OR SUBJECT two UID 1")
    assert lines[0] == "* SEARCH" and " OK [MESSAGELIMIT 5 8] " in lines[1]


def test_copies_are_whole_or_none(limited):
    w = limited("imap_message_limit = 5\n")
    assert " NO [MESSAGELIMIT 5 8] " in w.do("COPY 1:* to")[-1]
    assert "(MESSAGES 0)" in w.do("STATUS to (MESSAGES)")[0]
    assert " OK [COPYUID " in w.do("COPY 1:5 to")[-1]
    lines = w.do("UID MOVE 1:* to")
    assert " OK [MESSAGELIMIT 5 8] " in lines[-1] and "[COPYUID " in lines[0]
    assert len([line for line in lines if " EXPUNGE" in line]) == 5
    many = b"".join(b" {%d+}\r\n%s" % (len(MESSAGE), MESSAGE) for _ in range(6))
    w.count += 1
    w.send(b"t%d APPEND to%s\r\n" % (w.count, many))
    assert " NO [MESSAGELIMIT 5] " in w.until(f"t{w.count}")[-1]
    assert "(MESSAGES 10)" in w.do("STATUS to (MESSAGES)")[0]


def test_expunges(limited):
    w = limited("imap_message_limit = 5\n")
    w.do("UID STORE 1:7 +FLAGS.SILENT (\\Deleted)")
    w.do("UID STORE 1:2 +FLAGS.SILENT (\\Deleted)")
    assert " OK [MESSAGELIMIT 5 3] " in w.do("UID EXPUNGE 1:*")[-1]
    assert "MESSAGELIMIT" not in w.do("UID EXPUNGE 1:*")[-1]
    # EXPUNGE has no limit
    w.do("UID STORE 8:12 +FLAGS.SILENT (\\Deleted)")
    assert "MESSAGELIMIT" not in w.do("EXPUNGE")[-1]


def test_savelimit(limited):
    w = limited("imap_save_limit = 5\n")
    assert "SAVELIMIT=5" in w.do("CAPABILITY")[0].split()
    assert len(w.do("FETCH 1:* UID")) == 13
    assert " NO [MESSAGELIMIT 5 8] " in w.do("UID COPY 1:* to")[-1]
    assert " OK [COPYUID " in w.do("UID COPY 1:5 to")[-1]
