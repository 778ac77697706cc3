"""Short links signed by HMAC-SHA256 under secrets of their own."""

import hmac
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256

from shared.adapters.seals import Secrets
from shared.domain.short_link import MAC_BYTES, LinkRefusal, ShortLink, code_of, is_over, read_code, signed_part


class SignedLinks:
    """Links. `secrets` reads those that are valid now, as SecretsManagerSecrets does: the first of them signs, and the
    one before it still opens the links that it made."""

    def __init__(self, secrets: Callable[..., Secrets]) -> None:
        self._secrets = secrets

    def code(self, link: ShortLink) -> str:
        return code_of(link, _mac(self._secrets()[0], link))

    def opened(self, code: str, now: datetime) -> ShortLink | LinkRefusal:
        """A signature is checked before the time: what is forged never learns whether it would be over."""
        found = read_code(code)
        if isinstance(found, LinkRefusal):
            return found
        link, mac = found
        if not any(_is_signed(link, mac, self._secrets(fresh=fresh)) for fresh in (False, True)):
            return LinkRefusal.FORGED
        return LinkRefusal.EXPIRED if is_over(link, now) else link


def _is_signed(link: ShortLink, mac: bytes, secrets: Secrets) -> bool:
    """Every secret is tried, whichever matches."""
    return sum(hmac.compare_digest(_mac(secret, link)[:MAC_BYTES], mac) for secret in secrets) > 0


def _mac(secret: bytes, link: ShortLink) -> bytes:
    return hmac.new(secret, signed_part(link), sha256).digest()
