"""SORT and THREAD of a varied mailbox, by Culver and by Debian's Dovecot.

An answer that differs stands in DIFFERENCES with the sentence that decides
between the two; nothing else may differ, and what stands there must."""
import random
import re
import time

import pytest

import culver
import dovecot
from test_imap_vs_dovecot import Client

pytestmark = pytest.mark.skipif(not dovecot.available(), reason="needs root and Dovecot")

SUBJECTS = [
    "plans", "Re: plans", "RE: Re: plans", "Fwd: plans", "[list] plans", "Re: [list] plans",
    "plans (fwd)", "Re[2]: plans", "[Fwd: plans]", "  plans  ", "Plans", "plans and more",
    "=?utf-8?q?pl=C3=A4ne?=", "=?iso-8859-1?q?PL=C4NE?=", "=?utf-8?b?UmU6IHBsYW5z?=", "", "Re:",
    "[a] [b] c", "fw: c", "Re: Fw: [x] c (fwd)", "1", "10", "2", "zz", "~", "Re : plans",
    "=?utf-8?q?pl?= =?utf-8?q?ans?=", "[list]", "(fwd)", "Re: (fwd)",
]
SENDERS = [
    "Zoe <adam@x.org>", "adam@x.org", "\"B, A\" <Bob@X.org>", "=?utf-8?q?=C3=84nne?= <mid@x.org>",
    "grp: a@x.org, b@x.org;", "empty:;", "<only@x.org>", "Carl (comment) <carl@x.org>", "",
    "a1@x.org, a2@x.org", "A1@x.org",
]
DATES = [
    "Tue, 02 Jan 2024 10:00:00 +0000", "Mon, 01 Jan 2024 23:30:00 -0800",
    "Mon, 01 Jan 2024 10:00:00 +0200", "1 Jan 2024 09:59 GMT", "Wed, 03 Jan 2024 00:00:00 EST",
    "not a date", "", "Mon, 01 Jan 2024 10:00:00", "31 Dec 99 23:59:59 +0000",
]


def varied():
    """Messages and their internal dates."""
    rng = random.Random(5256)
    mails = []
    for i in range(120):
        fields = [("From", rng.choice(SENDERS)), ("To", rng.choice(SENDERS)),
                  ("Cc", rng.choice(SENDERS)), ("Subject", SUBJECTS[i % len(SUBJECTS)]),
                  ("Date", rng.choice(DATES))]
        if i % 9:
            fields.append(("Message-ID", f"<{i}@x.org>"))
        if i % 3 == 1:
            near = [f"<{rng.randrange(max(i, 1))}@x.org>" for _ in range(rng.randrange(1, 4))]
            fields.append(("References", " ".join(near)))
        elif i % 3 == 2:
            fields.append(("In-Reply-To", f"<{rng.randrange(i)}@x.org>"))
        head = "".join(f"{n}: {v}\r\n" for n, v in fields if v or n == "Subject")
        mails.append((f"{head}\r\n{'x' * rng.randrange(300)}\r\n".encode(),
                      f"{i % 28 + 1:2}-Feb-2024 {i % 24:02}:00:00 +0000"))
    return mails


def clean():
    """Conversations as they are: each with its own subject, nothing malformed."""
    mails = []
    for i in range(90):
        talk = i % 13
        before = list(range(talk, i, 13))
        head = (f"From: P{i * 7 % 29:02} <p{i * 5 % 23:02}@x.org>\r\nTo: t{i * 3 % 17:02}@x.org\r\n"
                f"Cc: c{i * 11 % 19:02}@x.org\r\nSubject: {'Re: ' if before else ''}talk {talk}\r\n"
                f"Date: Mon, 01 Jan 2024 {i // 60 + 10}:{i % 60:02}:00 +0000\r\n"
                f"Message-ID: <{i}@x.org>\r\n")
        if before and i % 4:
            head += f"References: {' '.join(f'<{b}@x.org>' for b in before)}\r\n"
        elif before:
            head += f"In-Reply-To: <{before[-1]}@x.org>\r\n"
        mails.append((f"{head}\r\n{'x' * (i * 31 % 301)}\r\n".encode(),
                      f"{i % 28 + 1:2}-Feb-2024 {i % 24:02}:00:00 +0000"))
    return mails


