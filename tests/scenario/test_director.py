"""Users who stay on their servers: passdb route and culveradm director, with
backends in network namespaces and two proxies that share one database."""
import contextlib
import ctypes
import json
import math
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import pytest

import culver
import databases
from test_lmtp import Lmtp
from test_proxy_lmtp import send

pytestmark = pytest.mark.skipif(not culver.IS_ROOT, reason="needs namespaces")
USERS = {f"user{i}": "secret" for i in range(60)}
MASK = (1 << 64) - 1


# --- the hash, a second time ----------------------------------------------------

def route_hash(user, backend):
    x = 0xcbf29ce484222325
    for byte in user.encode() + b"\0" + backend.encode():
        x = (x ^ byte) * 0x100000001b3 & MASK
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9 & MASK
    x = (x ^ x >> 27) * 0x94d049bb133111eb & MASK
    return x ^ x >> 31


def score(user, backend, weight):
    u = ((route_hash(user, backend) >> 11) + 0.5) / 2**53
    return weight / -math.log(u) if weight else 0


def expected(user, weights):
    return max(weights, key=lambda name: score(user, name, weights[name]))


# --- backends and proxies --------------------------------------------------------

class Backend(culver.Server):
    """A server in a namespace of its own, at the end of a pair of links."""

    def __init__(self, number):
        self.space = f"cvroute{os.getpid()}n{number}"
        self.link = f"cvr{os.getpid()}n{number}"
        self.address = f"10.203.{number}.2"
        self.forget_the_dead()
        try:
            self.link_up(number)
        except subprocess.CalledProcessError as e:
            self.unlink()
            raise RuntimeError(f"{e.cmd}: {e.stderr}") from e
        super().__init__(users=USERS, extra="listen = 0.0.0.0\n"
                         "login_trusted_networks = 10.203.0.0/16\n"
                         "service lmtp {\n  inet_listener other {\n    port = 2424\n  }\n}\n")
        self.preexec = self.enter

    def link_up(self, number):
        self.ip("netns", "add", self.space)
        self.ip("link", "add", self.link, "type", "veth", "peer", "name", "mail0",
                "netns", self.space)
        self.ip("addr", "add", f"10.203.{number}.1/24", "dev", self.link)
        self.ip("link", "set", self.link, "up")
        for args in (("addr", "add", self.address + "/24", "dev", "mail0"),
                     ("link", "set", "mail0", "up"), ("link", "set", "lo", "up")):
            self.ip("-n", self.space, *args)

    def unlink(self):
        for args in (("link", "del", self.link), ("netns", "del", self.space)):
            with contextlib.suppress(subprocess.CalledProcessError):
                self.ip(*args)

    @classmethod
    def forget_the_dead(cls):
        """A run that was killed leaves links, whose routes would take this one's packets."""
        for link, owner in re.findall(r"^(cvr(\d+)n\d)@", cls.ip("-br", "link"), re.MULTILINE):
            if not pathlib.Path("/proc", owner).exists():
                cls.ip("link", "del", link)

    @staticmethod
    def ip(*args):
        return subprocess.run(["ip", *args], check=True, capture_output=True, text=True,
                              timeout=20).stdout

    def enter(self):
        fd = os.open(f"/run/netns/{self.space}", os.O_RDONLY)
        if ctypes.CDLL(None, use_errno=True).setns(fd, 0x40000000) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        os.close(fd)

    def _answers(self, port):
        with contextlib.suppress(OSError):
            with socket.create_connection((self.address, port), 1) as s:
                s.settimeout(5)
                return bool(s.recv(1))
        return False

    def cut(self):
        self.ip("link", "set", self.link, "down")

    def join(self):
        self.ip("link", "set", self.link, "up")

    def remove(self):
        super().remove()
        self.unlink()


def configuration():
    text = culver.CONFIG
    return text.replace("{dir}/users\n", "{dir}/users\n  result_success = continue-ok\n", 1
                        ).replace("userdb {{", """\
passdb {{
  driver = route
  args = {dir}/route.conf
  skip = unauthenticated
}}
userdb {{""", 1) + "login_proxy_timeout = 3s\nlmtp_proxy = yes\n"


