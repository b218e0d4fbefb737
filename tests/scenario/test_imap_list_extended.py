"""LIST-EXTENDED [RFC5258 5], LIST-STATUS [RFC5819 3], SPECIAL-USE and
CREATE-SPECIAL-USE [RFC6154 5]: each of their examples; and XLIST."""
import re

import pytest

import culver

USERS = [f"user{n}" for n in range(12)]


@pytest.fixture(scope="module")
def server():
    with culver.Server(users={u: "secret" for u in USERS}) as server:
        yield server


@pytest.fixture
def tree(server):
    """A session of a user of its own, with these mailboxes and subscriptions."""
    sessions = []

    def make(boxes, subscribed=()):
        raw = server.raw()
        sessions.append(raw)
        raw.line()
        assert b"OK" in raw.command(f"LOGIN {make.users.pop()} secret")[-1]
        for box in boxes:
            assert b"OK" in raw.command(f"CREATE {box}")[-1]
        for box in subscribed:
            assert b"OK" in raw.command(f"SUBSCRIBE {box}")[-1]
        return raw
    make.users = users
    yield make
    for raw in sessions:
        raw.close()


users = list(USERS)


def rows(raw, command, what="LIST"):
    """Names with their attributes and what stands behind, in order."""
    found = []
    lines = [line.decode().rstrip() for line in raw.command(command)]
    assert lines[-1].startswith("x OK"), lines
    for line in lines[:-1]:
        match = re.fullmatch(rf'\* {what} \(([^)]*)\) "/" (\S+|"[^"]*")( .*)?', line)
        if match and match[2] != "Trash":
            found.append((match[2].strip('"'), frozenset(match[1].split()), (match[3] or "").strip()))
    return found


def names(raw, command):
    return sorted(name for name, _, _ in rows(raw, command))


def attributes(raw, command):
    return {name: set(words) - {"\\Marked", "\\UnMarked"} for name, words, _ in rows(raw, command)}


def childinfo(raw, command):
    return {name for name, _, behind in rows(raw, command) if behind == '("CHILDINFO" ("SUBSCRIBED"))'}


FRUIT = ["Fruit", "Fruit/Apple", "Fruit/Banana", "Tofu", "Vegetable", "Vegetable/Broccoli",
         "Vegetable/Corn"]


def test_examples_1_to_6(tree):
    raw = tree(FRUIT + ["Fruit/Peach"], ["INBOX", "Fruit/Banana", "Fruit/Peach", "Vegetable",
                                         "Vegetable/Broccoli"])
    raw.command("DELETE Fruit/Peach")
    assert names(raw, 'LIST "" "*"') == sorted(FRUIT + ["INBOX"])
    subscribed = {"INBOX": {"\\Subscribed"}, "Fruit/Banana": {"\\Subscribed"},
                  "Fruit/Peach": {"\\Subscribed", "\\NonExistent"}, "Vegetable": {"\\Subscribed"},
                  "Vegetable/Broccoli": {"\\Subscribed"}}
    # 2: what is subscribed, whether it is there or not
    assert attributes(raw, 'LIST (SUBSCRIBED) "" "*"') == subscribed
    # 3: children
    assert attributes(raw, 'LIST () "" "%" RETURN (CHILDREN)') == {
        "INBOX": {"\\HasNoChildren"}, "Fruit": {"\\HasChildren"}, "Tofu": {"\\HasNoChildren"},
        "Vegetable": {"\\HasChildren"}}
    # 4: REMOTE selects no less
    assert attributes(raw, 'LIST (REMOTE) "" "%" RETURN (CHILDREN)') == \
        attributes(raw, 'LIST () "" "%" RETURN (CHILDREN)')
    # 5
    assert attributes(raw, 'LIST (REMOTE SUBSCRIBED) "" "*"') == subscribed
    # 6: without what does not exist
    found = attributes(raw, 'LIST (REMOTE) "" "*" RETURN (SUBSCRIBED)')
    assert {n for n, a in found.items() if "\\Subscribed" in a} == set(subscribed) - {"Fruit/Peach"}
    assert set(found) == set(FRUIT) | {"INBOX"}


