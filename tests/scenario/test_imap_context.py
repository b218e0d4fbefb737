"""CONTEXT=SEARCH and CONTEXT=SORT [RFC5267]: results that are kept up to date."""
import random
import re
import time

import pytest

import culver
from test_hibernate import asleep
from test_imap_session import Wire, box, wire  # noqa: F401

MESSAGE = b"From: %s@example.org\r\nSubject: %s\r\n\r\nbody\r\n"


def numbers(text):
    """A sequence set in the order that it is written in."""
    found = []
    for part in text.split(","):
        first, _, last = part.partition(":")
        found += range(int(first), int(last or first) + 1)
    return found


class Model:
    """What a client knows of one search: only what it was told."""

    def __init__(self, tag, uid, ordered, initial):
        self.tag, self.uid, self.ordered, self.list = tag, uid, ordered, initial

    def told(self, line, exists):
        m = re.fullmatch(r"\* (\d+) EXPUNGE", line)
        if m and not self.uid:
            n = int(m[1])
            assert n not in self.list, (line, self.list)
            self.list = [x - (x > n) for x in self.list]
        m = re.match(r'\* ESEARCH \(TAG "%s"\)( UID)? (.*)' % self.tag, line)
        if not m:
            return
        assert bool(m[1]) == self.uid, line
        for word, pairs in re.findall(r"(ADDTO|REMOVEFROM) \(([^)]*)\)", m[2]):
            words = pairs.split(" ")
            for at, what in zip(words[::2], words[1::2]):
                self.change(word, int(at), numbers(what), exists, line)

    def change(self, word, at, what, exists, line):
        if not self.uid:
            assert max(what) <= exists, (line, exists)
        if self.ordered:
            assert at > 0, line
            if word == "ADDTO":
                assert at <= len(self.list) + 1, line
                self.list[at - 1:at - 1] = what
            else:
                assert self.list[at - 1:at - 1 + len(what)] == what, (line, self.list)
                del self.list[at - 1:at - 1 + len(what)]
        else:
            assert at == 0 and what == sorted(what), line
            for n in what:
                assert (n in self.list) == (word == "REMOVEFROM"), (line, self.list)
                (self.list.append if word == "ADDTO" else self.list.remove)(n)
            self.list.sort()


class Client:
    """A connection, its contexts and what it was told."""

    def __init__(self, w):
        self.w, self.models, self.exists = w, [], 0

    def hear(self, lines):
        for line in lines:
            m = re.fullmatch(r"\* (\d+) EXISTS", line)
            if m:
                self.exists = int(m[1])
            if re.fullmatch(r"\* \d+ EXPUNGE", line):
                self.exists -= 1
            m = re.fullmatch(r"\* VANISHED (\S+)", line)
            if m:
                self.exists -= len(numbers(m[1]))
            for model in self.models:
                model.told(line, self.exists)
        return lines

    def do(self, command):
        lines = self.hear(self.w.do(command))
        assert " OK " in lines[-1], lines
        return lines

    def begin(self, command):
        """command has %s for the return options."""
        lines = self.do(command % "RETURN (UPDATE ALL)")
        tag = f"t{self.w.count}"
        found = [m[1] for line in lines
                 for m in [re.search(r'\(TAG "%s"\).* ALL (\S+)' % tag, line)] if m]
        model = Model(tag, command.startswith("UID"), "SORT" in command,
                      numbers(found[0]) if found else [])
        model.command = command % ""
        self.models.append(model)
        return model

    def check(self):
        self.do("NOOP")
        for model in self.models:
            line = self.do(model.command)[0]
            want = [int(n) for n in line.split()[2:]]
            assert model.list == want, (model.command, model.list, want)


def select(client, name):
    for line in client.w.do(f"SELECT {name}"):
        m = re.fullmatch(r"\* (\d+) EXISTS", line)
        if m:
            client.exists = int(m[1])


def test_capabilities(box):  # noqa: F811
    words = box.do("CAPABILITY")[0].split()
    assert "CONTEXT=SEARCH" in words and "CONTEXT=SORT" in words


