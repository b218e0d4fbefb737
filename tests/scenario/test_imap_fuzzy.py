"""SEARCH=FUZZY [RFC6203] with a provider of full-text search from outside of
the tree (tests/abi/fts-words.c), and one that lies."""
import shutil
import time

import pytest

import culver
import test_shared
from test_imap_plugins import SOURCES, build
from test_imap_session import Wire

MAILS = ("Subject: Hello\r\n\r\nworld of help\r\n",
         "Subject: other\r\n\r\nsay hello\r\n",
         "Subject: nothing\r\n\r\nin here\r\n",
         "Subject: helo\r\n\r\nworlds apart\r\n")


def copied(folder):
    """The server's own plugins, for others to be put beside them."""
    folder.chmod(0o755)
    culver.open_to_all(folder)
    for so in (culver.PREFIX / "lib/culver/plugins").glob("*.so"):
        shutil.copy(so, folder / so.name)
        (folder / so.name).chmod(0o644)
    return folder


@pytest.fixture(scope="module")
def plugins(tmp_path_factory):
    folder = copied(tmp_path_factory.mktemp("fts"))
    build(folder, "fts-words", SOURCES / "fts-words.c", "-D_GNU_SOURCE")
    return folder


def start(plugins, more=""):
    return culver.Server(extra=f"mail_plugin_dir = {plugins}\nmail_plugins = fts-words\n"
                         f"plugin {{\n{more}}}\n")


@pytest.fixture(scope="module")
def server(plugins):
    with start(plugins) as s:
        yield s


def filled(server, name="box"):
    w = Wire(server.imap_port).login()
    w.do(f"CREATE {name}")
    for text in MAILS:
        w.append(text.encode(), name)
    w.do(f"SELECT {name}")
    return w


@pytest.fixture
def box(server, request):
    w = filled(server, request.node.name)
    w.name = request.node.name
    yield w
    w.close()


@pytest.fixture(scope="module")
def beyond(server):
    w = Wire(server.imap_port).login()
    w.do("CREATE beyond")
    w.append("Content-Type: text/plain; charset=utf-8\r\n\r\n"
             "Grüße an Кёльн, ΑΘΗΝΑ und 日本\r\n".encode(), "beyond")
    w.do("SELECT beyond")
    yield w
    w.close()


def logged(server, text):
    end = time.monotonic() + 20
    while text not in server.log and time.monotonic() < end:
        time.sleep(0.05)
    return text in server.log


def found(lines):
    return lines[0].replace("* SEARCH", "").split()


def test_fuzzy(box):
    assert "SEARCH=FUZZY" in box.do("CAPABILITY")[0].split()
    # [RFC6203 3]
    assert found(box.do('SEARCH FUZZY (SUBJECT "Hello")')) == ["1", "4"]
    assert found(box.do('SEARCH SUBJECT "Hello"')) == ["1"]
    assert found(box.do("SEARCH FUZZY BODY wurld")) == ["1"]
    assert found(box.do("SEARCH FUZZY TEXT helo NOT BODY apart")) == ["1", "2"]
    assert found(box.do("SEARCH NOT FUZZY TEXT helo")) == ["3"]
    assert found(box.do("UID SEARCH OR FUZZY TEXT wurld SUBJECT nothing")) == ["1", "3"]
    # keys of other kinds match as ever [RFC6203 5]
    assert found(box.do("SEARCH FUZZY SEEN")) == []
    assert found(box.do("SEARCH FUZZY 2:3 FUZZY UNSEEN")) == ["2", "3"]
    assert " BAD " in box.do("SEARCH FUZZY")[-1]


