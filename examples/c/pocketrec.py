"""The C library from Python by ctypes: no package, this file and the shared library are all.

    python3 pocketrec.py ../../target/release/libpocketrec.so
"""

import ctypes
from ctypes import POINTER, Structure, byref, c_char_p, c_double, c_float, c_int32, c_int64, c_size_t, c_uint8, c_uint32, c_uint64, c_void_p, sizeof

OK = 0


class Model(Structure):
    _fields_ = [("size", c_size_t), ("name", c_char_p), ("users", c_uint32), ("items", c_uint32), ("factors", c_uint32), ("length", c_uint32)]


class TrainConfig(Structure):
    _fields_ = (
        [("size", c_size_t), ("loss", c_char_p), ("optimizer", c_char_p), ("protocol", c_char_p), ("seed", c_uint64)]
        + [(name, c_uint32) for name in ("epochs", "batch_size", "negatives", "eval_every", "k", "patience", "report_every")]
        + [(name, c_float) for name in ("learning_rate", "decay", "l2_tables", "l2_per_row", "l2_dense")]
    )


class Event(Structure):
    _fields_ = (
        [("size", c_size_t), ("kind", c_int32), ("epoch", c_uint32), ("evaluated", c_int32), ("is_best", c_int32)]
        + [("done", c_uint64), ("total", c_uint64)]
        + [(name, c_double) for name in ("loss", "samples_per_second", "hr", "ndcg")]
    )


class Scored(Structure):
    _fields_ = [("item", c_uint32), ("score", c_float)]


OnEvent = ctypes.CFUNCTYPE(c_int32, c_void_p, POINTER(Event))


class Error(Exception):
    """What the library refused, in its words; `status` is the number of the header."""

    def __init__(self, status, words):
        super().__init__(words)
        self.status = status


class Library:
    """Opens the shared library and tells Python the types of its functions."""

    def __init__(self, path):
        self.c = ctypes.CDLL(path)
        pointer = POINTER(c_void_p)
        numbers, scored, size = POINTER(c_uint32), POINTER(Scored), POINTER(c_size_t)
        arguments = {
            "model_init": [POINTER(Model), c_size_t],
            "train_config_init": [POINTER(TrainConfig), c_size_t],
            "split_from_columns": [c_uint32, c_uint32, numbers, numbers, POINTER(c_int64), c_size_t, c_int32, pointer],
            "split_free": [c_void_p],
            "trainer_new": [POINTER(Model), c_char_p, c_uint32, POINTER(TrainConfig), pointer],
            "trainer_load": [c_char_p, c_size_t, c_char_p, c_uint32, pointer],
            "trainer_save": [c_void_p, POINTER(POINTER(c_uint8)), size],
            "trainer_fit": [c_void_p, c_void_p, c_uint64, OnEvent, c_void_p, c_void_p],
            "trainer_recommend": [c_void_p, c_uint32, scored, c_size_t, size],
            "trainer_similar_items": [c_void_p, c_uint32, scored, c_size_t, size],
            "trainer_absorb": [c_void_p, numbers, numbers, c_size_t, c_void_p],
            "trainer_free": [c_void_p],
            "bytes_free": [POINTER(c_uint8)],
        }
        for name, types in arguments.items():
            function = getattr(self.c, "pocketrec_" + name)
            function.argtypes, function.restype = types, c_int32
        self.c.pocketrec_last_error.restype = c_char_p

    def call(self, name, *arguments):
        status = getattr(self.c, "pocketrec_" + name)(*arguments)
        if status != OK:
            raise Error(status, self.c.pocketrec_last_error().decode())


def columns(pairs):
    """(user, item) as two arrays of C."""
    return tuple((c_uint32 * len(pairs))(*column) for column in zip(*pairs)) if pairs else (None, None)


class Trainer:
    """Trains a model, recommends with it, and goes on learning."""

    def __init__(self, library, handle):
        self.library, self.handle = library, handle

    @classmethod
    def new(cls, library, users, items, device=b"cpu", threads=0, name=b"neumf", factors=0, **settings):
        model, config, handle = Model(), TrainConfig(), c_void_p()
        library.call("model_init", byref(model), sizeof(model))
        library.call("train_config_init", byref(config), sizeof(config))
        model.name, model.users, model.items, model.factors = name, users, items, factors
        for setting, value in settings.items():
            if setting not in dict(TrainConfig._fields_):
                raise AttributeError(f"there is no setting {setting}")
            setattr(config, setting, value)
        library.call("trainer_new", byref(model), device, threads, byref(config), byref(handle))
        return cls(library, handle)

    @classmethod
    def load(cls, library, saved, device=b"cpu", threads=0):
        handle = c_void_p()
        library.call("trainer_load", saved, len(saved), device, threads, byref(handle))
        return cls(library, handle)

    def save(self):
        start, length = POINTER(c_uint8)(), c_size_t()
        self.library.call("trainer_save", self.handle, byref(start), byref(length))
        saved = ctypes.string_at(start, length.value)
        self.library.call("bytes_free", start)
        return saved

    def fit(self, users, items, pairs, on_event=None, milliseconds=0):
        """`on_event` gets an Event; what it returns, where it is true, stops training."""
        split, (user_ids, item_ids) = c_void_p(), columns(pairs)
        self.library.call("split_from_columns", users, items, user_ids, item_ids, None, len(pairs), 1, byref(split))
        callback = OnEvent(lambda _, event: int(bool(on_event and on_event(event.contents))))
        try:
            self.library.call("trainer_fit", self.handle, split, milliseconds, callback, None, None)
        finally:
            self.library.call("split_free", split)

    def _list(self, function, row, k):
        best, found = (Scored * k)(), c_size_t()
        self.library.call(function, self.handle, row, best, k, byref(found))
        return [(scored.item, scored.score) for scored in best[: found.value]]

    def recommend(self, user, k=10):
        return self._list("trainer_recommend", user, k)

    def similar_items(self, item, k=10):
        return self._list("trainer_similar_items", item, k)

    def absorb(self, pairs):
        self.library.call("trainer_absorb", self.handle, *columns(pairs), len(pairs), None)

    def close(self):
        self.library.call("trainer_free", self.handle)


def main(path):
    library = Library(path)
    users, items, tastes = 100, 80, 4
    pairs = [(user, (user % tastes + tastes * (7 * user + 3 * i)) % items) for user in range(users) for i in range(12)]
    trainer = Trainer.new(library, users, items, epochs=4, learning_rate=0.01)
    losses = []
    trainer.fit(users, items, pairs, lambda event: losses.append(event.loss) if event.kind == 1 else None)
    print("losses", [round(loss, 4) for loss in losses])
    assert len(losses) == 4 and losses[-1] < losses[0]
    best = trainer.recommend(7, 5)
    trainer.absorb([(7, best[0][0])])
    after = trainer.recommend(7, 5)
    print("before", best, "after", after)
    assert best[0][0] not in [item for item, _ in after]
    saved = trainer.save()
    again = Trainer.load(library, saved)
    assert again.recommend(7, 5) == after and again.save() == saved
    print("like", best[0][0], trainer.similar_items(best[0][0], 3))
    for refused in (lambda: trainer.recommend(users + 5), lambda: Trainer.load(library, saved[:99]), lambda: Trainer.new(library, 0, 5)):
        try:
            refused()
            raise AssertionError("this must be refused")
        except Error as error:
            print("status", error.status, error)
    again.close()
    trainer.close()
    try:
        trainer.close()
        raise AssertionError("this must be refused")
    except Error as error:
        print("status", error.status, error)


if __name__ == "__main__":
    import sys

    main(sys.argv[1])
