/*
 * pocketrec: deep recommenders that train on the device that will use them.
 *
 * Made by cbindgen from src/capi; do not edit.
 *
 * A program makes a split of its interactions (pocketrec_split_from_columns), a trainer of a model (pocketrec_trainer_new), trains
 * it (pocketrec_trainer_fit), recommends (pocketrec_trainer_recommend), learns from clicks (pocketrec_trainer_absorb), and keeps it
 * (pocketrec_trainer_save, pocketrec_trainer_load). examples/c has such a program.
 *
 * Failures. Functions return a pocketrec_status, and pocketrec_last_error() has the words. A call that failed has changed nothing,
 * unless it says otherwise; what it would have given is NULL or 0.
 *
 * Pointers. What is lent to a call is read during the call and copied where it is kept. A pointer to no elements may be NULL.
 * Pointers to elements must lead to as many as is said, and texts (UTF-8) must end in a zero: that alone cannot be checked.
 *
 * Handles (pocketrec_trainer *, pocketrec_split *, ...) are the library's: pass them, do not follow them, free each by the function
 * of its name. One that was freed, was never given out, or is of another kind is refused, also by the function that frees.
 *
 * Threads. Any thread may call. One call at a time works on a trainer; a second is refused with POCKETREC_BUSY and does not wait.
 *
 * Structs that begin with `size` may get more fields. Set it to sizeof, or fill the struct by its _init function, and a program
 * goes on working with a later library. Structs without it, which come in arrays, stay as they are.
 */

#ifndef POCKETREC_H
#define POCKETREC_H

#include <stddef.h>
#include <stdint.h>

/**
 * What became of a call. Anything but `POCKETREC_OK` is a failure, and pocketrec_last_error() says in words what was wrong,
 * where, and what to do. Later versions may add numbers; those that are here stay.
 */
enum pocketrec_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * All is done.
     */
    POCKETREC_OK = 0,
    /**
     * Data holds something that cannot be used.
     */
    POCKETREC_DATA = 1,
    /**
     * The operating system refused something.
     */
    POCKETREC_IO = 2,
    /**
     * A saved model is truncated, damaged, of another version or of another kind.
     */
    POCKETREC_CHECKPOINT = 3,
    /**
     * A setting is out of its range or contradicts another.
     */
    POCKETREC_CONFIG = 4,
    /**
     * An id lies outside its table.
     */
    POCKETREC_ID = 5,
    /**
     * Two lengths that must agree do not, or one is more than there can be.
     */
    POCKETREC_LENGTH = 6,
    /**
     * A model was put together in a way that cannot run.
     */
    POCKETREC_PLAN = 7,
    /**
     * The device asked for is not there.
     */
    POCKETREC_DEVICE = 8,
    /**
     * There is not so much memory.
     */
    POCKETREC_MEMORY = 9,
    /**
     * Training produced numbers that are not finite; the parameters are those of the last good state.
     */
    POCKETREC_DIVERGED = 10,
    /**
     * A pointer is NULL, or not aligned for what it should lead to.
     */
    POCKETREC_NULL = 11,
    /**
     * A text is not UTF-8, or the size of a struct is none that it can have.
     */
    POCKETREC_ARGUMENT = 12,
    /**
     * A handle was freed, was never given out, or is of another kind.
     */
    POCKETREC_HANDLE = 13,
    /**
     * The handle is in use: by another thread, or by the call whose callback this is.
     */
    POCKETREC_BUSY = 14,
    /**
     * A fault of the library. A handle that the call worked on can only be freed.
     */
    POCKETREC_PANIC = 15,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum pocketrec_status pocketrec_status;
#else
typedef int32_t pocketrec_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What an event is.
 */
enum pocketrec_event_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Some steps of an epoch are done.
     */
    POCKETREC_PROGRESS = 0,
    /**
     * An epoch is done, and evaluated if that was due.
     */
    POCKETREC_EPOCH = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum pocketrec_event_kind pocketrec_event_kind;
#else
typedef int32_t pocketrec_event_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Why training returned.
 */
enum pocketrec_stop_reason
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * All epochs are done.
     */
    POCKETREC_FINISHED = 0,
    /**
     * The evaluation did not get better for as long as `patience` allows.
     */
    POCKETREC_PATIENCE = 1,
    /**
     * The callback said so.
     */
    POCKETREC_STOPPED = 2,
    /**
     * The time is over.
     */
    POCKETREC_OUT_OF_TIME = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum pocketrec_stop_reason pocketrec_stop_reason;
