"""FILTERS [RFC5466]: searches with a name."""
import pytest

from test_imap_session import wire  # noqa: F401

BOSS = b"From: boss@example.com\r\nSubject: now\r\n\r\n" + b"x" * 6000 + b"\r\n"
OTHER = b"From: joe@example.com\r\nSubject: %s\r\n\r\n" + b"y" * 6000 + b"\r\n"
SMALL = b"From: joe@example.com\r\nSubject: small\r\n\r\nbody\r\n"


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def put(w, name, value, root="private"):
    value = "NIL" if value is None else quoted(value)
    return w.do(f'SETMETADATA "" (/{root}/filters/values/{name} {value})')[-1]


@pytest.fixture
def w(wire):  # noqa: F811
    """Four messages: of the boss, large, small, large and flagged."""
    w = wire(user="bob")
    w.do("CREATE filters")
    w.do("SELECT filters")
    w.do("STORE 1:* +FLAGS.SILENT (\\Deleted)")
    w.do("EXPUNGE")
    for message, flags in ((BOSS, ""), (OTHER % b"two", ""), (SMALL, ""),
                           (OTHER % b"four", "(\\Flagged) ")):
        w.append(message, "filters", flags)
    w.do("SELECT filters")
    yield w
    lines = w.do('GETMETADATA (DEPTH infinity) "" (/private/filters /shared/filters)')
    for word in " ".join(lines).replace("(", " ").split():
        if word.startswith(("/private/filters/", "/shared/filters/")):
            w.do(f'SETMETADATA "" ({word} NIL)')


def found(w, program):
    lines = w.do(f"SEARCH {program}")
    assert " OK " in lines[-1], lines
    return lines[0]


def test_the_example(w):
    assert " FILTERS" in w.do("CAPABILITY")[0]
    assert " OK " in put(w, "on-the-road", 'OR SMALLER 5000 FROM "boss@example.com"')
    assert found(w, "FILTER on-the-road") == "* SEARCH 1 3"
    assert found(w, 'UID 300:900 FILTER on-the-road SINCE "3-Dec-2002"') == "* SEARCH"
    assert found(w, '1:2 FILTER ON-THE-Road SINCE "3-Dec-2002"') == "* SEARCH 1"
    lines = w.do("UID SORT (REVERSE SIZE) UTF-8 FILTER on-the-road")
    assert sorted(lines[0].split()[2:]) == sorted(
        w.do("UID SEARCH FILTER on-the-road")[0].split()[2:])
    assert "THREAD" in w.do("THREAD ORDEREDSUBJECT UTF-8 FILTER on-the-road")[0]


def test_what_is_not_there(w):
    for name in ("none", "x.y-z"):
        assert f"NO [UNDEFINED-FILTER {name}] " in w.do(f"SEARCH FILTER {name}")[-1]
    # a filter that was deleted
    put(w, "gone", "ALL")
    assert found(w, "FILTER gone") == "* SEARCH 1 2 3 4"
    put(w, "gone", None)
    assert "NO [UNDEFINED-FILTER gone] " in w.do("SEARCH FILTER gone")[-1]


@pytest.mark.parametrize("program", ["FILTER", 'FILTER "x"', "FILTER a/b", "FILTER (x)"])
def test_names(w, program):
    assert f"t{w.count + 1} BAD " in w.do(f"SEARCH {program}")[-1]


def test_the_private_one_goes_first(w, wire):  # noqa: F811
    # whether a user may set shared ones is not for this extension to say
    if " OK " not in put(w, "who", "FLAGGED", "shared"):
        pytest.skip("shared annotations of the server are not settable")
    assert found(w, "FILTER who") == "* SEARCH 4"
    put(w, "who", "UNFLAGGED 2")
    assert found(w, "FILTER who") == "* SEARCH 2"
    # those of another user are not seen
    other = wire(user="alice")
    other.do("SELECT INBOX")
    put(w, "mine", "ALL")
    assert "NO [UNDEFINED-FILTER mine] " in other.do("SEARCH FILTER mine")[-1]
    put(w, "who", None)
    assert found(w, "FILTER who") == "* SEARCH 4"


def test_it_is_one_key(w):
    put(w, "two", "UNFLAGGED SMALLER 5000")
    assert found(w, "NOT FILTER two") == "* SEARCH 1 2 4"
    assert found(w, "OR FILTER two FLAGGED") == "* SEARCH 3 4"
    assert found(w, "(FILTER two 3)") == "* SEARCH 3"
    assert found(w, "OR (OR 1 FILTER two) (FLAGGED FILTER two)") == "* SEARCH 1 3"


