"""The README's tea shop as a project folder: what the README tells a reader to paste is what the tests run."""

from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
HEREDOC = re.compile(r"^cat > (\S+) <<'(\w+)'\n(.*?)\n\2$", re.MULTILINE | re.DOTALL)


def shell_block(about: str = "landing/web") -> str:
    """A worked example of the README, as it stands in its shell block: by default the feed written by hand."""
    blocks = re.findall(r"```sh\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    return next(block for block in blocks if about in block)


def write_tea_shop(folder: Path) -> Path:
    """Write the files of the worked example below `folder`; returns the folder."""
    for name, _, text in HEREDOC.findall(shell_block()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    nightly = re.search(r"printf '(.*?)' > pipelines/nightly.yml", shell_block())
    assert nightly is not None
    (folder / "pipelines" / "nightly.yml").write_text(nightly[1].replace("\\n", "\n"), encoding="utf-8")
    return folder