def test_the_examples(box):  # noqa: F811
    """Section 4: A01, B01, B02, B03, B04."""
    box.do("UID STORE 2:3 +FLAGS.SILENT ($Junk)")
    assert box.do("SEARCH RETURN (CONTEXT COUNT) UNDELETED UNKEYWORD $Junk")[0] \
        == f'* ESEARCH (TAG "t{box.count}") COUNT 1'
    box.send("B01 UID SEARCH RETURN (UPDATE COUNT) DELETED KEYWORD $Junk\r\n")
    assert box.until("B01")[0] == '* ESEARCH (TAG "B01") UID COUNT 0'
    # the tag is in use
    box.send("B01 SORT RETURN (UPDATE) (DATE) UTF-8 FLAGGED\r\n")
    assert box.until("B01") == ["B01 BAD Tag reuse"]
    lines = box.do("STORE 2:3 +FLAGS (\\Deleted)")
    assert lines[:3] == ["* 2 FETCH (FLAGS (\\Deleted \\Recent $Junk))",
                         "* 3 FETCH (FLAGS (\\Deleted \\Recent $Junk))",
                         '* ESEARCH (TAG "B01") UID ADDTO (0 2:3)']
    # before EXPUNGE
    assert box.do("UID EXPUNGE 2")[:2] == [
        '* ESEARCH (TAG "B01") UID REMOVEFROM (0 2)', "* 2 EXPUNGE"]
    assert box.do('CANCELUPDATE "B01"') == [f"t{box.count} OK No further updates."]
    assert not any("ESEARCH" in line for line in box.do("STORE 2 FLAGS ()"))
    # and the tag is free again
    box.send("B01 UID SEARCH RETURN (UPDATE) DELETED\r\n")
    assert box.until("B01")[0] == '* ESEARCH (TAG "B01") UID'


@pytest.mark.parametrize("command", [
    "CANCELUPDATE", "CANCELUPDATE B01", 'CANCELUPDATE ("B01")', 'CANCELUPDATE "B01" B02',
    "SEARCH RETURN (UPDATE PARTIAL 1:2 ALL) ALL", "SEARCH RETURN (UPDATE 5) ALL"])
def test_wrong_commands(box, command):  # noqa: F811
    assert f"t{box.count + 1} BAD " in box.do(command)[-1]


def test_cancelupdate_needs_a_mailbox(wire):  # noqa: F811
    assert " BAD " in wire().do('CANCELUPDATE "B01"')[-1]


def test_positions_of_sort(box):  # noqa: F811
    """The preferred representation of section 4.3.3."""
    box.do(f"CREATE {box.name}-c")
    name = f"{box.name}-c"
    for letter in b"fbdhac":
        box.append(MESSAGE % (b"x", bytes([letter])), name)
    box.do(f"SELECT {name}")
    # in order: a=5 b=2 c=6 d=3 f=1 h=4
    box.send("C01 UID SORT RETURN (UPDATE ALL) (SUBJECT) UTF-8 UNDELETED\r\n")
    assert box.until("C01")[0] == '* ESEARCH (TAG "C01") UID ALL 5,2,6,3,1,4'
    lines = box.do("UID STORE 5,2,3,4 +FLAGS.SILENT (\\Deleted)")
    assert lines[0] == '* ESEARCH (TAG "C01") UID REMOVEFROM (6 4 4 3 1 5,2)'
    lines = box.do("UID STORE 5,2,3,4 -FLAGS.SILENT (\\Deleted)")
    assert lines[0] == '* ESEARCH (TAG "C01") UID ADDTO (1 5,2 4 3 6 4)'
    # new ones: g, then two that are equal, which stand in the order of the mailbox
    assert '* ESEARCH (TAG "C01") UID ADDTO (6 7)' in box.append(MESSAGE % (b"x", b"g"), name)
    assert '* ESEARCH (TAG "C01") UID ADDTO (2 8)' in box.append(MESSAGE % (b"x", b"A"), name)