#else
typedef int32_t pocketrec_stop_reason;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Ranks candidates by a click-through model, and goes on learning. One call at a time works on it, as on a
 * pocketrec_trainer.
 */
typedef struct pocketrec_click_trainer pocketrec_click_trainer;

/**
 * Interactions to train on and those that are held out for testing. It does not change, so that any number of threads may
 * use one, and it may be freed while a trainer trains on it.
 */
typedef struct pocketrec_split pocketrec_split;

/**
 * Trains a model, recommends with it, and goes on learning. One call at a time works on it: another meanwhile, from whatever
 * thread, is refused with `POCKETREC_BUSY`.
 */
typedef struct pocketrec_trainer pocketrec_trainer;

/**
 * A model of users and items, which begins as pocketrec_model_init() fills it.
 */
typedef struct pocketrec_model {
    /**
     * sizeof(pocketrec_model).
     */
    size_t size;
    /**
     * `mf`, `gmf`, `mlp`, `neumf` (the default), `lightgcn` or `sasrec`.
     */
    const char *name;
    /**
     * Users: their ids are 0 to users - 1. More may come later, see pocketrec_trainer_absorb().
     */
    uint32_t users;
    /**
     * Items: their ids are 0 to items - 1.
     */
    uint32_t items;
    /**
     * Factors of an embedding; 0 for the model's default. The layers of `mlp` and `neumf` have 8, 4, 2 and 1 times as many.
     */
    uint32_t factors;
    /**
     * Items of a history that `sasrec` looks at; 0 for its default. Other models have no such setting, and it must be 0.
     */
    uint32_t length;
} pocketrec_model;

/**
 * The settings of training, which begin as pocketrec_train_config_init() fills them.
 */
typedef struct pocketrec_train_config {
    /**
     * sizeof(pocketrec_train_config).
     */
    size_t size;
    /**
     * `cross_entropy`, `bpr`, `margin`, `ccl`, `softmax` or `sampled_softmax`, with its usual settings. NULL keeps the one that
     * there is, which is what the model is usually trained by: `cross_entropy`, of `sasrec` its own.
     */
    const char *loss;
    /**
     * `lazy_adam`, `adam` or `sgd`. NULL keeps the one that there is, at first `lazy_adam`.
     */
    const char *optimizer;
    /**
     * What test items are ranked among: `sampled` (99 drawn items) or `full` (all). NULL keeps it, at first `sampled`.
     */
    const char *protocol;
    /**
     * Seed of everything random: the same seed on the same device gives the same bits.
     */
    uint64_t seed;
    /**
     * Passes over the training part, counted from the beginning of training and not from a call.
     */
    uint32_t epochs;
    /**
     * Samples a step.
     */
    uint32_t batch_size;
    /**
     * Negatives drawn for each positive.
     */
    uint32_t negatives;
    /**
     * Evaluate after every so many epochs; 0 for never.
     */
    uint32_t eval_every;
    /**
     * The cut-off of HR and NDCG.
     */
    uint32_t k;
    /**
     * Stop after so many evaluations without a better one, and end with the parameters of the best; 0 trains all epochs.
     */
    uint32_t patience;
    /**
     * Report progress, so that the callback can stop, after every so many steps of an epoch.
     */
    uint32_t report_every;
    /**
     * Step size.
     */
    float learning_rate;
    /**
     * The learning rate of an epoch over that of the epoch before; 1 keeps it as it is.
     */
    float decay;
    /**
     * Weight of the squared norm: of the table rows that a sample picks,
     */
    float l2_tables;
    /**
     * of every row, picked or not,
     */
    float l2_per_row;
    /**
     * and of weights and biases.
     */
    float l2_dense;
} pocketrec_train_config;

/**
 * What a split has. Set `size` before the call.
 */
typedef struct pocketrec_split_info {
    /**
     * sizeof(pocketrec_split_info).
     */
    size_t size;
    /**
     * Users: ids are 0 to users - 1.
     */
    uint32_t users;
    /**
     * Items, likewise.
     */
    uint32_t items;
    /**
     * Interactions to train on.
     */
    uint64_t train;
    /**
     * Interactions that are held out.
     */
    uint64_t test;
} pocketrec_split_info;

