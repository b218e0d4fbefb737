"""NOTIFY [RFC5465]: the examples of the RFC, its errors, and what is told
without a command; also while the session sleeps."""
import os
import re
import time

import pytest

import culver
from test_hibernate import QUICK, asleep
from test_shared import Shared

MESSAGE = b"From: alice@example.org\r\nTo: bob@example.org\r\nSubject: good morning\r\n\r\nbody\r\n"
EVENTS = ("(MessageNew MessageExpunge FlagChange AnnotationChange MailboxName "
          "SubscriptionChange MailboxMetadataChange ServerMetadataChange)")


class Client(culver.Raw):
    """A client whose answers come as text, without what is told of itself."""

    def __init__(self, server, user="alice"):
        super().__init__(server.imap_port)
        self.line()
        assert self.do(f"LOGIN {user} secret")[-1].startswith("x OK")

    def do(self, command):
        lines = [line.decode().rstrip("\r\n") for line in self.command(command)]
        return [line for line in lines
                if not re.match(r"\* (FLAGS|OK \[(PERM|UID|HIGH|MAILBOXID|UNSEEN|ANNOTATIONS))", line)]

    def ok(self, command):
        lines = self.do(command)
        assert lines[-1].startswith("x OK"), lines
        return lines[:-1]

    def told(self):
        """The next line, which nobody has asked for."""
        return self.line().decode().rstrip("\r\n")

    def append(self, mailbox, flags=""):
        self.ok(f"APPEND {mailbox} {flags}{{{len(MESSAGE)}+}}\r\n{MESSAGE.decode()}")


@pytest.fixture(scope="module")
def server():
    with culver.Server(users={f"u{n}": "secret" for n in range(30)}) as s:
        s.next_user = 0
        yield s


@pytest.fixture
def pair(server):
    """Two sessions of a user who has nothing yet but INBOX and "mark"."""
    user = f"u{server.next_user}"
    server.next_user += 1
    with Client(server, user) as a, Client(server, user) as b:
        b.ok("CREATE mark")
        yield a, b


MARK = "(mailboxes mark (MessageNew MessageExpunge))"


def next_is_mark(a, b):
    """Nothing has been told: the next thing is what happens now."""
    b.append("mark")
    line = a.told()
    assert line.startswith("* STATUS mark (MESSAGES "), line


def test_capability_and_syntax(pair):
    a, _ = pair
    assert " NOTIFY " in a.ok("CAPABILITY")[0]
    for wrong in ("", " FOO", " NONE x", " SET", " SET STATUS", " SET selected",
                  " SET (selected)", " SET (selected MessageNew)", " SET (personal ())",
                  " SET (personal (MailboxName) x)", " SET (mailboxes (MailboxName))",
                  " SET (mailboxes () (MailboxName))", " SET (nothing (MailboxName))",
                  # [RFC5465 5] what belongs together
                  " SET (selected (MessageNew))", " SET (selected (MessageExpunge))",
                  " SET (personal (FlagChange))",
                  " SET (personal (AnnotationChange MessageNew))",
                  # [RFC5465 6.1] what the open mailbox has not
                  " SET (selected (MailboxName))", " SET (selected-delayed (SubscriptionChange))",
                  " SET (selected NONE) (selected-delayed NONE)",
                  # [RFC5465 8] the list is for the open mailbox
                  " SET (personal (MessageNew (UID) MessageExpunge))",
                  " SET (selected (MessageNew () MessageExpunge))",
                  " SET (selected (MessageNew (FOO) MessageExpunge))"):
        assert a.do("NOTIFY" + wrong)[-1].startswith("x BAD "), wrong
        a.ok("NOOP")  # or that would be too many in a row
    for right in ("NONE", "SET (selected NONE)", "set status (Personal (mailboxname))",
                  "SET (selected-delayed (MessageExpunge MessageNew FlagChange))",
                  "SET (inboxes (MessageNew MessageExpunge)) (subscribed (SubscriptionChange))",
                  "SET (subtree (a b) (MailboxName)) (subtree-one c (MailboxName))",
                  "SET (mailboxes (a \"b c\") (MailboxMetadataChange ServerMetadataChange))",
                  "SET (selected (MessageNew (UID BODY.PEEK[HEADER.FIELDS (From To)]) "
                  "MessageExpunge))"):
        assert a.ok("NOTIFY " + right) == []


