"""METADATA [RFC5464] and LIST-METADATA [RFC9590]: the examples of the RFCs,
errors, limits, rights, other users, and what others change."""
import time

import pytest

import culver
from test_shared import Shared

SERVER = 'mail_server_admin = mailto:admin@example.org\n'


@pytest.fixture(scope="module")
def server():
    with culver.Server(extra=SERVER) as server:
        yield server


def login(server, user="alice"):
    raw = server.raw()
    raw.line()
    assert b"OK" in raw.command(f"LOGIN {user} secret")[-1]
    return raw


@pytest.fixture(scope="module")
def raw(server):
    with login(server) as raw:
        yield raw


def said(raw, command):
    return b"".join(raw.command(command)).decode().replace("\r\n", "\n").splitlines()


def literal(raw, before, value, after, size=None):
    raw.send(f"x {before} {{{len(value) if size is None else size}}}\r\n".encode())
    first = raw.line()
    if not first.startswith(b"+"):
        return first.decode().strip()
    raw.send(value + after.encode() + b"\r\n")
    return raw.until("x")[-1].decode().strip()


def test_capability(raw):
    words = said(raw, "CAPABILITY")[0].split()
    assert "METADATA" in words and "LIST-METADATA" in words
    # that would say that only the server has annotations [RFC5464 1]
    assert "METADATA-SERVER" not in words


def test_server_entries(raw):
    assert said(raw, 'SETMETADATA "" (/shared/comment "Shared comment")') == \
        ["x OK Setmetadata completed."]
    assert said(raw, 'GETMETADATA "" /shared/comment') == [
        '* METADATA "" (/shared/comment "Shared comment")', "x OK Getmetadata completed."]
    # the administrator's: it is always there and never changed [RFC5464 3.2.1.1]
    assert said(raw, 'GETMETADATA "" /shared/admin')[0] == \
        '* METADATA "" (/shared/admin "mailto:admin@example.org")'
    assert said(raw, 'SETMETADATA "" (/shared/admin "me")')[0].startswith("x NO [NOPERM]")
    assert said(raw, 'SETMETADATA "" (/shared/comment NIL /shared/admin NIL)')[0].startswith("x NO")
    assert "Shared comment" in said(raw, 'GETMETADATA "" /shared/comment')[0]
    assert said(raw, 'SETMETADATA "" (/private/vendor/culver/x "1")')[-1].startswith("x OK")
    assert said(raw, 'GETMETADATA "" (DEPTH infinity) (/private /shared)')[0] == \
        '* METADATA "" (/private/vendor/culver/x "1" /shared/admin "mailto:admin@example.org" ' \
        '/shared/comment "Shared comment")'
    said(raw, 'SETMETADATA "" (/shared/comment NIL /private/vendor/culver/x NIL)')


def test_mailbox_entries(raw):
    assert said(raw, 'SETMETADATA INBOX (/private/comment "My own comment" '
                     '/shared/comment "Shared comment")') == ["x OK Setmetadata completed."]
    assert said(raw, 'GETMETADATA "INBOX" /private/comment')[0] == \
        '* METADATA INBOX (/private/comment "My own comment")'
    assert said(raw, 'GETMETADATA "INBOX" (/shared/comment /private/comment)')[0] == \
        '* METADATA INBOX (/shared/comment "Shared comment" /private/comment "My own comment")'
    # [RFC5464 4.4.1] without a list
    assert said(raw, 'GETMETADATA "INBOX" /private/comment /shared/comment')[0] == \
        '* METADATA INBOX (/private/comment "My own comment" /shared/comment "Shared comment")'
    # names have no case, and are told as they were asked for
    assert said(raw, 'GETMETADATA INBOX /Private/COMMENT')[0] == \
        '* METADATA INBOX (/Private/COMMENT "My own comment")'
    assert said(raw, 'GETMETADATA INBOX /private/none') == ["x OK Getmetadata completed."]
    assert literal(raw, "SETMETADATA INBOX (/private/comment", b"My new comment across\r\ntwo lines.\r\n",
                   ")") == "x OK Setmetadata completed."
    assert b"".join(raw.command("GETMETADATA INBOX /private/comment")).startswith(
        b"* METADATA INBOX (/private/comment {35}\r\nMy new comment across\r\ntwo lines.\r\n)\r\n")
    assert said(raw, 'SETMETADATA INBOX (/private/comment "")')[-1].startswith("x OK")
    assert said(raw, 'GETMETADATA INBOX /private/comment')[0] == '* METADATA INBOX (/private/comment "")'
    assert said(raw, "SETMETADATA INBOX (/private/comment NIL)")[-1].startswith("x OK")
    assert len(said(raw, "GETMETADATA INBOX /private/comment")) == 1
    said(raw, "SETMETADATA INBOX (/shared/comment NIL)")