/**
 * What a trainer has. Set `size` before the call.
 */
typedef struct pocketrec_trainer_info {
    /**
     * sizeof(pocketrec_trainer_info).
     */
    size_t size;
    /**
     * Users, those that came by absorbing among them: ids are 0 to users - 1.
     */
    uint32_t users;
    /**
     * Items, likewise.
     */
    uint32_t items;
    /**
     * Epochs completed.
     */
    uint32_t epoch;
    /**
     * Epochs that training has by its settings.
     */
    uint32_t epochs;
    /**
     * Samples done of the next epoch.
     */
    uint64_t sample;
    /**
     * Steps since the beginning of training.
     */
    uint64_t step;
} pocketrec_trainer_info;

/**
 * What happens during training.
 */
typedef struct pocketrec_event {
    /**
     * Bytes of this struct, as the library has it.
     */
    size_t size;
    /**
     * What it is: one of pocketrec_event_kind. Later versions may add kinds: leave alone what is unknown.
     */
    int32_t kind;
    /**
     * The epoch, counted from 1.
     */
    uint32_t epoch;
    /**
     * 1 where hr and ndcg are those of an evaluation, else 0.
     */
    int32_t evaluated;
    /**
     * 1 where the evaluation is the best so far, else 0.
     */
    int32_t is_best;
    /**
     * Samples of this epoch that are done; at its end those of this call.
     */
    uint64_t done;
    /**
     * Samples of an epoch; 0 at its end.
     */
    uint64_t total;
    /**
     * Mean loss since the last report; at the end of an epoch that of all its samples.
     */
    double loss;
    /**
     * Samples a second, evaluation not counted.
     */
    double samples_per_second;
    /**
     * How many test items are among the first k, from 0 to 1.
     */
    double hr;
    /**
     * The same, weighted by their places.
     */
    double ndcg;
} pocketrec_event;

/**
 * Called during training, on the thread that called, with the `context` that was given. Anything but 0 stops training
 * before the next step; nothing is lost. The event stays for the call alone. It may call the library, but not with the
 * trainer that is training, and it must return: no longjmp, and no exception of C++.
 */
typedef int32_t (*pocketrec_on_event)(void *context, const struct pocketrec_event *event);

/**
 * What a call of pocketrec_trainer_fit() did. Set `size` before the call.
 */
typedef struct pocketrec_fit_report {
    /**
     * sizeof(pocketrec_fit_report).
     */
    size_t size;
    /**
     * Why it returned: one of pocketrec_stop_reason.
     */
    int32_t reason;
    /**
     * Epochs completed in this call.
     */
    uint32_t epochs;
    /**
     * The epoch of the best evaluation since training began, counted from 1; 0 where there was none.
     */
    uint32_t best_epoch;
    /**
     * 0; room for a later version.
     */
    uint32_t reserved;
    /**
     * Steps made in this call.
     */
    uint64_t steps;
    /**
     * Samples trained on in this call.
     */
    uint64_t samples;
    /**
     * Time of the call in seconds, evaluation included.
     */
    double seconds;
    /**
     * HR and NDCG of the best evaluation.
     */
    double best_hr;
    /**
     * See best_hr.
     */
    double best_ndcg;
} pocketrec_fit_report;

/**
 * What absorbing did. Set `size` before the call.
 */
typedef struct pocketrec_absorb_report {
    /**
     * sizeof(pocketrec_absorb_report).
     */
    size_t size;
    /**
     * Interactions given.
     */
    uint64_t pairs;
    /**
     * Those that were known already; they were learnt from all the same.
     */
    uint64_t known;
    /**
     * Users that are new.
     */
    uint64_t new_users;
    /**
     * Items that are new.
     */
    uint64_t new_items;
    /**
     * Steps made.
     */
    uint64_t steps;
    /**
     * Mean logit of the interactions before,
     */
    double before;
    /**
     * and afterwards.
     */
    double after;
} pocketrec_absorb_report;

/**
 * An item, and its logit or its likeness.
 */
typedef struct pocketrec_scored {
    /**
     * The item.
     */
    uint32_t item;
    /**
     * More is better.
     */
    float score;
} pocketrec_scored;

/**
 * The value of a column, both texts in UTF-8, as in a row of a file: numbers are written out.
 */
typedef struct pocketrec_value {
    /**
     * The name of the column.
     */
    const char *column;
    /**
     * Its value.
     */
    const char *value;
} pocketrec_value;