def test_an_unknown_event_is_no_syntax_error(pair):
    a, _ = pair
    for unknown in ("Foo", "MessageNew MessageExpunge Foo"):
        assert a.do(f"NOTIFY SET (personal ({unknown}))") == \
            [f"x NO [BADEVENT {EVENTS}] Unsupported event."]


def test_too_much_is_refused(pair):
    a, _ = pair
    names = " ".join(f"m{n}" for n in range(999))
    many = f"(mailboxes ({names}) (MailboxName))"
    assert a.ok("NOTIFY SET " + many) == []
    assert a.do(f"NOTIFY SET {many} (mailboxes (x y) (MailboxName))")[-1].startswith(
        "x NO [NOTIFICATIONOVERFLOW] ")
    groups = " ".join("(personal (MailboxName))" for _ in range(65))
    assert a.do("NOTIFY SET " + groups)[-1].startswith("x NO [NOTIFICATIONOVERFLOW] ")


def test_the_example_of_the_rfc(pair):
    a, b = pair
    for name in ("Lists/Lemonade", "Lists/Im2000", "misc"):
        b.ok(f"CREATE {name}")
    b.append("Lists/Lemonade")
    first = a.ok("notify set status (selected MessageNew (uid body.peek[header.fields "
                 "(from to subject)]) MessageExpunge) (subtree Lists MessageNew)"
                 .replace("selected MessageNew", "selected (MessageNew")
                 .replace("MessageExpunge)", "MessageExpunge))")
                 .replace("Lists MessageNew", "Lists (MessageNew MessageExpunge)"))
    assert [re.sub(r"UIDVALIDITY \d+", "V", line) for line in first] == [
        "* STATUS Lists/Im2000 (MESSAGES 0 UIDNEXT 1 V)",
        "* STATUS Lists/Lemonade (MESSAGES 1 UIDNEXT 2 V)"]
    assert a.ok("select inbox") == ["* 0 EXISTS", "* 0 RECENT"]
    b.append("Lists/Lemonade")
    assert a.told() == "* STATUS Lists/Lemonade (MESSAGES 2 UIDNEXT 3)"
    b.append("INBOX")
    assert a.told() == "* 1 EXISTS"
    assert a.told() == "* 1 RECENT"
    assert a.told() == "* 1 FETCH (UID 1 BODY[HEADER.FIELDS (from to subject)] {71}"
    assert a.exact(71) == MESSAGE[:69] + b"\r\n"
    assert a.told() == ")"
    # one more mailbox, and no STATUS of those that are known
    assert a.ok("notify set (selected (MessageNew (uid) MessageExpunge)) (subtree Lists "
                "(MessageNew MessageExpunge)) (mailboxes misc (MessageNew MessageExpunge))") == []
    b.append("misc")
    assert a.told() == "* STATUS misc (MESSAGES 1 UIDNEXT 2)"
    b.append("INBOX")
    assert [a.told() for _ in range(3)] == ["* 2 EXISTS", "* 2 RECENT", "* 2 FETCH (UID 2)"]


def test_mail_that_is_delivered_is_told_of(server, pair):
    a, b = pair
    user = f"u{server.next_user - 1}"
    a.ok("NOTIFY SET (inboxes (MessageNew MessageExpunge))")
    server.deliver(MESSAGE, user=user)
    assert a.told() == "* STATUS INBOX (MESSAGES 1 UIDNEXT 2)"
    # and what another program puts into a Maildir that nobody has open
    new = server.home(user) / "Maildir" / ".mark" / "new"
    path = new.parent / "tmp" / "1.a.b"
    path.write_bytes(MESSAGE)
    st = new.stat()
    os.chown(path, st.st_uid, st.st_gid)
    path.rename(new / "1.a.b")
    start = time.monotonic()
    assert a.told() == "* STATUS mark (MESSAGES 1 UIDNEXT 2)"
    assert time.monotonic() - start < 10


