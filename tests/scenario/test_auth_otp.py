"""One-time passwords, kept in a database: a few lines of Python and Cyrus SASL as clients."""
import contextlib
import ctypes
import glob
import hashlib
import re
import sqlite3
import struct

import pytest

import culver
import databases
import test_auth_sql as sql
from test_sasl import Client, capability

PHRASE = "a pass phrase of mine"
MECHANISMS = "auth_mechanisms = plain otp\nauth_cache_size = 1M\n"


def fold(name, data):
    digest = hashlib.new(name, data).digest()
    if name == "md5":
        return bytes(a ^ b for a, b in zip(digest[:8], digest[8:]))
    words = [int.from_bytes(digest[i:i + 4], "big") for i in range(0, 20, 4)]
    return b"".join(word.to_bytes(4, "little")
                    for word in (words[0] ^ words[2] ^ words[4], words[1] ^ words[3]))


def otp(name, sequence, seed, phrase=PHRASE):
    """(RFC 2289 6.0)"""
    made = fold(name, (seed + phrase).encode())
    for _ in range(sequence):
        made = fold(name, made)
    return made.hex()


def stored(name, sequence, seed, scheme="{OTP}"):
    return f"{scheme}{name} {sequence} {seed} {otp(name, sequence, seed)}"


UPDATE = ("update_query = UPDATE users SET password = '%w' "
          "WHERE username = '%n' AND domain = '%d'")
USERS = {"alice": stored("sha1", 500, "ab1234"), "bob": stored("md5", 500, "ke1234"),
         "carol": stored("sha1", 500, "ca0001"), "dave": stored("md5", 2, "da0001"),
         "erin": stored("md5", 500, "er0001"), "plain": "{PLAIN}" + PHRASE}


@pytest.fixture(scope="module")
def database():
    with databases.SQLite() as database:
        # who asks it is not root
        database.dir.chmod(0o777)
        database.path.chmod(0o666)
        yield database


@pytest.fixture(scope="module")
def server(database):
    server = sql.Server(config=sql.configuration(), extra=MECHANISMS)
    template = sql.rows(server.home(""))[0]
    database.fill([(name, "example.com", password, str(server.home(name)), *template[4:])
                   for name, password in USERS.items()])
    server.write_sql(database)
    with (server.dir / "sql.conf.ext").open("a") as file:
        file.write(UPDATE + "\n")
    with server:
        yield server


def kept(database, user):
    with contextlib.closing(sqlite3.connect(database.path)) as db:
        return db.execute("SELECT password FROM users WHERE username = ?",
                          (user,)).fetchone()[0]


def challenge(client, user):
    said = client.begin("OTP", b"\0" + user.encode())
    assert isinstance(said, bytes), said
    name, sequence, seed = re.fullmatch(rb"otp-(md5|sha1) (\d+) ([a-z0-9]{1,16}) ext",
                                        said).groups()
    return name.decode(), int(sequence), seed.decode()


def login(server, user, response=None):
    """The tagged answer, and the response that was given."""
    with Client(server) as client:
        where = challenge(client, user)
        response = response or "hex:" + otp(*where)
        return client.exchange(response.encode()), response, where


def test_each_is_good_once(server, database):
    assert "OTP" in capability(server)
    said, response, where = login(server, "alice@example.com")
    assert said.startswith("a OK"), server.log[-2000:]
    assert where == ("sha1", 499, "ab1234")
    assert kept(database, "alice") == stored("sha1", 499, "ab1234")
    # who has seen it gets nowhere with it
    said, _, where = login(server, "alice@example.com", response)
    assert "AUTHENTICATIONFAILED" in said
    assert where[1] == 498
    assert kept(database, "alice") == stored("sha1", 499, "ab1234")
    # a wrong one uses nothing up
    assert login(server, "alice@example.com")[2][1] == 498
    assert kept(database, "alice") == stored("sha1", 498, "ab1234")
    assert login(server, "ALICE@example.com")[0].startswith("a OK")
    # the pass phrase itself is good for PLAIN, as before
    assert sql.ok(server.login(b"alice@example.com", PHRASE.encode()))
    assert login(server, "alice@example.com")[2][1] == 496
    assert PHRASE not in server.log


def test_a_new_sequence(server, database):
    with Client(server) as client:
        where = challenge(client, "bob@example.com")
        assert where == ("md5", 499, "ke1234")
        said = client.exchange(f"init-hex:{otp(*where)}:sha1 9 ne0001:"
                               f"{otp('sha1', 9, 'ne0001', 'another')}".encode())
        assert said.startswith("a OK"), said
    assert kept(database, "bob").startswith("{OTP}sha1 9 ne0001 ")
    # the old pass phrase is not in the cache
    assert "FAILED" in server.login(b"bob@example.com", PHRASE.encode())
    with Client(server) as client:
        assert challenge(client, "bob@example.com") == ("sha1", 8, "ne0001")
        # the old seed would make old passwords good again
        said = client.exchange(f"init-hex:{otp('sha1', 8, 'ne0001', 'another')}:md5 500 ne0001:"
                               f"{otp('md5', 500, 'ne0001', 'another')}".encode())
        assert "AUTHENTICATIONFAILED" in said
    assert kept(database, "bob").startswith("{OTP}sha1 8 ne0001 ")


def test_the_last_one(server, database):
    said, _, where = login(server, "dave@example.com")
    assert said.startswith("a OK") and where == ("md5", 1, "da0001")
    assert login(server, "dave@example.com")[0].startswith("a NO")
    assert "there is no one-time password left" in server.log
    assert kept(database, "dave") == stored("md5", 1, "da0001")


