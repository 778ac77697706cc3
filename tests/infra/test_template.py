"""What the deployed stack holds, and what every part of it has."""

import ast
import json
import re
from collections import Counter
from typing import Any

import pytest

from infra.check_template import ROOT, findings, read, schedule_problem, transform
from shared.domain import keys
from shared.domain.decision import Reason
from tests.tables import table_shapes

type Resource = dict[str, Any]

TEMPLATE = read()
STACK = transform(TEMPLATE)
RESOURCES: dict[str, Resource] = STACK["Resources"]
FUNCTIONS = {name: resource for name, resource in RESOURCES.items() if resource["Type"] == "AWS::Lambda::Function"}
QUEUES = {name: resource for name, resource in RESOURCES.items() if resource["Type"] == "AWS::SQS::Queue"}
SCHEDULES = {name: resource for name, resource in RESOURCES.items() if resource["Type"] == "AWS::Scheduler::Schedule"}
FED_BY = {
    resource["Properties"]["FunctionName"]["Ref"]: resource["Properties"]
    for resource in RESOURCES.values()
    if resource["Type"] == "AWS::Lambda::EventSourceMapping"
}
SCHEDULED = ["PlanWork", "Reconcile"]
CALLED = {"PaymentStub", "ReceiveWebhooks", "OpenLinks", "ChangeMandates", "PayNow", "Operate", "Explain"}
"""Whoever calls them gets an answer, and looks."""
TWO_WEEKS_S = 14 * 24 * 3600
SENDS = {"sms-voice:SendTextMessage", "sms-voice:SendVoiceMessage", "ses:SendEmail"}


def properties(name: str) -> Any:
    return RESOURCES[name]["Properties"]


def variables(function: str) -> dict[str, Any]:
    found: dict[str, Any] = properties(function)["Environment"]["Variables"]
    return found


def attribute_of(value: Any) -> str:
    """`Queue` of {"Fn::GetAtt": ["Queue", "Arn"]}."""
    resource: str = value["Fn::GetAtt"][0]
    return resource


def statements(role: str, *, is_wired: bool = True) -> list[Any]:
    """Every statement of a role's own policies: those behind a condition as if it held, or as if it did not."""
    return [one["Fn::If"][1 if is_wired else 2] if "Fn::If" in one else one for one in _statements(role)]


def conditional(role: str) -> list[Any]:
    return [one for one in _statements(role) if "Fn::If" in one]


def _statements(role: str) -> list[Any]:
    return [one for policy in properties(role)["Policies"] for one in policy["PolicyDocument"]["Statement"]]


def many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def rights(function: str, service: str) -> str:
    """The resources of a function's statements that allow something of a service, as text to look into."""
    return json.dumps(
        [
            statement["Resource"]
            for statement in statements(f"{function}Role")
            if any(action.startswith(f"{service}:") for action in many(statement["Action"]))
        ]
    )


def test_the_templates_have_no_finding() -> None:
    assert list(findings(TEMPLATE)) == []


def test_the_stack_holds_what_it_should_and_nothing_else() -> None:
    assert Counter(resource["Type"] for resource in RESOURCES.values()) == {
        "AWS::CloudFormation::Stack": 2,
        "AWS::IAM::Role": 15,  # one a function, one for the schedules
        "AWS::Lambda::EventInvokeConfig": 6,
        "AWS::Lambda::EventSourceMapping": 4,
        "AWS::Lambda::Function": 14,
        "AWS::Lambda::LayerVersion": 1,
        "AWS::Lambda::Permission": 8,  # anybody may knock at three doors; receipts come by a topic and by logs
        "AWS::Lambda::Url": 4,
        "AWS::Logs::LogGroup": 14,
        "AWS::Logs::SubscriptionFilter": 2,  # what SNS says of its own SMS
        "AWS::S3::Bucket": 1,
        "AWS::S3::BucketPolicy": 1,
        "AWS::SNS::Topic": 1,  # receipts
        "AWS::SNS::TopicPolicy": 1,
        "AWS::SQS::Queue": 10,  # four with their dead letters, and two for failed schedules
        "AWS::SQS::QueuePolicy": 1,
        "AWS::Scheduler::Schedule": 2,
        "AWS::Scheduler::ScheduleGroup": 1,
        "AWS::SecretsManager::Secret": 3,  # of webhooks, of the SMS gateway, of short links
    }
    assert Counter(resource["Type"] for resource in read("infra/tables.yaml")["Resources"].values()) == {
        "AWS::DynamoDB::Table": 8,
        "AWS::KMS::Key": 1,  # of the borrowers
    }
    assert Counter(resource["Type"] for resource in read("infra/alarms.yaml")["Resources"].values()) == {
        "AWS::CloudWatch::Alarm": 83,
        "AWS::CloudWatch::Dashboard": 1,
        "AWS::SNS::Topic": 1,
    }