def test_numbers_are_those_of_the_command(box):  # noqa: F811
    box.send("a SEARCH RETURN (UPDATE ALL) 2:3\r\nb UID SEARCH RETURN (UPDATE ALL) UID 3:*\r\n")
    box.until("b")
    box.do("UID STORE 1 +FLAGS.SILENT (\\Deleted)")
    # what was 2:3 is 1:2 now, and still found
    lines = box.do("UID EXPUNGE 1")
    assert not any("ESEARCH" in line for line in lines)
    lines = box.append(MESSAGE % (b"x", b"new"), box.name)
    assert '* ESEARCH (TAG "b") UID ADDTO (0 4)' in lines
    assert not any('TAG "a"' in line for line in lines)
    assert '* ESEARCH (TAG "a") REMOVEFROM (0 1)' in [
        *box.do("STORE 1 +FLAGS.SILENT (\\Deleted)"), *box.do("EXPUNGE")]


def test_updates_come_in_idle_and_from_others(box, wire):  # noqa: F811
    other = wire()
    other.do(f"SELECT {box.name}")
    box.send("a UID SEARCH RETURN (UPDATE) FLAGGED\r\n")
    assert box.until("a") == ['* ESEARCH (TAG "a") UID', "a OK Search completed."]
    box.send("i IDLE\r\n")
    assert box.line().startswith("+")
    other.do("STORE 2 +FLAGS (\\Flagged)")
    assert box.line().startswith("* 2 FETCH (FLAGS (")
    assert box.line() == '* ESEARCH (TAG "a") UID ADDTO (0 2)'
    other.append(MESSAGE % (b"x", b"new"), box.name, "(\\Flagged) ")
    lines = [box.line()]
    while not lines[-1].startswith("* ESEARCH"):
        lines.append(box.line())
    assert "* 4 EXISTS" in lines
    assert lines[-1] == '* ESEARCH (TAG "a") UID ADDTO (0 4)'
    other.do("UID STORE 2 +FLAGS.SILENT (\\Deleted)")
    assert box.line().startswith("* 2 FETCH (FLAGS (")
    other.do("EXPUNGE")
    assert box.line() == '* ESEARCH (TAG "a") UID REMOVEFROM (0 2)'
    assert box.line() == "* 2 EXPUNGE"
    box.send("DONE\r\n")
    box.until("i")


def test_expunges_that_may_not_be_told_wait(box, wire):  # noqa: F811
    other = wire()
    other.do(f"SELECT {box.name}")
    box.send("a SEARCH RETURN (UPDATE) ALL\r\nb SORT RETURN (UPDATE) (ARRIVAL) UTF-8 ALL\r\n")
    box.until("b")
    other.do("STORE 1 +FLAGS.SILENT (\\Deleted)")
    other.do("EXPUNGE")
    # not during FETCH; what is new stands behind the message that still is there
    other.append(MESSAGE % (b"x", b"new"), box.name)
    lines = box.do("FETCH 3 (UID)")
    assert "* 1 EXPUNGE" not in lines
    assert '* ESEARCH (TAG "a") ADDTO (0 4)' in lines
    assert '* ESEARCH (TAG "b") ADDTO (4 4)' in lines
    assert box.do("NOOP")[:3] == ['* ESEARCH (TAG "a") REMOVEFROM (0 1)',
                                  '* ESEARCH (TAG "b") REMOVEFROM (1 1)', "* 1 EXPUNGE"]


def test_seen_by_fetch(box):  # noqa: F811
    box.send("a SEARCH RETURN (UPDATE) UNSEEN\r\n")
    box.until("a")
    lines = box.do("FETCH 2 BODY[TEXT]")
    assert '* ESEARCH (TAG "a") REMOVEFROM (0 2)' in lines