def test_selected_tells_of_flags_and_expunges_between_commands(pair):
    a, b = pair
    for _ in range(3):
        b.append("INBOX")
    a.ok("SELECT INBOX")
    b.ok("SELECT INBOX")
    b.ok("STORE 1 +FLAGS (\\Seen)")
    # [RFC5465 3.1] an implicit NOOP; [RFC5465 5.1] UID and FLAGS
    assert a.ok("NOTIFY SET (selected (MessageNew MessageExpunge FlagChange))") == [
        "* 1 FETCH (UID 1 FLAGS (\\Seen \\Recent))"]
    b.ok("STORE 2 +FLAGS (\\Deleted $Junk)")
    assert a.told().startswith("* FLAGS ")
    assert a.told().startswith("* OK [PERMANENTFLAGS ")
    assert a.told() == "* 2 FETCH (UID 2 FLAGS (\\Deleted \\Recent $Junk))"
    b.ok("EXPUNGE")
    assert a.told() == "* 2 EXPUNGE"
    assert a.told() == "* 2 RECENT"
    # nothing is said again with the next command
    assert a.ok("NOOP") == []


def test_selected_delayed_keeps_expunges_back(pair):
    a, b = pair
    for _ in range(2):
        b.append("INBOX")
    a.ok("SELECT INBOX")
    b.ok("SELECT INBOX")
    a.ok(f"NOTIFY SET (selected-delayed (MessageNew MessageExpunge)) {MARK}")
    b.ok("STORE 1 +FLAGS (\\Deleted)")
    b.ok("EXPUNGE")
    b.ok("UNSELECT")
    next_is_mark(a, b)
    b.append("INBOX")
    assert a.told() == "* 3 EXISTS"
    assert a.told() == "* 3 RECENT"
    # the numbers are what they were
    assert a.do("FETCH 2 UID")[0] == "* 2 FETCH (UID 2)"
    # [RFC5465 6.1.2]
    assert a.ok("NOOP") == ["* 1 EXPUNGE", "* 2 RECENT"]
    b.ok("SELECT INBOX")
    b.ok("STORE 1 +FLAGS (\\Deleted)")
    a.send("i IDLE\r\n")
    assert a.told() == "+ idling"
    b.ok("EXPUNGE")
    assert a.told() == "* 1 EXPUNGE"
    a.send("DONE\r\n")
    assert a.until("i")[-1].startswith(b"i OK")


def test_what_was_not_asked_for_is_not_told(pair):
    a, b = pair
    for _ in range(3):
        b.append("INBOX")
    a.ok("SELECT INBOX")
    b.ok("SELECT INBOX")
    # [RFC5465 3.1] without "selected" nothing is told of it, by no command
    a.ok(f"NOTIFY SET {MARK}")
    b.ok("STORE 1 +FLAGS (\\Flagged)")
    b.ok("STORE 2 +FLAGS (\\Deleted)")
    b.ok("EXPUNGE")
    b.ok("UNSELECT")
    b.append("INBOX")
    next_is_mark(a, b)
    assert a.ok("NOOP") == []
    a.send("i IDLE\r\n")
    assert a.told() == "+ idling"
    next_is_mark(a, b)
    a.send("DONE\r\n")
    assert a.until("i")[-1].startswith(b"i OK")
    # what the client does itself is answered as ever
    assert a.ok("STORE 3 +FLAGS (\\Answered)") == ["* 3 FETCH (FLAGS (\\Answered \\Recent))"]
    # messages, and no flags
    assert a.ok(f"NOTIFY SET (selected (MessageNew MessageExpunge)) {MARK}") == [
        "* 2 EXPUNGE", "* 3 EXISTS"]
    b.ok("SELECT INBOX")
    b.ok("STORE 1 +FLAGS (\\Seen)")
    next_is_mark(a, b)
    assert a.ok("NOOP") == []
    # all that had changed meanwhile
    assert a.ok("NOTIFY SET (selected (MessageNew MessageExpunge FlagChange))") == [
        "* 1 FETCH (UID 1 FLAGS (\\Flagged \\Seen \\Recent))"]


