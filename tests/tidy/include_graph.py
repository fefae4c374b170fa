"""The include graph's two rules: the planes never include each other, and a stage in the life of a
heartbeat never includes a later one. Both look at what a file names itself: what the contract's own
headers include of each other is the contract's business.
"""

import pathlib

# What a file of this folder may include of ours, besides its own folder.
PLANES = {
    "include": {"include"},
    "dataplane": {"dataplane", "include"},
    "control": {"control", "include"},
}

# Stem of the stage's files, in the order in which a heartbeat meets them.
STAGES = [
    "dataplane/dpdk/port",
    "dataplane/dpdk/rx_queue",
    "dataplane/packet",
    "include/flatline/heartbeat",
    "dataplane/endpoint_index",
    "dataplane/endpoint_table",
    "dataplane/timing_wheel",
    "dataplane/detector",
    "include/flatline/transition_ring",
    "control/region/transition_reader",
    "control/journal/journal",
    "control/delivery/publisher",
    "control/uring/connection",
    "include/flatline/client",
]
# Two files of one stage, and the port, which gives its queues and so names their type.
ALLOWED = {
    ("dataplane/endpoint_index", "dataplane/endpoint_table"),
    ("dataplane/dpdk/port", "dataplane/dpdk/rx_queue"),
}
_ORDER = {stem: number for number, stem in enumerate(STAGES)}


def _stem(path):
    return str(pathlib.PurePath(path).with_suffix(""))


def planes_stay_apart(tree):
    for file in tree.values():
        top = file.path.split("/")[0]
        if not file.is_code or top not in PLANES:
            continue
        for name in file.project_includes:
            if name.split("/")[0] not in PLANES[top]:
                yield f"{file.path}: includes {name}; the planes meet only in include/"


def stages_point_one_way(tree):
    for file in tree.values():
        stem = _stem(file.path)
        if not file.is_code or stem not in _ORDER:
            continue
        for name in file.project_includes:
            later = _ORDER.get(_stem(name), -1) > _ORDER[stem]
            if later and (stem, _stem(name)) not in ALLOWED:
                yield f"{file.path}: includes {name}, a later stage in the life of a heartbeat"
