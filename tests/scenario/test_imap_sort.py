"""SORT, SORT=DISPLAY, ESORT and THREAD [RFC5256]."""
import time

import pytest

from test_imap_session import wire  # noqa: F401

MAILS = [
    # from, to, cc, subject, date
    ("Zoe <adam@x>", "to2@x", "c@x", "Re: Boats", "Tue, 02 Jan 2024 10:00:00 +0000"),
    ("Adam <zoe@x>", "to1@x", "", "apples", "Mon, 01 Jan 2024 23:30:00 -0800"),
    ("=?utf-8?q?=C3=84nne?= <mid@x>", "\"B, A\" <to3@x>", "a@x", "[list] Fwd: boats (fwd)",
     "Mon, 01 Jan 2024 10:00:00 +0200"),
    ("plain@x", "grp: a@x;", "b@x", "", "not a date"),
    ("Bob <bob@x>", "", "", "=?utf-8?q?=C3=A4pples?=", "Wed, 03 Jan 2024 00:00:00 +0000"),
]


def mail(sender, to, cc, subject, date, extra=""):
    fields = [("From", sender), ("To", to), ("Cc", cc), ("Subject", subject), ("Date", date)]
    return ("".join(f"{n}: {v}\r\n" for n, v in fields if v) + extra + "\r\nbody\r\n").encode()


def fresh(w):
    w.name = f"box{time.monotonic_ns()}"
    w.do(f"CREATE {w.name}")
    return w


@pytest.fixture
def sorted_box(wire):  # noqa: F811
    w = fresh(wire())
    for i, m in enumerate(MAILS):
        w.append(mail(*m, extra="X: %s\r\n" % ("y" * 10 * (5 - i))), w.name,
                 f"\"{10 + i}-Feb-2024 00:00:00 +0000\" ")
    w.do(f"SELECT {w.name}")
    return w


@pytest.mark.parametrize("keys, order", [
    ("SUBJECT", "4 2 5 1 3"),         # "" first; a-umlaut is "A" and a mark: behind "AP"
    ("REVERSE SUBJECT", "1 3 5 2 4"),
    ("SUBJECT DATE", "4 2 5 3 1"),
    ("ARRIVAL", "1 2 3 4 5"),
    ("REVERSE ARRIVAL", "5 4 3 2 1"),
    ("FROM", "1 5 3 4 2"),
    ("TO", "5 4 2 1 3"),              # the group's name is its mailbox
    ("CC", "2 5 3 4 1"),
    ("DATE", "3 2 1 5 4"),            # by UTC; without a date the internal one
    ("REVERSE DATE", "4 5 1 2 3"),
    ("SIZE", None),
    ("DISPLAYFROM", "2 3 5 4 1"),
    ("DISPLAYTO", "5 3 4 2 1"),
    ("REVERSE DISPLAYTO ARRIVAL", "1 2 4 3 5"),
])
def test_keys(sorted_box, keys, order):
    line = sorted_box.do(f"SORT ({keys}) UTF-8 ALL")[0]
    if order is None:
        sizes = [int(x.rsplit(" ", 1)[1].rstrip(")"))
                 for x in sorted_box.do("FETCH 1:* RFC822.SIZE")[:-1]]
        got = [int(n) for n in line.split()[2:]]
        assert got == sorted(range(1, 6), key=lambda n: (sizes[n - 1], n))
    else:
        assert line == f"* SORT {order}"


def test_uid_sort_and_errors(sorted_box):
    w = sorted_box
    w.do("STORE 1 +FLAGS (\\Deleted)")
    w.do("EXPUNGE")
    assert w.do("UID SORT (REVERSE ARRIVAL) US-ASCII ALL")[0] == "* SORT 5 4 3 2"
    assert w.do("SORT (ARRIVAL) UTF-8 SUBJECT nothing")[0] == "* SORT"
    assert " NO [BADCHARSET " in w.do("SORT (ARRIVAL) X-NONE ALL")[-1]
    for wrong in ("() UTF-8 ALL", "(REVERSE) UTF-8 ALL", "(REVERSE REVERSE DATE) UTF-8 ALL",
                  "(DATE WHAT) UTF-8 ALL", "DATE UTF-8 ALL", "(DATE) UTF-8", "(DATE)"):
        assert " BAD " in w.do("SORT " + wrong)[-1], wrong


