"""OBJECTID [RFC8474]: ids of mailboxes, messages and threads that stay."""
import re

from test_imap_session import box, wire  # noqa: F401

ID = r"[A-Za-z][A-Za-z0-9_-]{1,254}"


def mailbox_id(lines):
    found = re.findall(r"MAILBOXID \((" + ID + r")\)", "\n".join(lines))
    assert len(found) == 1, lines
    return found[0]


def ids(w, number, item):
    return re.search(item + r" \((" + ID + r")\)", w.do(f"FETCH {number} ({item})")[0]).group(1)


def mail(message_id, extra=""):
    return f"Message-ID: <{message_id}>\r\n{extra}Subject: x\r\n\r\nbody\r\n".encode()


def test_a_mailbox_keeps_its_id(box):  # noqa: F811
    assert " OBJECTID " in box.do("CAPABILITY")[0]
    made = mailbox_id(box.do(f"CREATE {box.name}-a"))
    assert mailbox_id(box.do(f"STATUS {box.name}-a (MAILBOXID)")) == made
    box.do(f"RENAME {box.name}-a {box.name}-b")
    assert mailbox_id(box.do(f"STATUS {box.name}-b (MESSAGES MAILBOXID)")) == made
    assert mailbox_id(box.do(f"EXAMINE {box.name}-b")) == made
    assert mailbox_id(box.do(f"SELECT {box.name}")) != made
    # another one of the same name is another one
    box.do(f"DELETE {box.name}-b")
    assert mailbox_id(box.do(f"CREATE {box.name}-b")) != made
    lines = box.do(f'LIST "" {box.name}-b RETURN (STATUS (MAILBOXID))')
    assert lines[1].startswith("* STATUS ")


def test_copies_are_one_message(box):  # noqa: F811
    box.do(f"CREATE {box.name}-to")
    first, second = ids(box, 1, "EMAILID"), ids(box, 2, "EMAILID")
    assert first != second
    box.do(f"COPY 1 {box.name}-to")
    box.do(f"MOVE 2 {box.name}-to")
    box.do(f"SELECT {box.name}-to")
    assert [ids(box, n, "EMAILID") for n in (1, 2)] == [first, second]
    assert box.do(f"SEARCH EMAILID {second}")[0] == "* SEARCH 2"
    assert box.do(f"UID SEARCH OR EMAILID {first} EMAILID {second}")[0] == "* SEARCH 1 2"
    # ids that nothing has, of any form [RFC8474 4]
    for other in (first[:-1], "M" + "0" * 32, "x", "T" + first[1:], first.upper()):
        assert box.do(f"SEARCH EMAILID {other}")[0] == "* SEARCH"
    for wrong in ('""', "a!b", "(x)", "x" * 256):
        assert " BAD " in box.do(f"SEARCH EMAILID {wrong}")[-1]


def test_threads(box):  # noqa: F811
    start = 3
    for message in (mail("r@x"), mail("a@x", "In-Reply-To: <r@x>\r\n"),
                    mail("b@x", "References: <r@x> <a@x>\r\nIn-Reply-To: <a@x>\r\n"),
                    mail("other@x")):
        box.append(message, box.name)
    threads = [ids(box, start + n, "THREADID") for n in range(1, 5)]
    assert threads[0] == threads[1] == threads[2] != threads[3]
    assert box.do(f"SEARCH THREADID {threads[0]}")[0] == "* SEARCH 4 5 6"
    assert box.do(f"SEARCH THREADID {threads[3]} SUBJECT x")[0] == "* SEARCH 7"
    # the same in another mailbox
    box.do(f"CREATE {box.name}-to")
    box.do(f"COPY 6 {box.name}-to")
    box.do(f"SELECT {box.name}-to")
    assert ids(box, 1, "THREADID") == threads[0]


def test_the_example_of_fetch(box):  # noqa: F811
    lines = box.do("FETCH 1:* (EMAILID THREADID)")
    assert len(lines) == 4
    for line in lines[:3]:
        assert re.match(r"\* \d FETCH \(EMAILID \(M[0-9a-f]{32}\) THREADID \(T[0-9a-f]{32}\)\)$",
                        line)
