"""What one database has said, in the templates of the next: %{passdb:NAME}."""
import contextlib
import sqlite3

import pytest

import culver

BASE = culver.CONFIG
BEFORE, AFTER = BASE.index("passdb {{"), BASE.index("namespace inbox")

DATABASES = """\
auth_cache_size = {cache}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%n {dir}/users
  result_success = continue-ok
}}
passdb {{
  driver = sql
  args = {dir}/sql.conf.ext
  skip = unauthenticated
}}
userdb {{
  driver = sql
  args = {dir}/sql.conf.ext
  result_success = continue-ok
  default_fields = plan=%{{passdb:plan:free}}
}}
userdb {{
  driver = static
  args = uid={mail_user} gid={mail_group} home={dir}/home/%{{userdb:shelf}}/%n
  override_fields = note=%{{passdb:none}}[%{{userdb:plan}}]%{{passdb:none:no:thing}}
}}
"""

SQL = """\
driver = sqlite
connect = {path}
password_query = SELECT NULL AS password, 'y' AS nopassword, tier AS plan FROM zones \\
  WHERE zone = '%{{passdb:zone}}'
user_query = SELECT shelf FROM zones WHERE zone = '%{{passdb:zone}}' AND name = '%n' OR \\
  zone = '%{{passdb:forward_zone:nowhere}}'
"""


@pytest.fixture(scope="module", params=["0", "1M"], ids=["uncached", "cached"])
def server(request):
    server = culver.Server(users={}, config=BASE[:BEFORE] + DATABASES + BASE[AFTER:],
                           cache=request.param, extra="login_trusted_networks = 127.0.0.0/8\n")
    (server.dir / "users").write_text("".join(
        f"{name}:{{PLAIN}}secret::::::{fields}\n" for name, fields in {
            "north": "zone=N", "south": "zone=S", "quote": "zone=x'y", "lost": "zone=none",
            "plain": ""}.items()))
    path = server.dir / "zones.db"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript("""
            CREATE TABLE zones (zone TEXT, name TEXT, shelf TEXT, tier TEXT);
            INSERT INTO zones VALUES ('N', 'north', 'shelf-n', 'gold');
            INSERT INTO zones VALUES ('S', 'south', 'shelf-s', NULL);
            INSERT INTO zones VALUES ('F', 'nobody', 'shelf-f', 'iron');
            INSERT INTO zones VALUES ('x''y', 'quote', 'shelf-q', 'tin');
            INSERT INTO zones VALUES ('up', 'up', '../../up', 'tin');""")
    path.chmod(0o644)
    (server.dir / "sql.conf.ext").write_text(SQL.format(path=path))
    (server.dir / "sql.conf.ext").chmod(0o644)
    with server:
        yield server


def fields(server, user, **conn):
    """What a login has been given: of the session that it starts."""
    with server.raw() as c:
        c.line()
        if conn:
            told = " ".join(f'"{k}" "{v}"' for k, v in conn.items())
            c.send(f"i ID ({told})\r\n")
            c.until("i")
        c.send(f"a LOGIN {user} secret\r\n")
        answer = c.until("a")[-1].decode()
        if answer.startswith("a OK"):
            c.command("CREATE made-by-" + user)
        return answer


def home(server, shelf, user):
    return (server.dir / "home" / shelf / user).is_dir()


def test_a_later_database_sees_what_the_first_has_said(server):
    for user, shelf in ("north", "shelf-n"), ("south", "shelf-s"), ("quote", "shelf-q"):
        for _ in range(2):
            assert fields(server, user).startswith("a OK"), server.log
        assert home(server, shelf, user)
    out = server.adm("auth", "login", "north", "secret").stdout
    assert "plan=gold" in out and "note=[gold]no:thing" in out


def test_a_field_that_is_missing_has_its_default(server):
    out = server.adm("auth", "login", "south", "secret").stdout
    assert "note=[free]no:thing" in out


def test_forward_fields_of_a_proxy(server):
    assert fields(server, "south", **{"x-originating-ip": "192.0.2.1",
                                      "x-forward-zone": "N"}).startswith("a OK")
    assert home(server, "shelf-n", "south")
    # the cache keeps apart what came with other fields
    assert fields(server, "plain", **{"x-originating-ip": "192.0.2.1",
                                      "x-forward-zone": "F"}).startswith("a OK"), server.log
    assert home(server, "shelf-f", "plain")


def test_paths_are_not_left(server):
    answer = fields(server, "plain", **{"x-originating-ip": "192.0.2.1",
                                        "x-forward-zone": "up"})
    assert not answer.startswith("a OK")
    assert not (server.dir.parent / "up").exists()
