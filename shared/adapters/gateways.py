"""The one place that builds the payment gateway, and says which rail's codes it speaks."""

from collections.abc import Mapping

import boto3

from shared.adapters.http_gateway import HttpGateway
from shared.adapters.policy_files import rail_codes
from shared.domain.book import Outcome
from shared.domain.errors import PolicyError, SettingsError
from shared.ports.wiring import GatewayWiring
from shared.ports.world import PaymentGateway


def payment_gateway(wiring: GatewayWiring) -> PaymentGateway:
    """Over HTTP, signed with the credentials of the session that made the store's client: a second one takes 12 ms."""
    codes = codes_spoken(wiring.rail)
    session = boto3.DEFAULT_SESSION or boto3.Session()
    return HttpGateway(wiring.url, wiring.region, session.get_credentials(), wiring.via, codes=codes)


def codes_spoken(rail: str) -> Mapping[str, Outcome]:
    """What the gateway's codes mean; raises SettingsError where no pack says so: every answer would read as UNKNOWN."""
    try:
        return rail_codes(rail)
    except PolicyError as error:
        raise SettingsError(
            "the environment variable GATEWAY_RAIL names a rail without a pack that can be read"
        ) from error