def test_with_qresync_and_uidonly(box, wire):  # noqa: F811
    other = wire()
    other.do(f"SELECT {box.name}")
    box.do("ENABLE QRESYNC")
    box.send("a SEARCH RETURN (UPDATE) ALL\r\nb UID SEARCH RETURN (UPDATE) UID 2:*\r\n")
    box.until("b")
    other.do("UID STORE 2 +FLAGS.SILENT (\\Deleted)")
    box.do("NOOP")
    other.do("EXPUNGE")
    assert box.do("NOOP")[:3] == ['* ESEARCH (TAG "a") REMOVEFROM (0 2)',
                                  '* ESEARCH (TAG "b") UID REMOVEFROM (0 2)', "* VANISHED 2"]
    # message numbers are told no more
    assert box.do("ENABLE UIDONLY")[:2] == [
        "* ENABLED UIDONLY", '* NO [NOUPDATE "a"] It has message numbers']
    other.append(MESSAGE % (b"x", b"new"), box.name)
    lines = box.do("NOOP")
    assert '* ESEARCH (TAG "b") UID ADDTO (0 4)' in lines
    assert not any('TAG "a"' in line for line in lines)


def test_too_many_contexts(box):  # noqa: F811
    for i in range(16):
        box.send(f"c{i} UID SEARCH RETURN (UPDATE COUNT) FLAGGED\r\n")
        assert box.until(f"c{i}")[-2] == f'* ESEARCH (TAG "c{i}") UID COUNT 0'
    box.send("B02 UID SORT RETURN (UPDATE COUNT) (DATE) UTF-8 ALL\r\n")
    assert box.until("B02") == ['* ESEARCH (TAG "B02") UID COUNT 3',
                                '* NO [NOUPDATE "B02"] Too many contexts',
                                "B02 OK Sort completed."]
    assert len([line for line in box.do("STORE 1 +FLAGS (\\Flagged)")
                if "ESEARCH" in line]) == 16
    # one that was refused can be cancelled as well
    assert " OK " in box.do('CANCELUPDATE "B02" "c3"')[-1]
    box.send("B02 UID SORT RETURN (UPDATE COUNT) (DATE) UTF-8 ALL\r\n")
    assert not any("NOUPDATE" in line for line in box.until("B02"))


def test_they_end_with_the_mailbox(box):  # noqa: F811
    box.send("a UID SEARCH RETURN (UPDATE) FLAGGED\r\n")
    box.until("a")
    box.do(f"SELECT {box.name}")
    assert not any("ESEARCH" in line for line in box.do("STORE 1 +FLAGS (\\Flagged)"))
    box.send("a UID SEARCH RETURN (UPDATE COUNT) FLAGGED\r\n")
    assert box.until("a")[0] == '* ESEARCH (TAG "a") UID COUNT 1'


def test_a_wrong_search_makes_none(box):  # noqa: F811
    for command in ("SEARCH RETURN (UPDATE) NONSENSE", "SEARCH RETURN (UPDATE) CHARSET X-N ALL"):
        box.send(f"a {command}\r\n")
        assert box.until("a")[-1].split()[1] in ("BAD", "NO")
    box.send("a SEARCH RETURN (UPDATE) ALL\r\n")
    assert box.until("a")[-1].startswith("a OK ")


def some_steps(rng, me, other, name, count):
    for _ in range(count):
        who = me if rng.random() < 0.5 else other
        n = max(1, who.exists)
        one = rng.randint(1, n)
        what = rng.randrange(8)
        flag = rng.choice(["\\Flagged", "\\Seen", "\\Deleted", "$Label"])
        silent = rng.choice(["", ".SILENT"])
        if what < 2 or who.exists < 5:
            for _ in range(rng.choice([1, 1, 3, 40])):
                letter = rng.choice(b"abcdefgh")
                who.hear(who.w.append(
                    MESSAGE % (rng.choice([b"joe", b"ann"]), bytes([letter])), name,
                    rng.choice(["", "(\\Flagged) ", "(\\Seen \\Flagged) "])))
        elif what == 2:
            who.do(f"STORE {one}:{min(n, one + rng.choice([0, 0, 30]))} +FLAGS{silent} ({flag})")
        elif what == 3:
            who.do(f"UID STORE {one}:* -FLAGS{silent} ({flag})")
        elif what == 4:
            who.do(f"FETCH {one} (BODY[])")
        elif what == 5:
            who.do(f"STORE {one}:{min(n, one + rng.choice([0, 3]))} +FLAGS.SILENT (\\Deleted)")
            who.do("EXPUNGE")
        elif what == 6:
            who.do("NOOP")
        else:
            who.do(f"FETCH {one} (FLAGS)")