class TestFunctions:
    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_its_handler_is_in_the_repo(self, name: str) -> None:
        module, entry = properties(name)["Handler"].rsplit(".", 1)
        path = ROOT.joinpath(*module.split(".")).with_suffix(".py")
        assert path.is_file(), f"{path.relative_to(ROOT)} is missing"
        defined = {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}
        assert entry in defined

    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_its_name_is_the_same_everywhere(self, name: str) -> None:
        folder = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
        assert properties(name)["Handler"] == f"functions.{folder}.handler.handle"
        assert properties(name)["FunctionName"] == {"Fn::Sub": f"${{AWS::StackName}}-{folder}"}
        assert variables(name)["POWERTOOLS_SERVICE_NAME"] == folder
        assert STACK["Outputs"][f"Function{name}"]["Value"] == {"Ref": name}

    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_its_log_is_kept_for_a_named_time(self, name: str) -> None:
        group = properties(name)["LoggingConfig"]["LogGroup"]["Ref"]
        assert properties(group)["RetentionInDays"] == {"Ref": "LogRetentionDays"}

    @pytest.mark.parametrize("name", FUNCTIONS.keys() - CALLED - {"RecordReceipts"})  # it keeps no number anywhere
    def test_what_fails_waits_somewhere(self, name: str) -> None:
        if name in SCHEDULED:
            on_failure = properties(f"{name}EventInvokeConfig")["DestinationConfig"]["OnFailure"]
            undelivered = properties(f"{name}Schedule")["Target"]["DeadLetterConfig"]["Arn"]
            assert attribute_of(on_failure["Destination"]) == "FailedRuns"
            assert attribute_of(undelivered) == "UndeliveredSchedules"
        else:
            queue = attribute_of(FED_BY[name]["EventSourceArn"])
            assert attribute_of(properties(queue)["RedrivePolicy"]["deadLetterTargetArn"]) in QUEUES

    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_a_table_in_its_environment_is_one_it_has_rights_on(self, name: str) -> None:
        named = {
            re.sub(r"[a-z]+\.|Name$", "", value["Fn::GetAtt"][1].removeprefix("Outputs."))
            for key, value in variables(name).items()
            if key.startswith("TABLE_") or key == "STUB_BOOKS_TABLE"
        }
        assert named == set(re.findall(r"Outputs\.(\w+)Arn", rights(name, "dynamodb")))

    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_a_queue_in_its_environment_is_one_it_may_send_to(self, name: str) -> None:
        named = {value["Ref"] for key, value in variables(name).items() if key.startswith("QUEUE_")}
        own = {attribute_of(FED_BY[name]["EventSourceArn"])} if name in FED_BY else set()
        failed = {"FailedRuns"} if name in SCHEDULED else set()
        assert named | own | failed == set(re.findall(r'"(\w+)", "Arn"', rights(name, "sqs")))

    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_its_rights_name_actions_and_resources(self, name: str) -> None:
        for statement in statements(f"{name}Role"):
            actions = set(many(statement["Action"]))
            if "kms:Decrypt" in actions:
                continue  # the key of borrowers: a test of its own says who uses it, and how
            assert all("*" not in action for action in actions)
            if actions <= SENDS | {"sns:Publish"}:
                continue  # numbers, endpoints and addresses are many; a test of their own says which
            if many(statement["Action"])[0].startswith("s3:"):
                folders = {"${BankFiles.Arn}/incoming/*", "${BankFiles.Arn}/results/*"}
                assert actions == {"s3:ListBucket"} or statement["Resource"]["Fn::Sub"] in folders
                continue
            assert not [resource for resource in many(statement["Resource"]) if "*" in json.dumps(resource)]

    @pytest.mark.parametrize("name", ["SendReminders", "ChangeMandates", "RecordReceipts"])
    def test_only_these_may_text_and_no_topic(self, name: str) -> None:
        publishers = {name for name in FUNCTIONS if rights(name, "sns") != "[]"}
        assert publishers == {"SendReminders", "ChangeMandates", "RecordReceipts"}
        texting = [one for one in statements(f"{name}Role", is_wired=False) if "sns:Publish" in one.get("Action", "")]
        assert [(one["Effect"], one["Resource"]) for one in texting] == [
            ("Deny", {"Fn::Sub": "arn:${AWS::Partition}:sns:*:*:*"}),
        ]

    @pytest.mark.parametrize("name", ["SendReminders", "ChangeMandates", "RecordReceipts"])
    def test_a_right_to_send_comes_with_the_provider_that_needs_it(self, name: str) -> None:
        asked: dict[str, list[Any]] = {}
        for statement in conditional(f"{name}Role"):
            condition, granted, _ = statement["Fn::If"]
            asked.setdefault(condition, []).append((granted["Effect"], granted["Action"], granted["Resource"]))
        account = "${AWS::Region}:${AWS::AccountId}"
        numbers = {"Fn::Sub": f"arn:${{AWS::Partition}}:sms-voice:{account}:*"}
        secret = {"Fn::GetAtt": ["SmsGatewaySecret", "Id"]}
        texts = {
            "SmsOverSns": [("Allow", "sns:Publish", "*")],
            "SmsOverEum": [("Allow", "sms-voice:SendTextMessage", numbers)],
            "SmsOverHttp": [("Allow", ["secretsmanager:GetSecretValue"], secret)],
        }
        addresses = [
            {"Fn::Sub": f"arn:${{AWS::Partition}}:ses:{account}:identity/*"},
            {"Fn::Sub": f"arn:${{AWS::Partition}}:ses:{account}:configuration-set/${{EmailConfigurationSet}}"},
        ]
        others = {
            "WithPush": [
                ("Deny", "sns:Publish", {"Fn::Sub": "arn:${AWS::Partition}:sns:*:*:${AWS::StackName}-*"}),
                ("Allow", "sns:Publish", {"Fn::Sub": f"arn:${{AWS::Partition}}:sns:{account}:endpoint/*"}),
            ],
            "WithVoice": [("Allow", "sms-voice:SendVoiceMessage", numbers)],
            "WithEmail": [("Allow", "ses:SendEmail", addresses)],
        }
        assert asked == texts | (others if name == "SendReminders" else {})

    def test_e_mail_is_from_the_lender_s_address_alone(self) -> None:
        mail = next(s for s in statements("SendRemindersRole") if s["Action"] == "ses:SendEmail")
        assert mail["Condition"] == {"StringEquals": {"ses:FromAddress": {"Ref": "EmailSender"}}}

    @pytest.mark.parametrize("name", ["PayNow", "Operate"])
    def test_what_a_person_orders_is_never_repeated_by_aws(self, name: str) -> None:
        assert properties(f"{name}EventInvokeConfig")["MaximumRetryAttempts"] == 0

    def test_who_makes_links_writes_their_rows_and_no_switch(self) -> None:
        written = [one for one in statements("SendRemindersRole") if many(one["Action"]) == ["dynamodb:PutItem"]]
        assert [one["Condition"] for one in written] == [
            {
                "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["LINK#*"]},
                "Null": {"dynamodb:LeadingKeys": False},  # a request without the key passes the first alone
            }
        ]

    @pytest.mark.parametrize("name", ["PlanWork", "Reconcile"])
    def test_who_counts_shards_changes_no_other_row_of_control(self, name: str) -> None:
        """The switch board and the simulated instant stand in the same table."""
        control = {"Fn::GetAtt": ["Tables", "Outputs.ControlArn"]}
        found = [
            (sorted(many(one["Action"])), one.get("Condition"))
            for one in statements(f"{name}Role")
            if control in many(one["Resource"])
        ]
        assert found == [
            (["dynamodb:GetItem"], None),
            (
                ["dynamodb:UpdateItem"],
                {
                    "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [keys.SHARDS]},
                    "Null": {"dynamodb:LeadingKeys": False},
                },
            ),
        ]

    def test_nobody_else_changes_rows_of_control(self) -> None:
        control = {"Fn::GetAtt": ["Tables", "Outputs.ControlArn"]}
        changing = {
            (name, action)
            for name in FUNCTIONS
            for one in statements(f"{name}Role")
            if control in many(one["Resource"])
            for action in many(one["Action"])
            if action != "dynamodb:GetItem"
        }
        assert changing == {
            ("PlanWork", "dynamodb:UpdateItem"),
            ("Reconcile", "dynamodb:UpdateItem"),
            ("SendReminders", "dynamodb:PutItem"),
            ("Operate", "dynamodb:PutItem"),
        }

    def test_only_principals_of_the_stack_s_account_give_orders(self) -> None:
        for name in ("Operate", "ChangeMandates"):
            assert variables(name)["OPERATORS_ACCOUNT"] == {"Ref": "AWS::AccountId"}

    def test_no_role_reads_every_queue(self) -> None:
        for name in FUNCTIONS:
            assert "AWSLambdaSQSQueueExecutionRole" not in json.dumps(properties(f"{name}Role")["ManagedPolicyArns"])