MAILBOXES = {"varied": varied, "clean": clean}

COMMANDS = [f"SORT ({keys}) UTF-8 {query}" for query in ("ALL", "SUBJECT a", "5:70 NOT FROM x")
            for keys in ("ARRIVAL", "REVERSE ARRIVAL", "DATE", "REVERSE DATE", "SIZE",
                         "REVERSE SIZE", "SUBJECT", "REVERSE SUBJECT", "FROM", "TO", "CC",
                         "DISPLAYFROM", "DISPLAYTO", "SUBJECT REVERSE DATE", "FROM SUBJECT SIZE",
                         "CC TO FROM")]
COMMANDS += [f"THREAD {algorithm} UTF-8 {query}" for query in ("ALL", "SUBJECT a", "5:70")
             for algorithm in ("REFERENCES", "REFS", "ORDEREDSUBJECT")]
COMMANDS += ["SORT (WHAT) UTF-8 ALL", "SORT () UTF-8 ALL", "SORT (DATE) X-NONE ALL", "SORT (DATE)",
             "THREAD WHAT UTF-8 ALL", "THREAD REFERENCES X-NONE ALL",
             "SORT (ARRIVAL) UTF-8 SUBJECT nothing", "UID SORT (ARRIVAL) US-ASCII UID 3:5",
             "SORT RETURN (MIN MAX COUNT) (FROM) UTF-8 5:70",
             "SORT RETURN (ALL) (SIZE) UTF-8 5:70"]

# Both have the same threads.  REFS is in no RFC; [RFC5256 3] orders threads of REFERENCES by their
# first messages.  draft-ietf-morg-inthread orders those of REFS by the most recent internal date
# in each, so that the thread of what comes last is the last one; Dovecot takes the sent date.
DIFFERENCES = {f"THREAD REFS UTF-8 {query}": "order of threads"
               for query in ("ALL", "SUBJECT a", "5:70")}


def fill(port, mails):
    client = Client(port)
    client.do("LOGIN alice secret")
    client.do("DELETE data")
    client.do("CREATE data")
    for message, date in mails:
        assert b"OK" in client.do(f'APPEND data "{date}" {{{len(message)}}}', message)[-1]
    client.do("SELECT data")
    return client


def answers(client, commands):
    found = []
    for command in commands:
        lines = client.do(command)
        state = lines[-1].split()[0].decode()
        said = [line.decode() for line in lines[:-1]
                if line.startswith((b"* SORT", b"* THREAD", b"* ESEARCH"))]
        found.append((state, [line.split(")", 1)[1] if "ESEARCH" in line else line
                              for line in said]))
    return found


def threads(answer):
    """The threads of an answer, each as its text."""
    found, depth = [""], 0
    for c in answer[1][0].removeprefix("* THREAD "):
        depth += (c == "(") - (c == ")")
        found[-1] += c
        if depth == 0:
            found.append("")
    return found[:-1]


def by_arrival(found, mails):
    """By the internal date of the most recent message; the order of equal ones is kept."""
    def latest(text):
        numbers = [int(n) for n in re.findall(r"\d+", text)]
        return max(time.strptime(mails[n - 1][1].strip(), "%d-%b-%Y %H:%M:%S +0000")
                   for n in numbers)
    return sorted(found, key=latest)


@pytest.fixture(scope="module")
def both():
    with culver.Server() as ours, dovecot.Dovecot() as theirs:
        yield ours, theirs


@pytest.mark.parametrize("mailbox", MAILBOXES)
def test_same_answers(both, mailbox):
    mails = MAILBOXES[mailbox]()
    ours, theirs = (answers(fill(server.imap_port, mails), COMMANDS) for server in both)
    wrong = []
    for command, a, b in zip(COMMANDS, ours, theirs):
        if (a != b) != (command in DIFFERENCES):
            wrong.append(f"{command}\n  ours   {a}\n  theirs {b}")
        elif a != b:
            assert sorted(threads(a)) == sorted(threads(b)), command
            assert threads(a) == by_arrival(threads(a), mails), command
    assert not wrong, "\n".join(wrong)
