"""Dovecot's auth client and master protocols, spoken by a test."""
import base64
import socket
import time


def b64(text):
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def plain(user, password, authzid=""):
    return b64(f"{authzid}\0{user}\0{password}")


class Peer:
    """One connection.  where: the path of a UNIX socket, or a TCP port."""

    def __init__(self, where, timeout=10):
        if isinstance(where, int):
            self.sock = socket.create_connection(("127.0.0.1", where), timeout)
        else:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(timeout)
            self.sock.connect(str(where))
        self.file = self.sock.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.file.close()
        self.sock.close()

    def send(self, *words):
        self.sock.sendall(("\t".join(str(w) for w in words) + "\n").encode())

    def line(self):
        """The next line without its end; None when the connection has ended."""
        try:
            line = self.file.readline()
        except ConnectionResetError:
            return None
        return line.decode()[:-1] if line.endswith(b"\n") else None

    def ended(self):
        return self.line() is None


class Client(Peer):
    """Asks for passwords.  speaks_first: as programs made for 2.4 do."""

    def __init__(self, where, minor=2, speaks_first=False, pid=4711):
        super().__init__(where)
        if speaks_first:
            self.greet(minor, pid)
        self.greeting = [self.line()]
        while self.greeting[-1] not in (None, "DONE"):
            self.greeting.append(self.line())
        if not speaks_first:
            self.greet(minor, pid)
        self.last_id = 0
        self.pid = pid

    def greet(self, minor, pid):
        self.sock.sendall(f"VERSION\t1\t{minor}\nCPID\t{pid}\n".encode())

    @property
    def cookie(self):
        return next(line.split("\t")[1] for line in self.greeting
                    if line.startswith("COOKIE\t"))

    @property
    def mechanisms(self):
        return {line.split("\t")[1]: line.split("\t")[2:] for line in self.greeting
                if line.startswith("MECH\t")}

    def auth(self, mechanism, *options, resp=None, service="smtp"):
        """The answer as a list of words, without the id."""
        self.last_id += 1
        if resp is not None:
            options += (f"resp={resp}",)
        self.send("AUTH", self.last_id, mechanism, f"service={service}", *options)
        return self.answer()

    def answer(self):
        line = self.line()
        if line is None:
            return None
        word, number, *rest = line.split("\t")
        assert int(number) == self.last_id, line
        return [word, *rest]

    def cont(self, data):
        self.send("CONT", self.last_id, data)
        return self.answer()

    def login(self, user, password, *options):
        return self.auth("PLAIN", *options, resp=plain(user, password))


class Master(Peer):
    """Asks for users."""

    def __init__(self, where, minor=1):
        super().__init__(where)
        self.greeting = [self.line(), self.line()]
        self.send("VERSION", 1, minor)
        self.last_id = 0

    def ask(self, command, *words):
        self.last_id += 1
        self.send(command, self.last_id, *words)
        line = self.line()
        return None if line is None else line.split("\t")

    def user(self, name, *options):
        return self.ask("USER", name, "service=lmtp", *options)

    def list(self):
        self.last_id += 1
        self.send("LIST", self.last_id, "service=doveadm")
        found = []
        while (line := self.line().split("\t"))[0] == "LIST":
            found.append(line[2])
        return found, line


def wait_until_there(path, seconds=10):
    """For a server that was just started again."""
    end = time.monotonic() + seconds
    while True:
        try:
            return Peer(path).__exit__()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
