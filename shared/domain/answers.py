"""The texts that answer a borrower: to what he wrote, and behind a link that he opened."""

from shared.domain.policy import Policy


def answer_text(name: str, locale: str, policy: Policy, **fields: str) -> str:
    """A text of the policy's in a locale that it has (`wording.locale_for`), with these fields written already."""
    own = {"signature": policy.signature[locale], "product": policy.product_name[locale], "hotline": policy.hotline}
    return policy.answers[locale][name].format_map(own | fields)