@pytest.mark.parametrize("seed, enable", [(1, ""), (2, ""), (3, "QRESYNC"), (4, "CONDSTORE")])
def test_a_client_that_only_listens_knows_what_a_search_finds(wire, seed, enable):  # noqa: F811
    rng = random.Random(seed)
    me, other = Client(wire()), Client(wire())
    name = f"ctx{time.monotonic_ns()}"
    me.do(f"CREATE {name}")
    for c in (me, other):
        if enable:
            c.do(f"ENABLE {enable}")
        select(c, name)
    uid = "UID " if enable == "QRESYNC" else ""
    for command in (uid + "SEARCH %s UNSEEN", "UID SEARCH %s OR FLAGGED KEYWORD $Label",
                    uid + "SORT %s (SUBJECT) UTF-8 UNDELETED",
                    "UID SORT %s (REVERSE SUBJECT FROM) UTF-8 NOT SEEN",
                    uid + "SEARCH %s ALL", "UID SORT %s (REVERSE ARRIVAL) UTF-8 FROM joe"):
        me.begin(command)
    for _ in range(12):
        some_steps(rng, me, other, name, 5)
        me.check()


@pytest.fixture(scope="module")
def quick():
    with culver.Server(extra="imap_hibernate_timeout = 1s\n", users={"alice": "secret"}) as s:
        yield s


def test_contexts_survive_sleep(quick):
    w, o = Wire(quick.imap_port).login(), Wire(quick.imap_port).login()
    me, other = Client(w), Client(o)
    for i in range(40):
        w.append(MESSAGE % (b"x", b"%c%d" % (97 + i * 7 % 26, i)))
    w.do("UID STORE 5,9 +FLAGS.SILENT (\\Flagged)")
    select(me, "INBOX")
    me.begin("SEARCH %s FLAGGED")
    me.begin("UID SORT %s (REVERSE SUBJECT) UTF-8 NOT DELETED")
    me.begin("UID SEARCH %s OR SUBJECT a HEADER From x")
    asleep_with(quick, o)
    select(other, "INBOX")
    other.do("UID STORE 9 -FLAGS.SILENT (\\Flagged)")
    other.do("UID STORE 12 +FLAGS.SILENT (\\Flagged)")
    other.do("UID STORE 3,5 +FLAGS.SILENT (\\Deleted)")
    other.do("EXPUNGE")
    for subject in (b"k5", b"a", b"zz"):
        o.append(MESSAGE % (b"y", subject))
    # in a silent session they come with the next command
    me.check()
    # and in IDLE by themselves
    w.send("i IDLE\r\n")
    assert w.line().startswith("+")
    asleep_with(quick, o)
    o.do("UID STORE 20 +FLAGS.SILENT (\\Flagged)")
    lines = [w.line()]
    while not lines[-1].startswith("* ESEARCH"):
        lines.append(w.line())
    me.hear(lines)
    assert lines[-1] == '* ESEARCH (TAG "%s") ADDTO (0 18)' % me.models[0].tag
    w.send("DONE\r\n")
    me.hear(w.until("i"))
    me.check()
    # none has ended on the way
    assert me.hear(w.do(f'CANCELUPDATE "{me.models[0].tag}"'))[-1].split()[1] == "OK"
    me.models.pop(0)
    o.do("UID STORE 21 +FLAGS.SILENT (\\Flagged \\Deleted)")
    me.check()


def asleep_with(server, other):
    """All sleep; the other one, too."""
    other.do("NOOP")
    asleep(server)