def test_a_keyword_is_announced_before_it_is_used(pair):
    a, b = pair
    b.append("INBOX")
    a.ok("SELECT INBOX")
    for what in (f"SET {MARK}", "NONE"):
        keyword = f"new{what[0]}"
        a.ok(f"NOTIFY {what}")
        rows = [r.decode().rstrip("\r\n") for r in a.command(f"STORE 1 FLAGS ({keyword})")]
        # [RFC9051 7.3.5] FLAGS, then PERMANENTFLAGS, then what uses it
        assert [row.split()[1] for row in rows[:-1]] == ["FLAGS", "OK", "1"], rows
        assert keyword in rows[0] and f"{keyword} \\*)] Flags" in rows[1]
        assert keyword in rows[2]
        # and once only
        rows = a.command(f"STORE 1 FLAGS ({keyword} \\Seen)")
        assert [row.split()[1] for row in rows[:-1]] == [b"1"], rows


def test_none_is_silence(pair):
    a, b = pair
    b.append("INBOX")
    a.ok("SELECT INBOX")
    b.ok("SELECT INBOX")
    a.ok(f"NOTIFY SET (selected (MessageNew MessageExpunge)) {MARK}")
    a.ok("NOTIFY NONE")
    b.append("INBOX")
    b.append("mark")
    assert a.ok("NOOP") == []
    # but what a command does is told: [RFC3501 7.4.1]
    a.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
    assert a.ok("EXPUNGE") == ["* 1 EXPUNGE"]
    assert a.ok("NOOP") == []


def test_flags_of_other_mailboxes(pair):
    a, b = pair
    b.ok("CREATE Lists/Lemonade")
    b.append("Lists/Lemonade")
    b.ok("SELECT Lists/Lemonade")
    a.ok("NOTIFY SET (subtree Lists (MessageNew MessageExpunge FlagChange)) " + MARK)
    # [RFC5465 5.1] without CONDSTORE only what UNSEEN can say
    b.ok("STORE 1 +FLAGS (\\Flagged)")
    next_is_mark(a, b)
    b.ok("STORE 1 +FLAGS (\\Seen)")
    assert re.fullmatch(r"\* STATUS Lists/Lemonade \(UIDVALIDITY \d+ UNSEEN 0\)", a.told())
    a.ok("ENABLE CONDSTORE")
    b.ok("STORE 1 -FLAGS (\\Flagged)")
    assert re.fullmatch(r"\* STATUS Lists/Lemonade \(UIDVALIDITY \d+ HIGHESTMODSEQ \d+\)",
                        a.told())
    # [RFC5465 5.2, 5.3]
    b.append("Lists/Lemonade")
    assert re.fullmatch(r"\* STATUS Lists/Lemonade \(MESSAGES 2 UIDNEXT 3 UIDVALIDITY \d+ UNSEEN 1 "
                        r"HIGHESTMODSEQ \d+\)", a.told())
    b.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
    assert "HIGHESTMODSEQ" in a.told()
    b.ok("EXPUNGE")
    assert re.fullmatch(r"\* STATUS Lists/Lemonade \(MESSAGES 1 UIDNEXT 3 HIGHESTMODSEQ \d+\)",
                        a.told())


def test_status_has_what_the_events_need(pair):
    a, b = pair
    b.ok("CREATE flags")
    b.ok("CREATE names")
    told = a.ok("NOTIFY SET STATUS (mailboxes flags (MessageNew MessageExpunge FlagChange)) "
                "(mailboxes names (MailboxName)) " + MARK)
    assert [re.sub(r" \d+", "", line) for line in told] == [
        "* STATUS flags (MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ)",
        "* STATUS mark (MESSAGES UIDNEXT UIDVALIDITY)"]
    # [RFC5465 3.1] of others than the open one
    a.ok("SELECT mark")
    assert a.ok("NOTIFY SET STATUS " + MARK) == []


def test_the_open_mailbox_is_not_one_of_the_others(pair):
    a, b = pair
    b.ok("CREATE box")
    a.ok("SELECT box")
    a.ok("NOTIFY SET (personal (MessageNew MessageExpunge))")
    b.append("box")
    next_is_mark(a, b)
    a.ok("UNSELECT")
    b.append("box")
    assert a.told() == "* STATUS box (MESSAGES 2 UIDNEXT 3)"