class TestDoors:
    def test_a_parameter_reserves_and_limits_what_the_public_doors_take_of_the_account(self) -> None:
        """Not the receipts' door: a STOP comes through it."""
        limits = {name: properties(name).get("ReservedConcurrentExecutions") for name in FUNCTIONS}
        limited = {"Fn::If": ["DoorsAreLimited", {"Ref": "DoorConcurrency"}, {"Ref": "AWS::NoValue"}]}
        assert {name: limit for name, limit in limits.items() if limit is not None} == {
            "ReceiveWebhooks": limited,
            "OpenLinks": limited,
        }

    def test_nothing_is_reserved_unless_somebody_says_so(self) -> None:
        """An account that may run ten at once can reserve none of them."""
        assert TEMPLATE["Parameters"]["DoorConcurrency"]["Default"] == 0
        unless = {"Fn::Not": [{"Fn::Equals": [{"Ref": "DoorConcurrency"}, "0"]}]}
        assert TEMPLATE["Conditions"]["DoorsAreLimited"] == unless


class TestQueues:
    @pytest.mark.parametrize("function", FED_BY)
    def test_a_mapping_hands_over_one_message_and_takes_back_what_failed(self, function: str) -> None:
        mapping = FED_BY[function]
        assert mapping["BatchSize"] == 1
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        limit = mapping["ScalingConfig"]["MaximumConcurrency"]["Ref"]
        assert TEMPLATE["Parameters"][limit]["MinValue"] == 2  # below that AWS refuses

    @pytest.mark.parametrize("function", FED_BY)
    def test_a_message_stays_hidden_for_six_runs_and_dies_after_five(self, function: str) -> None:
        queue = properties(attribute_of(FED_BY[function]["EventSourceArn"]))
        dead = properties(attribute_of(queue["RedrivePolicy"]["deadLetterTargetArn"]))
        assert queue["VisibilityTimeout"] >= 6 * properties(function)["Timeout"]
        assert queue["RedrivePolicy"]["maxReceiveCount"] == 5
        assert queue["MessageRetentionPeriod"] < dead["MessageRetentionPeriod"] == TWO_WEEKS_S

    @pytest.mark.parametrize("name", QUEUES)
    def test_it_is_encrypted(self, name: str) -> None:
        assert properties(name)["SqsManagedSseEnabled"] is True

    def test_evidence_of_money_outlives_hints(self) -> None:
        kept = {name: queue["Properties"]["MessageRetentionPeriod"] for name, queue in QUEUES.items()}
        assert kept["ContactQueue"] == kept["DebitQueue"] == kept["StageQueue"] < kept["RepaymentsQueue"]