def test_binary_values(raw):
    """[RFC5464 5] value = nstring / literal8"""
    raw.send(b'x SETMETADATA INBOX (/private/comment ~{3+}\r\na\0b "/private/vendor/culver/t" {2+}\r\nok)\r\n')
    assert raw.until("x")[-1].startswith(b"x OK")
    raw.send(b"x GETMETADATA INBOX (/private/comment /private/vendor/culver/t)\r\n")
    assert raw.line() == b"* METADATA INBOX (/private/comment ~{3}\r\n"
    assert raw.exact(3) == b"a\0b"
    assert raw.until("x")[0] == b' /private/vendor/culver/t "ok")\r\n'
    # a literal without "~" has none, nor has the name of an entry
    for pair in (b"/private/comment {3+}\r\na\0b", b"~{10+}\r\n/private/\0 x"):
        raw.send(b"x SETMETADATA INBOX (" + pair + b")\r\n")
        assert raw.until("x")[-1].startswith(b"x BAD")
    said(raw, "SETMETADATA INBOX (/private/comment NIL /private/vendor/culver/t NIL)")


def test_maxsize_and_depth(raw):
    said(raw, "CREATE Sized")
    said(raw, f'SETMETADATA Sized (/shared/comment "{"x" * 2199}" /private/comment "My own comment")')
    for command in ("(MAXSIZE 1024) Sized (/shared/comment /private/comment)",
                    "Sized (MAXSIZE 1024) (/shared/comment /private/comment)"):
        assert said(raw, "GETMETADATA " + command) == [
            '* METADATA Sized (/private/comment "My own comment")',
            "x OK [METADATA LONGENTRIES 2199] Getmetadata completed."]
    assert said(raw, "GETMETADATA (MAXSIZE 2199) Sized /shared/comment")[-1] == \
        "x OK Getmetadata completed."
    said(raw, 'SETMETADATA Sized (/private/filters/values/small "SMALLER 5000" '
              '/private/filters/values/boss "FROM \\"boss@example.com\\"" '
              '/private/filters/values/a/b "deep" /private/filters/valuesx "no")')
    assert said(raw, "GETMETADATA Sized (DEPTH 1) (/private/filters/values)")[0] == \
        '* METADATA Sized (/private/filters/values/boss "FROM \\"boss@example.com\\"" ' \
        '/private/filters/values/small "SMALLER 5000")'
    assert "/private/filters/values/a/b" in \
        said(raw, "GETMETADATA Sized (DEPTH infinity) /private/filters/values")[0]
    assert said(raw, "GETMETADATA (DEPTH 0) Sized /private/filters/values") == \
        ["x OK Getmetadata completed."]
    assert said(raw, "GETMETADATA (DEPTH infinity MAXSIZE 4) Sized /private/filters") == [
        '* METADATA Sized (/private/filters/values/a/b "deep" /private/filters/valuesx "no")',
        "x OK [METADATA LONGENTRIES 23] Getmetadata completed."]
    # twice asked, once told
    assert said(raw, "GETMETADATA (DEPTH 1) Sized (/private/filters/values "
                     "/private/filters/values/small)")[0].count("SMALLER") == 1


@pytest.mark.parametrize("command", [
    "GETMETADATA", "GETMETADATA INBOX", "GETMETADATA INBOX ()", "GETMETADATA INBOX /private/",
    "GETMETADATA INBOX /private//comment", "GETMETADATA INBOX /comment", "GETMETADATA INBOX comment",
    'GETMETADATA INBOX "/private/a*"', 'GETMETADATA INBOX "/private/a%"', "GETMETADATA INBOX /private",
    'GETMETADATA INBOX "/private/\tx"',
    "GETMETADATA INBOX (DEPTH 2) /private/comment", "GETMETADATA INBOX (DEPTH) /private/comment",
    "GETMETADATA INBOX (MAXSIZE x) /private/comment", "GETMETADATA INBOX (MAXSIZE 4294967296) /private/a",
    "GETMETADATA INBOX (SIZE 1) /private/comment", "GETMETADATA INBOX (DEPTH 1)",
    "GETMETADATA INBOX (/private/a) /private/b",
    "SETMETADATA", "SETMETADATA INBOX", "SETMETADATA INBOX ()", "SETMETADATA INBOX /private/comment x",
    "SETMETADATA INBOX (/private/comment)", "SETMETADATA INBOX (/private/comment atom)",
    'SETMETADATA INBOX (/private/comment ("x"))', 'SETMETADATA INBOX (/private "x")',
    'SETMETADATA INBOX (/other/comment "x")', 'SETMETADATA INBOX ("/private/a*" "x")',
    'SETMETADATA INBOX (/private/vendor/x "1")', 'SETMETADATA INBOX (/shared/vendor "1")',
    'SETMETADATA INBOX (/private/a "x") y',
    'LIST "" * RETURN (METADATA)', 'LIST "" * RETURN (METADATA ())', 'LIST "" * RETURN (METADATA (x))'])
