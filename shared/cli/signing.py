"""Orders signed by who runs the command."""

from typing import Any

import boto3
from botocore.exceptions import NoCredentialsError

from shared.adapters.sts import caller_proof
from shared.runtime.callers import CALLER, digest_of


def signed(event: dict[str, Any]) -> dict[str, Any]:
    """The event with the proof of the caller's own credentials; raises NoCredentialsError where there are none."""
    here = boto3.Session()
    credentials = here.get_credentials()
    if credentials is None:
        raise NoCredentialsError
    sts = here.client("sts").meta
    return event | {CALLER: caller_proof(sts.endpoint_url, sts.region_name, credentials, digest_of(event))}