def test_filters_in_filters(w):
    put(w, "f0", "FLAGGED")
    for i in range(1, 12):
        put(w, f"f{i}", f"(FILTER f{i - 1})")
    # at least three; and a bound
    assert found(w, "FILTER f3") == "* SEARCH 4"
    assert found(w, "FILTER f7") == "* SEARCH 4"
    assert "NO [UNDEFINED-FILTER f" in w.do("SEARCH FILTER f11")[-1]


def test_loops(w):
    put(w, "self", "OR FLAGGED FILTER self")
    assert "NO [UNDEFINED-FILTER self] " in w.do("SEARCH FILTER self")[-1]
    put(w, "a", "FILTER b")
    put(w, "b", "NOT FILTER A")
    assert "NO [UNDEFINED-FILTER A] " in w.do("SEARCH FILTER a")[-1]
    # twice beside each other is no loop
    put(w, "c", "FLAGGED")
    assert found(w, "OR FILTER c FILTER c") == "* SEARCH 4"
    # nor do they grow without end
    for i in range(7):
        put(w, f"g{i + 1}", " ".join([f"FILTER g{i}"] * 10))
    put(w, "g0", "ALL")
    assert "NO [UNDEFINED-FILTER g" in w.do("SEARCH FILTER g7")[-1]
    assert " OK " in w.do("NOOP")[-1]


def test_charset(w):
    assert " OK " in put(w, "umlaut", 'SUBJECT "tw\u00f6"')
    assert found(w, "CHARSET UTF-8 FILTER umlaut") == "* SEARCH"
    put(w, "two", "SUBJECT two")
    assert found(w, "CHARSET UTF-8 FILTER two") == "* SEARCH 2"
    assert found(w, "CHARSET US-ASCII FILTER two") == "* SEARCH 2"
    assert "BAD [BADCHARSET (" in w.do("SEARCH CHARSET ISO-8859-1 FILTER two")[-1]
    assert "BAD [BADCHARSET (" in w.do("SORT (DATE) ISO-8859-1 FILTER two")[-1]


def test_only_what_is_a_search_is_kept(w):
    for value in ("OR SMALLER", "", "NONSENSE", "ALL )", "(ALL", 'SUBJECT "x', "ALL\u00ff",
                  "()", "FILTER a/b", "UID x"):
        assert " NO [CANNOT] " in put(w, "bad", value), value
    w.do("SELECT filters")
    assert "NO [UNDEFINED-FILTER bad] " in w.do("SEARCH FILTER bad")[-1]
    assert " NO [CANNOT] " in put(w, "a/b", "ALL")
    # what can only be known later: another filter, messages, results
    for value in ("FILTER not-yet", "1:2000", "UID 5:*", "$", "MODSEQ 5"):
        assert " OK " in put(w, "later", value), value
    # descriptions and other annotations are not searches
    assert " OK " in w.do(
        'SETMETADATA "" (/private/filters/descriptions/later "what I have to do")')[-1]
    assert " OK " in w.do('SETMETADATA INBOX (/private/filters/values/x "no search")')[-1]
    # a literal is a string, too
    assert " OK " in w.do('SETMETADATA "" (/private/filters/values/lit {16+}\r\n'
                          'SUBJECT {3}\r\ntwo)')[-1]
    assert found(w, "FILTER lit") == "* SEARCH 2"


def test_a_filter_that_does_not_fit_the_mailbox(w):
    put(w, "many", "1:2000")
    assert "NO Filter many is not a search program." in w.do("SEARCH FILTER many")[-1]
    put(w, "saved", "$")
    w.do("SEARCH RETURN (SAVE) FLAGGED")
    assert found(w, "FILTER saved") == "* SEARCH 4"


def test_with_contexts(w):
    put(w, "flagged", "FLAGGED")
    w.send("a UID SEARCH RETURN (UPDATE COUNT) FILTER flagged\r\n")
    assert w.until("a")[0].endswith(" COUNT 1")
    # what was asked for does not change with the filter
    put(w, "flagged", "SEEN")
    assert any('(TAG "a") UID ADDTO' in line for line in w.do("STORE 1 +FLAGS (\\Flagged)"))
