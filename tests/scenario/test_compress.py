"""Compressed mail: every codec, both ways with Debian's Dovecot, large
messages in pieces, damaged files."""
import bz2
import gzip
import imaplib
import lzma
import random
import re
import shutil

import pytest

import culver
import dovecot

CODECS = ["gz", "bz2", "zstd", "lz4"]
PLUGIN = "mail_plugins = $mail_plugins {name}\nplugin {{\n  zlib_save = {codec}\n}}\n"
NEEDS_DOVECOT = pytest.mark.skipif(not dovecot.available(), reason="needs Debian's Dovecot and root")


def config(codec, name="compress"):
    return PLUGIN.format(name=name, codec=codec)


def messages():
    rng = random.Random(7)
    words = [bytes(rng.choices(b"abcdefghij", k=7)) for _ in range(200)]
    for n, lines in enumerate((0, 1, 40, 3000, 20000)):
        body = b"".join(b" ".join(rng.choices(words, k=9)) + b"\r\n" for _ in range(lines))
        yield b"Subject: %d\r\nMessage-ID: <%d@x>\r\n\r\n" % (n, n) + body


def save(server, message):
    client = server.imap()
    assert client.append("INBOX", None, None, message)[0] == "OK"
    client.logout()


def fetch_all(server, items="(UID RFC822.SIZE BODYSTRUCTURE BODY.PEEK[])"):
    client = server.imap()
    client.select("INBOX", readonly=True)
    data = client.fetch("1:*", items)[1]
    client.logout()
    return [(re.sub(rb" BODY\[\] .*", b"", part[0]), part[1]) for part in data
            if isinstance(part, tuple)]


def files(server):
    box = server.home("alice") / "Maildir"
    return sorted(p for folder in ("new", "cur") for p in (box / folder).iterdir())


def own(path):
    if culver.IS_ROOT:
        for p in [path, *path.rglob("*")]:
            shutil.chown(p, culver.MAIL_USER, culver.MAIL_GROUP)


@pytest.mark.parametrize("codec", CODECS)
def test_it_is_read_from_its_file_when_the_journal_has_none(make_server, codec):
    server = make_server(extra=config(codec) + "mail_journal_body_max = 0\n")
    all_of_them = list(messages())
    for message in all_of_them:
        save(server, message)
    assert [body for _, body in fetch_all(server)] == all_of_them


@pytest.mark.parametrize("codec", CODECS)
def test_what_is_saved_is_smaller_and_comes_back(make_server, codec):
    server = make_server(extra=config(codec))
    all_of_them = list(messages())
    for message in all_of_them:
        save(server, message)
    server.adm("force-resync", "-u", "alice", "INBOX")
    got = fetch_all(server)
    assert [body for _, body in got] == all_of_them
    for (head, body), path in zip(got, sorted(files(server), key=lambda p: p.stat().st_mtime_ns)):
        assert b"RFC822.SIZE %d " % len(body) in head
    sizes = {int(re.search(r",S=(\d+)", p.name)[1]): p.stat().st_size for p in files(server)}
    plain = max(sizes)
    assert plain == len(all_of_them[-1].replace(b"\r\n", b"\n"))
    assert sizes[plain] < plain / 2


@NEEDS_DOVECOT
@pytest.mark.parametrize("codec", CODECS)
def test_dovecot_reads_what_we_wrote_and_we_what_it_wrote(make_server, codec):
    server = make_server(extra=config(codec))
    with dovecot.Dovecot(extra=config(codec, "zlib")) as other:
        for message in messages():
            save(server, message)
            save(other, message)
        ours, theirs = fetch_all(server), fetch_all(other)
        assert [b for _, b in ours] == [b for _, b in theirs]
        server.stop()
        other.stop()
        a, b = server.home("alice") / "Maildir", other.home("alice") / "Maildir"
        a.rename(server.dir / "away")
        shutil.copytree(b, a)
        shutil.rmtree(b)
        shutil.copytree(server.dir / "away", b)
        own(a)
        own(b)
        server.start()
        other.start()
        assert fetch_all(server) == theirs
        assert fetch_all(other, "(UID BODY.PEEK[])") == fetch_all(server, "(UID BODY.PEEK[])")


