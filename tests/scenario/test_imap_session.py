"""IMAP over real sockets: what a client may rely on from login to logout."""
import imaplib
import socket
import time

import pytest

MESSAGE = b"From: a@example.org\r\nTo: b@example.org\r\nSubject: one\r\n\r\nbody\r\n"


class Wire:
    """A client that sees each byte."""

    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), 20)
        self.file = self.sock.makefile("rb")
        self.greeting = self.line()
        self.count = 0

    def line(self):
        return self.file.readline().decode("latin-1").rstrip("\r\n")

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode())

    def until(self, tag):
        """Lines to the tagged one, literals as they come."""
        lines = []
        while True:
            line = self.line()
            if line == "":
                raise AssertionError(f"closed after {lines}")
            while line.endswith("}") and "{" in line:
                size = int(line[line.rindex("{") + 1:-1])
                line += "\r\n" + self.file.read(size).decode("latin-1") + self.line()
            lines.append(line)
            if line.startswith(tag + " "):
                return lines

    def do(self, command):
        self.count += 1
        tag = f"t{self.count}"
        self.send(f"{tag} {command}\r\n")
        return self.until(tag)

    def login(self, user="alice", password="secret"):
        lines = self.do(f"LOGIN {user} {password}")
        assert lines[-1].split()[1] == "OK", lines
        return self

    def append(self, message, mailbox="INBOX", options=""):
        self.count += 1
        tag = f"t{self.count}"
        self.send(f"{tag} APPEND {mailbox} {options}{{{len(message)}+}}\r\n".encode()
                  + message + b"\r\n")
        lines = self.until(tag)
        assert " OK " in lines[-1], lines
        return lines

    def close(self):
        self.sock.close()


@pytest.fixture
def wire(server):
    opened = []

    def make(login=True, user="alice"):
        w = Wire(server.imap_port)
        opened.append(w)
        return w.login(user) if login else w

    yield make
    for w in opened:
        w.close()


@pytest.fixture
def box(wire):
    """A fresh mailbox with three messages, selected."""
    w = wire()
    name = f"box{time.monotonic_ns()}"
    assert " OK " in w.do(f"CREATE {name}")[-1]
    for i in range(3):
        w.append(MESSAGE.replace(b"one", b"msg %d" % i), name,
                 "(\\Seen) " if i == 0 else "")
    w.name = name
    w.selected = w.do(f"SELECT {name}")
    return w


def test_greeting_and_capabilities(wire):
    w = wire(login=False)
    assert w.greeting.startswith("* OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ ")
    lines = w.do("LOGIN alice secret")
    assert lines[-1].startswith("t1 OK [CAPABILITY IMAP4rev1 ")
    for word in ("IDLE", "NAMESPACE", "UIDPLUS", "UNSELECT", "MOVE", "SPECIAL-USE",
                 "LIST-EXTENDED", "LIST-STATUS", "STATUS=SIZE", "ENABLE", "ID"):
        assert f" {word}" in lines[-1]
    assert "LITERAL-" not in lines[-1]


def test_wrong_password(wire):
    w = wire(login=False)
    assert w.do("LOGIN alice wrong") == [
        "t1 NO [AUTHENTICATIONFAILED] Authentication failed."]
    assert " OK " in w.do("LOGIN alice secret")[-1]


def test_commands_pipelined_behind_login(wire):
    w = wire(login=False)
    w.send("a LOGIN alice secret\r\nb NOOP\r\nc LOGOUT\r\n")
    assert w.until("a")[-1].startswith("a OK [CAPABILITY ")
    assert w.until("b") == ["b OK NOOP completed."]
    assert w.until("c") == ["* BYE Logging out", "c OK Logout completed."]
    assert w.line() == ""


def test_sasl_plain_with_and_without_initial_response(wire):
    w = wire(login=False)
    w.send("a AUTHENTICATE PLAIN\r\n")
    assert w.line().startswith("+")
    w.send("*\r\n")
    assert w.until("a")[-1].startswith("a BAD ")
    w.send("b AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==\r\n")
    assert w.until("b")[-1].startswith("b OK [CAPABILITY ")


def test_select(box):
    text = "\n".join(box.selected)
    assert "* 3 EXISTS" in text
    assert "* OK [UNSEEN 2]" in text
    assert "* OK [UIDNEXT 4]" in text
    assert "[PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft" in text
    assert box.selected[-1].split(" ", 1)[1].startswith("OK [READ-WRITE]")