/**
 * Values of one row. A column that is not given counts as empty.
 */
typedef struct pocketrec_values {
    /**
     * The values; NULL where there are none.
     */
    const struct pocketrec_value *values;
    /**
     * How many they are.
     */
    size_t count;
} pocketrec_values;

/**
 * A candidate's place among those that were given, counted from 0, and its logit.
 */
typedef struct pocketrec_ranked {
    /**
     * The place.
     */
    uint32_t candidate;
    /**
     * More is better.
     */
    float score;
} pocketrec_ranked;

/**
 * A row to learn from.
 */
typedef struct pocketrec_click {
    /**
     * Values of the context and of the candidate.
     */
    struct pocketrec_values values;
    /**
     * What the user did before, oldest first, without what was absorbed; NULL where there is nothing.
     */
    const struct pocketrec_values *events;
    /**
     * How many events.
     */
    size_t event_count;
    /**
     * 1 for a click, 0 for none, or between.
     */
    float label;
} pocketrec_click;

/**
 * What absorbing clicks did. Set `size` before the call.
 */
typedef struct pocketrec_click_absorb_report {
    /**
     * sizeof(pocketrec_click_absorb_report).
     */
    size_t size;
    /**
     * Rows given.
     */
    uint64_t rows;
    /**
     * Keys that are new.
     */
    uint64_t new_keys;
    /**
     * Steps made.
     */
    uint64_t steps;
    /**
     * Mean cross-entropy of the rows before,
     */
    double before;
    /**
     * and afterwards.
     */
    double after;
} pocketrec_click_absorb_report;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * What was wrong in this thread's last call, in English and UTF-8; the empty text where it succeeded. It is the library's and
 * stays as it is until this thread's next call of another function.
 */
const char *pocketrec_last_error(void);

/**
 * The version of the library, as `0.1.0`. It stays for as long as the library is loaded.
 */
const char *pocketrec_version(void);

/**
 * Fills a model with its defaults: `neumf`, of 8 factors. `size` is sizeof(pocketrec_model), and is stored in it. Users and
 * items are yours to set.
 *
 * Errors: `POCKETREC_NULL`, `POCKETREC_ARGUMENT` where the size is none that the struct can have.
 */
pocketrec_status pocketrec_model_init(struct pocketrec_model *model,
                                      size_t size);

/**
 * Fills settings with their defaults, those of He et al., *Neural Collaborative Filtering*, WWW 2017. `size` is
 * sizeof(pocketrec_train_config), and is stored in it.
 *
 * Errors: `POCKETREC_NULL`, `POCKETREC_ARGUMENT` where the size is none that the struct can have.
 */
pocketrec_status pocketrec_train_config_init(struct pocketrec_train_config *config, size_t size);

/**
 * Makes a split of `rows` interactions, given as columns: `user_ids[i]` has `item_ids[i]`, since `times[i]` in any unit (`times`
 * may be NULL: then their order counts). Ids are below `users` and `items`. The columns are copied.
 *
 * With `leave_one_out` the latest item of each user is held out for testing, and ranked among 99 drawn items after each epoch;
 * with 0 all are trained on, and `eval_every` of the settings must be 0.
 *
 * Errors: `POCKETREC_NULL`; `POCKETREC_ID` where an id is out of range; `POCKETREC_CONFIG` where there are no rows, or no user
 * has two; `POCKETREC_MEMORY`.
 */
pocketrec_status pocketrec_split_from_columns(uint32_t users,
                                              uint32_t items,
                                              const uint32_t *user_ids,
                                              const uint32_t *item_ids,
                                              const int64_t *times,
                                              size_t rows,
                                              int32_t leave_one_out,
                                              struct pocketrec_split **split);

/**
 * As pocketrec_split_from_columns(), with users and items by their keys, which are any texts (UTF-8): they are numbered in
 * order of their first appearance, and pocketrec_trainer_user_id() and others tell the numbers.
 *
 * Errors: those of pocketrec_split_from_columns(), and `POCKETREC_ARGUMENT` where a key is empty or is not UTF-8.
 */
pocketrec_status pocketrec_split_from_keys(const char *const *users,
                                           const char *const *items,
                                           const int64_t *times,
                                           size_t rows,
                                           int32_t leave_one_out,
                                           struct pocketrec_split **split);

