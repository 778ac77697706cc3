"""What the demo's borrowers cause to be sent: a repayment for the lender's queue, a credit for the gateway."""

import json
from datetime import date

from demo.borrowers import Credit, Pay
from shared.domain.money import Money


def repayment_message(pay: Pay, paid_on: date) -> str:
    """The body of a manual repayment in the repayments' queue."""
    message = {
        "v": 1,
        "kind": "manual",
        "repayment_id": pay.key,
        "loan_id": pay.loan_id,
        "amount": Money(pay.amount_minor, pay.currency).decimal(),
        "currency": pay.currency,
        "paid_on": paid_on.isoformat(),
    }
    return json.dumps(message, separators=(",", ":"))


def credit_request(credit: Credit) -> str:
    """The body of a credit to an account of the payment stub."""
    request = {"credit_id": credit.key, "amount_minor": credit.amount_minor, "currency": credit.currency}
    return json.dumps(request, separators=(",", ":"))
