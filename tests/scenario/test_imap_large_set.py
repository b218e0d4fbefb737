"""Sequence sets of a megabyte: right answers, and work that is bounded."""
import random
import time

import pytest

import culver
from test_imap_session import MESSAGE, Wire

MESSAGES = 400
MEGABYTE = 1 << 20
SECONDS_MAX = 5     # a hundred times what is needed; a square of it would be hours


@pytest.fixture(scope="module")
def wire():
    with culver.Server("protocol imap {\n  imap_max_line_length = 3M\n}\n") as server:
        w = Wire(server.imap_port).login()
        w.do("CREATE many")
        w.count += 1
        w.send(b"t%d APPEND many%s\r\n" % (
            w.count, b" {%d+}\r\n%s" % (len(MESSAGE), MESSAGE) * MESSAGES))
        assert " OK " in w.until(f"t{w.count}")[-1]
        w.do("SELECT many")
        # UIDs are other numbers than sequence numbers
        w.do("STORE 1:10 +FLAGS.SILENT (\\Deleted)")
        w.do("EXPUNGE")
        yield w
        w.close()


def found(w, command):
    begin = time.monotonic()
    lines = w.do(command)
    assert time.monotonic() - begin < SECONDS_MAX, command[:40]
    assert lines[0].startswith(("* SEARCH", "* SORT")) and " OK " in lines[-1], lines
    return [int(n) for n in lines[0].split()[2:]]


def numbers(wanted, highest):
    """A megabyte of them in any order, many times each."""
    rng = random.Random(4)
    out, size = [], 0
    while size < MEGABYTE:
        n = rng.choice(wanted)
        out.append(f"{n}:{n}" if rng.random() < .3 else str(n))
        size += len(out[-1]) + 1
    return ",".join(out + [str(highest)])


def test_numbers_many_times_each(wire):
    wanted = list(range(3, 390, 7))
    assert found(wire, "SEARCH " + numbers(wanted, 389)) == sorted({*wanted, 389})
    assert found(wire, "SEARCH NOT " + numbers(wanted, 389)) \
        == [n for n in range(1, 391) if n not in wanted and n != 389]


def test_overlapping_ranges(wire):
    rng = random.Random(5)
    ranges = []
    while len(ranges) < MEGABYTE // 8:
        low = rng.randrange(1, 190)
        ranges.append(f"{low + rng.randrange(10)}:{low}" if len(ranges) % 2 else
                      f"{low}:{low + rng.randrange(10)}")
    text = ",".join(ranges + ["1:2", "198", "300", "*"])
    got = found(wire, "SEARCH " + text)
    want = set()
    for part in text.replace("*", "390").split(","):
        a, _, b = part.partition(":")
        a, b = int(a), int(b or a)
        want.update(range(min(a, b), max(a, b) + 1))
    assert got == sorted(want)


def test_uids_that_are_mostly_not_there(wire):
    text = ",".join(str(n) for n in range(1, 360000, 2))
    assert len(text) > MEGABYTE
    want = list(range(11, 401, 2))
    assert found(wire, "UID SEARCH UID " + text) == want
    assert found(wire, "UID SORT (ARRIVAL) UTF-8 UID " + text) == want
    # from the last to the first: nothing is sorted yet
    text = ",".join(reversed(text.split(",")))
    assert found(wire, "UID SEARCH UID " + text) == want
    assert found(wire, "SEARCH UNSEEN NOT UID " + text) == list(range(2, 391, 2))
    lines = wire.do("UID FETCH " + text + " FLAGS")
    assert len(lines) == len(want) + 1


def test_several_of_them_in_one_command(wire):
    odd = ",".join(str(n) for n in range(1, 100000, 2))
    even = ",".join(str(n) for n in range(2, 100000, 2))
    third = ",".join(str(n) for n in range(3, 100000, 3))
    assert found(wire, f"UID SEARCH OR UID {odd} UID {even}") == list(range(11, 401))
    assert found(wire, f"UID SEARCH UID {odd} UID {third}") == list(range(15, 401, 6))


def test_a_wrong_end_is_found(wire):
    text = ",".join(str(n) for n in range(1, 200000, 2))
    for wrong in (",0", ",", ",x", ",1:2:3", ",4294967296"):
        assert " BAD " in wire.do("UID SEARCH UID " + text + wrong)[-1], wrong
    assert " BAD " in wire.do("SEARCH " + "1," * (MEGABYTE // 2) + "391")[-1]
    assert found(wire, "SEARCH 1") == [1]
    # and one that is longer than a line may be: it may end the session
    wire.send("long UID SEARCH UID " + "1," * (3 * MEGABYTE // 2) + "1\r\n")
    assert wire.until("long")[-1].startswith("long BAD ")