def test_bad(raw, command):
    assert said(raw, command)[-1].startswith("x BAD "), command
    assert said(raw, "NOOP")[-1].startswith("x OK")     # too many in a row end the session


def test_no_such_mailbox(raw):
    assert said(raw, "GETMETADATA none /private/comment")[0].startswith("x NO [NONEXISTENT]")
    assert said(raw, 'SETMETADATA none (/private/comment "x")')[0].startswith("x NO [NONEXISTENT]")


def test_limits(raw):
    said(raw, "CREATE Full")
    assert literal(raw, "SETMETADATA Full (/private/comment", b"x" * 32768, ")").startswith("x OK")
    assert literal(raw, "SETMETADATA Full (/private/comment", b"x" * 32769, ")").startswith(
        "x NO [METADATA MAXSIZE 32768]")
    # refused before it is sent
    assert literal(raw, "SETMETADATA Full (/private/comment", b"", "", size=1 << 20).startswith(
        "x NO [METADATA MAXSIZE 32768]")
    assert literal(raw, "APPEND Full", b"", "", size=1 << 40).startswith("x NO")
    for i in range(0, 1000, 100):
        pairs = " ".join(f'/private/many/n{k} "{k}"' for k in range(i, i + 100))
        reply = said(raw, f"SETMETADATA Full ({pairs})")[-1]
        assert reply.startswith("x OK" if i < 900 else "x NO [METADATA TOOMANY]"), i
    # none of the last hundred was set [RFC5464 4.3]
    assert len(said(raw, "GETMETADATA Full /private/many/n900")) == 1
    # changing and removing goes on to be possible
    assert said(raw, 'SETMETADATA Full (/private/many/n1 "new")')[-1].startswith("x OK")
    assert said(raw, "SETMETADATA Full (/private/many/n1 NIL)")[-1].startswith("x OK")
    for i in range(40):
        last = literal(raw, f"SETMETADATA Full (/shared/big/n{i}", b"y" * 32768, ")")
    assert last.startswith("x NO [METADATA TOOMANY]")
    # one name many times is one entry, and makes no room for others
    said(raw, "SETMETADATA Full (/shared/big/n0 NIL)")
    assert literal(raw, "SETMETADATA Full (/shared/big/n0", b"y" * 10, ")").startswith("x OK")
    for i in range(40):
        gone = f"/shared/big/n{i + 1} NIL " * 20
        last = literal(raw, f"SETMETADATA Full ({gone}/shared/more/a{i} "
                       f'"{"z" * 20000}" /shared/more/b{i}', b"z" * 20000, ")")
        if last.startswith("x NO"):
            break
    assert last.startswith("x NO [METADATA TOOMANY]")
    assert said(raw, "SETMETADATA Full (/shared/a NIL /shared/A \"x\" /shared/a \"y\")")[-1] \
        .startswith("x OK")
    assert said(raw, "GETMETADATA Full /shared/a")[0].endswith('(/shared/a "y")')


def test_they_follow_the_mailbox(raw):
    said(raw, "CREATE Old")
    said(raw, 'SETMETADATA Old (/shared/comment "mine")')
    said(raw, "RENAME Old New")
    assert said(raw, "GETMETADATA New /shared/comment")[0] == '* METADATA New (/shared/comment "mine")'
    said(raw, "CREATE Old")
    assert len(said(raw, "GETMETADATA Old /shared/comment")) == 1
    said(raw, "DELETE New")
    said(raw, "CREATE New")
    assert len(said(raw, "GETMETADATA New /shared/comment")) == 1
    # [RFC5464 4.1] INBOX keeps them, and what its mail goes to gets them, too
    said(raw, 'SETMETADATA INBOX (/shared/comment "inbox")')
    said(raw, "RENAME INBOX Moved")
    for box in ("INBOX", "Moved"):
        assert said(raw, f"GETMETADATA {box} /shared/comment")[0] == \
            f'* METADATA {box} (/shared/comment "inbox")'
    said(raw, "SETMETADATA INBOX (/shared/comment NIL)")


def test_list_metadata(raw):
    said(raw, "CREATE Lists/dev")
    said(raw, 'SETMETADATA Lists/dev (/shared/comment "public archive")')
    rows = said(raw, 'LIST "" (INBOX Lists Lists/%) RETURN (SPECIAL-USE METADATA '
                     '("/private/comment" "/shared/comment") MYRIGHTS)')
    assert rows[0] == '* LIST () "/" INBOX'
    assert '* METADATA INBOX (/private/comment NIL /shared/comment NIL)' in rows
    assert '* METADATA Lists/dev (/private/comment NIL /shared/comment "public archive")' in rows
    assert not any(r.startswith("* METADATA Lists ") for r in rows)
    assert any(r.startswith("* MYRIGHTS Lists/dev") for r in rows)
    assert rows[-1] == "x OK LIST completed."