def test_relevancy(box):
    line = box.do('SEARCH RETURN (RELEVANCY ALL) FUZZY TEXT "Helo"')[0]
    assert line == f'* ESEARCH (TAG "t{box.count}") ALL 1:2,4 RELEVANCY (60 60 100)'
    assert box.do("SORT (RELEVANCY) UTF-8 FUZZY TEXT Helo")[0] == "* SORT 4 1 2"
    assert box.do("SORT (REVERSE RELEVANCY) UTF-8 FUZZY TEXT Helo")[0] == "* SORT 1 2 4"
    line = box.do("SORT RETURN (RELEVANCY ALL) (RELEVANCY) UTF-8 FUZZY TEXT Helo")[0]
    assert line.endswith(" ALL 4,1:2 RELEVANCY (100 60 60)")
    line = box.do("SORT RETURN (RELEVANCY PARTIAL 1:2) (RELEVANCY) UTF-8 FUZZY TEXT Helo")[0]
    assert line.endswith(" PARTIAL (1:2 4,1) RELEVANCY (100 60)")
    line = box.do("SEARCH RETURN (RELEVANCY COUNT) FUZZY TEXT nowhere1")[0]
    assert line.endswith(" COUNT 0 RELEVANCY ()")
    # what matches without guessing has the most
    line = box.do("SEARCH RETURN (RELEVANCY ALL) FUZZY UNSEEN")[0]
    assert line.endswith(" ALL 1:4 RELEVANCY (100 100 100 100)")
    for wrong in ("SEARCH RETURN (RELEVANCY) TEXT x", "SORT (RELEVANCY) UTF-8 TEXT x",
                  "SORT RETURN (RELEVANCY) (DATE) UTF-8 ALL",
                  "ESEARCH IN (personal) RETURN (RELEVANCY) FUZZY TEXT x"):
        assert " BAD " in box.do(wrong)[-1], wrong


def test_exact_keys_are_the_same_as_without(box):
    """Substrings, that is, whatever the provider's idea of a word is."""
    assert found(box.do("SEARCH BODY orl")) == ["1", "4"]
    assert found(box.do("SEARCH TEXT hel")) == ["1", "2", "4"]
    assert found(box.do("SEARCH HEADER Subject othe")) == ["2"]
    box.append("Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n\r\nHELLO\r\n".encode(), box.name)
    assert found(box.do("SEARCH CHARSET UTF-8 SUBJECT {8+}\r\ngrüsse")) in ([], ["5"])
    assert found(box.do("SEARCH CHARSET UTF-8 SUBJECT {3+}\r\nrü")) == ["5"]
    assert found(box.do("SEARCH BODY hello")) == ["2", "5"]
    assert found(box.do("SEARCH FUZZY BODY helo")) == ["1", "2", "5"]


@pytest.mark.parametrize("wanted, there", [
    ("GRÜßE", True), ("grüsse", False), ("grüse", True), ("gruße", True), ("grüßen", True), ("grüe", True),
    ("КЁЛЬН", True), ("кельн", True), ("кольн", True), ("кеьн", False),
    ("αθηνα", True), ("ΑΘΗΝΕ", True), ("Αθίνε", False), ("€rüße", True), ("grü€e", True),
    ("日本", True), ("日", True), ("語日", False)])
def test_letters_beyond_ascii(beyond, wanted, there):
    """One letter is one, however many bytes it has."""
    size = len(wanted.encode())
    lines = beyond.do(f"SEARCH CHARSET UTF-8 FUZZY BODY {{{size}+}}\r\n{wanted}")
    assert found(lines) == (["1"] if there else []), (wanted, lines)


def test_expunged_ones_are_forgotten(server, box):
    assert found(box.do("SEARCH FUZZY TEXT helo")) == ["1", "2", "4"]
    box.do("STORE 2 +FLAGS (\\Deleted)")
    box.do("EXPUNGE")
    assert found(box.do("SEARCH FUZZY TEXT helo")) == ["1", "3"]
    assert logged(server, "1 texts forgotten")


def test_nothing_is_announced_without_a_provider():
    with culver.Server() as s:
        w = filled(s)
        assert "SEARCH=FUZZY" not in w.do("CAPABILITY")[0]
        assert w.do("SEARCH FUZZY TEXT x")[-1].endswith(" BAD Unknown argument FUZZY")
        assert " BAD " in w.do("SEARCH RETURN (RELEVANCY) ALL")[-1]
        assert " BAD " in w.do("SORT (RELEVANCY) UTF-8 ALL")[-1]


