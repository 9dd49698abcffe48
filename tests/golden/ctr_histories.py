"""A user, an item with its category, and the user's history of them: what DIN and DIEN read."""

import torch

from ctr_operations import LENGTHS
from ctr_training import STEPS

TABLES = {"user": 11, "item": 13, "category": 5}
WIDTH = 3  # of an embedding; an item and its category make a vector of twice that


def history_batches(draw, negatives):
    """Batches of a user, a candidate and a ragged history of items and categories."""
    batches = []
    for s in range(STEPS):
        offsets = draw.offsets(s)
        steps = int(offsets[-1])
        batch = {name: draw.ids(rows, len(LENGTHS)) for name, rows in TABLES.items()}
        batch |= {"offsets": offsets, "label": draw.labels(len(LENGTHS))}
        for name in ("item", "category"):
            batch[f"history.{name}"] = draw.ids(TABLES[name], steps)
            if negatives:
                batch[f"negative.{name}"] = draw.ids(TABLES[name], steps)
                first = offsets[:-1][offsets[1:] > offsets[:-1]].long()  # has no pair
                batch[f"negative.{name}"][first] = batch[f"history.{name}"][first]
        batches.append(batch)
    return batches


def embed(p, batch, prefix=""):
    """[item, category] vectors."""
    return torch.cat([p[f"{name}.embedding"][batch[f"{prefix}{name}"].long()] for name in ("item", "category")], 1)


def rows_with_history(batch):
    rows = {}
    for name in TABLES:
        ids = [ids for key, ids in batch.items() if key.split(".")[-1] == name]
        rows[f"{name}.embedding"] = torch.cat(ids).long().unique()
    return rows