def test_names(pair):
    a, b = pair
    a.ok("NOTIFY SET (personal (MailboxName))")
    b.ok("CREATE NewMailbox")
    assert a.told() == '* LIST (\\HasNoChildren) "/" NewMailbox'
    # [RFC5465 5.4] the parent is affected, whether it is there or not
    b.ok("CREATE lists/one")
    assert a.told() == '* LIST (\\HasNoChildren) "/" lists/one'
    assert a.told() == '* LIST (\\NonExistent \\HasChildren) "/" lists'
    b.ok("CREATE NewMailbox/sub")
    assert a.told() == '* LIST (\\HasNoChildren) "/" NewMailbox/sub'
    assert a.told() == '* LIST (\\HasChildren) "/" NewMailbox'
    # its children go with it
    b.ok("RENAME NewMailbox OldMailbox")
    assert a.told() == '* LIST (\\HasChildren) "/" OldMailbox ("OLDNAME" (NewMailbox))'
    b.ok("DELETE OldMailbox/sub")
    assert a.told() == '* LIST (\\NonExistent) "/" OldMailbox/sub'
    assert a.told() == '* LIST (\\HasNoChildren) "/" OldMailbox'
    # INBOX stays
    b.append("INBOX")
    b.ok("RENAME INBOX from-inbox")
    assert a.told() == '* LIST (\\HasNoChildren) "/" from-inbox'
    # what the client does it knows
    a.ok("CREATE mine/below")
    a.ok("RENAME mine/below mine/renamed")
    a.ok("DELETE mine/renamed")
    b.ok("DELETE OldMailbox")
    assert a.told() == '* LIST (\\NonExistent) "/" OldMailbox'


def test_a_subscribed_name_without_a_mailbox(pair):
    a, b = pair
    b.ok("CREATE x")
    b.ok("SUBSCRIBE x")
    a.ok("NOTIFY SET (mailboxes (x y) (MailboxName))")
    b.ok("RENAME x y")
    assert a.told() == '* LIST (\\HasNoChildren) "/" y ("OLDNAME" (x))'
    b.ok("CREATE x")
    assert a.told() == '* LIST (\\HasNoChildren \\Subscribed) "/" x'
    b.ok("DELETE x")
    assert a.told() == '* LIST (\\NonExistent \\Subscribed) "/" x'


def test_subscriptions(pair):
    a, b = pair
    b.ok("CREATE box")
    a.ok("NOTIFY SET (personal (SubscriptionChange)) (subscribed (MessageNew MessageExpunge))")
    b.append("box")
    b.ok("SUBSCRIBE box")
    assert a.told() == '* LIST (\\HasNoChildren \\Subscribed) "/" box'
    # [RFC5465 6.4] and now its messages count: the client knows of none
    assert re.fullmatch(r"\* STATUS box \(MESSAGES 1 UIDNEXT 2 UIDVALIDITY \d+\)", a.told())
    b.append("box")
    assert "* STATUS box (MESSAGES 2 UIDNEXT 3" in a.told()
    b.ok("UNSUBSCRIBE box")
    assert a.told() == '* LIST (\\HasNoChildren) "/" box'
    b.append("box")
    b.ok("SUBSCRIBE nothing")
    assert a.told() == '* LIST (\\NonExistent \\Subscribed) "/" nothing'
    a.ok("SUBSCRIBE box")
    b.ok("UNSUBSCRIBE nothing")
    assert a.told() == '* LIST (\\NonExistent) "/" nothing'


def test_names_in_utf8_and_without(pair):
    a, b = pair
    b.ok("ENABLE UTF8=ACCEPT")
    a.ok("NOTIFY SET (personal (MailboxName)) (mailboxes \"&AOQ-\" (MessageNew MessageExpunge))")
    b.ok('CREATE "ä"')
    assert a.told() == '* LIST (\\HasNoChildren) "/" &AOQ-'
    b.append('"ä"')
    assert a.told() == "* STATUS &AOQ- (MESSAGES 1 UIDNEXT 2)"
    a.ok("ENABLE UTF8=ACCEPT")
    b.append('"ä"')
    assert a.told() == '* STATUS "ä" (MESSAGES 2 UIDNEXT 3)'