@pytest.mark.parametrize("fault", ["unknown", "none", "order", "dead", "slow"])
def test_a_provider_that_lies(plugins, fault):
    more = f"  fts_words_fault = {fault}\n  fts_search_timeout = 300ms\n"
    with start(plugins, more) as s:
        w = filled(s)
        # what is exact stays right
        assert found(w.do("SEARCH BODY hello")) == ["2"]
        # one that failed or was slow is not asked again: it is looked for as it stands
        off = fault in ("order", "dead", "slow")
        expected = {"unknown": ["1", "2", "4"], "none": []}.get(fault, ["4"])
        if off:
            assert "SEARCH=FUZZY" not in w.do("CAPABILITY")[0]
            assert logged(s, "this session goes on without it")
        else:
            assert found(w.do("SEARCH FUZZY TEXT helo")) == expected
        assert found(w.do("SEARCH ALL")) == ["1", "2", "3", "4"]


def test_one_that_never_returns(plugins):
    """Its user waits for a while, is told, and can come again."""
    with start(plugins, "  fts_words_fault = stuck\n  fts_search_timeout = 1ms\n") as s:
        w = filled(s)
        began = time.monotonic()
        w.send("s1 SEARCH BODY hello\r\n")
        rest = w.file.read()
        assert rest.endswith(b"* BYE Internal error: a plugin does not answer.\r\n"), rest
        assert b"s1 " not in rest
        assert time.monotonic() - began >= 5
        assert logged(s, "full-text search by words does not come back: the session of")
        w = Wire(s.imap_port).login()
        w.do("SELECT box")
        assert found(w.do("SEARCH SEEN")) == []
        w.close()


@pytest.mark.skipif(not culver.IS_ROOT, reason="users of different uids need root")
@pytest.mark.parametrize("fault", ["", "stuck"])
def test_mail_of_another_user(plugins, fault):
    """The owner's process searches; scores come over."""
    extra = (f"mail_plugin_dir = {plugins}\nmail_plugins = fts-words\n"
             f"plugin {{\n  fts_words_fault = {fault or 'no'}\n"
             f"  fts_search_timeout = {'1ms' if fault else '30s'}\n}}\n")
    with test_shared.Shared(test_shared.SHARED + extra) as s:
        alice = Wire(s.imap_port).login("alice")
        for text in MAILS:
            alice.append(text.encode(), "INBOX")
        s.grant("alice", "INBOX", "user=bob", "lookup", "read", "write-seen")
        bob = Wire(s.imap_port).login("bob")
        assert " OK " in bob.do("SELECT shared/alice/INBOX")[-1]
        if fault:
            assert " NO " in bob.do("SEARCH FUZZY TEXT helo")[-1]
            assert logged(s, "does not come back: the session of alice")
            assert " OK " in bob.do("NOOP")[-1]
        else:
            line = bob.do("SEARCH RETURN (RELEVANCY ALL) FUZZY TEXT Helo")[0]
            assert line.endswith(" ALL 1:2,4 RELEVANCY (60 60 100)")
            assert bob.do("SORT (RELEVANCY) UTF-8 FUZZY TEXT Helo")[0] == "* SORT 4 1 2"
            line = bob.do("SORT RETURN (RELEVANCY ALL) (RELEVANCY) UTF-8 FUZZY TEXT Helo")[0]
            assert line.endswith(" ALL 4,1:2 RELEVANCY (100 60 60)")
        alice.close()
        bob.close()


def test_enforced(plugins):
    more = "  fts_words_fault = dead\n  fts_enforced = body\n"
    with start(plugins, more) as s:
        w = filled(s)
        lines = w.do("SEARCH BODY hello")
        assert lines[-1].split()[1:3] == ["NO", "[UNAVAILABLE]"]
        w = Wire(s.imap_port).login()
        w.do("SELECT box")
        # header fields alone are looked for
        assert found(w.do("SEARCH SUBJECT hello")) == ["1"]
