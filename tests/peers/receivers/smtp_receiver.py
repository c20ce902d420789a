#!/usr/bin/env python3
"""A mail server on loopback that keeps what it is sent, with TLS and passwords (needs PyPI's `aiosmtpd`).

    --tls starttls   offers STARTTLS (the default)
    --tls required   takes nothing before STARTTLS
    --tls implicit   TLS from the first byte
    --tls none       no TLS at all

A certificate for `localhost` and 127.0.0.1 is made by `openssl` at start; its file is announced as `ca_file`. On start one
line of JSON goes to standard output: {"receiver": "smtp", "host", "port", "tls", "ca_file"}.

Every mail is appended to the file of --record, one JSON object per line: {"at", "peer", "tls", "user", "from", "to",
"subject", "headers": [[name, value], ...], "text", "html", "raw"}.

Failures: recipients steer them. The local part `busy...` is answered with 451, `unknown...` with 550, `full...` with 552 after the
text; `--fail-first N` answers the first N mails with 451. SIGTERM stops it.
"""

import argparse
import asyncio
import email
import email.policy
import json
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

MESSAGE_SIZE_MAX = 4 << 20


def make_certificate(folder):
    """An authority and a certificate signed by it; returns (authority, chain, key)."""
    authority, authority_key = folder / "ca.pem", folder / "ca.key"
    certificate, key, request, extensions = (folder / n for n in ("server.pem", "server.key", "server.csr", "extensions"))
    run = lambda *words: subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    run("req", "-x509", *curve, "-days", 7, "-subj", "/CN=Watchbell peers", "-keyout", authority_key, "-out", authority,
        "-addext", "basicConstraints=critical,CA:TRUE")
    run("req", *curve, "-subj", "/CN=localhost", "-keyout", key, "-out", request)
    extensions.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
    run("x509", "-req", "-in", request, "-CA", authority, "-CAkey", authority_key, "-days", 7, "-set_serial", 1,
        "-extfile", extensions, "-out", certificate)
    return authority, certificate, key


class Inbox:
    """Takes mails and writes them down."""

    def __init__(self, path, fail_first, is_implicit):
        self.file = open(path, "a", encoding="utf-8") if path else None
        self.failures_left = fail_first
        self.is_implicit = is_implicit

    async def handle_RCPT(self, _server, _session, envelope, address, _options):
        if address.startswith("busy"):
            return "451 4.2.1 mailbox busy, try again later"
        if address.startswith("unknown"):
            return "550 5.1.1 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, session, envelope):
        if self.failures_left > 0:
            self.failures_left -= 1
            return "451 4.3.0 try again later"
        if any(address.startswith("full") for address in envelope.rcpt_tos):
            return "552 5.2.2 mailbox full"
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        part = lambda kind: message.get_body(preferencelist=(kind,))
        content = lambda found: found.get_content() if found is not None else None
        record = {
            "at": time.time(), "peer": session.peer[0], "tls": self.is_implicit or session.ssl is not None,
            "user": getattr(session, "auth_data", None) and session.auth_data.decode(),
            "from": envelope.mail_from, "to": envelope.rcpt_tos, "subject": message["subject"],
            "headers": [[name, str(value)] for name, value in message.items()],
            "text": content(part("plain")), "html": content(part("html")), "raw": envelope.content.decode(errors="replace"),
        }
        if self.file:
            self.file.write(json.dumps(record, ensure_ascii=False) + "\n")
            self.file.flush()
        return "250 OK"


def authenticator(user, password):
    def authenticate(_server, _session, _envelope, mechanism, data):
        is_known = isinstance(data, LoginPassword) and data.login == user.encode() and data.password == password.encode()
        return AuthResult(success=is_known, handled=False, auth_data=data.login if is_known else None)

    return authenticate


async def serve(arguments, folder):
    context, authority = None, None
    if arguments.tls != "none":
        authority, certificate, key = make_certificate(folder)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
    inbox = Inbox(arguments.record, arguments.fail_first, arguments.tls == "implicit")
    has_starttls = arguments.tls in ("starttls", "required")

    def session():
        options = {}
        if arguments.user:
            options = {
                "authenticator": authenticator(arguments.user, arguments.password),
                "auth_required": True,
                "auth_require_tls": arguments.tls in ("starttls", "required"),
                "auth_exclude_mechanism": [m for m in ("PLAIN", "LOGIN") if arguments.auth not in ("both", m.lower())],
            }
        return SMTP(
            inbox, hostname="localhost", data_size_limit=MESSAGE_SIZE_MAX, enable_SMTPUTF8=True,
            tls_context=context if has_starttls else None, require_starttls=arguments.tls == "required", **options)

    loop = asyncio.get_running_loop()
    is_implicit = arguments.tls == "implicit"
    server = await loop.create_server(session, arguments.host, arguments.port, ssl=context if is_implicit else None)
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"receiver": "smtp", "host": arguments.host, "port": port, "tls": arguments.tls,
                      "ca_file": str(authority) if authority else None}), flush=True)
    stopped = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopped.set)
    await stopped.wait()
    server.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    parser.add_argument("--record", help="the file to append mails to")
    parser.add_argument("--tls", choices=["none", "starttls", "required", "implicit"], default="starttls")
    parser.add_argument("--user", help="asks for this user's password")
    parser.add_argument("--password", default="")
    parser.add_argument("--auth", choices=["both", "plain", "login"], default="both", help="the mechanisms that are offered")
    parser.add_argument("--fail-first", type=int, default=0, metavar="N")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="watchbell-smtp-") as folder:
        asyncio.run(serve(arguments, Path(folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