/**
 * Tells how many users, items and interactions there are.
 *
 * Errors: `POCKETREC_NULL`, `POCKETREC_HANDLE`, `POCKETREC_ARGUMENT`.
 */
pocketrec_status pocketrec_split_get_info(const struct pocketrec_split *split, struct pocketrec_split_info *info);

/**
 * Frees a split. NULL is fine.
 *
 * Errors: `POCKETREC_HANDLE` where it is no split, or was freed before; nothing is done then.
 */
pocketrec_status pocketrec_split_free(struct pocketrec_split *split);

/**
 * Makes a trainer of a new model.
 *
 * `device` is `cpu`, `auto`, `gpu` or a part of a graphics adapter's name; NULL is `auto`, or what the environment variable
 * POCKETREC_DEVICE says. `threads` are the processor's; 0 is as many as it has cores. `config` may be NULL: then training
 * has its default settings. What is given is copied. Free the trainer by pocketrec_trainer_free().
 *
 * Errors: `POCKETREC_NULL`; `POCKETREC_ARGUMENT`; `POCKETREC_CONFIG` where a setting is out of range; `POCKETREC_DEVICE`;
 * `POCKETREC_MEMORY`. `*trainer` is NULL then.
 */
pocketrec_status pocketrec_trainer_new(const struct pocketrec_model *model,
                                       const char *device,
                                       uint32_t threads,
                                       const struct pocketrec_train_config *config,
                                       struct pocketrec_trainer **trainer);

/**
 * Makes a trainer that goes on where a saved one was, with the same bits on the same kind of device. The bytes are those of a
 * file of the library or of pocketrec_trainer_save(); they are copied. `device` and `threads` are as in
 * pocketrec_trainer_new().
 *
 * Errors: `POCKETREC_NULL`; `POCKETREC_CHECKPOINT` where the bytes are truncated, damaged, or none of such a model;
 * `POCKETREC_DEVICE`; `POCKETREC_MEMORY`. `*trainer` is NULL then.
 */
pocketrec_status pocketrec_trainer_load(const uint8_t *bytes,
                                        size_t len,
                                        const char *device,
                                        uint32_t threads,
                                        struct pocketrec_trainer **trainer);

/**
 * Saves everything to bytes, which are a safetensors file that PyTorch opens too: parameters, moments, keys, histories,
 * settings and position. Free them by pocketrec_bytes_free().
 *
 * Errors: `POCKETREC_NULL`, `POCKETREC_HANDLE`, `POCKETREC_BUSY`; `POCKETREC_CHECKPOINT` where a parameter is not finite;
 * `POCKETREC_MEMORY`. `*bytes` is NULL then.
 */
pocketrec_status pocketrec_trainer_save(struct pocketrec_trainer *trainer,
                                        uint8_t **bytes,
                                        size_t *len);

/**
 * Frees a trainer. NULL is fine.
 *
 * Errors: `POCKETREC_HANDLE` where it is no trainer, or was freed before; `POCKETREC_BUSY` while a call works on it. Nothing
 * is done then.
 */
pocketrec_status pocketrec_trainer_free(struct pocketrec_trainer *trainer);

/**
 * Tells how many users and items there are, and where training stands.
 *
 * Errors: `POCKETREC_NULL`, `POCKETREC_ARGUMENT`, `POCKETREC_HANDLE`, `POCKETREC_BUSY`.
 */
pocketrec_status pocketrec_trainer_get_info(struct pocketrec_trainer *trainer, struct pocketrec_trainer_info *info);

/**
 * Tells the settings of training; its names are NULL, which keeps what there is. Set `size` before the call.
 *
 * Errors: `POCKETREC_NULL`, `POCKETREC_ARGUMENT`, `POCKETREC_HANDLE`, `POCKETREC_BUSY`.
 */
pocketrec_status pocketrec_trainer_get_config(struct pocketrec_trainer *trainer, struct pocketrec_train_config *config);

/**
 * Changes the settings for the steps to come: more epochs, another learning rate, and so on. The loss stays as it is.
 *
 * Errors: `POCKETREC_NULL`, `POCKETREC_ARGUMENT`, `POCKETREC_HANDLE`, `POCKETREC_BUSY`; `POCKETREC_CONFIG` where a setting is
 * out of range or the loss is another. The old settings stay then.
 */