class Proxy(culver.Server):
    def __init__(self, name, database, extra="", users=None):
        super().__init__(users=users or USERS, config=configuration())
        self.name = name
        self.watcher = None
        (self.dir / "route.conf").write_text(
            f"driver = {database.driver}\nconnect = {database.host} {database.rest}\n"
            "fields = proxy=y %{if;%s;eq;lmtp;port=2424;}\n"
            "check_interval = 1\ncheck_timeout = 500\nmove_timeout = 10\n" + extra)

    def watch(self):
        self.watcher = subprocess.Popen(
            [culver.PREFIX / "bin" / "culveradm", "-c", self.config, "director", "watch",
             "-n", self.name], stderr=open(self.dir / "watch.log", "w"))

    def stop(self):
        if self.watcher:
            self.watcher.send_signal(signal.SIGTERM)
            assert self.watcher.wait(10) == 0
            self.watcher = None
        super().stop()

    def director(self, *args):
        """The rows of a word that prints."""
        return json.loads(self.adm("-f", "json", "director", *args).stdout)

    def states(self):
        return {row["backend"]: row["state"] for row in self.director("status")}

    def where(self, user):
        return self.director("map", user)[0]["backend"]

    def login(self, user):
        c = self.raw()
        c.line()
        c.send(f"a LOGIN {user} secret\r\n")
        line = c.until("a")[-1]
        if not line.startswith(b"a OK"):
            c.close()
            raise AssertionError(line)
        return c

    def goes_to(self, user):
        """Where a session really is, as the proxy's list says."""
        with self.login(user):
            rows = culver.wait_for(lambda: json.loads(
                self.adm("-f", "json", "proxy", "list", user).stdout))
            return rows[0]["dest ip"]


class Site:
    def __init__(self, stack):
        self.database = stack.enter_context(databases.Postgres())
        self.backends = {}
        for number in (1, 2, 3):
            backend = Backend(number)
            stack.callback(backend.remove)
            stack.enter_context(backend)
            self.backends[backend.address] = backend
        self.proxies = [stack.enter_context(Proxy(name, self.database)) for name in "ab"]
        self.proxies[0].adm("director", "setup")
        for (address, backend), weight in zip(self.backends.items(), (100, 100, 200)):
            self.proxies[0].adm("director", "add", "-p", str(backend.imap_port),
                                "-w", str(weight), address)
        self.weights = dict(zip(self.backends, (100, 100, 200)))
        for proxy in self.proxies:
            proxy.watch()

    def settle(self):
        """All up, nobody anywhere."""
        self.database.sql("UPDATE route_backends SET draining = 0; DELETE FROM route_users")
        assert culver.wait_for(lambda: set(self.proxies[0].states().values()) == {"up"}, 90)


@pytest.fixture(scope="module")
def all_of_it():
    with contextlib.ExitStack() as stack:
        yield Site(stack)


@pytest.fixture
def site(all_of_it):
    all_of_it.settle()
    return all_of_it


def test_users_go_by_the_hash_from_both_proxies(site):
    a, b = site.proxies
    for user in list(USERS)[:12]:
        want = expected(user, site.weights)
        assert a.goes_to(user) == want, user
        assert b.goes_to(user) == want, user
    assert sum(row["users"] != "0" for row in a.director("status")) >= 2


def test_mail_goes_where_the_sessions_go(site):
    """By hash, and after a move; one message to all of them is split."""
    a, b = site.proxies
    users = list(USERS)[12:24]
    homes = {user: expected(user, site.weights) for user in users}
    moved = users[0]
    homes[moved] = next(name for name in site.weights if name != homes[moved])
    assert len(set(homes.values())) == 3
    a.adm("director", "move", moved, homes[moved])
    with Lmtp(b) as client:
        assert [r[:3] for r in send(client, *users)[1]] == ["250"] * len(users)
    for user, address in homes.items():
        for name, backend in site.backends.items():
            found = list(backend.home(user).glob("Maildir/new/*"))
            assert len(found) == (name == address), (user, name)
        assert b.goes_to(user) == address
    with Lmtp(a) as client:
        assert [r[:3] for r in send(client, moved, "stranger")[0]] == ["250", "550"]
    # strangers are assigned nowhere
    assert a.director("map", "stranger")[0]["state"] == "by hash"


