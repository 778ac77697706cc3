"""The wiring of short links."""

from functools import cache

from aws_lambda_powertools.event_handler import LambdaFunctionUrlResolver

from functions.open_links.routes import routes_to
from shared.adapters.clock import SystemClock, VirtualClock
from shared.adapters.dynamodb.book import DynamoBook
from shared.adapters.dynamodb.client import dynamodb_client
from shared.adapters.dynamodb.link_rows import DynamoLinkRows
from shared.adapters.policy_files import PolicyFiles
from shared.adapters.seals import SecretsManagerSecrets, secrets_client
from shared.adapters.signed_links import SignedLinks
from shared.adapters.tokens import RandomTokens
from shared.runtime import settings
from shared.workflows.open_links import LinkDoor


@cache
def app() -> LambdaFunctionUrlResolver:
    store, time = settings.Store.from_env("loans", "borrowers", "notices"), settings.Time.from_env()
    client = dynamodb_client()
    secrets = SecretsManagerSecrets(secrets_client(), settings.text("LINK_SECRET_NAME"))
    return routes_to(
        LinkDoor(
            DynamoBook(client, store.tables, RandomTokens(), store.shards),
            SignedLinks(secrets.read),
            DynamoLinkRows(client, time.control_table),
            PolicyFiles(),
            VirtualClock(client, time.control_table) if time.is_virtual else SystemClock(),
        )
    )