pocketrec_status pocketrec_trainer_set_config(struct pocketrec_trainer *trainer,
                                              const struct pocketrec_train_config *config);

/**
 * Trains on a split until all epochs are done, patience or the time is over, or the callback says stop. A call after that
 * goes on with the next sample, with the same bits as if training had never stopped.
 *
 * `milliseconds` is the time that the call may take, 0 as much as it needs: it returns after the first step that ends later,
 * but makes one step at least and finishes an evaluation that falls due. Each call begins with a pass over the split, so
 * give seconds rather than the milliseconds of a frame. `on_event` may be NULL; it is called after every `report_every`
 * steps and after each epoch, with `context`, which the library does not look at. `report` may be NULL.
 *
 * Errors: `POCKETREC_NULL`, `POCKETREC_ARGUMENT`, `POCKETREC_HANDLE`, `POCKETREC_BUSY`; `POCKETREC_CONFIG` where the split does
 * not fit the model or cannot be evaluated; `POCKETREC_DIVERGED`: parameters and position are then those of the beginning of
 * the epoch or of this call, whichever was later; `POCKETREC_MEMORY`.
 */
pocketrec_status pocketrec_trainer_fit(struct pocketrec_trainer *trainer,
                                       const struct pocketrec_split *split,
                                       uint64_t milliseconds,
                                       pocketrec_on_event on_event,
                                       void *context,
                                       struct pocketrec_fit_report *report);

/**
 * Learns from `rows` new interactions at once, a click or many: later recommendations know of them, and leave the items out.
 * Ids at or beyond the last user or item are new ones, up to 65,536 beyond. It costs what the clicks cost, whatever the number
 * of users and items, but for a copy of the moments in the first call after training or loading. `report` may be NULL.
 *
 * Errors: `POCKETREC_NULL`, `POCKETREC_ARGUMENT`, `POCKETREC_HANDLE`, `POCKETREC_BUSY`; `POCKETREC_ID` where an id is far out of
 * range, and nothing is changed then; `POCKETREC_DIVERGED`; `POCKETREC_MEMORY`.
 */
pocketrec_status pocketrec_trainer_absorb(struct pocketrec_trainer *trainer,
                                          const uint32_t *users,
                                          const uint32_t *items,
                                          size_t rows,
                                          struct pocketrec_absorb_report *report);

/**
 * As pocketrec_trainer_absorb(), with keys as the data has them; a new key gets the next number.
 *
 * Errors: those of pocketrec_trainer_absorb(), and `POCKETREC_ARGUMENT` where a key is empty or is not UTF-8.
 */
pocketrec_status pocketrec_trainer_absorb_keys(struct pocketrec_trainer *trainer,
                                               const char *const *users,
                                               const char *const *items,
                                               size_t rows,
                                               struct pocketrec_absorb_report *report);

/**
 * The best items for a user, best first, with their logits; of equal ones the lower item is first. Items that the user is
 * known to have are left out: trained, held out, or absorbed. `best` has room for `k`; `*found` is how many there are, fewer
 * where fewer are left.
 *
 * Errors: `POCKETREC_NULL`, `POCKETREC_HANDLE`, `POCKETREC_BUSY`; `POCKETREC_ID` where there is no such user. `*found` is 0 then.
 */
pocketrec_status pocketrec_trainer_recommend(struct pocketrec_trainer *trainer,
                                             uint32_t user,
                                             struct pocketrec_scored *best,
                                             size_t k,
                                             size_t *found);

/**
 * The best of some candidates for a user, which may be items that the user has; else as pocketrec_trainer_recommend().
 *
 * Errors: those of pocketrec_trainer_recommend(), and `POCKETREC_ID` where there is no such candidate.
 */
pocketrec_status pocketrec_trainer_recommend_from(struct pocketrec_trainer *trainer,
                                                  uint32_t user,
                                                  const uint32_t *candidates,
                                                  size_t count,
                                                  struct pocketrec_scored *best,
                                                  size_t k,
                                                  size_t *found);

/**
 * The items most like one, best first, each with the cosine of both embeddings; else as pocketrec_trainer_recommend().
 *
 * Errors: `POCKETREC_NULL`, `POCKETREC_HANDLE`, `POCKETREC_BUSY`; `POCKETREC_ID` where there is no such item. `*found` is 0 then.
 */