def test_metadata(pair):
    a, b = pair
    # [RFC5465 5.6] without ENABLE METADATA
    a.ok("NOTIFY SET (mailboxes mark (MailboxMetadataChange)) (personal (ServerMetadataChange))")
    b.ok('SETMETADATA INBOX (/private/comment "x")')
    b.ok('SETMETADATA mark (/private/comment "x" /shared/comment "y")')
    assert a.told() == "* METADATA mark /private/comment /shared/comment"
    b.ok('SETMETADATA "" (/private/comment "x")')
    assert a.told() == '* METADATA "" /private/comment'
    b.ok("SETMETADATA mark (/private/comment NIL)")
    assert a.told() == "* METADATA mark /private/comment"
    a.ok("NOTIFY SET " + MARK)
    b.ok('SETMETADATA mark (/private/comment "x")')
    next_is_mark(a, b)


def test_metadata_of_mailboxes_that_come_and_go(pair):
    """The name first; what went with its mailbox is no change of an annotation."""
    a, b = pair
    a.ok("NOTIFY SET (personal (MailboxName MailboxMetadataChange))")
    # nothing is looked at while a command comes in
    a.send(b"x APPEND mark {%d+}\r\n" % len(MESSAGE))
    b.ok("CREATE new")
    b.ok('SETMETADATA new (/shared/comment "x")')
    a.send(MESSAGE + b"\r\n")
    assert [a.told(), a.told()] == ['* LIST (\\HasNoChildren) "/" new', "* METADATA new /shared/comment"]
    assert a.told().startswith("x OK")
    b.ok("DELETE new")
    assert a.told() == '* LIST (\\NonExistent) "/" new'
    b.ok('SETMETADATA mark (/shared/comment "x")')
    assert a.told() == "* METADATA mark /shared/comment"


def test_metadata_of_mailboxes_that_cannot_be_read(pair):
    """[RFC5465 5] the rights l and r."""
    a, b = pair
    b.ok("CREATE box")
    a.ok("NOTIFY SET (mailboxes (box mark) (MailboxMetadataChange))")
    user = b.ok("GETACL box")[0].split()[3]
    b.ok(f"SETACL box -{user} r")
    b.ok('SETMETADATA box (/shared/comment "x")')
    b.ok('SETMETADATA mark (/shared/comment "x")')
    assert a.told() == "* METADATA mark /shared/comment"


def test_own_messages_are_no_news(pair):
    a, b = pair
    b.ok("CREATE target")
    a.ok("SELECT INBOX")
    a.ok("NOTIFY SET (selected (MessageNew (UID) MessageExpunge)) "
         "(personal (MessageNew MessageExpunge))")
    # [RFC5465 5.2] no FETCH of what the client has put there
    lines = a.do(f"APPEND INBOX {{{len(MESSAGE)}+}}\r\n{MESSAGE.decode()}")
    assert lines[:-1] == ["* 1 EXISTS", "* 1 RECENT"]
    a.append("target")
    assert not any(line.startswith("* STATUS") for line in a.ok("COPY 1 target"))
    b.append("target")
    assert a.told() == "* STATUS target (MESSAGES 3 UIDNEXT 4)"


def test_qresync_and_uidonly(pair):
    a, b = pair
    for _ in range(2):
        b.append("INBOX")
    a.ok("ENABLE QRESYNC UIDONLY")
    a.ok("SELECT INBOX")
    b.ok("SELECT INBOX")
    a.ok("NOTIFY SET (selected (MessageNew (UID FLAGS) MessageExpunge FlagChange))")
    b.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
    assert re.fullmatch(r"\* 1 UIDFETCH \(FLAGS \(\\Deleted \\Recent\) MODSEQ \(\d+\)\)", a.told())
    b.ok("EXPUNGE")
    assert a.told() == "* VANISHED 1"
    assert a.told() == "* 1 RECENT"
    b.ok("UNSELECT")
    b.append("INBOX")
    assert a.told() == "* 2 EXISTS"
    assert a.told() == "* 2 RECENT"
    assert a.told() == "* 3 UIDFETCH (UID 3 FLAGS (\\Recent))"