def test_what_others_change_is_told_when_it_was_asked_for(server, raw):
    with login(server) as other, login(server) as silent:
        assert said(other, "ENABLE METADATA") == ["* ENABLED METADATA", "x OK Enabled."]
        assert said(other, "NOOP") == ["x OK NOOP completed."]
        said(raw, 'SETMETADATA INBOX (/shared/comment "a" /private/comment "b")')
        said(raw, 'SETMETADATA "" (/private/comment "c")')
        rows = said(other, "NOOP")
        assert rows == ['* METADATA "" /private/comment', "* METADATA INBOX /private/comment /shared/comment",
                        "x OK NOOP completed."]
        assert said(other, "NOOP") == ["x OK NOOP completed."]
        assert said(silent, "NOOP") == ["x OK NOOP completed."]
        # not what was changed by itself, nor what did not change
        said(other, 'SETMETADATA INBOX (/shared/comment "own")')
        said(raw, 'SETMETADATA INBOX (/private/comment "b")')
        assert said(other, "NOOP") == ["x OK NOOP completed."]
        said(raw, 'SETMETADATA INBOX (/shared/comment NIL /private/comment NIL)')
        assert said(other, "NOOP")[0] == "* METADATA INBOX /private/comment /shared/comment"
        # in IDLE, too
        said(other, "SELECT INBOX")
        other.send(b"x IDLE\r\n")
        assert other.line().startswith(b"+")
        start = time.monotonic()
        said(raw, 'SETMETADATA INBOX (/shared/comment "idle")')
        assert other.line() == b"* METADATA INBOX /shared/comment\r\n"
        assert time.monotonic() - start < 5
        other.send(b"DONE\r\n")
        assert other.until("x")[-1].startswith(b"x OK")
    with login(server) as other:
        assert said(other, "ENABLE METADATA-SERVER")[0] == "* ENABLED METADATA-SERVER"


@pytest.mark.skipif(not culver.IS_ROOT, reason="users of different uids need root")
def test_another_users_mailbox():
    with Shared() as server, login(server, "alice") as alice, login(server, "bob") as bob:
        said(alice, "CREATE Team")
        said(alice, 'SETMETADATA Team (/shared/comment "for all" /private/comment "alice only")')
        theirs = "shared/alice/Team"
        said(alice, "SETACL Team bob l")
        # [RFC5464 3.3] l and one of r, s, w, i, p
        assert said(bob, f"GETMETADATA {theirs} /shared/comment")[0].startswith("x NO [NOPERM]")
        assert said(bob, f'SETMETADATA {theirs} (/shared/comment "x")')[0].startswith("x NO [NOPERM]")
        said(alice, "SETACL Team bob lr")
        assert said(bob, f"GETMETADATA (DEPTH infinity) {theirs} (/shared /private)")[0] == \
            f'* METADATA {theirs} (/shared/comment "for all")'
        assert said(bob, f'SETMETADATA {theirs} (/private/comment "bob only" /shared/x "bob")')[-1] \
            .startswith("x OK")
        assert said(bob, f"GETMETADATA {theirs} /private/comment")[0].endswith('"bob only")')
        assert said(alice, "GETMETADATA (DEPTH infinity) Team (/private /shared)")[0] == \
            '* METADATA Team (/private/comment "alice only" /shared/comment "for all" /shared/x "bob")'
        assert said(bob, 'GETMETADATA (DEPTH infinity) "" /private') == ["x OK Getmetadata completed."]
        assert said(bob, "GETMETADATA shared/alice/INBOX /shared/comment")[0].startswith(
            "x NO [NONEXISTENT]")
        assert said(bob, 'LIST "" shared/alice/% RETURN (METADATA (/private/comment))')[1] == \
            f'* METADATA {theirs} (/private/comment "bob only")'


def test_with_culveradm(server, raw):
    server.adm("mailbox", "metadata", "-u", "alice", "set", "INBOX", "/shared/comment", "by hand")
    assert said(raw, "GETMETADATA INBOX /shared/comment")[0] == '* METADATA INBOX (/shared/comment "by hand")'


def test_they_are_kept(server, raw):
    said(raw, 'SETMETADATA "" (/private/comment "kept")')
    server.stop()
    server.start()
    with login(server) as again:
        assert said(again, 'GETMETADATA "" /private/comment')[0] == '* METADATA "" (/private/comment "kept")'
