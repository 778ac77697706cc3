"""What each outage takes, and what it lets through."""

import json
from urllib.parse import urlencode

from drills import gateway_down, sms_down, table_throttled
from drills.wire import Cut, Lost, Refused, Request

GATEWAY = "stub.lambda-url.us-east-1.on.aws"


def request(body: bytes = b"", method: str = "POST", host: str = "127.0.0.1", target: str = "") -> Request:
    return Request(method, "/", host, target, body)


def present(key: str, host: str = GATEWAY) -> Request:
    return request(json.dumps({"key": key}).encode(), host=host)


def sms(phone: str) -> Request:
    return request(urlencode({"Action": "Publish", "PhoneNumber": phone, "Message": "hello"}).encode())


def test_presentments_fail_in_four_ways_by_turns_and_the_keys_are_kept_apart() -> None:
    outage = gateway_down.Outage(GATEWAY)

    ways = [outage(present(f"L:P{number}")) for number in range(5)]

    assert [type(way) for way in ways] == [Lost, Refused, Cut, Cut, Lost]
    assert [way.after_s > 5 for way in ways if isinstance(way, Cut)] == [False, True]
    assert outage.unheard == ["L:P0", "L:P4"]
    assert outage.unseen == ["L:P1", "L:P2", "L:P3"]


def test_enquiries_go_unanswered_and_nothing_else_is_touched() -> None:
    outage = gateway_down.Outage(GATEWAY)

    assert all(outage(request(method="GET", host=GATEWAY)) for _ in range(4))
    assert outage(present("L:P1", host="127.0.0.1")) is None
    assert (outage.enquiries, outage.unheard, outage.unseen) == (4, [], [])


def test_one_number_in_four_is_left_open_the_others_are_turned_away() -> None:
    outage = sms_down.Outage()

    found = [outage(sms(f"+4477009000{number:02}")) for number in (4, 5, 6, 7, 8)]

    assert [fault.status for fault in found if isinstance(fault, Refused)] == [500, 400, 400, 400, 500]
    assert outage.turned_away == 3
    assert outage.broken == {("+447700900004", "hello"): 1, ("+447700900008", "hello"): 1}
    assert outage(request(b"Action=Publish&TopicArn=alarms")) is None


def test_a_share_of_what_the_tables_are_asked_is_turned_away_in_every_way() -> None:
    throttling = table_throttled.Throttling()
    items = json.dumps({"TransactItems": [{}, {}, {}]}).encode()

    found = [throttling(request(items, target="DynamoDB_20120810.TransactWriteItems")) for _ in range(700)]

    refused = [json.loads(fault.body) for fault in found if isinstance(fault, Refused)]
    assert 70 < len(refused) < 130
    assert {said["__type"].partition("#")[2] for said in refused} == {
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "TransactionCanceledException",
    }
    assert {len(said["CancellationReasons"]) for said in refused if "CancellationReasons" in said} == {3}


def test_other_services_and_the_simulated_clock_are_let_through() -> None:
    throttling = table_throttled.Throttling()
    clock = b'{"Key": {"name": {"S": "CLOCK"}}}'

    assert not any(throttling(request(clock, target="DynamoDB_20120810.GetItem")) for _ in range(100))
    assert not any(throttling(request(target="AmazonSQS.SendMessage")) for _ in range(100))
    assert throttling.seen == 0