class TestSchedules:
    def test_plan_work_and_reconcile_run_on_schedules(self) -> None:
        defaults = {name: parameter.get("Default") for name, parameter in TEMPLATE["Parameters"].items()}
        assert {
            name: (defaults[one["Properties"]["ScheduleExpression"]["Ref"]], one["Properties"]["Target"]["Input"])
            for name, one in SCHEDULES.items()
        } == {
            "PlanWorkSchedule": ("rate(15 minutes)", '{"v":1,"schedule":"plan_work"}'),
            "ReconcileSchedule": ("rate(10 minutes)", '{"v":1,"schedule":"reconcile"}'),
        }

    def test_only_this_group_of_schedules_takes_the_role(self) -> None:
        (trust,) = properties("ScheduleRole")["AssumeRolePolicyDocument"]["Statement"]
        source = trust["Condition"]["StringEquals"]["aws:SourceArn"]["Fn::Sub"]
        assert source.endswith(":schedule-group/${AWS::StackName}")
        assert properties("ScheduleGroup")["Name"] == {"Ref": "AWS::StackName"}
        assert {one["Properties"]["GroupName"]["Ref"] for one in SCHEDULES.values()} == {"ScheduleGroup"}

    def test_one_parameter_switches_them_off(self) -> None:
        for one in SCHEDULES.values():
            assert one["Properties"]["State"] == {"Fn::If": ["SchedulesOn", "ENABLED", "DISABLED"]}