def test_no_modseq_passes_what_was_not_told(pair):
    a, b = pair
    for _ in range(3):
        b.append("INBOX")
    a.ok("ENABLE QRESYNC")
    a.ok("SELECT INBOX")
    b.ok("SELECT INBOX")
    a.ok("NOTIFY SET (selected (MessageNew MessageExpunge)) " + MARK)
    b.ok("STORE 1 +FLAGS (\\Seen)")
    next_is_mark(a, b)
    a.ok("UID STORE 3 +FLAGS.SILENT (\\Deleted)")
    tagged = a.do("EXPUNGE")[-1]
    safe = int(re.search(r"\[HIGHESTMODSEQ (\d+)\]", tagged).group(1))
    changed = int(re.search(r"MODSEQ \((\d+)\)", b.do("UID FETCH 1 (MODSEQ)")[0]).group(1))
    assert safe < changed


def test_too_many_names_at_once_end_it(server, pair):
    a, b = pair
    a.ok("NOTIFY SET (personal (MailboxName))")
    # while this client says nothing and hears nothing, a tree is made
    tree = server.home(f"u{server.next_user - 1}") / "Maildir"
    st = tree.stat()
    for n in range(150):
        for part in ("", "cur", "new", "tmp"):
            folder = tree / f".t{n}" / part
            folder.mkdir()
            os.chown(folder, st.st_uid, st.st_gid)
    b.ok('LIST "" *')
    lines = []
    while not lines or "NOTIFICATIONOVERFLOW" not in lines[-1]:
        lines.append(a.told())
    assert lines[-1].startswith("* OK [NOTIFICATIONOVERFLOW] ")
    assert 90 <= len(lines) <= 101
    # [RFC5465 5.8] as after NOTIFY NONE
    b.ok("CREATE one-more")
    assert a.ok("NOOP") == []


# --- sleep ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def sleepy():
    with culver.Server(extra=QUICK, users={f"s{n}": "secret" for n in range(9)}) as s:
        s.next_user = 0
        yield s


@pytest.fixture
def sleeping(sleepy):
    """A function that gives a session that sleeps with this NOTIFY, and the
    name of its user, who has INBOX, "Lists/one" and "Lists/two"."""
    clients = []

    def make(*commands):
        user = f"s{sleepy.next_user}"
        sleepy.next_user += 1
        with Client(sleepy, user) as b:
            for name in ("Lists/one", "Lists/two"):
                b.ok(f"CREATE {name}")
            b.append("INBOX")
        a = Client(sleepy, user)
        clients.append(a)
        for command in commands:
            a.ok(command)
        asleep(sleepy)
        return a, user

    yield make
    for client in clients:
        client.close()


def test_a_sleeping_session_wakes_for_any_of_its_mailboxes(sleepy, sleeping):
    a, user = sleeping("NOTIFY SET (subtree Lists (MessageNew MessageExpunge FlagChange "
                       "MailboxName)) (selected (MessageNew (UID FLAGS) MessageExpunge))",
                       "SELECT INBOX")
    with Client(sleepy, user) as b:
        b.append("Lists/two")
        assert re.fullmatch(r"\* STATUS Lists/two \(MESSAGES 1 UIDNEXT 2 UIDVALIDITY \d+ "
                            r"UNSEEN 1\)", a.told())
        b.ok("LOGOUT")
    asleep(sleepy)
    sleepy.deliver(MESSAGE, user=user)
    assert [a.told() for _ in range(3)] == ["* 2 EXISTS", "* 2 RECENT",
                                            "* 2 FETCH (UID 2 FLAGS (\\Recent))"]
    asleep(sleepy)
    # what it knew it still knows: nothing is told twice
    assert a.ok("NOOP") == []
    asleep(sleepy)
    with Client(sleepy, user) as b:
        b.ok("RENAME Lists/one Lists/three")
        assert a.told() == '* LIST (\\HasNoChildren) "/" Lists/three ("OLDNAME" (Lists/one))'


