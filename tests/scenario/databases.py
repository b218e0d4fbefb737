"""MariaDB, PostgreSQL and SQLite for tests: started in a folder, reached by a socket in it."""
import contextlib
import glob
import os
import pathlib
import shutil
import sqlite3
import subprocess
import tempfile
import time

CREATE = ("CREATE TABLE users (username VARCHAR(128) NOT NULL, domain VARCHAR(128) NOT NULL, "
          "password VARCHAR(255), home VARCHAR(255), uid INTEGER, gid INTEGER)")


def run_as(user):
    """What a server that is never root runs as, when we are."""
    return {"user": user, "group": user, "extra_groups": []} if os.geteuid() == 0 else {}


class Folder:
    def __init__(self, owner):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="culver-sql-"))
        self.dir.chmod(0o755)
        self.owner = owner if os.geteuid() == 0 else None
        if self.owner:
            shutil.chown(self.dir, self.owner, self.owner)
        self.process = None

    def __enter__(self):
        try:
            self.create()
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    def stop(self):
        """As if it was killed."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def wait(self):
        for _ in range(600):
            if self.process.poll() is not None:
                raise RuntimeError((self.dir / "log").read_text())
            with contextlib.suppress(subprocess.CalledProcessError):
                return self.sql("SELECT 1")
            time.sleep(0.05)
        raise RuntimeError((self.dir / "log").read_text())

    def fill(self, users):
        """users: (name, domain, password, home, uid, gid)"""
        self.sql(CREATE + ";" + "".join(
            "INSERT INTO users VALUES (" + ",".join(
                "NULL" if v is None else str(v) if isinstance(v, int)
                else self.quote(v) for v in user) + ");" for user in users))

    @staticmethod
    def quote(value):
        return "'" + value.replace("'", "''") + "'"


class Postgres(Folder):
    driver = "pgsql"

    def __init__(self):
        super().__init__("postgres")
        self.bin = pathlib.Path(sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1])

    @staticmethod
    def there():
        return bool(glob.glob("/usr/lib/postgresql/*/bin/postgres"))

    def create(self):
        subprocess.run(
            [self.bin / "initdb", "-D", self.dir / "data", "-U", "culver", "-A", "trust", "-N",
             "-E", "UTF8", "--locale=C"], check=True, capture_output=True, cwd="/",
            **run_as("postgres"))

    def start(self):
        with contextlib.suppress(FileNotFoundError):
            (self.dir / "data/postmaster.pid").unlink()
        with open(self.dir / "log", "a") as log:
            self.process = subprocess.Popen(
                [self.bin / "postgres", "-D", self.dir / "data", "-k", self.dir, "-h", "",
                 "-c", "fsync=off", "-c", "max_connections=20", "-c", "shared_buffers=1MB"],
                stdout=log, stderr=log, cwd="/", **run_as("postgres"))
        self.wait()

    def stop(self):
        if self.process is not None:
            self.process.send_signal(3)     # SIGQUIT: at once, its children too
            self.process.wait()
            self.process = None

    def sql(self, text):
        return subprocess.run(
            [self.bin / "psql", "-h", self.dir, "-U", "culver", "-d", "postgres", "-qAt",
             "-v", "ON_ERROR_STOP=1", "-c", text], check=True, capture_output=True, text=True,
            cwd="/").stdout

    @property
    def host(self):
        return f"host={self.dir}"

    rest = "dbname=postgres user=culver"


class MariaDB(Folder):
    driver = "mysql"

    def __init__(self):
        super().__init__("mysql")

    @staticmethod
    def there():
        return bool(shutil.which("mariadbd") and shutil.which("mariadb-install-db"))

    @property
    def socket(self):
        return self.dir / "sock"

    def create(self):
        subprocess.run(
            ["mariadb-install-db", "--no-defaults", f"--datadir={self.dir}/data",
             "--auth-root-authentication-method=normal", "--skip-test-db"],
            check=True, capture_output=True, cwd="/", **run_as("mysql"))

    def start(self):
        with open(self.dir / "log", "a") as log:
            self.process = subprocess.Popen(
                ["mariadbd", "--no-defaults", f"--datadir={self.dir}/data",
                 f"--socket={self.socket}", "--skip-networking",
                 f"--pid-file={self.dir}/pid", "--innodb-buffer-pool-size=8M",
                 "--innodb-flush-log-at-trx-commit=1", "--character-set-server=utf8mb4"],
                stdout=log, stderr=log, cwd="/", **run_as("mysql"))
        self.wait()
        self.sql("CREATE DATABASE IF NOT EXISTS mail")

    def sql(self, text):
        database = [] if text.startswith(("CREATE DATABASE", "SELECT 1")) else ["mail"]
        return subprocess.run(
            ["mariadb", "--no-defaults", f"--socket={self.socket}", "-uroot", "-N", "-B",
             "--default-character-set=utf8mb4", "-e", text, *database],
            check=True, capture_output=True, text=True).stdout

    @staticmethod
    def quote(value):
        return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"

    @property
    def host(self):
        return f"host={self.socket}"

    rest = "dbname=mail user=root"


class SQLite(Folder):
    driver = "sqlite"

    def __init__(self):
        super().__init__(None)

    @staticmethod
    def there():
        return True

    @property
    def path(self):
        return self.dir / "users.db"

    def create(self):
        self.path.touch()
        self.path.chmod(0o644)

    def start(self):
        if (self.dir / "away").exists():
            (self.dir / "away").rename(self.path)

    def stop(self):
        if self.path.exists():
            self.path.rename(self.dir / "away")

    def sql(self, text):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            db.executescript(text)

    @property
    def host(self):
        return str(self.path)

    rest = ""


ALL = [SQLite, Postgres, MariaDB]
