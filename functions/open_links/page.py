"""A link's page as HTML: one file, no script, nothing loaded, no cookie; wide enough for any phone."""

from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from html import escape

from shared.workflows.open_links import LinkPage

_STYLE = (
    ":root{color-scheme:light dark}"
    "body{margin:0;font:17px/1.6 system-ui,-apple-system,'PingFang SC','Noto Sans SC','Microsoft YaHei',sans-serif;"
    "background:#f4f5f7;color:#1c1e21}"
    "main{max-width:30rem;margin:0 auto;padding:1.5rem 1.25rem;box-sizing:border-box}"
    "h1{font-size:1.3rem;line-height:1.35;margin:0 0 1rem}"
    "ul{list-style:none;margin:0 0 1.25rem;padding:0}"
    "li{background:#fff;border-radius:.75rem;padding:.9rem 1.1rem;margin:0 0 .6rem;font-weight:600;"
    "overflow-wrap:anywhere}"
    "p{margin:0 0 .9rem}"
    "@media(prefers-color-scheme:dark){body{background:#16181b;color:#e8eaed}li{background:#24272b}}"
)

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(), camera=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}


def html_of(page: LinkPage) -> str:
    return _document(page.language, page.title, page.lines, (page.how, page.help))


def _document(language: str, title: str, lines: Iterable[str], below: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    paragraphs = "".join(f"<p>{escape(text)}</p>" for text in below)
    return (
        f'<!doctype html><html lang="{escape(language)}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{f'<ul>{items}</ul>' if items else ''}{paragraphs}</main></body></html>"
    )


NO_PAGE = _document(
    "zh-CN",
    "链接无效或已过期 / This link is not valid",
    (),
    ("请打开App查看还款信息。", "Please open the app to see your payments."),
)
"""For every code that opens nothing: whose language it is, nobody knows."""
