"""STS on loopback: whoever signs as ALICE is user/alice, a STRANGER one of another account. NOBODY it refuses."""

import re
import threading
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from botocore.credentials import Credentials

from shared.adapters.sts import caller_proof
from shared.runtime.callers import CALLER, digest_of

ACCOUNT, ANOTHER = "123456789012", "210987654321"
_ANSWER = (
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
    "<Arn>{arn}</Arn><UserId>AIDAEXAMPLE</UserId>"
    "</GetCallerIdentityResult></GetCallerIdentityResponse>"
)


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        signed = re.search(r"Credential=([A-Z]+)/", self.headers.get("Authorization", ""))
        status = 200 if signed and signed.group(1) != "NOBODY" else 403
        body = _ANSWER.format(arn=arn(signed.group(1))) if signed and status == 200 else "<ErrorResponse/>"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Says nothing."""


@cache
def url() -> str:
    """One server for the session: it keeps nothing."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


def arn(person: str) -> str:
    return f"arn:aws:iam::{ANOTHER if person == 'STRANGER' else ACCOUNT}:user/{person.lower()}"


def signed(event: dict[str, Any], person: str = "ALICE") -> dict[str, Any]:
    """The event with a person's proof."""
    proof = caller_proof(url(), "us-east-1", Credentials(person, "secret"), digest_of(event))
    return event | {CALLER: proof}
