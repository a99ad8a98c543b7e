"""Renders Markdown as a web page would, and reads the page for what untrusted text could have become."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from markdown_it import MarkdownIt

_VOID = frozenset({"br", "img", "hr", "input"})
# What GitHub makes links, mentions or pictures of in text outside code (jch/html-pipeline).
_LIVE = re.compile(r"@\w|#\d|GH-\d|://|www\.|\b[0-9a-f]{7,40}\b|:[a-z_]+:|\w@\w")


@dataclass
class Page(HTMLParser):
    """Tags, links, text outside code, and whether the tags nest."""

    tags: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    live: list[str] = field(default_factory=list)
    nesting_errors: list[str] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in _VOID:
            self._open.append(tag)
        if tag == "code":
            self.code.append("")
        self.links += [value or "" for name, value in attrs if name == "href"]
        self.nesting_errors += [
            f"{tag} {name}" for name, _ in attrs if (tag, name) not in {("a", "href"), ("details", "open")}
        ]

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.nesting_errors.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if {"code", "pre", "a"} & set(self._open):
            if "code" in self._open:
                self.code[-1] += data
            return
        if _LIVE.search(data):
            self.live.append(data)

    def handle_comment(self, data: str) -> None:
        self.tags.add(f"<!--{data}-->")

    def close(self) -> None:
        super().close()
        self.nesting_errors += [f"<{tag}> is open" for tag in self._open]


def page_of(markdown: str) -> Page:
    """Render with raw HTML and tables on, as GitHub does, and parse the result."""
    page = Page()
    page.feed(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown))
    page.close()
    return page