def test_strangers(server):
    """They are challenged, always alike; a password that is stored as it is is none."""
    for user in ("nobody@example.com", "plain@example.com"):
        first = login(server, user)
        assert "AUTHENTICATIONFAILED" in first[0]
        assert login(server, user)[2] == first[2]
        assert 1 <= first[2][1] <= 9999


def test_one_exchange_at_a_time(server):
    with Client(server) as first, Client(server) as second:
        where = challenge(first, "carol@example.com")
        assert "UNAVAILABLE" in second.begin("OTP", b"\0carol@example.com")
        assert first.exchange(("hex:" + otp(*where)).encode()).startswith("a OK")
        assert challenge(second, "carol@example.com")[1] == where[1] - 1
        # whoever leaves makes room
        second.sock.sendall(b"*\r\n")
        assert second.answer().startswith("a BAD")
        with Client(server) as third:
            assert challenge(third, "carol@example.com")[1] == where[1] - 1


class Cyrus:
    """The client of Cyrus SASL, by its C interface."""
    user, authname, password = 0x4001, 0x4002, 0x4004
    alive = []

    class Callback(ctypes.Structure):
        _fields_ = [("id", ctypes.c_ulong), ("proc", ctypes.c_void_p),
                    ("context", ctypes.c_void_p)]

    def __init__(self, user, phrase):
        simple = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int,
                                  ctypes.POINTER(ctypes.c_char_p),
                                  ctypes.POINTER(ctypes.c_uint))
        secret = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int,
                                  ctypes.POINTER(ctypes.c_void_p))
        # unsigned long len; unsigned char data[]
        kept = ctypes.create_string_buffer(
            struct.pack("L", len(phrase)) + phrase.encode())

        @simple
        def name(_context, _id, result, length):
            result[0] = user.encode()
            if length:
                length[0] = len(user)
            return 0

        @secret
        def give(_conn, _context, _id, result):
            result[0] = ctypes.addressof(kept)
            return 0

        pointers = [ctypes.cast(function, ctypes.c_void_p) for function in (name, give)]
        self.callbacks = (self.Callback * 4)(
            self.Callback(self.user, pointers[0]), self.Callback(self.authname, pointers[0]),
            self.Callback(self.password, pointers[1]), self.Callback(0, None))
        # the library keeps the first ones for good
        self.alive.append((self.callbacks, name, give, kept))
        self.lib = ctypes.CDLL("libsasl2.so.2")
        self.conn, self.out = ctypes.c_void_p(), ctypes.c_void_p()
        self.length = ctypes.c_uint()
        assert self.lib.sasl_client_init(self.callbacks) == 0
        assert self.lib.sasl_client_new(b"imap", b"localhost", None, None, self.callbacks, 0,
                                        ctypes.byref(self.conn)) == 0

    def start(self, mechanism):
        chosen = ctypes.c_char_p()
        assert self.lib.sasl_client_start(
            self.conn, mechanism, None, ctypes.byref(self.out), ctypes.byref(self.length),
            ctypes.byref(chosen)) == 1
        return ctypes.string_at(self.out, self.length.value)

    def step(self, challenge):
        assert self.lib.sasl_client_step(
            self.conn, challenge, len(challenge), None, ctypes.byref(self.out),
            ctypes.byref(self.length)) in (0, 1)
        return ctypes.string_at(self.out, self.length.value)


@pytest.mark.skipif(not glob.glob("/usr/lib/*/sasl2/libotp.so*"),
                    reason="libsasl2-modules-otp is not installed")
@pytest.mark.parametrize("user", ["carol", "erin"])
def test_with_cyrus(server, database, user):
    """SHA1 and MD5."""
    before = kept(database, user).split()
    cyrus = Cyrus(user + "@example.com", PHRASE)
    with Client(server) as client:
        said = client.begin("OTP", cyrus.start(b"OTP"))
        assert client.exchange(cyrus.step(said)).startswith("a OK")
    assert int(kept(database, user).split()[1]) == int(before[1]) - 1


def test_the_old_one_in_the_statement(server, database):
    """%{old_password}: another server has been there in between."""
    path = server.dir / "sql.conf.ext"
    before = path.read_text()
    try:
        path.write_text(before.replace(UPDATE, UPDATE + " AND password = '%{old_password}'"))
        server.adm("reload")
        # the auth process that has read it
        assert culver.wait_for(lambda: login(server, "carol@example.com")[0].startswith("a OK"))
        with Client(server) as client:
            where = challenge(client, "carol@example.com")
            other = stored("sha1", where[1], where[2])
            database.sql(f"UPDATE users SET password = '{other}' WHERE username = 'carol'")
            assert client.exchange(("hex:" + otp(*where)).encode()).startswith("a NO")
        assert kept(database, "carol") == other
        assert "has changed since it was looked up" in server.log
    finally:
        path.write_text(before)
        server.adm("reload")


def test_without_update_query(server, database):
    path = server.dir / "sql.conf.ext"
    before = path.read_text()
    try:
        path.write_text(before.replace(UPDATE, ""))
        server.adm("reload")
        assert culver.wait_for(
            lambda: "UNAVAILABLE" in login(server, "carol@example.com")[0])
        assert "has no update_query, which one-time passwords need" in server.log
    finally:
        path.write_text(before)
        server.adm("reload")


def test_a_database_that_takes_nothing(make_server):
    """A file of passwords is only read: nobody gets in with what could be used again."""
    server = make_server(extra="auth_mechanisms = plain otp\n",
                         config=culver.CONFIG.replace("scheme=PLAIN", "scheme=OTP"))
    (server.dir / "users").write_text("alice:" + stored("sha1", 500, "ab1234") + "\n")
    said, _, _ = login(server, "alice")
    assert "UNAVAILABLE" in said
    assert "passdb passwd-file cannot change what is stored" in server.log
    assert login(server, "alice")[2][1] == 499
