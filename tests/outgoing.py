"""Messages for the tests of providers, with literal values."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.ports.messages import Outgoing

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
NAME = "张三"
MESSAGE = Outgoing(
    key="B1#REMIND_7#L1#001#1",
    address="+8613800000001",
    text=f"【借呗】尊敬的{NAME}：您好！",
    until=NOW + timedelta(hours=12),
    message_class="service-reminder",
    language="zh-CN",
)


def outgoing(**changes: Any) -> Outgoing:
    return replace(MESSAGE, **changes)