pocketrec_status pocketrec_trainer_similar_items(struct pocketrec_trainer *trainer,
                                                 uint32_t item,
                                                 struct pocketrec_scored *best,
                                                 size_t k,
                                                 size_t *found);

/**
 * The logits of `rows` pairs of users and items; the sigmoid of one estimates the probability of a positive.
 *
 * Errors: `POCKETREC_NULL`, `POCKETREC_HANDLE`, `POCKETREC_BUSY`; `POCKETREC_ID` where there is no such user or item.
 */
pocketrec_status pocketrec_trainer_score(struct pocketrec_trainer *trainer,
                                         const uint32_t *users,
                                         const uint32_t *items,
                                         size_t rows,
                                         float *scores);

/**
 * The number of the user with a key.
 *
 * Errors: `POCKETREC_NULL`, `POCKETREC_ARGUMENT`, `POCKETREC_HANDLE`, `POCKETREC_BUSY`; `POCKETREC_CONFIG` where nobody has it.
 */
pocketrec_status pocketrec_trainer_user_id(struct pocketrec_trainer *trainer,
                                           const char *key,
                                           uint32_t *user);

/**
 * The number of the item with a key.
 *
 * Errors: as pocketrec_trainer_user_id().
 */
pocketrec_status pocketrec_trainer_item_id(struct pocketrec_trainer *trainer, const char *key, uint32_t *item);

/**
 * The key of an item, in UTF-8. `key` has room for `room` bytes, of which the last that is written is a zero; `*len` is the
 * length without it, also where there is not room enough.
 *
 * Errors: `POCKETREC_NULL`, `POCKETREC_HANDLE`, `POCKETREC_BUSY`; `POCKETREC_ID` where there is no such item; `POCKETREC_LENGTH`
 * where there is not room enough: nothing is written then but `*len`.
 */
pocketrec_status pocketrec_trainer_item_key(struct pocketrec_trainer *trainer,
                                            uint32_t item,
                                            char *key,
                                            size_t room,
                                            size_t *len);

/**
 * Makes a trainer that goes on where a saved one was. The bytes are those of a file of the library or of
 * pocketrec_click_trainer_save(); they are copied. `device` and `threads` are as in pocketrec_trainer_new().
 *
 * Errors: `POCKETREC_NULL`; `POCKETREC_CHECKPOINT` where the bytes are truncated, damaged, or none of a model of clicks;
 * `POCKETREC_DEVICE`; `POCKETREC_MEMORY`. `*trainer` is NULL then.
 */
pocketrec_status pocketrec_click_trainer_load(const uint8_t *bytes,
                                              size_t len,
                                              const char *device,
                                              uint32_t threads,
                                              struct pocketrec_click_trainer **trainer);

/**
 * Saves everything to bytes. Free them by pocketrec_bytes_free().
 *
 * Errors: as pocketrec_trainer_save().
 */
pocketrec_status pocketrec_click_trainer_save(struct pocketrec_click_trainer *trainer, uint8_t **bytes, size_t *len);

/**
 * Frees a trainer. NULL is fine.
 *
 * Errors: as pocketrec_trainer_free().
 */
pocketrec_status pocketrec_click_trainer_free(struct pocketrec_click_trainer *trainer);

/**
 * Ranks `count` candidates for a request, best first. `context` has the values of the request, `candidates` those of each
 * candidate, `events` what the user did before, oldest first; clicks that were absorbed follow by themselves. `ranked` has
 * room for `k`; `*found` is how many were written: `k`, or `count` where that is less.
 *
 * Errors: `POCKETREC_NULL`, `POCKETREC_ARGUMENT`, `POCKETREC_HANDLE`, `POCKETREC_BUSY`; `POCKETREC_CONFIG` where a name is no column
 * of the schema, a value is no number though its field is one, there are no candidates, or the model was saved without its
 * encoder; `POCKETREC_LENGTH` where there are 2^32 candidates or more; `POCKETREC_DIVERGED`. `*found` is 0 then.
 */
pocketrec_status pocketrec_click_trainer_rank(struct pocketrec_click_trainer *trainer,
                                              struct pocketrec_values context,
                                              const struct pocketrec_values *events,
                                              size_t event_count,
                                              const struct pocketrec_values *candidates,
                                              size_t count,
                                              struct pocketrec_ranked *ranked,
                                              size_t k,
                                              size_t *found);

