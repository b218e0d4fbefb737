"""ESEARCH [RFC4731], SEARCHRES and PARTIAL of SEARCH."""
import pytest

from test_imap_session import box, wire  # noqa: F401


@pytest.fixture
def many(box):  # noqa: F811
    """Nine messages: UIDs 2, 4, 6, ... of a mailbox where the odd ones went."""
    for i in range(15):
        box.append(b"Subject: m%d\r\n\r\nbody\r\n" % i, box.name)
    box.do("STORE 1,3,5,7,9,11,13,15,17 +FLAGS.SILENT (\\Deleted)")
    box.do("EXPUNGE")
    box.do("STORE 2:5 +FLAGS.SILENT (\\Flagged)")
    return box


def test_the_examples_of_rfc4731(many):
    assert many.do("SEARCH RETURN (MIN COUNT) FLAGGED SINCE 1-Feb-1994 NOT FROM \"Smith\"")[0] \
        == f'* ESEARCH (TAG "t{many.count}") MIN 2 COUNT 4'
    assert many.do("SEARCH RETURN () FLAGGED")[0] == f'* ESEARCH (TAG "t{many.count}") ALL 2:5'
    assert many.do("SEARCH RETURN (MIN) UNSEEN")[0] == f'* ESEARCH (TAG "t{many.count}") MIN 1'
    assert many.do("UID SEARCH RETURN (MIN MAX) 1:5")[0] \
        == f'* ESEARCH (TAG "t{many.count}") UID MIN 2 MAX 10'
    assert many.do("SEARCH RETURN (COUNT) DELETED")[0] == f'* ESEARCH (TAG "t{many.count}") COUNT 0'
    # without a match ESEARCH comes all the same
    assert many.do("SEARCH RETURN (MIN MAX ALL) DELETED")[0] == f'* ESEARCH (TAG "t{many.count}")'


def test_uids_are_a_set(many):
    assert many.do("UID SEARCH RETURN (ALL) 1:3")[0] \
        == f'* ESEARCH (TAG "t{many.count}") UID ALL 2,4,6'


def test_partial(many):
    n = many.count + 1
    assert many.do("UID SEARCH RETURN (PARTIAL -1:-3) ALL")[0] \
        == f'* ESEARCH (TAG "t{n}") UID PARTIAL (-1:-3 14,16,18)'
    assert many.do("UID SEARCH RETURN (PARTIAL 8:20) ALL")[0] \
        == f'* ESEARCH (TAG "t{n + 1}") UID PARTIAL (8:20 16,18)'
    assert many.do("SEARCH RETURN (PARTIAL 20:30) ALL")[0] \
        == f'* ESEARCH (TAG "t{n + 2}") PARTIAL (20:30 NIL)'
    assert " BAD " in many.do("SEARCH RETURN (ALL PARTIAL 1:2) ALL")[-1]
    assert " BAD " in many.do("SEARCH RETURN (PARTIAL 1:*) ALL")[-1]


def test_saved_result_in_every_place_of_a_set(many, wire):  # noqa: F811
    w = many
    assert w.do("SEARCH RETURN (SAVE) FLAGGED") == [f"t{w.count} OK Search completed."]
    assert len(w.do("FETCH $ (UID)")) == 5
    assert w.do("UID FETCH $ (UID)")[0] == "* 2 FETCH (UID 4)"
    assert w.do("STORE $ +FLAGS (\\Seen)")[0] .startswith(
        "* 2 FETCH (FLAGS (\\Flagged \\Seen")
    assert w.do("UID SEARCH OR $ 9")[0] == "* SEARCH 4 6 8 10 18"
    assert w.do("UID SEARCH UID $ NOT 3")[0] == "* SEARCH 4 8 10"
    w.do(f"CREATE {w.name}-to")
    assert " OK [COPYUID " in w.do(f"COPY $ {w.name}-to")[-1]
    assert " OK [COPYUID " in w.do(f"UID COPY $ {w.name}-to")[-1]
    other = wire()
    other.do(f"SELECT {w.name}")
    other.do("UID STORE 6 +FLAGS (\\Deleted)")
    other.do("EXPUNGE")
    w.do("NOOP")
    assert w.do("UID SEARCH $")[0] == "* SEARCH 4 8 10"
    assert w.do(f"MOVE $ {w.name}-to")[0].startswith("* OK [COPYUID ")
    assert w.do("UID SEARCH $")[0] == "* SEARCH"
    assert " OK " in w.do(f"COPY $ {w.name}-to")[-1]


def test_what_is_saved(many):
    """Table of RFC 5182 2.4 and of RFC 9394 3.2."""
    def saved(options):
        assert " OK " in many.do(f"SEARCH RETURN ({options}) FLAGGED")[-1]
        return many.do("SEARCH $")[0]

    for options, want in (("SAVE", "2 3 4 5"), ("SAVE MIN", "2"), ("SAVE MAX", "5"),
                          ("MAX SAVE MIN", "2 5"), ("SAVE MIN COUNT", "2 3 4 5"),
                          ("ALL SAVE MIN", "2 3 4 5"), ("SAVE PARTIAL 2:3", "3 4"),
                          ("SAVE PARTIAL 3:3 MIN", "2 4"), ("SAVE PARTIAL -2:-2 MAX", "4 5"),
                          ("SAVE PARTIAL 1:1 MIN MAX COUNT", "2 3 4 5")):
        assert saved(options) == f"* SEARCH {want}", options
    many.do("SEARCH RETURN (ALL) 9")
    assert many.do("SEARCH $")[0] == "* SEARCH 2 3 4 5"


def test_saved_result_ends_with_the_mailbox(many):
    many.do("SEARCH RETURN (SAVE) ALL")
    assert " BAD " in many.do("SEARCH RETURN (SAVE) NONSENSE")[-1]
    assert many.do("SEARCH $")[0] == "* SEARCH 1 2 3 4 5 6 7 8 9"
    assert " NO [BADCHARSET " in many.do("SEARCH RETURN (SAVE) CHARSET X-NONE ALL")[-1]
    assert many.do("SEARCH $")[0] == "* SEARCH"
    many.do("SEARCH RETURN (SAVE) ALL")
    many.do(f"SELECT {many.name}")
    assert many.do("SEARCH $")[0] == "* SEARCH"


def test_pipelined(many):
    many.send("a SEARCH RETURN (SAVE) FLAGGED\r\nb COPY $ INBOX\r\nc STORE $ -FLAGS.SILENT "
              "(\\Flagged)\r\nd SEARCH RETURN (COUNT) FLAGGED\r\n")
    assert many.until("b")[0] == "a OK Search completed."
    assert many.until("d")[1] == '* ESEARCH (TAG "d") COUNT 0'