def test_weights_and_stability_of_the_hash(site):
    """That of the server is the one above; this one is fair, and moves no one else."""
    count, names = 20000, list(site.weights)
    users = [f"someone{i}@example.org" for i in range(count)]
    homes = {user: expected(user, site.weights) for user in users}
    for name, weight in site.weights.items():
        p = weight / 400
        got = sum(home == name for home in homes.values())
        assert abs(got - p * count) < 4 * math.sqrt(count * p * (1 - p)), name
    rest = {name: site.weights[name] for name in names[1:]}
    for user in users:
        if homes[user] != names[0]:
            assert expected(user, rest) == homes[user]
    for user in users[:8]:
        assert site.proxies[0].where(user) == homes[user]


def users_of(site, address, count):
    return [u for u in USERS if expected(u, site.weights) == address][:count]


def test_a_backend_that_is_cut_off(site):
    a, b = site.proxies
    address = list(site.weights)[0]
    mine, other = users_of(site, address, 2), users_of(site, list(site.weights)[1], 2)
    for user in mine + other:
        a.login(user).close()
    site.backends[address].cut()
    try:
        assert culver.wait_for(lambda: a.states()[address] == "down", 30)
        rest = {k: v for k, v in site.weights.items() if k != address}
        for user in mine:
            assert b.goes_to(user) == a.goes_to(user) == expected(user, rest)
        for user in other:
            assert b.goes_to(user) == expected(user, site.weights)
    finally:
        site.backends[address].join()
    assert culver.wait_for(lambda: a.states()[address] == "up", 90)
    # they stay where they are, until they are told to go
    assert a.goes_to(mine[0]) == expected(mine[0], rest)
    a.adm("director", "flush", mine[0])
    assert b.goes_to(mine[0]) == address


def test_a_backend_that_is_stopped(site):
    a, b = site.proxies
    address = list(site.weights)[1]
    user = users_of(site, address, 1)[0]
    backend = site.backends[address]
    backend.stop()
    try:
        assert culver.wait_for(lambda: b.states()[address] == "down", 30)
        assert a.goes_to(user) != address
    finally:
        backend.start()


def test_one_proxy_that_reaches_nothing_moves_nobody(site):
    a = site.proxies[0]
    now = int(time.time()) + 3600
    site.database.sql(f"INSERT INTO route_proxies (name, seen) VALUES ('blind', {now});" + "".join(
        f"INSERT INTO route_health (proxy, backend, is_up) VALUES ('blind', '{name}', 0);"
        for name in site.weights))
    try:
        assert set(a.states().values()) == {"up"}
    finally:
        site.database.sql("DELETE FROM route_proxies WHERE name = 'blind';"
                          "DELETE FROM route_health WHERE proxy = 'blind'")


def test_drain(site):
    a, b = site.proxies
    address = list(site.weights)[2]
    old, new = users_of(site, address, 2)
    a.login(old).close()
    a.adm("director", "drain", address)
    assert a.states()[address] == "draining"
    rest = {k: v for k, v in site.weights.items() if k != address}
    assert b.goes_to(new) == expected(new, rest)
    assert b.goes_to(old) == address
    a.adm("director", "drain", "-m", address)
    assert b.goes_to(old) == expected(old, rest)
    a.adm("director", "drain", "-x", address)
    assert a.states()[address] == "up"


def test_pin(site):
    a, b = site.proxies
    home, other = list(site.weights)[:2]
    user = users_of(site, home, 1)[0]
    a.adm("director", "move", "-P", user, other)
    assert a.director("map", user)[0]["state"] == "pinned"
    assert b.goes_to(user) == other
    a.adm("director", "flush", "-a")
    assert b.goes_to(user) == other
    a.adm("director", "flush", user)
    assert b.goes_to(user) == home


def test_a_move_in_the_middle_of_commands(site):
    """Whatever had its OK is there, and nothing that came after the end is."""
    a, b = site.proxies
    home, other = list(site.weights)[:2]
    user = users_of(site, home, 3)[2]
    done, c = [], b.login(user)
    mover = None
    for i in range(100000):
        if i == 20:
            mover = subprocess.Popen([culver.PREFIX / "bin" / "culveradm", "-c", a.config,
                                      "director", "move", user, other])
        try:
            answer = c.command(f"CREATE box{i}")[-1]
        except OSError:
            break
        if answer.startswith(b"x OK"):
            done.append(f"box{i}")
        else:
            break
    c.close()
    # this login waits for the end of the old sessions
    with a.login(user):
        assert mover.wait(20) == 0
    assert a.where(user) == other
    assert len(done) >= 20
    boxes = {p.name.lstrip(".") for p in site.backends[home].home(user).glob("Maildir/.box*")}
    assert boxes == set(done)
    assert b.goes_to(user) == other