def test_sent_dates_that_are_broken(wire):  # noqa: F811
    """[RFC5256 2.2] a broken zone is UTC, a broken time is midnight, and no
    date at all is that of arrival."""
    w = fresh(wire())
    for date in ("Mon, 02 Jan 2023 10:00:00 +9999", "Mon, 02 Jan 2023 25:00:00 +0100",
                 "02 Jan 2023", "Mon, 02 Jan 2023 00:00:01 +0000", "Mon, 32 Jan 2023 10:00:00",
                 "Sun, 01 Jan 2023 23:59:59 +0000", "02 Jan 2023 00:00:00 XYZ"):
        w.append(mail("a@x", "b@x", "", "x", date), w.name, "\"10-Feb-2020 00:00:00 +0000\" ")
    w.do(f"SELECT {w.name}")
    assert w.do("SORT (DATE) UTF-8 ALL")[0] == "* SORT 5 6 2 3 7 4 1"
    assert w.do("SORT (REVERSE DATE) UTF-8 ALL")[0] == "* SORT 1 4 2 3 7 6 5"
    assert w.do("SEARCH SENTON 2-Jan-2023")[0] == "* SEARCH 1 2 3 4 7"


def test_esort(sorted_box):
    w = sorted_box
    assert w.do("UID SORT RETURN () (REVERSE ARRIVAL) UTF-8 ALL")[0] \
        == f'* ESEARCH (TAG "t{w.count}") UID ALL 5,4,3,2,1'
    assert w.do("SORT RETURN (ALL) (ARRIVAL) UTF-8 ALL")[0] \
        == f'* ESEARCH (TAG "t{w.count}") ALL 1:5'
    assert w.do("SORT RETURN (MIN MAX COUNT) (FROM) UTF-8 ALL")[0] \
        == f'* ESEARCH (TAG "t{w.count}") MIN 1 MAX 2 COUNT 5'
    assert w.do("SORT RETURN (PARTIAL -1:-2) (FROM) UTF-8 ALL")[0] \
        == f'* ESEARCH (TAG "t{w.count}") PARTIAL (-1:-2 4,2)'
    w.do("SORT RETURN (SAVE MIN) (FROM) UTF-8 NOT 1")
    assert w.do("SEARCH $")[0] == "* SEARCH 5"


def test_comparator(sorted_box):
    w = sorted_box
    assert w.do("COMPARATOR")[0] == "* COMPARATOR i;unicode-casemap"
    assert w.do("COMPARATOR \"cz;*\" i;ascii-casemap")[0] == "* COMPARATOR i;ascii-casemap"
    assert w.do("SORT (SUBJECT) UTF-8 ALL")[0] == "* SORT 4 2 1 3 5"
    assert w.do("SEARCH CHARSET UTF-8 SUBJECT {2+}\r\n\u00c4")[0] == "* SEARCH"
    assert w.do("COMPARATOR i;octet")[0] == "* COMPARATOR i;octet"
    assert w.do("SORT (SUBJECT) UTF-8 ALL")[0] == "* SORT 4 1 2 3 5"
    assert w.do("SEARCH SUBJECT APPLES")[0] == "* SEARCH"
    assert w.do("COMPARATOR \"i;*\"")[0] \
        == "* COMPARATOR i;unicode-casemap (i;unicode-casemap i;ascii-casemap i;octet)"
    assert " NO [BADCOMPARATOR] " in w.do("COMPARATOR x")[-1]
    assert w.do("COMPARATOR default")[0] == "* COMPARATOR i;unicode-casemap"
    assert w.do("SEARCH SUBJECT APPLES")[0] == "* SEARCH 2"


def thread_box(w, mails):
    """mails: id, references, subject, minute."""
    fresh(w)
    for i, (own, refs, subject, minute) in enumerate(mails):
        extra = f"Message-ID: <{own}>\r\n" if own else ""
        if refs:
            extra += "References: " + " ".join(f"<{r}>" for r in refs.split()) + "\r\n"
        w.append(mail("a@x", "b@x", "", subject, f"Mon, 01 Jan 2024 10:{minute:02}:00 +0000",
                      extra), w.name, f"\"01-Feb-2024 10:{i:02}:00 +0000\" ")
    w.do(f"SELECT {w.name}")
    return w


