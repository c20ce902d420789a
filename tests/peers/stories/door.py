"""TLS, users and roles of Watchbell's own interface: Debian's amtool and curl before it."""

import json
import subprocess

from configuration import GLOBAL
from stage import DOOR_PASSWORD, DOOR_TOKEN, Watchbell, check, equal, eventually

WEB = """\
web:
  route_prefix: /watch
  tls: {{cert_file: server.pem, key_file: server.key}}
  users:
    - {{name: crew, password_hash: {hash}, role: respond}}
    - {{name: guest, password_file: password, role: read}}
  tokens:
    - {{name: ci, token_file: token, role: admin}}
    - {{name: sender, token: {token}W, role: write}}
"""


def certificate(folder, name):
    """A new certificate for localhost, signed by itself."""
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
             "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
             "-keyout", str(folder / "server.key.new"), "-out", str(folder / "server.pem.new")]
    subprocess.run(words, check=True, capture_output=True, timeout=30)
    for part in ("server.key", "server.pem"):
        (folder / f"{part}.new").rename(folder / part)


def password_hash(stage):
    done = subprocess.run([str(stage.binary), "hash-password", "--cost=6"], input=DOOR_PASSWORD + "\n",
                          capture_output=True, text=True, timeout=30, check=True)
    return done.stdout.strip()


def amtool(bell, http, *words):
    command = ["amtool", "--no-version-check", f"--alertmanager.url=https://127.0.0.1:{bell.port}/watch",
               f"--http.config.file={http}", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def curl(bell, path, *words):
    """The status and the body."""
    command = ["curl", "-sS", "--cacert", str(bell.folder / "server.pem"), "-w", "\n%{http_code}",
               f"https://127.0.0.1:{bell.port}{path}", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    check(done.returncode == 0, lambda: f"{path}: {done.stderr}")
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


def the_door_is_guarded(stage):
    config = GLOBAL + WEB.format(hash=password_hash(stage), token=DOOR_TOKEN)
    bell = Watchbell(stage, config, {"rules/none.yml": "groups: []\n", "password": DOOR_PASSWORD + "\n", "token": DOOR_TOKEN + "\n"})
    certificate(bell.folder, "first")
    bell.start()

    def http(user, password):
        config = {"basic_auth": {"username": user, "password": password}, "tls_config": {"ca_file": str(bell.folder / "server.pem")}}
        return bell.write(f"http-{user}-{len(password)}.yml", json.dumps(config))

    crew, guest = http("crew", DOOR_PASSWORD), http("guest", DOOR_PASSWORD)
    add = ("silence", "add", "alertname=Flood", "--comment=works", "--author=crew", "--duration=1h")
    refused = amtool(bell, guest, *add)
    check(refused.returncode != 0 and "403" in refused.stderr, lambda: f"who reads sets no silence: {refused}")
    added = amtool(bell, crew, *add)
    equal(added.returncode, 0, f"who responds sets one: {added.stderr}")
    silence = added.stdout.strip()
    for who in (crew, guest):
        found = amtool(bell, who, "silence", "query", "-q")
        equal(found.stdout.split(), [silence], f"both see it: {found.stderr}")
    check("401" in amtool(bell, http("crew", "guess"), "silence", "query").stderr, "a wrong password is refused")
    equal(amtool(bell, crew, "silence", "expire", silence).returncode, 0, "who responds ends it")

    bearer = lambda token: ("-H", f"Authorization: Bearer {token}")
    equal(curl(bell, "/watch/metrics")[0], 401, "metrics without a token")
    equal(curl(bell, "/watch/metrics", *bearer(DOOR_TOKEN))[0], 200, "metrics with one")
    equal(curl(bell, "/metrics", *bearer(DOOR_TOKEN))[0], 404, "nothing is outside of the prefix")
    equal(curl(bell, "/-/healthy")[0], 200, "but for the health")
    lines = '{"name":"tide","value":3}\n'
    equal(curl(bell, "/watch/api/v1/import", *bearer(DOOR_TOKEN + "W"), "--data-binary", lines)[0], 200, "a sender sends")
    status, body = curl(bell, "/watch/api/v1/query?query=tide", *bearer(DOOR_TOKEN + "W"))
    equal(status, 403, "and sees nothing")
    check("`read`" in body, body)
    equal(curl(bell, "/watch/-/reload", "-X", "POST", *bearer(DOOR_TOKEN))[0], 200, "an administrator reloads")

    # watchbell's own command comes in too.
    query = subprocess.run(
        [str(stage.binary), "query", f"--url=https://127.0.0.1:{bell.port}/watch", f"--ca-file={bell.folder / 'server.pem'}", "tide"],
        capture_output=True, text=True, timeout=30, check=False, env={"WATCHBELL_TOKEN": DOOR_TOKEN})
    check(query.returncode == 0 and "tide" in query.stdout, lambda: f"query with a token: {query}")

    # A renewed certificate and a new token are taken while it runs.
    certificate(bell.folder, "second")
    eventually("the new certificate is shown", lambda: curl(bell, "/-/healthy")[0] == 200, within=30)
    bell.write("token", DOOR_TOKEN + "2\n")
    eventually("the new token counts", lambda: curl(bell, "/watch/metrics", *bearer(DOOR_TOKEN + "2"))[0] == 200, within=30)
    equal(curl(bell, "/watch/metrics", *bearer(DOOR_TOKEN))[0], 401, "the old one does not")

    # Guessing is slowed down; who is known goes on.
    equal(amtool(bell, crew, "silence", "query").returncode, 0, "known")
    seen = {curl(bell, "/watch/metrics", *bearer(f"guess{number}"))[0] for number in range(30)}
    check(429 in seen and seen <= {401, 429}, f"answers to guesses: {seen}")
    equal(amtool(bell, crew, "silence", "query").returncode, 0, "still known")
    bell.stop()