def test_example_7_several_patterns(tree):
    raw = tree(["Drafts", "Sent/March2004", "Sent/December2003", "Sent/August2004", "Other"])
    assert names(raw, 'LIST "" ("INBOX" "Drafts" "Sent/%")') == [
        "Drafts", "INBOX", "Sent/August2004", "Sent/December2003", "Sent/March2004"]


def test_example_8_childinfo(tree):
    raw = tree(["Foo", "Foo/Bar", "Foo/Baz", "Moo"])
    match = 'LIST (SUBSCRIBED RECURSIVEMATCH) "" "%"'
    assert attributes(raw, 'LIST "" "%" RETURN (CHILDREN)')["Foo"] == {"\\HasChildren"}
    # B
    assert rows(raw, match) == []
    # A
    raw.command("SUBSCRIBE Foo/Baz")
    assert attributes(raw, 'LIST (SUBSCRIBED) "" "*"') == {"Foo/Baz": {"\\Subscribed"}}
    assert rows(raw, 'LIST (SUBSCRIBED) "" "%"') == []
    assert rows(raw, match) == [("Foo", frozenset(), '("CHILDINFO" ("SUBSCRIBED"))')]
    # A1
    raw.command("SUBSCRIBE Foo")
    assert rows(raw, match) == [("Foo", frozenset({"\\Subscribed"}), '("CHILDINFO" ("SUBSCRIBED"))')]
    # C
    raw.command("UNSUBSCRIBE Foo/Baz")
    raw.command("SUBSCRIBE Moo")
    assert rows(raw, match + " RETURN (CHILDREN)") == [
        ("Foo", frozenset({"\\HasChildren", "\\Subscribed"}), ""),
        ("Moo", frozenset({"\\HasNoChildren", "\\Subscribed"}), "")]
    # A2
    raw.command("UNSUBSCRIBE Foo")
    raw.command("UNSUBSCRIBE Moo")
    raw.command("SUBSCRIBE Foo/Baz")
    raw.command("DELETE Foo")
    assert rows(raw, match) == [("Foo", frozenset({"\\NonExistent"}), '("CHILDINFO" ("SUBSCRIBED"))')]


def test_example_9_matching_children(tree):
    subscribed = ["foo2/bar1", "foo2/bar2", "baz2/bar2", "baz2/bar22", "baz2/bar222", "eps2",
                  "eps2/mamba", "qux2/bar2"]
    raw = tree(["foo2", "foo2/bar1", "foo2/bar2", "baz2", "baz2/bar2", "baz2/bar22", "baz2/bar222",
                "eps2", "eps2/mamba", "qux2/bar2"], subscribed)
    assert names(raw, 'LIST (SUBSCRIBED) "" "*"') == sorted(subscribed)
    command = 'LIST (RECURSIVEMATCH SUBSCRIBED) "" "*2"'
    assert {"foo2", "eps2"} <= childinfo(raw, command) <= {"foo2", "eps2", "baz2", "qux2"}
    found = attributes(raw, command)
    for name in ("foo2/bar2", "baz2/bar2", "baz2/bar22", "baz2/bar222", "eps2", "qux2/bar2"):
        assert "\\Subscribed" in found[name]
    assert "\\Subscribed" not in found["foo2"] and "foo2/bar1" not in found and "eps2/mamba" not in found
    found = attributes(raw, 'LIST (RECURSIVEMATCH SUBSCRIBED) "" "*"')
    assert set(subscribed) <= set(found)


def test_example_10_childinfo_without_children(tree):
    raw = tree(["foo", "foo/bar"], ["foo/bar"])
    raw.command("DELETE foo/bar")
    assert names(raw, 'LIST "" ("foo" "foo/*")') == ["foo"]
    assert attributes(raw, 'LIST (SUBSCRIBED) "" "foo/*"') == {"foo/bar": {"\\Subscribed", "\\NonExistent"}}
    assert rows(raw, 'LIST (SUBSCRIBED RECURSIVEMATCH) "" foo RETURN (CHILDREN)') == [
        ("foo", frozenset({"\\HasNoChildren"}), '("CHILDINFO" ("SUBSCRIBED"))')]


