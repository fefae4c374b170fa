"""Sources that can be compiled as one: most of what clang-tidy does, it does to the headers of
libraries, once for each source, and once for all of a batch."""

import collections
import re
import shlex
import subprocess

CLANG = "clang-19"
MOST = 10
# Whatever else it holds, a second one of these cannot be in the same batch.
ENTRY_POINT = re.compile(r'^(int main\(|extern "C" int LLVMFuzzer)', re.MULTILINE)


def flags(entry):
    """What an entry of compile_commands.json says of how, but not of what and to where."""
    words = shlex.split(entry["command"])
    while not words[0].startswith("-"):  # ccache, the compiler
        del words[0]
    for name in ("-o", "-MF", "-MQ"):
        if name in words:
            at = words.index(name)
            del words[at:at + 2]
    return [word for word in words if word not in ("-c", "-MD", entry["file"])]


def text(batch):
    return "".join(f'#include "{source}"  // NOLINT(bugprone-suspicious-include)\n'
                   for source in batch)


def _colliding(batch, entry):
    """Those that do not compile behind the others."""
    ran = subprocess.run(
        [CLANG, *flags(entry), "-w", "-fsyntax-only", "-ferror-limit=0", "-fno-color-diagnostics",
         "-x", "c++", "-"],
        input=text(batch), cwd=entry["directory"], capture_output=True, text=True, check=False)
    if ran.returncode == 0:
        return []
    told = set(re.findall(r"^(.+?):\d+:\d+: (?:fatal )?error:", ran.stderr, re.MULTILINE))
    return [source for source in batch if str(source) in told] or batch


def _split(sources, entry):
    out = []
    waiting = sources
    while waiting:
        batch, waiting = waiting[:MOST], waiting[MOST:]
        while len(batch) > 1 and (colliding := _colliding(batch, entry)):
            if batch[0] in colliding:
                colliding = batch[1:]
            waiting = waiting + colliding
            batch = [source for source in batch if source not in colliding]
        out.append(batch)
    return out


def batches(commands, pool):
    """Of {source: entry}, those of one folder that are compiled alike and do not collide."""
    alike = collections.defaultdict(list)
    out = []
    for source, entry in commands.items():
        if source.suffix != ".cc" or ENTRY_POINT.search(source.read_text()):
            out.append([source])
            continue
        # The directory of a target's own products says nothing of how.
        how = (word for word in flags(entry) if not (word.startswith("-I") and word.endswith(".p")))
        alike[(source.parent, *how)].append(source)
    jobs = [pool.submit(_split, sources, commands[sources[0]]) for sources in alike.values()]
    return out + [batch for job in jobs for batch in job.result()]
