"""The wiring of the contact line."""

from functools import cache

from shared.adapters.clock import SystemClock, VirtualClock
from shared.adapters.dynamodb.book import DynamoBook
from shared.adapters.dynamodb.client import dynamodb_client
from shared.adapters.dynamodb.link_rows import DynamoLinkRows
from shared.adapters.dynamodb.switches import DynamoSwitches
from shared.adapters.jinja_texts import fill
from shared.adapters.paced import Paced
from shared.adapters.policy_files import PolicyFiles
from shared.adapters.seals import SecretsManagerSecrets, secrets_client
from shared.adapters.senders import senders
from shared.adapters.signed_links import SignedLinks
from shared.adapters.sqs_queue import SqsWorkQueue, sqs_client
from shared.adapters.tokens import RandomTokens
from shared.domain.book import Line
from shared.runtime import settings
from shared.workflows.notice_links import NoticeLinks
from shared.workflows.send_reminders import Reminders


@cache
def app() -> Reminders:
    store = settings.Store.from_env("loans", "borrowers", "notices")
    queues, time = settings.Queues.from_env(Line.STAGE), settings.Time.from_env()
    client = dynamodb_client()
    clock = VirtualClock(client, time.control_table) if time.is_virtual else SystemClock()
    return Reminders(
        DynamoBook(client, store.tables, RandomTokens(), store.shards),
        senders(settings.sms(), settings.other_channels(), clock),
        fill,
        PolicyFiles(),
        clock,
        SqsWorkQueue(sqs_client(), queues.urls),
        DynamoSwitches(client, time.control_table),
        pace=Paced(settings.instances()),
        links=NoticeLinks(
            SignedLinks(SecretsManagerSecrets(secrets_client(), settings.text("LINK_SECRET_NAME")).read),
            DynamoLinkRows(client, time.control_table),
            settings.text("LINK_ADDRESS"),
        ),
    )