def test_example_11_missing_levels(tree):
    raw = tree(["music/rock"])
    assert "\\NonExistent" in attributes(raw, 'LIST () "" %')["music"]
    assert {"music/rock"} <= set(names(raw, 'LIST "" (% music/rock)')) <= {"INBOX", "music", "music/rock"}


def test_what_is_wrong(tree):
    raw = tree([])
    for command in ('LIST (RECURSIVEMATCH) "" *', 'LIST (RECURSIVEMATCH REMOTE) "" *', 'LIST (X) "" *',
                    'LIST "" ()', 'LIST "" * RETURN', 'LIST "" * RETURN (X)', 'LIST "" * RETURN (STATUS)',
                    'LIST "" * RETURN (STATUS ())', 'LIST "" * RETURN (STATUS (X))', 'LIST "" * FOO ()',
                    'LIST ""', 'XLIST ""', 'XLIST "" (a b)'):
        assert b"x BAD" in raw.command(command)[-1], command
        raw.command("NOOP")


def test_list_status(tree):
    raw = tree(["foo", "foo/sub", "bar/sub"], ["INBOX", "foo/sub"])
    lines = [line.decode().rstrip() for line in raw.command('LIST "" % RETURN (STATUS (MESSAGES UNSEEN))')]
    status = [line for line in lines if line.startswith("* STATUS") and "Trash" not in line]
    assert sorted(status) == ["* STATUS INBOX (MESSAGES 0 UNSEEN 0)", "* STATUS foo (MESSAGES 0 UNSEEN 0)"]
    lines = [line.decode().rstrip() for line in
             raw.command('LIST (SUBSCRIBED RECURSIVEMATCH) "" % RETURN (STATUS (MESSAGES))')]
    assert [line for line in lines if line.startswith("* STATUS") and "Trash" not in line] == [
        "* STATUS INBOX (MESSAGES 0)"]
    assert any('foo ("CHILDINFO" ("SUBSCRIBED"))' in line for line in lines)


def test_special_use(tree):
    raw = tree(["ToDo", "Projects/One"])
    for box, use in (("SentMail", "\\Sent"), ("MyDrafts", "\\Drafts")):
        assert b"OK" in raw.command(f"CREATE {box} (USE ({use}))")[-1]
    found = attributes(raw, 'LIST "" "%"')
    assert found["SentMail"] == {"\\Sent", "\\HasNoChildren"}
    found = attributes(raw, 'LIST "" "%" RETURN (SPECIAL-USE)')
    assert found["MyDrafts"] == {"\\Drafts"} and found["ToDo"] == set()
    assert attributes(raw, 'LIST (SPECIAL-USE) "" "*"') == {"SentMail": {"\\Sent"}, "MyDrafts": {"\\Drafts"}}


def test_create_special_use(tree):
    raw = tree([])
    assert b"OK" in raw.command("CREATE MySpecial (USE (\\Drafts \\Sent))")[-1]
    assert attributes(raw, 'LIST (SPECIAL-USE) "" "*"') == {"MySpecial": {"\\Drafts", "\\Sent"}}
    assert b"x NO [USEATTR]" in raw.command("CREATE Everything (USE (\\Unknown))")[-1]
    assert names(raw, 'LIST "" Everything') == []


def test_xlist(tree):
    raw = tree(["Work"])
    raw.command("CREATE SentMail (USE (\\Sent))")
    found = {name: words for name, words, _ in rows(raw, 'XLIST "" "*"', "XLIST")}
    assert "\\Inbox" in found["INBOX"] and "\\Sent" in found["SentMail"]
    assert found["Work"] == {"\\HasNoChildren"}
    assert b"* XLIST" in raw.command('XLIST "" ""')[0]