def test_append_answers_with_the_uid(box):
    lines = box.append(MESSAGE, box.name, '(\\Flagged $Work) "17-Jul-1996 02:44:25 -0700" ')
    assert "* 4 EXISTS" in lines
    assert "[APPENDUID " in lines[-1] and " 4] " in lines[-1]
    assert box.do("FETCH 4 (FLAGS INTERNALDATE)")[0].replace(" \\Recent", "") == (
        '* 4 FETCH (FLAGS (\\Flagged $Work) INTERNALDATE "17-Jul-1996 09:44:25 +0000")')


def test_append_waits_to_be_asked(wire):
    w = wire()
    w.send("a APPEND no-such-box {10}\r\n")
    assert w.until("a") == ["a NO [TRYCREATE] Mailbox doesn't exist."]
    w.send("b APPEND INBOX {1}\r\n")
    assert w.line().startswith("+")
    w.send("x\r\n")
    assert " OK [APPENDUID" in w.until("b")[-1]


def test_fetch_structure_and_body(box):
    lines = box.do("FETCH 1 (UID RFC822.SIZE ENVELOPE BODYSTRUCTURE)")
    assert lines[0].startswith("* 1 FETCH (UID 1 RFC822.SIZE ")
    assert '"msg 0"' in lines[0] and '"text" "plain"' in lines[0].lower()
    lines = box.do("FETCH 2 BODY[]")
    whole = MESSAGE.replace(b"one", b"msg 1").decode()
    assert f"BODY[] {{{len(whole)}}}\r\n{whole}" in lines[0]
    assert "\\Seen" in lines[0]
    lines = box.do("FETCH 3 BODY.PEEK[HEADER.FIELDS (Subject)]<0.10>")
    assert "BODY[HEADER.FIELDS (Subject)]<0> {10}\r\nSubject: m" in lines[0]
    assert "\\Seen" not in box.do("FETCH 3 FLAGS")[0]


def test_store(box):
    assert "\\Flagged" in box.do("STORE 1:2 +FLAGS (\\Flagged kw)")[0]
    assert box.do("STORE 1 -FLAGS.SILENT (\\Flagged)")[0].startswith("t")
    flags = box.do("FETCH 1:2 FLAGS")
    assert "\\Flagged" not in flags[0] and "kw" in flags[0]
    assert "\\Flagged" in flags[1]
    assert "* SEARCH 1 2" in box.do("SEARCH KEYWORD KW")


def test_expunge_and_uid_expunge(box):
    box.do("STORE 1,3 +FLAGS.SILENT (\\Deleted)")
    assert box.do("UID EXPUNGE 3")[0] == "* 3 EXPUNGE"
    assert box.do("EXPUNGE")[0] == "* 1 EXPUNGE"
    assert box.do("FETCH 1:* UID")[0] == "* 1 FETCH (UID 2)"


def test_copy_and_move(box):
    box.do(f"CREATE {box.name}-to")
    lines = box.do(f"COPY 1:2 {box.name}-to")
    assert " 1:2 1:2] " in lines[-1]
    lines = box.do(f"UID MOVE 2 {box.name}-to")
    assert lines[0].startswith("* OK [COPYUID ") and " 2 3] " in lines[0]
    assert lines[1] == "* 2 EXPUNGE"
    assert f"* STATUS {box.name}-to (MESSAGES 3 UIDNEXT 4)" in \
        box.do(f"STATUS {box.name}-to (MESSAGES UIDNEXT)")


def test_search(box):
    assert box.do("SEARCH UNSEEN")[0] == "* SEARCH 2 3"
    assert box.do("UID SEARCH OR SEEN SUBJECT \"MSG 2\"")[0] == "* SEARCH 1 3"
    assert box.do("SEARCH FROM a@example.org BODY bod NOT 1")[0] == "* SEARCH 2 3"
    assert box.do("SEARCH SINCE 1-Jan-2000 LARGER 10 SMALLER 10000")[0] == "* SEARCH 1 2 3"
    assert box.do("SEARCH TEXT nowhere")[0] == "* SEARCH"


def test_status_size(box):
    size = sum(int(line.rsplit(" ", 1)[1].rstrip(")"))
               for line in box.do("FETCH 1:3 RFC822.SIZE")[:-1])
    assert box.do(f"STATUS {box.name} (SIZE UNSEEN)")[0] == (
        f"* STATUS {box.name} (UNSEEN 2 SIZE {size})")