class TestStub:
    def test_without_the_parameter_nothing_of_it_is_there(self) -> None:
        left = {name for name, resource in RESOURCES.items() if resource.get("Condition") != "HasStub"}
        outputs = {name for name, output in STACK["Outputs"].items() if output.get("Condition") != "HasStub"}
        tables = {name for name, one in read("infra/tables.yaml")["Resources"].items() if "Condition" not in one}
        assert not [name for name in left | outputs | tables if "Stub" in name]

    def test_it_answers_signed_requests_only(self) -> None:
        assert properties("PaymentStubUrl")["AuthType"] == "AWS_IAM"

    def test_it_reaches_its_own_books_the_clock_and_the_secret_of_the_door(self) -> None:
        assert set(re.findall(r"Outputs\.(\w+)", rights("PaymentStub", "dynamodb"))) == {"StubBooksArn", "ControlArn"}
        assert rights("PaymentStub", "sqs") == rights("PaymentStub", "lambda") == "[]"
        (secret,) = [one for one in statements("PaymentStubRole") if "secretsmanager" in json.dumps(one["Action"])]
        assert (many(secret["Action"]), secret["Resource"]) == (
            ["secretsmanager:GetSecretValue"],
            {"Fn::GetAtt": ["WebhookSecret", "Id"]},
        )
        (clock,) = [one for one in statements("PaymentStubRole") if "ControlArn" in json.dumps(one["Resource"])]
        assert many(clock["Action"]) == ["dynamodb:GetItem"]

    def test_it_tells_its_events_at_the_door(self) -> None:
        given = variables("PaymentStub")
        assert given["WEBHOOK_URL"] == {"Fn::GetAtt": ["ReceiveWebhooksUrl", "FunctionUrl"]}
        assert given["WEBHOOK_SECRET_NAME"] == properties("WebhookSecret")["Name"]

    def test_production_has_none(self) -> None:
        asserted = json.dumps(TEMPLATE["Rules"]["ProductionIsReal"]["Assertions"])
        assert "WithStub" in asserted
        assert "VirtualTime" in asserted


class TestTheGatewaysRail:
    def test_a_gateway_of_its_own_does_not_speak_the_stubs_codes(self) -> None:
        """`stub` is the parameter's default: left as it is, every code of a real gateway would read as UNKNOWN."""
        rule = TEMPLATE["Rules"]["AGatewayOfItsOwnSpeaksItsRail"]
        assert rule["RuleCondition"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "GatewayUrl"}, ""]}]}
        asserted = [one["Assert"] for one in rule["Assertions"]]
        assert asserted == [{"Fn::Not": [{"Fn::Equals": [{"Ref": "GatewayRail"}, "stub"]}]}]

    def test_a_gateway_of_its_own_promises_what_its_owner_says(self) -> None:
        """With the stub's promise, a lookup that lags would end in a second charge."""
        rule = TEMPLATE["Rules"]["AGatewayOfItsOwnSaysWhatItPromises"]
        assert rule["RuleCondition"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "GatewayUrl"}, ""]}]}
        asked = ["GatewayKeyHours", "GatewayNotFoundIsFinal"]
        assert [one["Assert"] for one in rule["Assertions"]] == [
            {"Fn::Not": [{"Fn::Equals": [{"Ref": name}, ""]}]} for name in asked
        ]
        assert [TEMPLATE["Parameters"][name]["Default"] for name in asked] == ["", ""]


