"""The tree of sources as the house rules see it: each file's path, lines, code and includes.

Read once by house_rules.py, and by the canaries over a small tree of their own. Files come from
git where there is a repository, else from the disk. Costs one pass over the sources.
"""

import pathlib
import re
import subprocess

CODE_SUFFIXES = {".h", ".cc", ".c"}
_COMMENT_OR_STRING = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)
_INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


class SourceFile:
    """One file: `path` is relative to the root, with forward slashes."""

    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.lines = text.count("\n")
        self.suffix = pathlib.PurePath(path).suffix
        self.is_code = self.suffix in CODE_SUFFIXES

    @property
    def includes(self):
        """(bracket, name) of each include."""
        return _INCLUDE.findall(self.text)

    @property
    def project_includes(self):
        """Paths from the root, as far as they are ours."""
        return ["include/" + name if bracket == "<" else name
                for bracket, name in self.includes
                if bracket == '"' or name.startswith("flatline/")]

    @property
    def code(self):
        """The text without comments and the insides of strings, line by line in its old place."""
        return _COMMENT_OR_STRING.sub(lambda match: "\n" * match.group().count("\n"), self.text)


def _listed_by_git(root):
    shown = subprocess.run(["git", "-C", root, "ls-files", "-z", "--cached", "--others",
                            "--exclude-standard"], capture_output=True, check=True)
    return [name for name in shown.stdout.decode().split("\0") if name]


def read_tree(root):
    """Every file of the tree as {path: SourceFile}; what is no text has an empty one."""
    root = pathlib.Path(root)
    if (root / ".git").exists():
        names = _listed_by_git(root)
    else:
        names = [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]
    out = {}
    for name in sorted(names):
        try:
            out[name] = SourceFile(name, (root / name).read_text())
        except UnicodeDecodeError:
            out[name] = SourceFile(name, "")
        except FileNotFoundError:  # deleted and not yet committed
            continue
    return out