def thread(w, algorithm, uid=""):
    return w.do(f"{uid}THREAD {algorithm} UTF-8 ALL")[0]


def test_references(wire):  # noqa: F811
    w = thread_box(wire(), [
        ("a@x", "", "one", 1),
        ("b@x", "a@x", "Re: one", 2),
        ("c@x", "a@x b@x", "Re: one", 4),
        ("d@x", "a@x b@x", "Re: one", 3),
        ("e@x", "lost@x", "two", 5),
        ("f@x", "lost@x", "two", 6),
        ("g@x", "gone@x", "three", 7),
        ("", "", "Re: three", 8),
        ("h@x", "", "four", 9),
        ("i@x", "", "FOUR", 10),
        ("i@x", "", "[l] Re: four", 11),
        ("\"jk\"@x", "", "five", 12),
        ("l@x", "jk@x", "six", 13),
    ])
    assert thread(w, "REFERENCES") == (
        "* THREAD (1 2 (4)(3))((5)(6))(7 8)((9)(10)(11))(12 13)")
    # by what came last; dummies for what is not there
    assert thread(w, "REFS") == (
        "* THREAD (1 2 (4)(3))((5)(6))(7)(8)(9)(10)(11)(12 13)")
    assert thread(w, "ORDEREDSUBJECT") == (
        "* THREAD (1 (2)(4)(3))(5 6)(7 8)(9 (10)(11))(12)(13)")


def test_loops_and_errors(wire):  # noqa: F811
    w = thread_box(wire(), [
        ("a@x", "b@x", "", 1), ("b@x", "a@x", "", 2), ("c@x", "c@x", "", 3),
        ("d@x", "e@x f@x e@x f@x d@x", "", 4), ("f@x", "d@x", "", 5),
    ])
    line = thread(w, "REFERENCES")
    assert sorted(int(n) for n in line[9:].replace("(", " ").replace(")", " ").split()) \
        == [1, 2, 3, 4, 5]
    assert "(1 2)" in line or "(2 1)" in line
    assert w.do("UID THREAD REFERENCES UTF-8 SUBJECT nothing")[0] == "* THREAD"
    assert " BAD " in w.do("THREAD WHAT UTF-8 ALL")[-1]
    assert " BAD " in w.do("THREAD REFERENCES UTF-8")[-1]
    assert " NO [BADCHARSET " in w.do("THREAD REFERENCES X-NONE ALL")[-1]


def test_sorted_again_after_changes(server, wire):  # noqa: F811
    """More than a columns file is written for, in several sessions."""
    w = fresh(wire())
    for i in range(300):
        w.append(mail(f"p{i * 7 % 300:03}@x", "t@x", "", f"s{i * 11 % 300:03}",
                      "Mon, 01 Jan 2024 10:00:00 +0000"), w.name)
    w.do(f"SELECT {w.name}")

    def order(session):
        return [int(n) for n in session.do("UID SORT (SUBJECT) UTF-8 ALL")[0].split()[2:]]

    want = {i + 1: f"s{i * 11 % 300:03}" for i in range(300)}
    assert order(w) == sorted(want, key=lambda u: want[u])
    assert any(p.suffix == ".col" for p in server.home("alice").rglob("*.col"))
    for i in range(20):
        w.append(mail("x@x", "t@x", "", f"s{i * 13 % 300:03}{i % 3 * 'a'}", ""), w.name)
        want[301 + i] = f"s{i * 13 % 300:03}{i % 3 * 'a'}"
    w.do("UID STORE 5:10 +FLAGS.SILENT (\\Deleted)")
    w.do("EXPUNGE")
    for uid in range(5, 11):
        del want[uid]
    other = wire()
    other.do(f"SELECT {w.name}")
    for session in (w, other):
        assert order(session) == sorted(want, key=lambda u: (want[u], u))
    by_from = [int(n) for n in other.do("UID SORT (FROM) UTF-8 UID 1:300")[0].split()[2:]]
    assert by_from == sorted((u for u in want if u <= 300),
                             key=lambda u: (u - 1) * 7 % 300)