def test_files_of_others_wake_it_too(sleepy, sleeping):
    a, user = sleeping("NOTIFY SET (personal (MessageNew MessageExpunge))")
    new = sleepy.home(user) / "Maildir" / ".Lists.two" / "new"
    path = new.parent / "tmp" / "1.a.b"
    path.write_bytes(MESSAGE)
    st = new.stat()
    os.chown(path, st.st_uid, st.st_gid)
    path.rename(new / "1.a.b")
    assert a.told() == "* STATUS Lists/two (MESSAGES 1 UIDNEXT 2)"


def test_what_was_kept_back_is_kept_back_asleep(sleepy, sleeping):
    a, user = sleeping("ENABLE CONDSTORE", "SELECT INBOX",
                       "NOTIFY SET (selected-delayed (MessageNew MessageExpunge)) "
                       "(mailboxes Lists/one (MessageNew MessageExpunge))")
    with Client(sleepy, user) as b:
        b.ok("SELECT INBOX")
        b.ok("STORE 1 +FLAGS (\\Deleted)")
        b.ok("EXPUNGE")
        b.append("Lists/one")
        assert a.told().startswith("* STATUS Lists/one (MESSAGES 1 UIDNEXT 2 HIGHESTMODSEQ ")
        b.ok("LOGOUT")
    asleep(sleepy)
    assert a.ok("NOOP")[0] == "* 1 EXPUNGE"


def test_idle_with_notify_sleeps_and_wakes(sleepy, sleeping):
    a, user = sleeping("SELECT INBOX",
                       "NOTIFY SET (subtree Lists (MessageNew MessageExpunge))")
    a.send("i IDLE\r\n")
    assert a.told() == "+ idling"
    asleep(sleepy)
    # [RFC5465 4] nothing of the open mailbox, since it was not asked for
    sleepy.deliver(MESSAGE, user=user)
    with Client(sleepy, user) as b:
        b.append("Lists/one")
        assert a.told() == "* STATUS Lists/one (MESSAGES 1 UIDNEXT 2)"
    a.send("DONE\r\n")
    assert a.until("i")[-1].startswith(b"i OK")


def test_none_sleeps_through_everything(sleepy, sleeping):
    a, user = sleeping("SELECT INBOX", "NOTIFY NONE")
    sleepy.deliver(MESSAGE, user=user)
    asleep(sleepy)
    assert a.ok("NOOP") == []
    assert a.ok("NOTIFY SET (selected (MessageNew (UID) MessageExpunge))") == [
        "* 2 EXISTS", "* 2 RECENT", "* 2 FETCH (UID 2)"]


# --- with CONTEXT [RFC5267] ------------------------------------------------------


def test_a_search_tells_of_new_messages_what_it_was_asked_to(pair):
    a, b = pair
    a.ok("SELECT INBOX")
    # [RFC5465 7]
    assert a.ok('SEARCH RETURN (COUNT UPDATE (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])) FROM alice') \
        == ['* ESEARCH (TAG "x") COUNT 0']
    b.append("INBOX")
    lines = a.ok("NOOP")
    assert lines[:2] == ["* 1 EXISTS", "* 1 RECENT"]
    assert '* ESEARCH (TAG "x") ADDTO (0 1)' in lines
    assert "* 1 FETCH (UID 1 BODY[HEADER.FIELDS (SUBJECT)] {25}" in lines
    # [RFC5465 5.2] one response for both, each item once
    a.ok("NOTIFY SET (selected (MessageNew (UID FLAGS) MessageExpunge))")
    b.append("INBOX")
    told = [a.told() for _ in range(4)]
    assert told == ["* 2 EXISTS", "* 2 RECENT", '* ESEARCH (TAG "x") ADDTO (0 2)',
                    "* 2 FETCH (UID 2 FLAGS (\\Recent) BODY[HEADER.FIELDS (SUBJECT)] {25}"]
    assert a.do('SEARCH RETURN (UPDATE (FOO)) ALL')[-1].startswith("x BAD")