/**
 * Learns from `rows` clicks at once, and puts those with a label from 0.5 on behind their user's history. Keys that are new
 * get rows of their own. `report` may be NULL.
 *
 * Errors: `POCKETREC_NULL`, `POCKETREC_ARGUMENT`, `POCKETREC_HANDLE`, `POCKETREC_BUSY`; `POCKETREC_CONFIG` where a name is no column
 * of the schema, a value is no number though its field is one, or a label is not in 0 to 1, and nothing is changed then;
 * `POCKETREC_DIVERGED`; `POCKETREC_MEMORY`.
 */
pocketrec_status pocketrec_click_trainer_absorb(struct pocketrec_click_trainer *trainer,
                                                const struct pocketrec_click *clicks,
                                                size_t rows,
                                                struct pocketrec_click_absorb_report *report);

/**
 * Writes a small file to use the model from: to recommend and to learn from clicks, not to train on. It has no moments, its
 * tables have `bits` a float (32, 16 or 8), and it has `user_count` users alone, who become users 0, 1, ... in their order; all
 * users, where `users` is NULL. What is learnt later is kept exactly. pocketrec_trainer_load() reads it; free the bytes by
 * pocketrec_bytes_free().
 *
 * Errors: `POCKETREC_NULL`, `POCKETREC_HANDLE`, `POCKETREC_BUSY`; `POCKETREC_CONFIG` where `bits` is another number, a float is
 * too large for it, a user is named twice, or the model knows items by all users; `POCKETREC_ID`; `POCKETREC_MEMORY`. `*bytes`
 * is NULL then.
 */
pocketrec_status pocketrec_trainer_export(struct pocketrec_trainer *trainer,
                                          uint32_t bits,
                                          const uint32_t *users,
                                          size_t user_count,
                                          uint8_t **bytes,
                                          size_t *len);

/**
 * Writes a small file of a trainer of clicks, as pocketrec_trainer_export() does, with all users.
 *
 * Errors: `POCKETREC_NULL`, `POCKETREC_HANDLE`, `POCKETREC_BUSY`; `POCKETREC_CONFIG` where `bits` is another number or a float is
 * too large for it; `POCKETREC_MEMORY`. `*bytes` is NULL then.
 */
pocketrec_status pocketrec_click_trainer_export(struct pocketrec_click_trainer *trainer,
                                                uint32_t bits,
                                                uint8_t **bytes,
                                                size_t *len);

/**
 * Writes what was learnt since a base: rows that differ from those of `base`, which are the bytes that this trainer was loaded
 * from, or was saved to before. Rows of items are left out where no float moved by more than `threshold`; all else is exact.
 * What was absorbed is in it if `clicks` is not 0: without, nothing says what a user did. pocketrec_trainer_apply() takes it;
 * free the bytes by pocketrec_bytes_free().
 *
 * Errors: `POCKETREC_NULL`, `POCKETREC_HANDLE`, `POCKETREC_BUSY`; `POCKETREC_CHECKPOINT` where the base is damaged;
 * `POCKETREC_CONFIG` where it is of another model or `threshold` is negative or not finite; `POCKETREC_MEMORY`. `*bytes` is NULL
 * then.
 */
pocketrec_status pocketrec_trainer_delta(struct pocketrec_trainer *trainer,
                                         const uint8_t *base,
                                         size_t base_len,
                                         float threshold,
                                         uint32_t clicks,
                                         uint8_t **bytes,
                                         size_t *len);

/**
 * Takes over what another trainer learnt that began from where this one is: the bytes are those of pocketrec_trainer_delta().
 *
 * Errors: `POCKETREC_NULL`, `POCKETREC_HANDLE`, `POCKETREC_BUSY`; `POCKETREC_CHECKPOINT` where the bytes are damaged or no delta;
 * `POCKETREC_CONFIG` where it began from another state than this trainer has; `POCKETREC_MEMORY`. Nothing is changed then.
 */
pocketrec_status pocketrec_trainer_apply(struct pocketrec_trainer *trainer,
                                         const uint8_t *bytes,
                                         size_t len);

/**
 * Frees what pocketrec_trainer_save() or pocketrec_click_trainer_save() handed out. NULL is fine.
 *
 * Errors: `POCKETREC_HANDLE` where these are no such bytes, or were freed before; nothing is done then.
 */
pocketrec_status pocketrec_bytes_free(uint8_t *bytes);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* POCKETREC_H */