def test_two_sessions_see_each_other(box, wire):
    other = wire()
    other.do(f"SELECT {box.name}")
    box.do("STORE 2 +FLAGS (\\Flagged)")
    box.append(MESSAGE, box.name)
    lines = other.do("NOOP")
    assert "* 4 EXISTS" in lines
    assert any(line.startswith("* 2 FETCH (FLAGS (") and "\\Flagged" in line
               for line in lines)
    box.do("STORE 1 +FLAGS.SILENT (\\Deleted)")
    box.do("EXPUNGE")
    # not while sequence numbers are being used
    assert "* 1 EXPUNGE" not in other.do("FETCH 2 UID")
    assert "* 1 EXPUNGE" in other.do("NOOP")


def test_idle_is_told_at_once(box, wire):
    other = wire()
    other.do(f"SELECT {box.name}")
    other.send("i IDLE\r\n")
    assert other.line() == "+ idling"
    box.append(MESSAGE, box.name)
    other.sock.settimeout(10)
    assert other.line() == "* 4 EXISTS"
    other.send("DONE\r\n")
    assert other.until("i")[-1] == "i OK Idle completed."


def test_mailbox_names(wire):
    w = wire()
    assert " OK " in w.do('CREATE "F&APw-r dich/a"')[-1]
    lines = w.do('LIST "" "F*"')
    assert any(line.endswith('"/" "F&APw-r dich/a"') for line in lines)
    assert " NO " in w.do("CREATE F&A")[-1]
    assert " NO " in w.do("CREATE inbox")[-1]
    assert " OK " in w.do('RENAME "F&APw-r dich/a" g/b/c')[-1]
    assert any(line.endswith('"/" g/b/c') for line in w.do('LIST "" g*'))
    assert " OK " in w.do("DELETE g/b/c")[-1]
    assert " NO [NONEXISTENT]" in w.do("SELECT g/b/c")[-1]


def test_list_special_use_and_subscriptions(wire):
    w = wire()
    lines = w.do('LIST "" *')
    assert any("\\Trash" in line and line.endswith('"/" Trash') for line in lines)
    w.do("CREATE sub")
    w.do("SUBSCRIBE sub")
    assert any(line.endswith('"/" sub') for line in w.do('LSUB "" *'))
    lines = w.do('LIST (SUBSCRIBED) "" * RETURN (STATUS (MESSAGES))')
    assert any("\\Subscribed" in line and line.endswith(" sub") for line in lines)
    assert "* STATUS sub (MESSAGES 0)" in lines
    w.do("UNSUBSCRIBE sub")
    assert not any(line.endswith('"/" sub') for line in w.do('LSUB "" *'))


def test_namespace_and_root(wire):
    w = wire()
    assert w.do("NAMESPACE")[0] == '* NAMESPACE (("" "/")) NIL NIL'
    assert w.do('LIST "" ""')[0] == '* LIST (\\Noselect) "/" ""'


def test_users_are_apart(wire):
    wire().do("CREATE only-alice")
    w = wire(user="bob")
    assert " NO " in w.do("SELECT only-alice")[-1]
    for name in ("../alice/Maildir", "../../alice", "/etc", "~alice", "a/../../b"):
        assert " NO " in w.do(f'SELECT "{name}"')[-1], name
        assert " OK " not in w.do(f'CREATE "{name}"')[-1] or ".." not in name, name


def test_hostile_lines(wire):
    for data in (b"a NOOP \0\r\n", b"a FETCH " + b"(" * 5000 + b"\r\n",
                 b"a SELECT {99999999999999999999}\r\n"):
        w = wire()
        w.send(data)
        assert w.until("a")[-1].startswith("a BAD ")
    w = wire()
    w.send(b"a NOOP " + b"x" * 1_000_000 + b"\r\n")
    assert w.until("a")[-1].startswith("a BAD ")
    assert w.line().startswith("* BYE ")


def test_python_client(server):
    with imaplib.IMAP4("127.0.0.1", server.imap_port) as client:
        client.login("bob", "secret")
        assert client.append("INBOX", "\\Seen", None, MESSAGE)[0] == "OK"
        client.select()
        status, data = client.fetch("1", "(RFC822)")
        assert status == "OK" and data[0][1] == MESSAGE
        client.store("1", "+FLAGS", "\\Deleted")
        assert client.expunge()[1] == [b"1"]


def test_imap_over_tls(server):
    client = server.imap(user="alice", tls=True)
    assert client.noop()[0] == "OK"
    client.logout()