def test_foreign_files_of_every_codec_are_read_whatever_is_set(make_server):
    server = make_server(extra=config(""))
    new = server.home("alice") / "Maildir" / "new"
    save(server, b"Subject: plain\r\n\r\nbody\r\n")
    text = b"Subject: foreign\n\nbody\n"
    for n, pack in enumerate((gzip.compress, bz2.compress, lzma.compress,
                              lambda d: gzip.compress(d[:9]) + gzip.compress(d[9:]))):
        path = new / f"17000000{n}.foreign"
        path.write_bytes(pack(text))
        own(path)
    bodies = [body for _, body in fetch_all(server)]
    assert bodies == [b"Subject: plain\r\n\r\nbody\r\n"] + [text.replace(b"\n", b"\r\n")] * 4


@pytest.mark.parametrize("when", ["first", "later"])
def test_a_compressed_file_is_read_whatever_size_its_name_says(make_server, when):
    """S= is the size of the message, not of the file."""
    server = make_server(extra=config(""))
    box = server.home("alice") / "Maildir"
    text = b"Subject: foreign\n\n" + b"body " * 1000 + b"\n"
    shown = text.replace(b"\n", b"\r\n")
    if when == "first":
        for part in ("new", "cur", "tmp"):
            (box / part).mkdir(parents=True)
    else:
        save(server, b"Subject: plain\r\n\r\nbody\r\n")
    for n, size in enumerate((len(text), 5, 10 * len(text))):
        (box / "cur" / f"17000000{n}.foreign,S={size}:2,S").write_bytes(gzip.compress(text))
    own(box)
    for _ in range(2):      # as found, and as kept
        got = fetch_all(server)[-3:]
        assert [body for _, body in got] == [shown] * 3
    for head, body in got:
        assert b"RFC822.SIZE %d " % len(shown) in head
    assert "cut short" not in server.log
    # plain bytes of the wrong number are still another matter
    (box / "cur" / "170000009.foreign,S=17:2,S").write_bytes(b"Subject: x\n\nbody\n")
    own(box)
    assert fetch_all(server)[-1][1] == b"Subject: x\r\n\r\nbody\r\n"
    (box / "cur" / "170000009.foreign,S=17:2,S").write_bytes(b"Subject: x\n")
    client = server.imap()
    client.select("INBOX", readonly=True)
    with pytest.raises(imaplib.IMAP4.abort):
        client.fetch("*", "BODY.PEEK[]")
    assert "cut short" in server.log


def test_a_message_that_looks_compressed_comes_back(make_server):
    server = make_server(extra=config("")
                         + "imap_client_workarounds = append-8bit-headers\n")
    message = gzip.compress(b"not a mail", mtime=1).replace(b"\0", b"\1").replace(b"\n", b"x") + b"\r\n"
    save(server, message)
    assert fetch_all(server)[0][1] == message


@pytest.mark.parametrize("codec", CODECS)
def test_a_large_message_is_read_in_pieces(make_server, codec):
    server = make_server(extra=config(codec))
    rng = random.Random(1)
    lines = [bytes(rng.choices(b"abcdefgh", k=70)) + b"\r\n" for _ in range(3000)]
    message = b"Subject: large\r\n\r\n" + b"".join(rng.choices(lines, k=300000))
    save(server, message)
    client = server.imap()
    client.select("INBOX", readonly=True)
    pieces = [client.fetch("1", f"(BODY.PEEK[]<{at}.262144>)")[1][0][1]
              for at in range(0, len(message), 262144)]
    assert b"".join(pieces) == message
    for at in (15_000_000, 100, 9_000_000, 20_000_000, 0):
        assert client.fetch("1", f"(BODY.PEEK[]<{at}.5000>)")[1][0][1] == message[at:at + 5000]
    client.logout()