class TestWebhooksAndBankFiles:
    def test_only_the_doors_answer_requests_that_no_role_signed(self) -> None:
        urls = {name: one["Properties"]["AuthType"] for name, one in RESOURCES.items() if "Url" in one["Type"]}
        assert urls == {
            "PaymentStubUrl": "AWS_IAM",
            "ReceiveWebhooksUrl": "NONE",
            "OpenLinksUrl": "NONE",
            "ReceiptsUrl": "NONE",
        }
        opened = {
            one["Properties"]["FunctionName"]["Ref"]
            for one in RESOURCES.values()
            if one["Type"] == "AWS::Lambda::Permission" and one["Properties"]["Principal"] == "*"
        }
        assert opened == {"ReceiveWebhooks", "OpenLinks", "RecordReceipts"}

    def test_the_door_can_do_nothing_but_queue_and_read_its_secret(self) -> None:
        allowed = {action for one in statements("ReceiveWebhooksRole") for action in many(one["Action"])}
        assert allowed == {"sqs:SendMessage", "secretsmanager:GetSecretValue", "dynamodb:GetItem"}
        assert set(re.findall(r'"(\w+)", "Arn"', rights("ReceiveWebhooks", "sqs"))) == {"RepaymentsQueue"}

    def test_the_secret_stands_in_no_environment_and_no_template(self) -> None:
        assert variables("ReceiveWebhooks")["WEBHOOK_SECRET_NAME"] == properties("WebhookSecret")["Name"]
        assert "SecretString" not in properties("WebhookSecret")

    def test_the_bucket_is_private_encrypted_and_forgets(self) -> None:
        bucket = properties("BankFiles")
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert bucket["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] == 400
        (denied,) = properties("BankFilesPrivate")["PolicyDocument"]["Statement"]
        assert denied["Condition"] == {"Bool": {"aws:SecureTransport": False}}

    def test_a_file_that_is_gone_is_told_from_one_that_may_not_be_read(self) -> None:
        """Without the right to list, S3 answers 403 for a key that is not there."""
        (listing,) = [one for one in statements("RecordRepaymentsRole") if "s3:ListBucket" in many(one["Action"])]
        assert listing["Resource"] == {"Fn::GetAtt": ["BankFiles", "Arn"]}
        assert listing["Condition"] == {"StringLike": {"s3:prefix": "incoming/*"}}

    def test_a_version_that_was_told_of_may_be_read(self) -> None:
        """S3 asks for another right than for the latest one."""
        assert properties("BankFiles")["VersioningConfiguration"] == {"Status": "Enabled"}
        (reading,) = [one for one in statements("RecordRepaymentsRole") if "s3:GetObject" in many(one["Action"])]
        assert set(reading["Action"]) == {"s3:GetObject", "s3:GetObjectVersion"}
        assert reading["Resource"] == {"Fn::Sub": "${BankFiles.Arn}/incoming/*"}

    def test_only_this_bucket_may_tell_of_files(self) -> None:
        (allowed,) = properties("BankFilesMayTell")["PolicyDocument"]["Statement"]
        name = properties("BankFiles")["BucketName"]["Fn::Sub"]
        assert allowed["Condition"]["ArnEquals"]["aws:SourceArn"]["Fn::Sub"].endswith(f":s3:::{name}")
        assert allowed["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
        (told,) = properties("BankFiles")["NotificationConfiguration"]["QueueConfigurations"]
        assert attribute_of(told["Queue"]) == "RepaymentsQueue"
        assert told["Filter"]["S3Key"]["Rules"] == [{"Name": "prefix", "Value": "incoming/"}]


class TestTables:
    def test_keys(self) -> None:
        keys = {
            name: [part["AttributeName"] for part in shape["KeySchema"]]
            + [
                " ".join([index["IndexName"], *(part["AttributeName"] for part in index["KeySchema"])])
                for index in shape.get("GlobalSecondaryIndexes", [])
            ]
            for name, shape in table_shapes().items()
        }
        assert keys == {
            "loans": ["loan_id", "entity", "debit_agenda debit_pk debit_sk", "stage_agenda stage_pk stage_sk"],
            "borrowers": ["borrower_id", "entity", "contact_agenda contact_pk contact_sk", "by_phone phone_key"],
            "attempts": ["loan_id", "seq", "open_attempts open_pk open_sk"],
            "notices": ["borrower_id", "notice_key", "open_notices open_pk open_sk", "by_ref provider_ref"],
            "ledger": ["loan_id", "entry"],
            "audit": ["subject", "revision"],
            "control": ["name"],
            "stub_books": ["book", "entry"],
        }

    @pytest.mark.parametrize("name", table_shapes())
    def test_keys_are_strings_and_indexes_hold_keys_only(self, name: str) -> None:
        shape = table_shapes()[name]
        assert {one["AttributeType"] for one in shape["AttributeDefinitions"]} == {"S"}
        for index in shape.get("GlobalSecondaryIndexes", []):
            assert index["Projection"] == {"ProjectionType": "KEYS_ONLY"}

    def test_they_are_protected_and_can_be_restored(self) -> None:
        for name, table in read("infra/tables.yaml")["Resources"].items():
            assert table["DeletionPolicy"] == "RetainExceptOnCreate", name
            assert table["UpdateReplacePolicy"] == "Retain", name
            if table["Type"] == "AWS::KMS::Key":
                continue
            assert table["Properties"]["BillingMode"] == "PAY_PER_REQUEST"
            assert table["Properties"]["DeletionProtectionEnabled"] == {"Fn::If": ["Protected", True, False]}
            assert table["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
            assert "LocalSecondaryIndexes" not in table["Properties"]
        assert TEMPLATE["Parameters"]["DeletionProtection"]["Default"] == "on"


KEY = read("infra/tables.yaml")["Resources"]["BorrowersKey"]["Properties"]
KEY_USES = ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*", "kms:CreateGrant")
BY_WAY_OF_DYNAMODB = {"StringEquals": {"kms:ViaService": {"Fn::Sub": "dynamodb.${AWS::Region}.amazonaws.com"}}}


class TestTheKeyOfBorrowers:
    def allowing(self, action: str) -> list[dict[str, Any]]:
        return [of for of in KEY["KeyPolicy"]["Statement"] if action in of["Action"]]

    def test_borrowers_stand_under_it_and_it_turns(self) -> None:
        table = read("infra/tables.yaml")["Resources"]["Borrowers"]["Properties"]
        key = {"Fn::GetAtt": ["BorrowersKey", "Arn"]}
        assert table["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
        assert KEY["EnableKeyRotation"] is True
        assert KEY["PendingWindowInDays"] == 30

    @pytest.mark.parametrize("action", KEY_USES)
    def test_nobody_uses_it_but_by_way_of_dynamodb(self, action: str) -> None:
        assert [of.get("Condition") for of in self.allowing(action)] == [BY_WAY_OF_DYNAMODB]
        assert not [of for of in KEY["KeyPolicy"]["Statement"] if {"kms:*", "*"} & set(of["Action"])]

    @pytest.mark.parametrize("action", ["kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:RevokeGrant"])
    def test_the_account_keeps_hold_of_it(self, action: str) -> None:
        assert len(self.allowing(action)) == 1

    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_a_function_with_rights_to_borrowers_may_use_it_and_no_other(self, name: str) -> None:
        reading = [of for of in statements(f"{name}Role") if "BorrowersArn" in json.dumps(of["Resource"])]
        allowed = [of for of in statements(f"{name}Role") if "BorrowersKeyArn" in json.dumps(of["Resource"])]
        needed = {"kms:Decrypt", "kms:DescribeKey"} if reading else set()
        if any({"dynamodb:PutItem", "dynamodb:UpdateItem"} & set(many(of["Action"])) for of in reading):
            needed |= {"kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"}
        assert {action for of in allowed for action in many(of["Action"])} == needed
        assert [of["Condition"] for of in allowed] == [BY_WAY_OF_DYNAMODB] * bool(reading)


ALARMS = [one["Properties"] for one in read("infra/alarms.yaml")["Resources"].values() if "Alarm" in one["Type"]]


class TestAlarms:
    def watched(self, metric: str) -> set[str]:
        return {
            one["Dimensions"][0]["Value"]["Fn::Sub"].removeprefix("${Prefix}-")
            for one in ALARMS
            if one["MetricName"] == metric
        }

    def test_every_alarm_says_what_it_means_and_what_to_do(self) -> None:
        """`-errors` in the list stands for every function's."""
        names = {one["AlarmName"]["Fn::Sub"].removeprefix("${Prefix}") for one in ALARMS}
        rows = (ROOT / "docs/alarms.md").read_text(encoding="utf-8").splitlines()
        listed = {name for row in rows if row.startswith("| `") for name in re.findall(r"`([^`]+)`", row.split("|")[1])}
        endings = {name if name.startswith("-") else f"-{name}" for name in listed}
        assert [name for name in names if not any(name.endswith(one) for one in endings)] == []
        assert [one for one in endings if not any(name.endswith(one) for name in names)] == []
        assert all(one["AlarmDescription"] for one in ALARMS)

    def test_every_dead_letter_pages(self) -> None:
        queues = {
            one["Properties"]["QueueName"]["Fn::Sub"].removeprefix("${AWS::StackName}-") for one in QUEUES.values()
        }
        fed = {name.removesuffix("-dead") for name in queues if name.endswith("-dead")}
        assert self.watched("ApproximateNumberOfMessagesVisible") == queues - fed
        assert self.watched("ApproximateAgeOfOldestMessage") == fed

    @pytest.mark.parametrize("metric", ["Errors", "Throttles"])
    def test_every_function_is_watched(self, metric: str) -> None:
        names = {properties(name)["FunctionName"]["Fn::Sub"].removeprefix("${AWS::StackName}-") for name in FUNCTIONS}
        assert self.watched(metric) == names - {"payment_stub"}

    def test_what_the_workers_say_needs_a_person_pages(self) -> None:
        workers = {properties(name)["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] for name in FUNCTIONS}
        lines = {"send_reminders", "attempt_deductions", "record_escalations"}
        settlers = {"attempt_deductions", "pay_now", "operate", "reconcile", "record_repayments"}
        said: dict[str, set[str]] = {}
        for one in ALARMS:
            if one["Namespace"] == {"Fn::Sub": "Duebell/${Prefix}"}:
                said.setdefault(one["MetricName"], set()).add(one["Dimensions"][0]["Value"])
        assert said == {
            "defer.CALENDAR_ENDED": {"attempt_deductions"},
            "gateway-silent": {"reconcile"},
            "provider-silent": {"send_reminders"},
            "defer.RAIL_CALENDAR_ENDED": {"attempt_deductions"},
            "defer.RAIL_UNKNOWN": {"attempt_deductions"},
            "settled.config": settlers,
            "settled.risk": settlers,
            "stuck": {"reconcile"},
            "failed": {"reconcile"},
            f"defer.{Reason.POLICY_MISSING.name}": lines,
            f"defer.{Reason.NO_CONTACT_WINDOW.name}": {"send_reminders"},
            f"defer.{Reason.NO_PROVIDER.name}": {"send_reminders"},
            f"defer.{Reason.TEXT_REFUSED.name}": {"send_reminders"},
            "quarantined": lines,
            "conflict": settlers,
            "repayment.charged-back": {"record_repayments"},
            "file.refused": {"record_repayments"},
            "mandate.rail.refused": {"record_repayments"},
            "webhook.refused": {"receive_webhooks"},
            "records.failed": lines | {"record_repayments"},
            "receipt.malformed": {"record_receipts"},
            "receipt.of-nobody": {"record_receipts"},
            "receipt.refused": {"record_receipts"},
            "receipt.required-failed": {"record_receipts"},
        }
        assert set.union(*said.values()) <= workers

    def test_a_schedule_that_is_silent_pages(self) -> None:
        silent = [one for one in ALARMS if one["MetricName"] == "Invocations"]
        assert {one["TreatMissingData"] for one in silent} == {"breaching"}
        assert self.watched("Invocations") == {"plan_work", "reconcile"}


class TestTheCheckItself:
    """Each mistake that linting the raw template lets pass is found."""

    @pytest.mark.parametrize(
        ("resource", "name", "value", "said"),
        [
            ("PlanWork", "Timeout", 3000, "3000"),
            ("PlanWork", "Runtime", "python3.33", "python3.33"),
            ("PlanWorkSchedule", "ScheduleExpression", "cron(61 * * * ? *)", "minutes cannot be 61"),
            ("ReconcileSchedule", "ScheduleExpression", "rate(1 minutes)", "1 minute"),
            ("Alarms", "Parameters", {"Prefix": "x", "Colour": "red"}, "takes no parameter Colour"),
            ("ContactQueue", "QueueName", {"Fn::GetAtt": ["Tables", "Outputs.LoanName"]}, "has no output LoanName"),
        ],
    )
    def test_a_planted_mistake(self, resource: str, name: str, value: object, said: str) -> None:
        template = read()
        template["Resources"][resource]["Properties"][name] = value
        assert said in "\n".join(findings(template))

    @pytest.mark.parametrize(
        ("expression", "right"),
        [
            ("rate(1 minute)", True),
            ("rate(15 minutes)", True),
            ("rate(0 minutes)", False),
            ("rate(15 minute)", False),
            ("rate(2 weeks)", False),
            ("cron(0 8 * * ? *)", True),
            ("cron(0/15 8-20 ? JAN-MAR MON-FRI 2026-2030)", True),
            ("cron(0 8 L * ? *)", True),
            ("cron(0 8 ? * 6L *)", True),
            ("cron(0 8 ? * 2#1 *)", True),
            ("cron(0 8 * * * *)", False),
            ("cron(0 8 ? * ? *)", False),
            ("cron(0 24 * * ? *)", False),
            ("cron(0 8 * 13 ? *)", False),
            ("cron(0 8 ? * 8 *)", False),
            ("cron(0 8 * * ?)", False),
            ("cron(*/0 8 * * ? *)", False),
            ("at(2026-11-22T08:00:00)", True),
            ("at(2026-11-22)", False),
            ("hourly", False),
        ],
    )
    def test_schedule_expressions(self, expression: str, right: bool) -> None:
        assert (schedule_problem(expression) is None) == right