def test_mistakes(site):
    a = site.proxies[0]
    for args, status, text in [
        (("remove", "nobody"), 68, "no backend 'nobody'"),
        (("drain", "nobody"), 68, "no backend 'nobody'"),
        (("move", "x", "nobody"), 68, "no backend 'nobody'"),
        (("add", "-w", "-1", "x"), 64, "weight"), (("add", "-p", "99999", "x"), 64, "port"),
        (("flush",), 64, "number of arguments"), (("fly",), 64, "status, map"),
    ]:
        said = a.adm("director", *args, check=False)
        assert (said.returncode, text in said.stderr) == (status, True), said


def test_the_example_and_mistakes_in_the_file(tmp_path):
    """What doc/route.md shows, looked over by culverconf."""
    text = (pathlib.Path(__file__).parents[2] / "doc/route.md").read_text()
    passdbs, file = re.search(r"\n((?:    .*\n)+)\n    # /etc/culver/route.conf\n((?:    .*\n)+)",
                              text).groups()
    names = re.findall(r"(?m)^\| `(\w+)` \| (?:`(\S+)`)?", text)
    tmp_path.chmod(0o755)
    (tmp_path / "users").write_text("")
    conf = culver.CONFIG.replace("passdb {{", passdbs.replace("{", "{{").replace("}", "}}").replace(
        "/etc/culver/", f"{tmp_path}/") + "passdb {{", 1)
    server = culver.Server(config=conf, users=USERS)
    try:
        def look(more):
            (tmp_path / "route.conf").write_text(re.sub("(?m)^    ", "", file) + more)
            done = subprocess.run([culver.PREFIX / "bin" / "culverconf", "-c", server.config, "-n"],
                                  capture_output=True, text=True, timeout=60)
            return done.returncode, done.stderr
        # the defaults of the table are such, and each setting is there
        assert look("".join(f"{name} = {value}\n" for name, value in names if value)) == (0, "")
        assert len(names) == 11
        status, said = look("wait = 3\n")
        assert status != 0 and "route.conf:3: there is no setting 'wait'" in said
        status, said = look("fields = proxy=%{nonsense}\n")
        assert status != 0 and "nonsense" in said
    finally:
        server.remove()


@pytest.mark.parametrize("kind", databases.ALL, ids=lambda kind: kind.driver)
def test_each_database_and_one_that_is_away(kind):
    with kind() as database, culver.Server(users=USERS) as far, \
            Proxy("p", database, users=USERS) as p:
        if kind is databases.SQLite:
            database.dir.chmod(0o777)
            database.path.chmod(0o666)
        p.adm("director", "setup")
        p.adm("director", "setup")
        p.adm("director", "add", "-p", str(far.imap_port), "127.0.0.1")
        p.adm("director", "add", "-w", "0", "127.0.0.9")
        p.adm("director", "watch", "-1", "-n", "p")
        assert p.goes_to("user1") == "127.0.0.1"
        p.adm("director", "watch", "-1", "-n", "p")
        assert p.director("status")[0]["users"] == "1"
        p.adm("director", "move", "user2", "127.0.0.1")
        assert p.where("user2") == "127.0.0.1"
        # a wrong password gets no row: strangers do not fill the table
        with p.raw() as c:
            c.line()
            assert c.command("LOGIN user3 wrong")[-1].startswith(b"x NO")
        assert p.director("map", "user3")[0]["state"] == "by hash"
        database.stop()
        try:
            assert p.goes_to("user1") == "127.0.0.1"
        finally:
            database.start()
        assert "users go to where they went last" in p.log
        culver.wait_for(lambda: p.goes_to("user1"))
        p.adm("director", "remove", "127.0.0.9")
        assert [row["backend"] for row in p.director("status")] == ["127.0.0.1"]
