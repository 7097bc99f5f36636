# SPDX-License-Identifier: GPL-3.0-or-later
"""The store under what may happen to it: several processes on the same hosts, some of them killed
by SIGKILL again and again, the database killed and started anew below them."""
import contextlib
import glob
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time
import urllib.parse

import postgres

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build", os.environ.get("MODE", "release"))
HAMMER = os.path.join(BUILD, "tests/server/store_hammer")
SECONDS = int(os.environ.get("HAMMER_SECONDS", "8"))
ROUNDS = 6  # at most, on a machine that is busy with other things
HOSTS = 6
UNITS = ["test_server_store", "test_server_store_enrol", "test_server_store_model", "test_server_db", "test_server_ring"]


class Team:
    """Three processes; those that are killed come back at once."""

    def __init__(self, url, seconds, threads):
        self.url, self.end, self.threads = url, time.time() + seconds, threads
        self.dir = tempfile.mkdtemp(prefix="hf-hammer-")
        self.logs, self.running, self.killed, self.said = 0, [], 0, []

    def start(self):
        self.logs += 1
        left = max(1, round(self.end - time.time()))
        self.running.append(subprocess.Popen(
            [HAMMER, self.url, str(left), str(HOSTS), str(self.threads), f"{self.dir}/log{self.logs}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))

    def kill_one(self):
        process = self.running.pop(random.randrange(len(self.running)))
        process.send_signal(signal.SIGKILL)
        text = process.communicate()[0]
        assert "wrong" not in text, text
        self.killed += 1
        self.start()

    def wait(self):
        for process in self.running:
            text = process.communicate()[0]
            assert process.returncode == 0, f"exit {process.returncode}: {text[-2000:]}"
            self.said.append(text.strip().splitlines()[-1])
        self.running = []

    def check(self):
        logs = glob.glob(f"{self.dir}/log*")
        done = subprocess.run([HAMMER, self.url, "check", *logs], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-1000:]
        return done.stdout.strip()

    def stop(self):
        for process in self.running:
            process.kill()
            process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def hammer(url, between, seconds=SECONDS, threads=3, enough=lambda: True):
    """between(team) is called until the time is over, and again for as long until what it did is
    enough. What the processes and the check said."""
    team = Team(url, seconds, threads)
    try:
        for _ in range(ROUNDS):
            team.end = time.time() + seconds
            for _ in range(3):
                team.start()
                time.sleep(0.3)
            while time.time() < team.end - 0.5:
                between(team)
            team.wait()
            if enough():
                break
        return team.said + [f"{team.killed} killed", team.check()]
    finally:
        team.stop()


def kill_now_and_then(team):
    time.sleep(random.uniform(0.05, 0.4))
    team.kill_one()


ONCE = {
    "a reclaim has one ticket": "SELECT COUNT(*) FROM (SELECT reclaim FROM verdicts WHERE release <> 0"
                                " GROUP BY reclaim HAVING COUNT(*) > 1) AS more",
    "a nonce has one verdict": "SELECT COUNT(*) FROM (SELECT nonce FROM verdicts GROUP BY nonce HAVING COUNT(*) > 1) AS more",
    "a host in use has its ticket": "SELECT COUNT(*) FROM hosts h WHERE state = 0 AND NOT EXISTS"
                                    " (SELECT 1 FROM verdicts v WHERE v.reclaim = h.reclaim AND v.release <> 0)",
    "each verdict has one entry": "SELECT (SELECT COUNT(*) FROM verdicts) - (SELECT COUNT(*) FROM audit"
                                  " WHERE action = 'verdict' AND detail LIKE '%\"result\": %')",
    "counts rise from ticket to ticket": "SELECT COUNT(*) FROM verdicts a JOIN verdicts b ON a.host = b.host AND a.id < b.id"
                                         " WHERE a.release <> 0 AND b.release <> 0 AND a.reset_count >= b.reset_count",
}


def check_once(query):
    for what, sql in ONCE.items():
        found = query(sql)
        assert found == 0, f"{what}: not so for {found}"
    assert query("SELECT COUNT(*) FROM verdicts WHERE release <> 0") > 10, "hardly anything happened"


def sqlite_killed():
    work = tempfile.mkdtemp(prefix="hf-hammer-db-")
    try:
        path = os.path.join(work, "store")
        said = hammer(path, kill_now_and_then)
        with sqlite3.connect(path) as database:
            check_once(lambda sql: database.execute(sql).fetchone()[0])
        return said
    finally:
        shutil.rmtree(work, ignore_errors=True)


def unprotected(database):
    """Without the unique keys that would refuse a second ticket whatever we do."""
    url = database.fresh()
    subprocess.run([HAMMER, url, "check", "/dev/null"], check=True, stdout=subprocess.DEVNULL)
    database.sql("DROP INDEX verdicts_ticket; ALTER TABLE verdicts DROP CONSTRAINT verdicts_nonce_key;"
                 "CREATE INDEX verdicts_nonce ON verdicts (nonce)", url)
    return url


def postgres_killed():
    with postgres.Postgres() as database:
        url = unprotected(database)
        said = hammer(url, kill_now_and_then)
        check_once(lambda sql: int(database.sql(sql, url)[0][0]))
        return said


def postgres_restarted():
    """One that would by itself tell of commits before they are on disk."""
    with postgres.Postgres(["synchronous_commit=off", "wal_writer_delay=10s"]) as database:
        url = unprotected(database)
        restarts = []

        def restart(team):
            time.sleep(random.uniform(0.3, 1.2))
            database.restart()
            restarts.append(1)
            if len(restarts) % 3 == 0:
                team.kill_one()

        said = hammer(url, restart, SECONDS + 4, enough=lambda: len(restarts) >= 3)
        check_once(lambda sql: int(database.sql(sql, url)[0][0]))
        assert restarts, "the database was never started anew: nothing was tried"
        return said + [f"{len(restarts)} restarts"]


def connections_cut():
    """Connections cut in the middle of anything, COMMIT among it, while the database goes on."""
    with postgres.Postgres() as database:
        url = unprotected(database)

        def cut(_):
            time.sleep(random.uniform(0.02, 0.2))
            database.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holdfastd'"
                         " AND random() < 0.5", url)

        said = hammer(url, cut)
        check_once(lambda sql: int(database.sql(sql, url)[0][0]))
        return said


class Cutter:
    """Stands between holdfastd and PostgreSQL and cuts every so many connections at their COMMIT: it
    is passed on and its answer is not, or not even the COMMIT is."""

    def __init__(self, database):
        self.dir = tempfile.mkdtemp(prefix="hf-cut-", dir="/tmp")
        self.to = os.path.join(database.dir, ".s.PGSQL.5432")
        self.cut = {"answer": 0, "commit": 0}
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(os.path.join(self.dir, ".s.PGSQL.5432"))
        self.listener.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def url(self, url):
        path, query = url.split("?")
        return f"{path}?host={urllib.parse.quote(self.dir, safe='')}&{query.split('&', 1)[1]}"

    def accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self.to)
            threading.Thread(target=self.pump, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self.pump, args=(server, client, False), daemon=True).start()

    def pump(self, source, sink, watch):
        try:
            while data := source.recv(65536):
                dice = random.random() if watch and b"COMMIT\0" in data else 1
                if dice < 0.05:
                    self.cut["commit"] += 1
                    break
                if dice < 0.1:  # nothing comes back any more, then it is passed on
                    source.shutdown(socket.SHUT_RDWR)
                    self.cut["answer"] += 1
                    sink.sendall(data)
                    time.sleep(random.uniform(0, 0.02))
                    break
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def stop(self):
        self.listener.close()
        shutil.rmtree(self.dir, ignore_errors=True)


def commits_cut():
    """Nobody is killed, so all that is recorded was acknowledged: no outcome stayed unknown."""
    with postgres.Postgres() as database:
        url = unprotected(database)
        cutter = Cutter(database)
        try:
            said = hammer(cutter.url(url), lambda _: time.sleep(0.1),
                          enough=lambda: min(cutter.cut.values()) > 10)
        finally:
            cutter.stop()
        check_once(lambda sql: int(database.sql(sql, url)[0][0]))
        assert min(cutter.cut.values()) > 10, cutter.cut
        recorded = int(database.sql("SELECT COUNT(*) FROM verdicts", url)[0][0])
        assert any(line.startswith(f"{recorded} acknowledged") for line in said), f"{recorded} recorded: {said}"
        return said + [str(cutter.cut)]


def starts_together():
    with postgres.Postgres() as database:
        for _ in range(3):
            url = database.fresh()
            started = [subprocess.Popen([HAMMER, url, "check", "/dev/null"], stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True) for _ in range(6)]
            for process in started:
                text = process.communicate()[0]
                assert process.returncode == 0, text
            assert database.sql("SELECT COUNT(*) FROM schema_version", url) == [["3"]]


def audit_only_grows():
    with postgres.Postgres() as database:
        url = database.fresh()
        assert subprocess.run([HAMMER, url, "1", "2", "1", "/dev/null"], check=False, capture_output=True).returncode == 0
        before = database.sql("SELECT COUNT(*) FROM audit", url)
        assert int(before[0][0]) > 3
        for table in ("audit", "chains"):
            for sql in (f"DELETE FROM {table}", f"UPDATE {table} SET chain = 'x'", f"TRUNCATE {table}"):
                try:
                    database.sql(sql, url)
                except RuntimeError as why:
                    assert "the audit only grows" in str(why), why
                else:
                    raise AssertionError(f"{sql}: nobody minded")
        assert database.sql("SELECT COUNT(*) FROM audit", url) == before
        database.sql("ALTER TABLE audit DISABLE TRIGGER ALL; UPDATE audit SET actor = 'x' WHERE seq = 2", url)
        done = subprocess.run([HAMMER, url, "check", "/dev/null"], capture_output=True, text=True, check=False)
        assert done.returncode == 1 and "entry 2" in done.stdout, done.stdout


def units():
    with postgres.Postgres() as database:
        for name in UNITS:
            environment = dict(os.environ, HOLDFAST_TEST_STORE=database.fresh(), CMOCKA_MESSAGE_OUTPUT="TAP")
            done = subprocess.run([os.path.join(BUILD, "tests/unit", name)], env=environment, capture_output=True,
                                  text=True, check=False)
            assert done.returncode == 0, f"{name}: {done.stdout[-3000:]}{done.stderr[-1000:]}"
            assert done.stdout.count("\nok ") > 0, done.stdout


# ---- a store of the version before ----
FROZEN = os.path.join(ROOT, "tests/fixtures/frozen-0.4")
# what came later, as it is for what was there before
SINCE = {"hosts": {"ring": None}, "verdicts": {"ring": "", "observed": "", "observed_why": ""}}
TABLES = ["hosts", "reclaims", "challenges", "secrets", "credentials", "verdicts", "evidence", "chains", "audit"]


class Lite:
    """A SQLite store; the same questions as of a PostgreSQL."""
    frozen = "store.sqlite.sql"

    def __init__(self, folder):
        self.folder, self.count = folder, 0

    def fresh(self):
        self.count += 1
        return os.path.join(self.folder, f"store{self.count}")

    def script(self, text, url):
        with contextlib.closing(sqlite3.connect(url)) as database:
            database.executescript(text)

    def rows(self, table, url):
        with contextlib.closing(sqlite3.connect(url)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(f"SELECT * FROM {table} ORDER BY 1, 2")]

    def shape(self, url):
        with contextlib.closing(sqlite3.connect(url)) as database:
            return sorted(database.execute("SELECT type, name, sql FROM sqlite_master"), key=str)


class Big:
    frozen = "store.postgres.sql"

    def __init__(self, database):
        self.database, self.fresh = database, database.fresh

    def script(self, text, url):
        self.database.sql(text, url)

    def rows(self, table, url):
        text = self.database.sql(f"SELECT row_to_json(t) FROM (SELECT * FROM public.{table} ORDER BY 1, 2) t", url)
        return [json.loads(line[0]) for line in text]

    def shape(self, url):
        text = self.database.run("pg_dump", "--schema-only", "--no-owner", "-d", url)
        return [line for line in text.splitlines() if not line.startswith(("--", "\\"))]


def opened(url, code=0):
    done = subprocess.run([HAMMER, url, "check", "/dev/null"], capture_output=True, text=True, check=False)
    assert done.returncode == code, f"exit {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def goes_up(store):
    """What 0.4.0 wrote is opened, keeps its rows, and has then the tables that a new store has."""
    old, new = store.fresh(), store.fresh()
    with open(os.path.join(FROZEN, store.frozen), encoding="ascii") as frozen:
        store.script(frozen.read(), old)
    before = {table: store.rows(table, old) for table in TABLES}
    assert all(before[table] for table in TABLES if table != "credentials"), "the frozen store is empty"
    said = opened(old)
    assert "1 chains, 11 entries, 1 verdicts" in said, said
    for table in TABLES:
        rows = store.rows(table, old)
        for row in before[table]:
            row.pop("nonce", None) if table == "hosts" else None
            row.update(SINCE.get(table, {}))
        assert rows == before[table], f"{table}: {rows} were {before[table]}"
    opened(new)
    assert store.shape(old) == store.shape(new), "the tables differ from those of a new store"
    versions = [row["version"] for row in store.rows("schema_version, (SELECT 0) AS x", old)]
    assert versions == [1, 2, 3], versions
    store.script("INSERT INTO schema_version (version) VALUES (99)", old)
    said = opened(old, code=3)
    assert "schema 99, and this version knows 3" in said, said


def goes_up_sqlite():
    with tempfile.TemporaryDirectory(prefix="hf-up-") as folder:
        goes_up(Lite(folder))


def goes_up_postgres():
    with postgres.Postgres() as database:
        goes_up(Big(database))


RACES = ["the_same_evidence_at_two_controllers_at_once", "other_evidence_of_this_boot_comes_first",
         "the_operator_comes_first", "a_stranger_who_asks_is_in_nobodys_way", "a_lost_reply_is_sent_again",
         "another_quote_under_the_same_nonce", "a_receipt", "evidence_of_a_tenant",
         "a_report_of_an_earlier_boot_answers_no_challenge"]


def races():
    """The handlers with two connections to one PostgreSQL: what the other one records while this one judges."""
    with postgres.Postgres() as database:
        for name in RACES:
            environment = dict(os.environ, HOLDFAST_TEST_STORE=database.fresh(), HOLDFAST_TEST_ONLY=name,
                               CMOCKA_MESSAGE_OUTPUT="TAP")
            done = subprocess.run([os.path.join(BUILD, "tests/unit/test_server_agent")], env=environment,
                                  capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{name}: {done.stdout[-3000:]}{done.stderr[-1000:]}"
            assert f"ok 1 - {name}" in done.stdout, done.stdout


MAKE = ["tests/unit/test_server_agent", "tests/server/store_hammer", *(f"tests/unit/{name}" for name in UNITS)]
CASES = [
    ("store: three processes on SQLite, killed again and again", sqlite_killed),
    ("store: one of the version before goes up, on SQLite", goes_up_sqlite),
    ("store: one of the version before goes up, on PostgreSQL", goes_up_postgres),
    ("store: the unit tests on PostgreSQL", units),
    ("store: two controllers and one host at once, on PostgreSQL", races),
    ("store: three processes on PostgreSQL, killed again and again", postgres_killed),
    ("store: PostgreSQL killed and started anew under load", postgres_restarted),
    ("store: connections to PostgreSQL cut under load", connections_cut),
    ("store: connections to PostgreSQL cut at COMMIT", commits_cut),
    ("store: six that start at once on an empty PostgreSQL", starts_together),
    ("store: the audit in PostgreSQL only grows", audit_only_grows),
]
