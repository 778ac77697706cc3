"""The wiring of receipts."""

from functools import cache

from functions.record_receipts.intake import Intake
from shared.adapters.clock import SystemClock, VirtualClock
from shared.adapters.dynamodb.book import DynamoBook
from shared.adapters.dynamodb.client import dynamodb_client
from shared.adapters.dynamodb.switches import DynamoSwitches
from shared.adapters.policy_files import PolicyFiles
from shared.adapters.seals import HmacSeals, SecretsManagerSecrets, secrets_client
from shared.adapters.senders import sms_sender
from shared.adapters.tokens import RandomTokens
from shared.domain.contact_rules import Channel
from shared.runtime import settings
from shared.workflows.opt_outs import OptOuts
from shared.workflows.record_receipts import Receipts


@cache
def app() -> Intake:
    store, time = settings.Store.from_env("loans", "borrowers", "notices", "audit"), settings.Time.from_env()
    client = dynamodb_client()
    clock = VirtualClock(client, time.control_table) if time.is_virtual else SystemClock()
    book, shelf = DynamoBook(client, store.tables, RandomTokens(), store.shards), PolicyFiles()
    wiring = settings.sms()
    sender = sms_sender(wiring, clock)
    senders = {Channel.SMS: sender} if sender else {}
    opt_outs = OptOuts(book, senders, shelf, clock, DynamoSwitches(client, time.control_table))
    secrets = SecretsManagerSecrets(secrets_client(), wiring.gateway_secret or "")
    return Intake(Receipts(book, shelf, clock, opt_outs), HmacSeals(secrets.read), clock)