def talk(w, count):
    """Messages of a few conversations, some of them without a date or in UTF-8."""
    for i in range(count):
        extra = f"Message-ID: <{i}@x>\r\n"
        if i % 4:
            extra += f"References: <{i // 4 * 4}@x> <{i - 1}@x>\r\n"
        w.append(mail(f"P{i * 7 % 11} <p{i * 5 % 7}@x>", f"t{i * 3 % 5}@x", "",
                      ("Re: " if i % 4 else "") + f"topic {i // 4 % 3}",
                      f"Mon, 01 Jan 2024 10:{i * 37 % 60:02}:00 +0000" if i % 6 else "never",
                      extra), w.name, f"\"{10 + i % 15}-Feb-2024 00:00:00 +0000\" ")


def test_uidonly(wire):  # noqa: F811
    """[RFC9586 3] numbers of messages are neither told nor taken."""
    w = fresh(wire())
    talk(w, 12)
    w.do(f"SELECT {w.name}")
    w.do("STORE 1 +FLAGS.SILENT (\\Deleted)")
    w.do("EXPUNGE")
    sort, threads = w.do("UID SORT (SUBJECT DATE) UTF-8 ALL")[0], thread(w, "REFERENCES", "UID ")
    assert sort.startswith("* SORT ") and "12" in sort.split() and "1" not in sort.split()
    assert w.do("ENABLE UIDONLY")[0] == "* ENABLED UIDONLY"
    for command in ("SORT (DATE) UTF-8 ALL", "THREAD REFERENCES UTF-8 ALL",
                    "UID SORT (DATE) UTF-8 1:3", "UID THREAD REFS UTF-8 NOT 2"):
        assert " BAD [UIDREQUIRED] " in w.do(command)[-1], command
    assert w.do("UID SORT (SUBJECT DATE) UTF-8 ALL")[0] == sort
    assert w.do("UID SORT (SUBJECT DATE) UTF-8 UID 1:*")[0] == sort
    assert thread(w, "REFERENCES", "UID ") == threads
    assert w.do("UID SORT RETURN (MIN MAX COUNT) (ARRIVAL) UTF-8 ALL")[0].endswith(" COUNT 11")


def test_modseq(wire):  # noqa: F811
    """[RFC7162 3.1.5, 3.1.6]: what is found by MODSEQ ends with the highest one of it."""
    w = fresh(wire())
    talk(w, 8)
    w.do(f"SELECT {w.name} (CONDSTORE)")

    def modseq(seq):
        return int(w.do(f"FETCH {seq} (MODSEQ)")[0].split("MODSEQ (")[1].rstrip(")"))

    w.do("STORE 7 +FLAGS.SILENT (\\Flagged)")
    w.do("STORE 2,5 +FLAGS.SILENT (\\Flagged)")
    since = modseq(7)
    top = modseq(5)
    assert since < top
    assert w.do(f"SORT (REVERSE ARRIVAL) UTF-8 MODSEQ {since}")[0] \
        == f"* SORT 7 5 2 (MODSEQ {top})"
    assert w.do(f"UID SORT (ARRIVAL) UTF-8 MODSEQ {since} UID 7")[0] \
        == f"* SORT 7 (MODSEQ {since})"
    assert w.do(f"SORT (ARRIVAL) UTF-8 MODSEQ {top + 1}")[0] == "* SORT"
    # [RFC7162 3.1.10] of those that are told alone
    assert w.do(f"SORT RETURN (MIN) (REVERSE ARRIVAL) UTF-8 MODSEQ {since}")[0] \
        == f'* ESEARCH (TAG "t{w.count}") MIN 7 MODSEQ {since}'
    assert w.do(f"SORT RETURN (ALL) (REVERSE ARRIVAL) UTF-8 MODSEQ {since}")[0] \
        == f'* ESEARCH (TAG "t{w.count}") ALL 7,5,2 MODSEQ {top}'
    # THREAD has no place for one
    assert w.do(f"THREAD ORDEREDSUBJECT UTF-8 MODSEQ {since}")[0].count("MODSEQ") == 0
    assert "MODSEQ" not in w.do("SORT (ARRIVAL) UTF-8 ALL")[0]
