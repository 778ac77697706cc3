"""How a notice is written once it is claimed: by its settlement, and by its receipts, which come in any order."""

from shared.adapters.dynamodb.attributes import number, present, text
from shared.adapters.dynamodb.contact_rows import notice_values, receipt_values
from shared.adapters.dynamodb.rows import open_values
from shared.adapters.dynamodb.write import Write
from shared.domain.book import NoticeRecord, NoticeState


def save_notice(write: Write, row: NoticeRecord, shards: int) -> None:
    write.values |= notice_values(row) | open_values(row, shards)
    write.require(
        "#state IN (:claimed, :unknown)", "state", claimed=text(NoticeState.CLAIMED), unknown=text(NoticeState.UNKNOWN)
    )
    write.require("#sends = :was_sends", "sends", was_sends=number(row.sends))


def save_receipt(write: Write, row: NoticeRecord, was: str | None) -> None:
    """A settled state is written over an open one; any other must be the one that stands. An opening takes no click
    away that came at the same moment."""
    values = receipt_values(row)
    seen = {name: values.pop(name) for name in ("opened_at", "clicked_at")}
    write.values |= values | present(seen)
    write.require("#sends = :was_sends", "sends", was_sends=number(row.sends))
    if was is None:
        write.require("attribute_not_exists(#delivery)", "delivery")
    else:
        write.require("#delivery = :was_delivery", "delivery", was_delivery=text(was))
    if row.state in (NoticeState.SENT, NoticeState.UNDELIVERABLE):
        write.values |= {"state": text(row.state), "open_pk": None, "open_sk": None}
        own = notice_values(row)
        write.kept |= present({name: own[name] for name in ("provider_ref", "settled_at")})
        write.require(
            "#state IN (:settled, :claimed, :unknown)",
            "state",
            settled=text(row.state),
            claimed=text(NoticeState.CLAIMED),
            unknown=text(NoticeState.UNKNOWN),
        )
    else:
        write.require(
            "#state = :open AND #state <> :released", "state", open=text(row.state), released=text(NoticeState.RELEASED)
        )