@pytest.mark.parametrize("codec", CODECS)
def test_damage_is_an_error_and_nothing_else(make_server, codec):
    server = make_server(extra=config(codec) + "mail_journal_body_max = 0\n")
    message = list(messages())[3]
    save(server, message)
    save(server, b"Subject: good\r\n\r\nbody\r\n")
    path = max(files(server), key=lambda p: p.stat().st_size)
    whole = path.read_bytes()
    rng = random.Random(3)
    base = path.name.split(":")[0]

    def write(data):
        # a SELECT has moved it to cur
        found = [p for p in files(server) if p.name.split(":")[0] == base]
        assert len(found) == 1
        found[0].write_bytes(data)

    for cut in [20, 30, len(whole) // 2, len(whole) - 1]:
        write(whole[:cut])
        check_damaged(server, message)
    for _ in range(10):
        at = rng.randrange(20, len(whole))
        write(whole[:at] + bytes([whole[at] ^ 1 << rng.randrange(8)]) + whole[at + 1:])
        check_damaged(server, message, codec == "lz4")
    write(whole)
    assert fetch_all(server)[0][1] == message


def check_damaged(server, message, may_go_unnoticed=False):
    """lz4 blocks have no check of their own: the size may still be right."""
    with server.raw() as raw:
        raw.line()
        raw.command("LOGIN alice secret", "a")
        raw.command("SELECT INBOX", "b")
        raw.send(b"c FETCH 1 (BODY.PEEK[])\r\n")
        try:
            answer = raw.until("c")
        except (EOFError, ConnectionError, AssertionError):
            answer = None       # the literal could not be completed
        if answer is not None and not may_go_unnoticed:
            assert not answer[-1].startswith(b"c OK"), answer[-1][:80]
    client = server.imap()
    client.select("INBOX", readonly=True)
    assert client.fetch("2", "(BODY.PEEK[TEXT])")[1][0][1] == b"body\r\n"
    client.logout()


STORES = ["maildir:~/Maildir", "sdbox:~/mail", "mdbox:~/mail", "mbox:~/mail:INBOX=~/inbox"]


@pytest.mark.parametrize("store", STORES, ids=lambda s: s.split(":")[0])
@pytest.mark.parametrize("codec", CODECS)
def test_without_the_plugin_it_is_no_message(make_server, codec, store):
    """Nobody is given the compressed bytes for the message; with the plugin it is there again."""
    where = f"mail_location = {store}\nmail_journal_body_max = 0\n"
    server = make_server(extra=where + config(codec))
    message = list(messages())[2]
    save(server, message)
    server.stop()
    server.write_config(where)
    server.start()
    client = server.imap()
    client.select("INBOX")
    with pytest.raises(imaplib.IMAP4.abort):    # imap_fetch_failure
        client.fetch("1", "(BODY.PEEK[])")
    assert "mail_plugins = $mail_plugins compress" in server.log
    done = server.adm("fetch", "-u", "alice", "text", "all", check=False)
    assert "compressed" in done.stderr and done.returncode != 0
    server.stop()
    server.write_config(where + config(codec))
    server.start()
    assert [body for _, body in fetch_all(server)] == [message]


def test_what_looks_compressed_is_not_saved_without_the_plugin(make_server):
    """It could not be read again.  (IMAP refuses it for its 8-bit header already.)"""
    server = make_server()
    path = server.dir / "message"
    for body in (gzip.compress(b"Subject: x\r\n\r\n"), bz2.compress(b"Subject: x\r\n\r\n"),
                 lzma.compress(b"Subject: x\r\n\r\n")):
        path.write_bytes(body)
        done = server.adm("save", "-u", "alice", path, check=False)
        assert done.returncode != 0 and "is compressed" in done.stderr, done
        assert "mail_plugins = $mail_plugins compress" in done.stderr
    path.write_bytes(b"BZh9: a field\r\n\r\nx\r\n")
    server.adm("save", "-u", "alice", path)
    assert [body for _, body in fetch_all(server)] == [path.read_bytes()]
