"""Hook of mkdocs: links that leave docs/ go to the repository, since only docs/ is in the site."""

from __future__ import annotations

import re
from typing import Any


def on_page_markdown(markdown: str, /, *, page: Any, config: Any, **_: Any) -> str:
    """The page with its links to ../FILE as links into the repository."""
    above = "../" * (page.file.src_uri.count("/") + 1)
    return re.sub(rf"\]\({re.escape(above)}(?!\.\./)", f"]({config.repo_url}", markdown)
